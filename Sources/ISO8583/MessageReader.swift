/// Walks through the bytes of one message, checks each of them, and says where its elements lie.
struct MessageReader {
    typealias Slot = MessageLayout.Slot

    /// Bytes consumed so far.
    private var position = 0

    mutating func read(
        _ bytes: Span<UInt8>, _ specification: MessageSpecification
    ) throws(MessageError) -> MessageLayout {
        let type = try readType(bytes, specification.typeEncoding)
        let bitmap = try readBitmaps(bytes, specification)
        let slots = try [Slot](capacity: bitmap.count) { slots throws(MessageError) in
            var rest = bitmap
            while let number = rest.popFirst() {
                guard let definition = specification.fields[number] else {
                    throw MessageError(.noDefinition, .field(number), at: position)
                }
                slots.append(try readField(bytes, .field(number), definition))
            }
        }
        guard position == bytes.count else {
            throw MessageError(
                .trailingBytes(count: bytes.count - position), .end, at: position)
        }
        return MessageLayout(type, bitmap, slots: slots)
    }

    /// The place of the next `count` bytes, which are consumed.
    private mutating func take(
        _ count: Int, of bytes: Span<UInt8>, _ part: MessagePart
    ) throws(MessageError) -> Range<Int> {
        guard count <= bytes.count - position else {
            throw MessageError(.truncated, part, at: position)
        }
        defer { position += count }
        return position..<(position + count)
    }

    private mutating func readType(
        _ bytes: Span<UInt8>, _ encoding: MessageSpecification.TypeEncoding
    ) throws(MessageError) -> MessageType {
        var packed: UInt16 = 0
        switch encoding {
        case .ascii:
            for index in try take(4, of: bytes, .messageType) {
                guard bytes[index].isDigit else {
                    throw MessageError(.wrongCharacter, .messageType, at: index)
                }
                packed = packed << 4 | UInt16(bytes[index] & 0xF)
            }
        case .bcd:
            for index in try take(2, of: bytes, .messageType) {
                guard bytes[index].isPackedDigits else {
                    throw MessageError(.wrongCharacter, .messageType, at: index)
                }
                packed = packed << 8 | UInt16(bytes[index])
            }
        }
        return MessageType(unchecked: packed)
    }

    /// The bitmaps, without the bit that announces the second one. A second bitmap without bits is
    /// accepted: hosts send it.
    private mutating func readBitmaps(
        _ bytes: Span<UInt8>, _ specification: MessageSpecification
    ) throws(MessageError) -> Bitmap {
        let secondIsThere: UInt64 = 1 << 63
        let start = position
        var bitmap = Bitmap()
        bitmap.first = try readWord(bytes, specification.bitmapEncoding, .primaryBitmap)
        guard bitmap.first & secondIsThere != 0 else { return bitmap }
        guard specification.bitmapCount == .two else {
            throw MessageError(.noDefinition, .secondaryBitmap, at: start)
        }
        bitmap.first &= ~secondIsThere
        bitmap.second = try readWord(bytes, specification.bitmapEncoding, .secondaryBitmap)
        return bitmap
    }

    private mutating func readWord(
        _ bytes: Span<UInt8>, _ encoding: MessageSpecification.BitmapEncoding, _ part: MessagePart
    ) throws(MessageError) -> UInt64 {
        var word: UInt64 = 0
        switch encoding {
        case .hexadecimal:
            for index in try take(16, of: bytes, part) {
                guard let nibble = bytes[index].hexadecimalValue else {
                    throw MessageError(.wrongCharacter, part, at: index)
                }
                word = word << 4 | UInt64(nibble)
            }
        case .binary:
            for index in try take(8, of: bytes, part) { word = word << 8 | UInt64(bytes[index]) }
        }
        return word
    }

    private mutating func readField(
        _ bytes: Span<UInt8>, _ part: MessagePart, _ definition: FieldDefinition
    ) throws(MessageError) -> Slot {
        let length = try readLength(bytes, definition, part)
        let packing = definition.packing
        switch packing {
        case .none:
            let range = try take(length, of: bytes, part)
            if let index = definition.content.firstWrong(bytes.extracting(range)) {
                throw MessageError(.wrongCharacter, part, at: range.lowerBound + index)
            }
            return Slot(range.lowerBound, count: length)
        case .hexadecimal:
            guard length % 2 == 0 else { throw MessageError(.oddNibbles, part, at: position) }
            let range = try take(length, of: bytes, part)
            for index in range where bytes[index].hexadecimalValue == nil {
                throw MessageError(.wrongCharacter, part, at: index)
            }
            return Slot(range.lowerBound, count: length / 2, packing)
        case .digits:
            let range = try take((length + 1) / 2, of: bytes, part)
            if length % 2 == 1, bytes[range.lowerBound] >> 4 != 0 {
                throw MessageError(.oddNibbles, part, at: range.lowerBound)
            }
            for index in range where !bytes[index].isPackedDigits {
                throw MessageError(.wrongCharacter, part, at: index)
            }
            return Slot(range.lowerBound, count: length, packing)
        case .track:
            let range = try take((length + 1) / 2, of: bytes, part)
            if length % 2 == 1, bytes[range.upperBound - 1] & 0xF != 0xF {
                throw MessageError(.oddNibbles, part, at: range.upperBound - 1)
            }
            return Slot(range.lowerBound, count: length, packing)
        }
    }

    /// The content's length in the definition's units, at most its maximum.
    private mutating func readLength(
        _ bytes: Span<UInt8>, _ definition: FieldDefinition, _ part: MessagePart
    ) throws(MessageError) -> Int {
        let start = position
        let length: Int
        switch definition.length {
        case .fixed: return definition.maximumLength
        case .llvar(.ascii): length = try readASCIILength(2, of: bytes, part)
        case .lllvar(.ascii): length = try readASCIILength(3, of: bytes, part)
        case .llvar(.bcd): length = try readPackedLength(1, of: bytes, part)
        case .lllvar(.bcd): length = try readPackedLength(2, of: bytes, part)
        }
        guard length <= definition.maximumLength else {
            throw MessageError(
                .lengthOverMaximum(found: length, maximum: definition.maximumLength), part,
                at: start)
        }
        return length
    }

    private mutating func readASCIILength(
        _ digitCount: Int, of bytes: Span<UInt8>, _ part: MessagePart
    ) throws(MessageError) -> Int {
        var length = 0
        for index in try take(digitCount, of: bytes, part) {
            guard bytes[index].isDigit else {
                throw MessageError(.wrongCharacter, part, at: index)
            }
            length = length * 10 + Int(bytes[index] & 0xF)
        }
        return length
    }

    private mutating func readPackedLength(
        _ byteCount: Int, of bytes: Span<UInt8>, _ part: MessagePart
    ) throws(MessageError) -> Int {
        var length = 0
        for index in try take(byteCount, of: bytes, part) {
            guard bytes[index].isPackedDigits else {
                throw MessageError(.wrongCharacter, part, at: index)
            }
            length = length * 100 + Int(bytes[index] >> 4) * 10 + Int(bytes[index] & 0xF)
        }
        return length
    }
}
