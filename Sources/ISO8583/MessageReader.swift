/// Walks through the bytes of one message.
struct MessageReader {
    /// Bytes consumed so far.
    private var position = 0

    mutating func read(
        _ bytes: ArraySlice<UInt8>, specification: MessageSpecification
    ) throws(MessageError) -> Message {
        let span = bytes.span
        let type = try readType(span, specification.typeEncoding)
        var bitmap = try readBitmaps(span, specification)
        var message = Message(type, received: bytes, bitmap: bitmap)
        while let bit = bitmap.popFirst() {
            let number = FieldNumber(ofBit: bit)
            guard let definition = specification.fields[number] else {
                throw MessageError(.noDefinition, .field(number), at: position)
            }
            try readField(span, .field(number), definition, into: &message)
        }
        guard position == span.count else {
            throw MessageError(
                .trailingBytes(count: span.count - position), .end, at: position)
        }
        return message
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
                guard bytes[index] >> 4 <= 9, bytes[index] & 0xF <= 9 else {
                    throw MessageError(.wrongCharacter, .messageType, at: index)
                }
                packed = packed << 8 | UInt16(bytes[index])
            }
        }
        guard let type = MessageType(packed: packed) else {
            preconditionFailure("nibbles above nine passed the check")
        }
        return type
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
        _ bytes: Span<UInt8>, _ part: MessagePart, _ definition: FieldDefinition,
        into message: inout Message
    ) throws(MessageError) {
        let length = try readLength(bytes, definition, part)
        switch (definition.encoding, definition.content) {
        case (.ascii, .binary):
            guard length % 2 == 0 else {
                throw MessageError(.oddNibbles, part, at: position)
            }
            let range = try take(length, of: bytes, part)
            message.append(unpacked: try unpackHexadecimal(bytes, range, part))
        case (.ascii, let content):
            let range = try take(length, of: bytes, part)
            if let index = content.firstWrong(bytes, range) {
                throw MessageError(.wrongCharacter, part, at: index)
            }
            message.append(at: range)
        case (.bcd, let content):
            let range = try take((length + 1) / 2, of: bytes, part)
            let digits = try unpackDigits(bytes, range, length, content, part)
            message.append(unpacked: digits)
        case (.binary, _):
            message.append(at: try take(length, of: bytes, part))
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
            let (high, low) = (Int(bytes[index] >> 4), Int(bytes[index] & 0xF))
            guard high <= 9, low <= 9 else {
                throw MessageError(.wrongCharacter, part, at: index)
            }
            length = length * 100 + high * 10 + low
        }
        return length
    }

    /// The bytes that an even count of hexadecimal digits says.
    private func unpackHexadecimal(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ part: MessagePart
    ) throws(MessageError) -> [UInt8] {
        var unpacked: [UInt8] = []
        unpacked.reserveCapacity(range.count / 2)
        for index in stride(from: range.lowerBound, to: range.upperBound, by: 2) {
            guard let high = bytes[index].hexadecimalValue else {
                throw MessageError(.wrongCharacter, part, at: index)
            }
            guard let low = bytes[index + 1].hexadecimalValue else {
                throw MessageError(.wrongCharacter, part, at: index + 1)
            }
            unpacked.append(high << 4 | low)
        }
        return unpacked
    }

    /// The characters that packed nibbles say: a nibble is the low half of the character 0x30 to
    /// 0x3F. An odd count of digits has a zero in front, of track characters an F behind.
    private func unpackDigits(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ count: Int, _ content: FieldDefinition.Content,
        _ part: MessagePart
    ) throws(MessageError) -> [UInt8] {
        let isOdd = count % 2 == 1
        let isTrack = content == .track
        if isOdd {
            let index = isTrack ? range.upperBound - 1 : range.lowerBound
            let isPadding = isTrack ? bytes[index] & 0xF == 0xF : bytes[index] >> 4 == 0
            guard isPadding else { throw MessageError(.oddNibbles, part, at: index) }
        }
        let firstNibble = isOdd && !isTrack ? 1 : 0
        var unpacked: [UInt8] = []
        unpacked.reserveCapacity(count)
        for place in firstNibble..<(firstNibble + count) {
            let index = range.lowerBound + place / 2
            let nibble = place % 2 == 0 ? bytes[index] >> 4 : bytes[index] & 0xF
            guard isTrack || nibble <= 9 else {
                throw MessageError(.wrongCharacter, part, at: index)
            }
            unpacked.append(0x30 | nibble)
        }
        return unpacked
    }
}
