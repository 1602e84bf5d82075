/// The card numbers of test mode and the tokens that stand for them, as the public API documents
/// them. What a number does is up to the acquirer; here is only which numbers exist.
public enum TestCards {
    /// The number behind a `pm_card_…` token; nil for any other text.
    public static func number(token: some StringProtocol) -> String? {
        tokens.first { $0.token == token }?.number
    }

    /// True for a number that may be used with test keys, and never with live ones.
    public static func contains(_ number: CardNumber) -> Bool {
        tokens.contains { number.hasDigits($0.number) } || others.contains(where: number.hasDigits)
    }

    /// Every number of the lists, some of them twice.
    package static var allNumbers: [String] { tokens.map { $0.number } + others }

    private static let others: [String] = [
        "4000056655665556", "5200828282828210", "2223003122003222", "5105105105105100",
        "371449635398431", "6011000990139424", "6011981111111113", "4242424242424242",
        "38520000023237", "3566002020360505", "36227206271667", "4000000000000010",
    ]

    private static let tokens: [(token: String, number: String)] = [
        ("pm_card_visa", "4242424242424242"),
        ("pm_card_visa_debit", "4000056655665556"),
        ("pm_card_mastercard", "5555555555554444"),
        ("pm_card_mastercard_debit", "5200828282828210"),
        ("pm_card_mastercard_prepaid", "5105105105105100"),
        ("pm_card_amex", "378282246310005"),
        ("pm_card_discover", "6011111111111117"),
        ("pm_card_diners", "3056930009020004"),
        ("pm_card_jcb", "3566002020360505"),
        ("pm_card_unionpay", "6200000000000005"),
        ("pm_card_visa_chargeDeclined", "4000000000000002"),
        ("pm_card_chargeDeclined", "4000000000000002"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "4000000000009995"),
        ("pm_card_chargeDeclinedInsufficientFunds", "4000000000009995"),
        ("pm_card_visa_chargeDeclinedLostCard", "4000000000009987"),
        ("pm_card_visa_chargeDeclinedStolenCard", "4000000000009979"),
        ("pm_card_chargeDeclinedExpiredCard", "4000000000000069"),
        ("pm_card_visa_chargeDeclinedExpiredCard", "4000000000000069"),
        ("pm_card_chargeDeclinedIncorrectCvc", "4000000000000127"),
        ("pm_card_visa_chargeDeclinedIncorrectCvc", "4000000000000127"),
        ("pm_card_chargeDeclinedProcessingError", "4000000000000119"),
        ("pm_card_visa_chargeDeclinedProcessingError", "4000000000000119"),
        ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "4000000000006975"),
        ("pm_card_chargeCustomerFail", "4000000000000341"),
        ("pm_card_cvcCheckFail", "4000000000000101"),
        ("pm_card_avsZipFail", "4000000000000036"),
        ("pm_card_bypassPending", "4000000000000077"),
        ("pm_card_pendingRefund", "4000000000007726"),
        ("pm_card_refundFail", "4000000000005126"),
    ]
}
