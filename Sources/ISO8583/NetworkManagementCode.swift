/// A network management information code, DE 70, n3: what an 0800 is for.
public struct NetworkManagementCode: Hashable, Sendable, CustomStringConvertible {
    /// 0 to 999.
    public let rawValue: UInt16

    /// Nil above 999.
    public init?(_ rawValue: UInt16) {
        guard rawValue <= 999 else { return nil }
        self.rawValue = rawValue
    }

    /// Nil unless the bytes are three ASCII digits.
    public init?(digits: some Collection<UInt8>) {
        guard digits.count == 3, let number = Digits.number(digits) else { return nil }
        rawValue = UInt16(number)
    }

    private init(known rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// The three ASCII digits.
    public var digits: [UInt8] {
        [rawValue / 100, rawValue / 10 % 10, rawValue % 10].map { UInt8(ascii: "0") + UInt8($0) }
    }

    /// The three digits.
    public var description: String { String(decoding: digits, as: UTF8.self) }

    /// 001
    public static let signOn = NetworkManagementCode(known: 1)
    /// 002
    public static let signOff = NetworkManagementCode(known: 2)
    /// 161
    public static let keyExchange = NetworkManagementCode(known: 161)
    /// 301
    public static let echoTest = NetworkManagementCode(known: 301)
}
