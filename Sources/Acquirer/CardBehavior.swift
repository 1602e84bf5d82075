import ISO8583

/// What the host's issuer does with a card, by its number. Any number that passes the Luhn check
/// and is not listed here is approved and its verification code matches; the expiry date is not
/// looked at.
struct CardBehavior: Equatable {
    /// 00, or the code of the refusal.
    let responseCode: ResponseCode
    /// What is said of a verification code that was sent.
    let verification: CardVerificationResult

    /// Nil for what is no card number: not 12 to 19 digits, or a wrong check digit (ISO/IEC
    /// 7812-1).
    init?(number: ArraySlice<UInt8>) {
        guard 12...19 ~= number.count, number.allSatisfy({ 0x30...0x39 ~= $0 }),
            Self.passesLuhn(number)
        else { return nil }
        self = Self.listed[String(decoding: number, as: UTF8.self)] ?? Self.approving
    }

    private init(_ responseCode: ResponseCode, _ verification: CardVerificationResult = .match) {
        self.responseCode = responseCode
        self.verification = verification
    }

    private static let approving = CardBehavior(.approved)

    /// The published test numbers that do something else than approve.
    private static let listed: [String: CardBehavior] = [
        "4000000000000002": CardBehavior(.doNotHonor),
        "4000000000009995": CardBehavior(.insufficientFunds),
        "4000000000009987": CardBehavior(.lostCard),
        "4000000000009979": CardBehavior(.stolenCard),
        "4000000000000069": CardBehavior(.expiredCard),
        "4000000000000127": CardBehavior(.verificationCodeMismatch, .noMatch),
        "4000000000000119": CardBehavior(.systemMalfunction, .notProcessed),
        "4000000000006975": CardBehavior(.exceedsFrequencyLimit),
        // Can be kept on file, which asks nothing of the issuer, and declines every charge.
        "4000000000000341": CardBehavior(.doNotHonor),
        "4000000000000101": CardBehavior(.approved, .noMatch),
    ]

    private static func passesLuhn(_ digits: ArraySlice<UInt8>) -> Bool {
        var sum = 0
        for (place, digit) in digits.reversed().enumerated() {
            let value = Int(digit & 0xF)
            let doubled = value * 2 > 9 ? value * 2 - 9 : value * 2
            sum += place % 2 == 0 ? value : doubled
        }
        return sum % 10 == 0
    }
}
