public import Primitives

// Whether a declined payment may be tried again, and when: the schemes' rules, which cost fees when
// they are broken.

/// What a scheme says of a retry besides the response code (Mastercard's merchant advice code,
/// DE 48.84).
public enum AdviceCode: Hashable, Sendable {
    /// 03 and 21: never again with this card.
    case doNotRetry
    /// 02: the same request may succeed later.
    case tryLater
    /// 01: not before the card's data were renewed.
    case updateCard
    /// 24 to 30: not before so many hours.
    case retryAfter(hours: Int)

    /// Reads the two digits; nil for a code that says nothing of retries.
    public init?(code: some StringProtocol) {
        switch code {
        case "03", "21": self = .doNotRetry
        case "02": self = .tryLater
        case "01": self = .updateCard
        case "24": self = .retryAfter(hours: 1)
        case "25": self = .retryAfter(hours: 24)
        case "26": self = .retryAfter(hours: 48)
        case "27": self = .retryAfter(hours: 96)
        case "28": self = .retryAfter(hours: 144)
        case "29": self = .retryAfter(hours: 192)
        case "30": self = .retryAfter(hours: 240)
        default: return nil
        }
    }
}

/// Visa's classes of declines (Core Rules, table 7-2).
public enum DeclineCategory: UInt8, Hashable, Sendable {
    /// The issuer will never approve.
    case never = 1
    /// The issuer cannot approve at this time.
    case later
    /// The data have to be put right first.
    case dataQuality
    case generic

    /// The class of a response code.
    public init(responseCode: String) {
        switch responseCode {
        case "04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3":
            self = .never
        case "03", "19", "39", "51", "52", "53", "58", "59", "61", "62", "65", "75", "78", "86",
            "91", "93", "96", "N3", "N4", "Z5", "5C", "9G":
            self = .later
        case "54", "55", "70", "82", "1A", "6P", "N7":
            self = .dataQuality
        default:
            self = .generic
        }
    }
}

/// A try of the past, with the same card and the same merchant.
public struct PastAttempt: Hashable, Sendable {
    public let at: Timestamp
    public let amount: Int64

    public init(at: Timestamp, amount: Int64) {
        self.at = at
        self.amount = amount
    }
}

public enum RetryVerdict: Hashable, Sendable {
    /// The same request may be sent again, not before this moment.
    case allowed(notBefore: Timestamp)
    /// Not before the caller changed something: other card data, an authenticated cardholder.
    case needsChange
    case forbidden(Cause)

    public enum Cause: UInt8, Hashable, Sendable {
        /// The issuer or the scheme said never.
        case issuer = 0
        /// As many tries as the scheme allows in its window.
        case schemeLimit
        /// Nothing says that another try would help.
        case noAdvice
    }
}

public enum RetryPolicy {
    /// Visa: tries of a card in 30 days, after declines of the classes 2 to 4.
    public static let visaCountMax = 20
    /// Mastercard: tries with the same amount in a day, and in 30 days.
    public static let mastercardDayCountMax = 10
    public static let mastercardMonthCountMax = 35

    static let hour: Int64 = 3_600_000
    static let day: Int64 = 24 * hour

    /// Whether the declined request may be sent again. `history` are the tries of the last 30 days
    /// with this one; older ones do not count.
    public static func verdict(
        on decline: Decline, brand: CardBrand, advice: AdviceCode?, amount: Int64,
        history: [PastAttempt], at now: Timestamp
    ) -> RetryVerdict {
        let category = DeclineCategory(responseCode: decline.responseCode)
        if category == .never || advice == .doNotRetry { return .forbidden(.issuer) }
        guard !isExhausted(brand, amount: amount, history, at: now) else {
            return .forbidden(.schemeLimit)
        }
        switch advice {
        case .doNotRetry: return .forbidden(.issuer)
        case .updateCard: return .needsChange
        case .retryAfter(let hours):
            return .allowed(notBefore: now.advanced(byMilliseconds: Int64(hours) * hour))
        case .tryLater: return .allowed(notBefore: now.advanced(byMilliseconds: hour))
        case nil: break
        }
        switch category {
        case .never: return .forbidden(.issuer)
        case .dataQuality: return .needsChange
        case .later: return .allowed(notBefore: now.advanced(byMilliseconds: day))
        case .generic: return .forbidden(.noAdvice)
        }
    }

    private static func isExhausted(
        _ brand: CardBrand, amount: Int64, _ history: [PastAttempt], at now: Timestamp
    ) -> Bool {
        func count(within milliseconds: Int64, where matches: (PastAttempt) -> Bool) -> Int {
            history.count {
                now < $0.at.advanced(byMilliseconds: milliseconds) && matches($0)
            }
        }
        switch brand {
        case .mastercard:
            return count(within: day) { $0.amount == amount } >= mastercardDayCountMax
                || count(within: 30 * day) { $0.amount == amount } >= mastercardMonthCountMax
        case .visa, .amex, .discover, .diners, .jcb, .unionpay, .unknown:
            // The other schemes publish no lower bound: Visa's is kept for all.
            return count(within: 30 * day) { _ in true } >= visaCountMax
        }
    }
}
