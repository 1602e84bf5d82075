public import ISO8583
public import Primitives

/// One movement of money as the host knows it: an authorization, a sale or a refund. Captures and
/// reversals change it.
///
///     (nothing) ──0100, 0200, refund──▶ approved ──0220──▶ captured
///         │                         │       └────0420────▶ partially reversed, reversed
///         │                         └─▶ declined
///         └──0420 first──▶ tombstone ──0100, 0200──▶ declined
public struct AcquirerTransaction: Hashable, Sendable {
    /// What kind of movement it is.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// 0100: a hold that captures draw on.
        case authorization = "auth"
        /// 0200, or a capture whose original the host has never seen: hold and capture at once.
        case sale
        /// 0220 with processing code 20xxxx.
        case refund
    }

    /// What came of it.
    public enum Outcome: Hashable, Sendable {
        /// A reversal came before the transaction did; it will be declined should it come.
        case tombstone
        case declined(ResponseCode)
        case approved(Approval)
    }

    /// What an approved transaction has done so far, in minor units. For authorizations and sales
    /// `captured + reversed ≤ amount` and `refunded ≤ captured`; only what was captured beyond the
    /// hold comes on top.
    public struct Approval: Hashable, Sendable {
        /// DE 38, six letters or digits; empty for what an advice told.
        public var code: String
        public var capturedAmount: Int64
        public var reversedAmount: Int64
        public var refundedAmount: Int64

        package init(
            code: String, capturedAmount: Int64, reversedAmount: Int64, refundedAmount: Int64
        ) {
            self.code = code
            self.capturedAmount = capturedAmount
            self.reversedAmount = reversedAmount
            self.refundedAmount = refundedAmount
        }
    }

    /// The state's name in the journal; it follows from the outcome.
    public enum State: String, Hashable, Sendable, CaseIterable {
        case tombstone
        case declined
        /// A hold that nothing was captured or released of.
        case approved
        /// A hold of which a part was released and nothing captured.
        case partiallyReversed = "partially_reversed"
        /// All of it was released.
        case reversed
        /// At least a part was captured; the refund was made.
        case captured
    }

    /// Ascending in the order of arrival, from 1.
    public let id: Int64
    public internal(set) var key: TransactionKey
    public let kind: Kind
    /// The authorization or sale that a refund gives back; nil when the host does not know it.
    public let originalID: Int64?
    /// DE 7 as ten digits, by which DE 90 names the transaction; nil when it had none.
    public internal(set) var transmissionTime: String?
    /// The first six and the last four digits of the card's number; nil when none was sent.
    public internal(set) var maskedNumber: String?
    /// DE 4 in minor units; 0 for a tombstone.
    public internal(set) var amount: Int64
    /// DE 49: the three digits of ISO 4217; empty for a tombstone whose reversal had none.
    public internal(set) var currency: String
    public internal(set) var outcome: Outcome
    /// What the host found out about the card verification code; nil when none was sent.
    public internal(set) var verification: CardVerificationResult?
    public let createdAt: Timestamp
    public internal(set) var updatedAt: Timestamp

    package init(
        id: Int64, key: TransactionKey, kind: Kind, originalID: Int64?,
        transmissionTime: String?, maskedNumber: String?, amount: Int64, currency: String,
        outcome: Outcome, verification: CardVerificationResult?, createdAt: Timestamp,
        updatedAt: Timestamp
    ) {
        self.id = id
        self.key = key
        self.kind = kind
        self.originalID = originalID
        self.transmissionTime = transmissionTime
        self.maskedNumber = maskedNumber
        self.amount = amount
        self.currency = currency
        self.outcome = outcome
        self.verification = verification
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }

    public var state: State {
        switch outcome {
        case .tombstone: .tombstone
        case .declined: .declined
        case .approved(let approval):
            if approval.reversedAmount == amount {
                .reversed
            } else if approval.capturedAmount > 0 {
                .captured
            } else {
                approval.reversedAmount > 0 ? .partiallyReversed : .approved
            }
        }
    }

    /// DE 39 of its answer. A tombstone has none that was ever sent; it reads 25.
    public var responseCode: ResponseCode {
        switch outcome {
        case .tombstone: .unableToLocateRecord
        case .declined(let code): code
        case .approved: .approved
        }
    }

    /// What it has done, when it was approved.
    public var approval: Approval? {
        switch outcome {
        case .approved(let approval): approval
        case .tombstone, .declined: nil
        }
    }

    /// What may still be captured, in minor units.
    public var heldAmount: Int64 {
        guard kind != .refund, let approval else { return 0 }
        return max(0, amount - approval.capturedAmount - approval.reversedAmount)
    }

    /// What may still be refunded, in minor units.
    public var refundableAmount: Int64 {
        guard kind != .refund, let approval else { return 0 }
        return approval.capturedAmount - approval.refundedAmount
    }
}
