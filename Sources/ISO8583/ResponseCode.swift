/// A response code, DE 39, an2: the answer to a request (ISO 8583:1987, and the codes that
/// the card networks added).
public struct ResponseCode: Hashable, Sendable, CustomStringConvertible {
    private let first: UInt8
    private let second: UInt8

    /// Nil unless the bytes are two ASCII letters or digits.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 2, bytes.allSatisfy(\.isAlphanumeric) else { return nil }
        let pair = Array(bytes)
        first = pair[0]
        second = pair[1]
    }

    /// Nil unless the text is two ASCII letters or digits.
    public init?(_ text: some StringProtocol) {
        self.init(bytes: Array(text.utf8))
    }

    private init(_ first: Unicode.Scalar, _ second: Unicode.Scalar) {
        self.first = UInt8(ascii: first)
        self.second = UInt8(ascii: second)
    }

    /// The two ASCII characters.
    public var bytes: [UInt8] { [first, second] }

    /// The two characters.
    public var description: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether the whole amount was approved. A partial approval is not: its amount has to be read.
    public var isApproved: Bool { self == .approved }

    /// 00
    public static let approved = ResponseCode("0", "0")
    /// 05
    public static let doNotHonor = ResponseCode("0", "5")
    /// 10: approved for less; what was approved stands in DE 4 or DE 54.
    public static let partialApproval = ResponseCode("1", "0")
    /// 12
    public static let invalidTransaction = ResponseCode("1", "2")
    /// 13
    public static let invalidAmount = ResponseCode("1", "3")
    /// 14
    public static let invalidCardNumber = ResponseCode("1", "4")
    /// 25: what a reversal or an advice is about is not known.
    public static let unableToLocateRecord = ResponseCode("2", "5")
    /// 30
    public static let formatError = ResponseCode("3", "0")
    /// 40: what is asked for is understood, and not done here.
    public static let functionNotSupported = ResponseCode("4", "0")
    /// 41
    public static let lostCard = ResponseCode("4", "1")
    /// 43
    public static let stolenCard = ResponseCode("4", "3")
    /// 51
    public static let insufficientFunds = ResponseCode("5", "1")
    /// 54
    public static let expiredCard = ResponseCode("5", "4")
    /// 57
    public static let transactionNotPermittedToCardholder = ResponseCode("5", "7")
    /// 61
    public static let exceedsAmountLimit = ResponseCode("6", "1")
    /// 65
    public static let exceedsFrequencyLimit = ResponseCode("6", "5")
    /// 68: whether the transaction happened is unknown.
    public static let responseReceivedTooLate = ResponseCode("6", "8")
    /// 82: the card verification value is wrong (Visa).
    public static let incorrectVerificationValue = ResponseCode("8", "2")
    /// 91
    public static let issuerUnavailable = ResponseCode("9", "1")
    /// 94
    public static let duplicateTransmission = ResponseCode("9", "4")
    /// 96
    public static let systemMalfunction = ResponseCode("9", "6")
    /// N7: the card verification code does not match (Visa).
    public static let verificationCodeMismatch = ResponseCode("N", "7")
    /// 1A: the cardholder has to be authenticated (Visa).
    public static let authenticationRequired = ResponseCode("1", "A")
}
