/// The place of a merchant, and of everything it owns, in the cluster: fixed for ever, written into
/// every id, and mapped to a shard by whoever routes. 0 to 32,767.
public struct Slot: Hashable, Comparable, Sendable {
    public let rawValue: UInt16

    /// How many slots there are; shards can grow up to as many.
    public static let count = 32_768

    public init?(_ rawValue: Int) {
        guard rawValue >= 0, rawValue < Slot.count else { return nil }
        self.rawValue = UInt16(rawValue)
    }

    public static func < (left: Slot, right: Slot) -> Bool { left.rawValue < right.rawValue }

    /// The shard that serves the slot when there are `shardCount` shards of equal ranges.
    public func shard(of shardCount: Int) -> Int {
        Int(rawValue) * shardCount / Slot.count
    }
}

/// The body shared by the ids of one object family: the slot in three characters and fourteen
/// random ones (83 bits), so that any node routes by the id alone.
///
/// `pi_<stem>` is a payment; the charges and refunds of it are `ch_<stem><n>` and `re_<stem><n>`.
public struct IdentifierStem: Hashable, Comparable, Sendable {
    // The characters as bytes, eight, eight and one, the first in the highest byte: a stem is
    // copied and compared without a look at memory elsewhere, and ordered as its text.
    private var head: UInt64 = 0
    private var middle: UInt64 = 0
    private var last: UInt8 = 0

    /// Characters in a stem.
    public static let characterCount = 17
    private static let slotCharacterCount = 3

    /// A new stem in `slot`, with chance from `random`.
    public init(slot: Slot, random: some RandomSource) {
        var count = 0
        for shift in stride(from: 5 * (Self.slotCharacterCount - 1), through: 0, by: -5) {
            set(Self.slotDigit(slot.rawValue >> UInt16(shift) & 31), at: count)
            count += 1
        }
        // A byte of 248 or more is thrown away, so that every character is equally likely.
        while count < Self.characterCount {
            for byte in random.bytes(16) where byte < 248 && count < Self.characterCount {
                set(Base62.alphabet[Int(byte) % 62], at: count)
                count += 1
            }
        }
    }

    /// Reads a stem; nil when it is not one.
    public init?(_ text: some StringProtocol) {
        self.init(utf8: text.utf8)
    }

    /// Reads a stem from its bytes; nil when they are not those of one.
    public init?(utf8 bytes: some Sequence<UInt8>) {
        var count = 0
        for byte in bytes {
            guard count < Self.characterCount, Base62.value(of: byte) != nil,
                count >= Self.slotCharacterCount || Self.slotValue(of: byte) != nil
            else { return nil }
            set(byte, at: count)
            count += 1
        }
        guard count == Self.characterCount else { return nil }
    }

    /// Seventeen characters of `[0-9A-Za-z]`.
    public var text: String {
        String(decoding: (0..<Self.characterCount).map { byte(at: $0) }, as: UTF8.self)
    }

    /// The slot that the stem was made in.
    public var slot: Slot {
        var value = 0
        for place in 0..<Self.slotCharacterCount {
            value = value * 32 + Self.slotValue(of: byte(at: place))!
        }
        return Slot(value)!
    }

    public static func < (left: IdentifierStem, right: IdentifierStem) -> Bool {
        (left.head, left.middle, left.last) < (right.head, right.middle, right.last)
    }

    private func byte(at place: Int) -> UInt8 {
        switch place {
        case 0..<8: UInt8(truncatingIfNeeded: head >> (56 - 8 * place))
        case 8..<16: UInt8(truncatingIfNeeded: middle >> (56 - 8 * (place - 8)))
        default: last
        }
    }

    /// Sets a byte that is zero.
    private mutating func set(_ byte: UInt8, at place: Int) {
        switch place {
        case 0..<8: head |= UInt64(byte) << (56 - 8 * place)
        case 8..<16: middle |= UInt64(byte) << (56 - 8 * (place - 8))
        default: last = byte
        }
    }

    private static func slotDigit(_ value: UInt16) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + UInt8(value) : UInt8(ascii: "a") + UInt8(value - 10)
    }

    /// A slot is written in base 32: digits and the lower-case letters up to v.
    private static func slotValue(of byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "v"): Int(byte - UInt8(ascii: "a")) + 10
        default: nil
        }
    }
}

extension IdentifierStem: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        for place in 0..<Self.characterCount { writer.write(byte(at: place)) }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        guard let stem = IdentifierStem(utf8: try reader.readRaw(Self.characterCount)) else {
            throw .invalid(what: "id", offset: start)
        }
        self = stem
    }
}

/// Digits, upper-case and lower-case letters as the digits of base 62.
public enum Base62 {
    public static let alphabet = Array(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// The value of one digit, or nil for any other byte.
    public static func value(of byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(byte - UInt8(ascii: "A")) + 10
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(byte - UInt8(ascii: "a")) + 36
        default: nil
        }
    }

    /// `count` random digits.
    public static func random(_ count: Int, from source: some RandomSource) -> String {
        var characters: [UInt8] = []
        while characters.count < count {
            for byte in source.bytes(16) where byte < 248 && characters.count < count {
                characters.append(alphabet[Int(byte) % 62])
            }
        }
        return String(decoding: characters, as: UTF8.self)
    }
}

/// Upper-case base 36 of a fixed width, as processors take it in alphanumeric fields.
public enum Base36 {
    /// `value` in `width` digits; the highest digits are dropped when it does not fit.
    public static func text(_ value: UInt64, width: Int) -> String {
        var digits: [UInt8] = []
        var rest = value
        for _ in 0..<width {
            digits.append(Base62.alphabet[Int(rest % 36)])
            rest /= 36
        }
        return String(decoding: digits.reversed(), as: UTF8.self)
    }

    /// The value of digits as `text` writes them; nil for anything else, or more than 64 bits.
    public static func value(_ digits: some StringProtocol) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits.utf8 {
            guard let place = Base62.alphabet[..<36].firstIndex(of: digit) else { return nil }
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 36)
            let (sum, isOver) = product.addingReportingOverflow(UInt64(place))
            guard !isTooLarge, !isOver else { return nil }
            value = sum
        }
        return digits.isEmpty ? nil : value
    }
}
