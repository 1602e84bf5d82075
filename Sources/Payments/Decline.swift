public import Primitives

/// Why a charge was declined, in the words of the API.
public struct Decline: Hashable, Sendable {
    /// The kinds of decline that callers tell apart.
    public enum Reason: UInt8, Sendable, CaseIterable {
        case generic = 0
        case doNotHonor, insufficientFunds, lostCard, stolenCard, expiredCard, incorrectCVC
        case incorrectNumber, processingError, velocityExceeded, transactionNotAllowed
        case issuerNotAvailable, authenticationRequired, invalidAmount, fraudulent
    }

    public let reason: Reason
    /// The processor's DE 39 in two characters; empty when no processor answered.
    public let responseCode: String

    public init(reason: Reason, responseCode: String = "") {
        self.reason = reason
        self.responseCode = responseCode
    }

    /// The decline that a processor's response code means (ISO 8583:1987 DE 39, and the schemes'
    /// later additions).
    public init(responseCode: String) {
        let reason: Reason =
            switch responseCode {
            case "05": .generic
            case "01", "04", "07": .doNotHonor
            case "13": .invalidAmount
            case "14", "15": .incorrectNumber
            case "41": .lostCard
            case "43": .stolenCard
            case "51": .insufficientFunds
            case "54": .expiredCard
            case "57", "58", "62": .transactionNotAllowed
            case "59": .fraudulent
            case "61", "65": .velocityExceeded
            case "1A": .authenticationRequired
            case "82", "N7": .incorrectCVC
            case "91", "92": .issuerNotAvailable
            case "96": .processingError
            default: .generic
            }
        self.init(reason: reason, responseCode: responseCode)
    }
}

extension Decline.Reason {
    /// The `code` of the error: the coarse reason.
    public var code: String {
        switch self {
        case .expiredCard: "expired_card"
        case .incorrectCVC: "incorrect_cvc"
        case .incorrectNumber: "incorrect_number"
        case .processingError: "processing_error"
        case .authenticationRequired: "authentication_required"
        case .generic, .doNotHonor, .insufficientFunds, .lostCard, .stolenCard, .velocityExceeded,
            .transactionNotAllowed, .issuerNotAvailable, .invalidAmount, .fraudulent:
            "card_declined"
        }
    }

    /// The `decline_code` of the error: the fine reason.
    public var declineCode: String {
        switch self {
        case .generic: "generic_decline"
        case .doNotHonor: "do_not_honor"
        case .insufficientFunds: "insufficient_funds"
        case .lostCard: "lost_card"
        case .stolenCard: "stolen_card"
        case .expiredCard: "expired_card"
        case .incorrectCVC: "incorrect_cvc"
        case .incorrectNumber: "incorrect_number"
        case .processingError: "processing_error"
        case .velocityExceeded: "card_velocity_exceeded"
        case .transactionNotAllowed: "transaction_not_allowed"
        case .issuerNotAvailable: "issuer_not_available"
        case .authenticationRequired: "authentication_required"
        case .invalidAmount: "invalid_amount"
        case .fraudulent: "fraudulent"
        }
    }

    /// The sentence for people. It does not tell a lost or stolen card from another refusal, so
    /// that whoever holds the card does not learn it.
    public var message: String {
        switch self {
        case .insufficientFunds: "Your card has insufficient funds."
        case .expiredCard: "Your card has expired."
        case .incorrectCVC: "Your card's security code is incorrect."
        case .incorrectNumber: "Your card number is incorrect."
        case .processingError:
            "An error occurred while processing your card. Try again in a little bit."
        case .transactionNotAllowed: "Your card does not support this type of purchase."
        case .authenticationRequired:
            "Your card was declined. This transaction requires authentication."
        case .velocityExceeded:
            "Your card was declined for making repeated attempts too frequently or exceeding its "
                + "amount limit."
        case .generic, .doNotHonor, .lostCard, .stolenCard, .issuerNotAvailable, .invalidAmount,
            .fraudulent:
            "Your card was declined."
        }
    }
}

extension Decline: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(reason.rawValue)
        writer.write(responseCode)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        reason = try reader.readEnum()
        responseCode = try reader.readString()
    }
}
