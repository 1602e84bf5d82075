/// Replacement amounts, DE 95, 42 characters: what a partial reversal leaves of the original.
///
/// 12 digits of transaction amount, 12 of settlement amount, then the two fees as `x+n8`: C
/// (credit) or D (debit) and 8 digits (ISO 8583:1987). A fee of nothing is nine
/// zeros, so that hosts that have the element as n42 read it too.
public struct ReplacementAmounts: Hashable, Sendable {
    /// A fee with its direction.
    public enum Fee: Hashable, Sendable {
        case none
        /// For the cardholder; minor units, 1 to 99,999,999.
        case credit(UInt32)
        /// Against the cardholder; minor units, 1 to 99,999,999.
        case debit(UInt32)
    }

    /// What remains of DE 4, in its minor units; up to 12 digits.
    public let transactionAmount: UInt64
    /// What remains of DE 5, in its minor units; up to 12 digits, 0 when there was none.
    public let settlementAmount: UInt64
    public let transactionFee: Fee
    public let settlementFee: Fee

    /// Nil when an amount has more than 12 digits, or a fee is 0 or has more than 8.
    public init?(
        transactionAmount: UInt64, settlementAmount: UInt64 = 0, transactionFee: Fee = .none,
        settlementFee: Fee = .none
    ) {
        guard transactionAmount <= 999_999_999_999, settlementAmount <= 999_999_999_999,
            Self.isWritable(transactionFee), Self.isWritable(settlementFee)
        else { return nil }
        self.transactionAmount = transactionAmount
        self.settlementAmount = settlementAmount
        self.transactionFee = transactionFee
        self.settlementFee = settlementFee
    }

    /// Nil unless the bytes are the 42 characters of the element. A fee of zero may have either
    /// sign or a zero in its place.
    public init?(bytes: some Collection<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == 42,
            let transactionAmount = Digits.number(bytes[0..<12]),
            let settlementAmount = Digits.number(bytes[12..<24]),
            let transactionFee = Self.fee(bytes[24..<33]),
            let settlementFee = Self.fee(bytes[33..<42])
        else { return nil }
        self.transactionAmount = transactionAmount
        self.settlementAmount = settlementAmount
        self.transactionFee = transactionFee
        self.settlementFee = settlementFee
    }

    /// The 42 ASCII characters.
    public var bytes: [UInt8] {
        Self.digits(transactionAmount, width: 12) + Self.digits(settlementAmount, width: 12)
            + Self.bytes(of: transactionFee) + Self.bytes(of: settlementFee)
    }

    private static func isWritable(_ fee: Fee) -> Bool {
        switch fee {
        case .none: true
        case .credit(let amount), .debit(let amount): 1...99_999_999 ~= amount
        }
    }

    private static func fee(_ bytes: ArraySlice<UInt8>) -> Fee? {
        guard let sign = bytes.first, let number = Digits.number(bytes.dropFirst()) else {
            return nil
        }
        let amount = UInt32(number)
        switch (sign, amount) {
        case (UInt8(ascii: "C"), 0), (UInt8(ascii: "D"), 0), (UInt8(ascii: "0"), 0):
            return Fee.none
        case (UInt8(ascii: "C"), _): return .credit(amount)
        case (UInt8(ascii: "D"), _): return .debit(amount)
        default: return nil
        }
    }

    private static func bytes(of fee: Fee) -> [UInt8] {
        switch fee {
        case .none: digits(0, width: 9)
        case .credit(let amount): [UInt8(ascii: "C")] + digits(UInt64(amount), width: 8)
        case .debit(let amount): [UInt8(ascii: "D")] + digits(UInt64(amount), width: 8)
        }
    }

    private static func digits(_ value: UInt64, width: Int) -> [UInt8] {
        guard let digits = Digits.text(value, width: width) else {
            preconditionFailure("an amount of more than \(width) digits")
        }
        return digits
    }
}
