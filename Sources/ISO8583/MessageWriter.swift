/// Writes the bytes of one message.
struct MessageWriter {
    private(set) var bytes: [UInt8] = []
    private let specification: MessageSpecification

    init(specification: MessageSpecification) {
        self.specification = specification
    }

    mutating func write(_ message: Message) throws(EncodingError) {
        // Type, two bitmaps, and a few dozen elements that average ten bytes.
        bytes.reserveCapacity(36 + 16 * message.bitmap.count)
        writeType(message.type)
        try writeBitmaps(message.bitmap)
        var rest = message.bitmap
        var rank = 0
        while let bit = rest.popFirst() {
            try writeField(FieldNumber(ofBit: bit), message.value(atRank: rank))
            rank += 1
        }
    }

    private mutating func writeType(_ type: MessageType) {
        switch specification.typeEncoding {
        case .ascii:
            for shift in stride(from: 12, through: 0, by: -4) {
                bytes.append(0x30 | UInt8(type.packed >> UInt16(shift) & 0xF))
            }
        case .bcd:
            bytes.append(UInt8(type.packed >> 8))
            bytes.append(UInt8(type.packed & 0xFF))
        }
    }

    /// The bitmaps; the second only when one of its bits is set, which bit 1 of the first tells.
    private mutating func writeBitmaps(_ bitmap: Bitmap) throws(EncodingError) {
        guard bitmap.second != 0 else { return writeWord(bitmap.first) }
        guard specification.bitmapCount == .two else {
            let number = FieldNumber(ofBit: 65 + bitmap.second.leadingZeroBitCount)
            throw EncodingError(.noDefinition, number)
        }
        writeWord(bitmap.first | 1 << 63)
        writeWord(bitmap.second)
    }

    private mutating func writeWord(_ word: UInt64) {
        switch specification.bitmapEncoding {
        case .hexadecimal:
            for shift in stride(from: 60, through: 0, by: -4) {
                bytes.append(UInt8(hexadecimal: UInt8(word >> UInt64(shift) & 0xF)))
            }
        case .binary:
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
    }

    private mutating func writeField(
        _ number: FieldNumber, _ value: ArraySlice<UInt8>
    ) throws(EncodingError) {
        guard let definition = specification.fields[number] else {
            throw EncodingError(.noDefinition, number)
        }
        let span = value.span
        if let offset = definition.content.firstWrong(span, span.indices) {
            throw EncodingError(.wrongCharacter(offset: offset), number)
        }
        let isHexadecimal = definition.encoding == .ascii && definition.content == .binary
        try writeLength(isHexadecimal ? 2 * value.count : value.count, definition, number)
        switch definition.encoding {
        case .ascii where isHexadecimal:
            for byte in value {
                bytes.append(UInt8(hexadecimal: byte >> 4))
                bytes.append(UInt8(hexadecimal: byte & 0xF))
            }
        case .ascii, .binary: bytes.append(contentsOf: value)
        case .bcd: writePacked(value, isTrack: definition.content == .track)
        }
    }

    private mutating func writeLength(
        _ length: Int, _ definition: FieldDefinition, _ number: FieldNumber
    ) throws(EncodingError) {
        let maximum = definition.maximumLength
        if definition.length == .fixed {
            guard length == maximum else {
                throw EncodingError(.wrongLength(found: length, expected: maximum), number)
            }
            return
        }
        guard length <= maximum else {
            throw EncodingError(.lengthOverMaximum(found: length, maximum: maximum), number)
        }
        let (hundreds, tens) = (UInt8(length / 100), UInt8(length / 10 % 10))
        let ones = UInt8(length % 10)
        switch definition.length {
        case .fixed: break
        case .llvar(.ascii), .lllvar(.ascii):
            if definition.length == .lllvar(.ascii) { bytes.append(0x30 | hundreds) }
            bytes.append(0x30 | tens)
            bytes.append(0x30 | ones)
        case .llvar(.bcd), .lllvar(.bcd):
            if definition.length == .lllvar(.bcd) { bytes.append(hundreds) }
            bytes.append(tens << 4 | ones)
        }
    }

    /// Two characters in a byte, by their low halves: 0 to 9, and `=` (or `D`) as D.
    private mutating func writePacked(_ characters: ArraySlice<UInt8>, isTrack: Bool) {
        var pending: UInt8?
        if characters.count % 2 == 1, !isTrack { pending = 0 }
        for character in characters {
            let nibble = character == UInt8(ascii: "D") ? 0xD : character & 0xF
            if let high = pending {
                bytes.append(high << 4 | nibble)
                pending = nil
            } else {
                pending = nibble
            }
        }
        if let high = pending { bytes.append(high << 4 | 0xF) }
    }
}
