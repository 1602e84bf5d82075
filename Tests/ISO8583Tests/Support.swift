import ISO8583
import Primitives
import Testing

/// The bytes that hexadecimal digits say; blanks and line ends are skipped.
func bytes(hexadecimal text: String) throws -> [UInt8] {
    let digits = try text.filter { !$0.isWhitespace }.map { try #require($0.hexDigitValue) }
    try #require(digits.count % 2 == 0)
    return stride(from: 0, to: digits.count, by: 2).map {
        UInt8(digits[$0] << 4 | digits[$0 + 1])
    }
}

/// The digits of bytes in capitals.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.count == 1 ? "0" + digits : digits
    }.joined()
}

extension MessageSpecification {
    /// Packed digits, binary bitmaps, and every combination of content, encoding and length.
    static let packed = MessageSpecification(
        typeEncoding: .bcd, bitmapEncoding: .binary,
        fields: [
            2: FieldDefinition(.numeric, .llvar(.bcd), 19, encoding: .bcd),
            3: FieldDefinition(.numeric, .fixed, 6, encoding: .bcd),
            4: FieldDefinition(.numeric, .fixed, 12, encoding: .bcd),
            11: FieldDefinition(.numeric, .fixed, 6, encoding: .bcd),
            22: FieldDefinition(.numeric, .fixed, 3, encoding: .bcd),
            28: FieldDefinition(.signedNumeric, .fixed, 9),
            32: FieldDefinition(.numeric, .llvar(.ascii), 11, encoding: .bcd),
            35: FieldDefinition(.track, .llvar(.bcd), 37, encoding: .bcd),
            36: FieldDefinition(.track, .lllvar(.bcd), 104),
            37: FieldDefinition(.alphanumeric, .fixed, 12),
            41: FieldDefinition(.text, .fixed, 8),
            48: FieldDefinition(.text, .lllvar(.bcd), 999),
            52: FieldDefinition(.binary, .fixed, 8, encoding: .binary),
            55: FieldDefinition(.binary, .lllvar(.bcd), 255, encoding: .binary),
            63: FieldDefinition(.binary, .lllvar(.ascii), 510),
            64: FieldDefinition(.binary, .fixed, 8, encoding: .binary),
            70: FieldDefinition(.numeric, .fixed, 3, encoding: .bcd),
            102: FieldDefinition(.text, .llvar(.bcd), 28),
            128: FieldDefinition(.binary, .fixed, 8, encoding: .binary),
        ])
}

/// Makes messages that a specification allows.
struct RandomMessages {
    let specification: MessageSpecification
    var random: SeededRandom

    init(_ specification: MessageSpecification, seed: UInt64) {
        self.specification = specification
        random = SeededRandom(seed: seed)
    }

    mutating func next() throws -> Message {
        let digits = (0..<4).map { _ in UInt16.random(in: 0...9, using: &random) }
        let packed = digits.reduce(0) { $0 << 4 | $1 }
        var message = Message(try #require(MessageType(packed: packed)))
        let numbers = specification.fields.numbers
        // From nearly empty messages to ones that carry nearly everything.
        let density = UInt64.random(in: 0...10, using: &random)
        for number in numbers.shuffled(using: &random) where random.chance(density, in: 10) {
            let definition = try #require(specification.fields[number])
            message.set(number, value(definition))
        }
        return message
    }

    private mutating func value(_ definition: FieldDefinition) -> [UInt8] {
        let isHexadecimal = definition.content == .binary && definition.encoding == .ascii
        let maximum = isHexadecimal ? definition.maximumLength / 2 : definition.maximumLength
        // Long elements would be nearly all of a message otherwise.
        let longest = random.chance(1, in: 20) ? maximum : min(maximum, 40)
        let count =
            definition.length == .fixed ? maximum : Int.random(in: 0...longest, using: &random)
        return (0..<count).map { character(definition, isFirst: $0 == 0) }
    }

    private mutating func character(_ definition: FieldDefinition, isFirst: Bool) -> UInt8 {
        switch definition.content {
        case .numeric: pick("0123456789")
        case .signedNumeric: isFirst ? pick("CD") : pick("0123456789")
        case .alphanumeric: pick("0123456789ABCXYZabcxyz")
        case .text: UInt8.random(in: 0x20...0x7E, using: &random)
        case .binary: UInt8.random(in: 0...255, using: &random)
        case .track: UInt8.random(in: 0x30...0x3F, using: &random)
        }
    }

    private mutating func pick(_ characters: StaticString) -> UInt8 {
        let place = Int.random(in: 0..<characters.utf8CodeUnitCount, using: &random)
        return Array("\(characters)".utf8)[place]
    }
}
