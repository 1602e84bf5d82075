public import Primitives

/// A merchant's account: `acct_<stem>`.
public struct MerchantID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let stem: IdentifierStem

    public init(stem: IdentifierStem) {
        self.stem = stem
    }

    /// Reads `acct_…`; nil when it is not the id of a merchant.
    public init?(_ text: some StringProtocol) {
        guard let stem = IdentifierStem(prefix: "acct_", text) else { return nil }
        self.stem = stem
    }

    public static func < (left: MerchantID, right: MerchantID) -> Bool { left.stem < right.stem }
    public var description: String { "acct_\(stem.text)" }
}

/// One payment: `pi_<stem>`.
public struct PaymentID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let stem: IdentifierStem

    public init(stem: IdentifierStem) {
        self.stem = stem
    }

    /// Reads `pi_…`; nil when it is not the id of a payment.
    public init?(_ text: some StringProtocol) {
        guard let stem = IdentifierStem(prefix: "pi_", text) else { return nil }
        self.stem = stem
    }

    public static func < (left: PaymentID, right: PaymentID) -> Bool { left.stem < right.stem }
    public var description: String { "pi_\(stem.text)" }
}

/// A payment method: `pm_<stem>`.
public struct PaymentMethodID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let stem: IdentifierStem

    public init(stem: IdentifierStem) {
        self.stem = stem
    }

    /// Reads `pm_…`; nil when it is not the id of a payment method.
    public init?(_ text: some StringProtocol) {
        guard let stem = IdentifierStem(prefix: "pm_", text) else { return nil }
        self.stem = stem
    }

    public static func < (left: PaymentMethodID, right: PaymentMethodID) -> Bool {
        left.stem < right.stem
    }
    public var description: String { "pm_\(stem.text)" }
}

/// The number of a charge or refund within its payment, 0 to 61: one base-62 digit of its id.
public struct PartID: Hashable, Sendable {
    public let payment: PaymentID
    public let number: Int

    /// How many parts of a kind a payment may have: as many as one digit can name.
    public static let countMax = 62

    public init(payment: PaymentID, number: Int) {
        precondition((0..<PartID.countMax).contains(number), "a part numbered \(number)")
        self.payment = payment
        self.number = number
    }

    /// Reads `<prefix><stem><digit>`, as in `ch_…` and `re_…`.
    public init?(prefix: String, _ text: some StringProtocol) {
        // The bytes are counted, because one character can be a digit with something in front of
        // it.
        guard text.hasPrefix(prefix),
            text.utf8.count == prefix.utf8.count + IdentifierStem.characterCount + 1,
            let last = text.unicodeScalars.last, let digit = UInt8(exactly: last.value),
            let number = Base62.value(of: digit),
            let stem = IdentifierStem(text.dropFirst(prefix.count).dropLast())
        else { return nil }
        self.init(payment: PaymentID(stem: stem), number: number)
    }

    /// The id as the API writes it, with the prefix of its kind.
    public func text(prefix: String) -> String {
        prefix + payment.stem.text
            + String(decoding: [Base62.alphabet[number]], as: UTF8.self)
    }
}

extension IdentifierStem {
    init?(prefix: String, _ text: some StringProtocol) {
        guard text.hasPrefix(prefix) else { return nil }
        self.init(text.dropFirst(prefix.count))
    }
}

extension MerchantID: BinaryCodable {
    public func encode(to writer: inout ByteWriter) { writer.write(stem) }
    public init(from reader: inout ByteReader) throws(DecodingError) { stem = try reader.read() }
}

extension PaymentID: BinaryCodable {
    public func encode(to writer: inout ByteWriter) { writer.write(stem) }
    public init(from reader: inout ByteReader) throws(DecodingError) { stem = try reader.read() }
}

extension PaymentMethodID: BinaryCodable {
    public func encode(to writer: inout ByteWriter) { writer.write(stem) }
    public init(from reader: inout ByteReader) throws(DecodingError) { stem = try reader.read() }
}
