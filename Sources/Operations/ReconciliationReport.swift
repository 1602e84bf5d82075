/// What a comparison of our payments with the acquirers' journals found.
public struct ReconciliationReport: Codable, Hashable, Sendable {
    public enum Verdict: String, Codable, Hashable, Sendable {
        /// Both sides say the same.
        case balanced
        /// Both sides say the same of everything that is settled, and something is not.
        case inFlight = "in_flight"
        /// The sides contradict each other.
        case broken
    }

    /// A contradiction between the two sides, for people to look at.
    public struct Break: Codable, Hashable, Sendable {
        public enum Kind: String, Codable, Hashable, Sendable {
            /// The acquirer has it and we do not.
            case missingWithUs = "missing_with_us"
            /// We have it and the acquirer does not.
            case missingWithThem = "missing_with_them"
            case amount, currency, state
            /// The same message key stands for two movements.
            case duplicate
        }

        public var kind: Kind
        public var acquirer: String
        public var terminal: String
        public var stan: UInt32
        public var reference: String
        /// Our payment; nil when we have none.
        public var payment: String?
        /// What both sides say, in a sentence.
        public var detail: String
    }

    /// Something whose outcome is still being found out. Not a break.
    public struct InFlight: Codable, Hashable, Sendable {
        public var payment: String
        public var detail: String
    }

    /// Sums in minor units, of one currency and one side.
    public struct Sums: Codable, Hashable, Sendable {
        /// Approved, neither captured nor given back.
        public var held: Int64 = 0
        public var captured: Int64 = 0
        public var refunded: Int64 = 0

        public init() {}
    }

    public struct Totals: Codable, Hashable, Sendable {
        /// Three letters of ISO 4217 in lower case, or three digits that are none we know.
        public var currency: String
        public var ours: Sums
        public var theirs: Sums
    }

    public var paymentCount: Int
    public var attemptCount: Int
    /// Rows of the acquirers' journals.
    public var transactionCount: Int
    public var breaks: [Break]
    public var inFlight: [InFlight]
    /// By currency.
    public var totals: [Totals]

    public var verdict: Verdict {
        if !breaks.isEmpty { return .broken }
        return inFlight.isEmpty ? .balanced : .inFlight
    }
}
