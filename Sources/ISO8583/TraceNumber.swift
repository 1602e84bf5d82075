/// A system trace audit number (STAN, DE 11): six digits that a response echoes.
public struct TraceNumber: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 0 to 999,999.
    public let rawValue: UInt32

    /// Nil above 999,999.
    public init?(_ rawValue: UInt32) {
        guard rawValue <= 999_999 else { return nil }
        self.rawValue = rawValue
    }

    /// Nil unless the bytes are six ASCII digits.
    public init?(digits: some Collection<UInt8>) {
        guard digits.count == 6, let number = Digits.number(digits) else { return nil }
        rawValue = UInt32(number)
    }

    public static func < (left: TraceNumber, right: TraceNumber) -> Bool {
        left.rawValue < right.rawValue
    }

    /// The six ASCII digits.
    public var digits: [UInt8] {
        var digits = [UInt8](repeating: UInt8(ascii: "0"), count: 6)
        var rest = rawValue
        for index in digits.indices.reversed() {
            digits[index] += UInt8(rest % 10)
            rest /= 10
        }
        return digits
    }

    public var description: String { String(decoding: digits, as: UTF8.self) }
}
