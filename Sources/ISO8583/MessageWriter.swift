/// Writes the bytes of one message.
struct MessageWriter {
    let specification: MessageSpecification

    /// What no message of these values can exceed, in any specification: type, two bitmaps, and for
    /// each element three digits of length and two bytes for each of its own.
    static func byteCountMaximum(of message: Message) -> Int {
        var count = 4 + 2 * 16
        for slot in message.layout.slots { count += 3 + 2 * Int(slot.count) }
        return count
    }

    /// Appends the bytes, of which `output` has room for `byteCountMaximum`.
    func write(_ message: Message, to output: inout OutputSpan<UInt8>) throws(EncodingError) {
        writeType(message.type, to: &output)
        try writeBitmaps(message.layout.bitmap, to: &output)
        let bytes = message.storage.span
        let slots = message.layout.slots.span
        var rest = message.layout.bitmap
        var rank = 0
        while let number = rest.popFirst() {
            let slot = slots[rank]
            rank += 1
            switch slot.packing {
            case .none: try writeField(number, bytes.extracting(slot.range), to: &output)
            case .hexadecimal, .digits, .track:
                try writeField(number, slot.unpacked(from: bytes).span, to: &output)
            }
        }
    }

    private func writeType(_ type: MessageType, to output: inout OutputSpan<UInt8>) {
        switch specification.typeEncoding {
        case .ascii:
            for shift in stride(from: 12, through: 0, by: -4) {
                output.append(0x30 | UInt8(type.packed >> UInt16(shift) & 0xF))
            }
        case .bcd:
            output.append(UInt8(type.packed >> 8))
            output.append(UInt8(type.packed & 0xFF))
        }
    }

    /// The bitmaps; the second only when one of its bits is set, which bit 1 of the first tells.
    private func writeBitmaps(
        _ bitmap: Bitmap, to output: inout OutputSpan<UInt8>
    ) throws(EncodingError) {
        guard bitmap.second != 0 else { return writeWord(bitmap.first, to: &output) }
        guard specification.bitmapCount == .two else {
            let number = FieldNumber(ofBit: 65 + bitmap.second.leadingZeroBitCount)
            throw EncodingError(.noDefinition, number)
        }
        writeWord(bitmap.first | 1 << 63, to: &output)
        writeWord(bitmap.second, to: &output)
    }

    private func writeWord(_ word: UInt64, to output: inout OutputSpan<UInt8>) {
        switch specification.bitmapEncoding {
        case .hexadecimal:
            for shift in stride(from: 60, through: 0, by: -4) {
                output.append(UInt8(hexadecimal: UInt8(word >> UInt64(shift) & 0xF)))
            }
        case .binary:
            for shift in stride(from: 56, through: 0, by: -8) {
                output.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
    }

    private func writeField(
        _ number: FieldNumber, _ value: Span<UInt8>, to output: inout OutputSpan<UInt8>
    ) throws(EncodingError) {
        guard let definition = specification.fields[number] else {
            throw EncodingError(.noDefinition, number)
        }
        if let offset = definition.content.firstWrong(value) {
            throw EncodingError(.wrongCharacter(offset: offset), number)
        }
        let packing = definition.packing
        let length = packing == .hexadecimal ? 2 * value.count : value.count
        try writeLength(length, definition, number, to: &output)
        switch packing {
        case .none:
            for index in value.indices { output.append(value[index]) }
        case .hexadecimal:
            for index in value.indices {
                output.append(UInt8(hexadecimal: value[index] >> 4))
                output.append(UInt8(hexadecimal: value[index] & 0xF))
            }
        case .digits: writePacked(value, pendingNibble: value.count % 2 == 1 ? 0 : nil, to: &output)
        case .track: writePacked(value, pendingNibble: nil, to: &output)
        }
    }

    private func writeLength(
        _ length: Int, _ definition: FieldDefinition, _ number: FieldNumber,
        to output: inout OutputSpan<UInt8>
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
            if definition.length == .lllvar(.ascii) { output.append(0x30 | hundreds) }
            output.append(0x30 | tens)
            output.append(0x30 | ones)
        case .llvar(.bcd), .lllvar(.bcd):
            if definition.length == .lllvar(.bcd) { output.append(hundreds) }
            output.append(tens << 4 | ones)
        }
    }

    /// Two characters in a byte, by their low halves: 0 to 9, and `=` (or `D`) as D. A nibble that
    /// is left over has an F behind it.
    private func writePacked(
        _ characters: Span<UInt8>, pendingNibble: UInt8?, to output: inout OutputSpan<UInt8>
    ) {
        var pending = pendingNibble
        for index in characters.indices {
            let character = characters[index]
            let nibble = character == UInt8(ascii: "D") ? 0xD : character & 0xF
            if let high = pending {
                output.append(high << 4 | nibble)
                pending = nil
            } else {
                pending = nibble
            }
        }
        if let high = pending { output.append(high << 4 | 0xF) }
    }
}
