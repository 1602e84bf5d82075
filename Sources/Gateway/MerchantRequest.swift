public import Payments
public import Primitives

/// One command of a merchant, authenticated and validated, on its way to the merchant's shard.
public struct MerchantRequest: Sendable {
    public let merchant: MerchantID
    /// Live money or the test world.
    public let isLive: Bool
    /// The `Request-Id` of the HTTP exchange.
    public let requestID: String
    /// The key that the caller sent, or an id that was minted for a request without one.
    public let claim: IdempotencyClaim
    public let command: MerchantCommand
    /// When the caller must have an answer.
    public let deadline: MonotonicInstant

    public init(
        merchant: MerchantID, isLive: Bool, requestID: String, claim: IdempotencyClaim,
        command: MerchantCommand, deadline: MonotonicInstant
    ) {
        self.merchant = merchant
        self.isLive = isLive
        self.requestID = requestID
        self.claim = claim
        self.command = command
        self.deadline = deadline
    }
}

/// An idempotency key as the shard knows it: digests only, so that nothing a merchant wrote into a
/// key reaches the log.
///
/// A request without a key has a minted one, so that a node that asks the shard again on its behalf
/// never acts twice. Its id is shorter than a digest, so that no caller's key is ever equal to it.
public struct IdempotencyClaim: Hashable, Sendable {
    /// 16 bytes: a keyed digest of merchant, mode and key. 12 random bytes where it is minted.
    public let keyDigest: [UInt8]
    /// 32 bytes: a keyed digest over method, path and canonical parameters. Empty where it is
    /// minted, for nobody but who minted it says it again.
    public let fingerprint: [UInt8]

    public init(keyDigest: [UInt8], fingerprint: [UInt8]) {
        self.keyDigest = keyDigest
        self.fingerprint = fingerprint
    }

    /// A claim for one request without a key. 96 random bits do not meet again within the minute
    /// for which the shard remembers them.
    public static func minted(from random: any RandomSource) -> IdempotencyClaim {
        IdempotencyClaim(keyDigest: random.bytes(12), fingerprint: [])
    }

    /// True for a claim that the ingress made and no caller knows.
    public var isMinted: Bool { fingerprint.isEmpty }
}

/// What a merchant can ask a shard to do.
public enum MerchantCommand: Sendable {
    case createPaymentMethod(NewPaymentMethod)
    case createPayment(NewPayment)
    case confirmPayment(PaymentID, method: MethodSource?)
    /// Raises the hold to `total` minor units.
    case incrementPayment(PaymentID, total: Int64)
    /// `amount` in minor units; nil takes the whole hold. More is to follow unless it is final.
    case capturePayment(PaymentID, amount: Int64?, isFinal: Bool)
    case cancelPayment(PaymentID, reason: CancellationReason?)
    /// `amount` in minor units; nil pays back what is left. `charge` is the number of the charge
    /// that the caller named, or nil when it named the payment.
    case createRefund(
        PaymentID, charge: Int?, amount: Int64?, reason: RefundReason?, metadata: Metadata)
    case cancelRefund(PaymentID, number: Int)
}

/// A payment to be made.
public struct NewPayment: Sendable {
    public let terms: PaymentTerms
    public let method: MethodSource?
    /// Whether to confirm at once.
    public let confirm: Bool

    public init(terms: PaymentTerms, method: MethodSource?, confirm: Bool) {
        self.terms = terms
        self.method = method
        self.confirm = confirm
    }
}

/// Where a payment's card comes from.
public enum MethodSource: Sendable {
    case stored(PaymentMethodID)
    case new(NewPaymentMethod)
}

/// A card that was just tokenized.
public struct NewPaymentMethod: Sendable {
    /// Chosen before sealing, because the seal is bound to it.
    public let id: PaymentMethodID
    public let card: CardFacts
    /// What the vault made of number and expiry.
    public let sealedCard: [UInt8]
    /// ASCII digits; kept in memory only, and never in the log. Whoever keeps them wipes these.
    public let verificationCode: SensitiveBytes?
    public let billing: BillingDetails
    public let metadata: Metadata

    public init(
        id: PaymentMethodID, card: CardFacts, sealedCard: [UInt8],
        verificationCode: SensitiveBytes?, billing: BillingDetails, metadata: Metadata
    ) {
        self.id = id
        self.card = card
        self.sealedCard = sealedCard
        self.verificationCode = verificationCode
        self.billing = billing
        self.metadata = metadata
    }
}

/// What a merchant can ask a shard to tell.
public enum MerchantQuery: Sendable {
    case payment(PaymentID)
    case paymentMethod(PaymentMethodID)
    case payments(PaymentPage)
}

/// A page of a merchant's payments, newest first.
public struct PaymentPage: Hashable, Sendable {
    public enum Cursor: Hashable, Sendable {
        /// The page behind this payment (older).
        case after(PaymentID)
        /// The page before this payment (newer).
        case before(PaymentID)
    }

    /// 1 to 100.
    public let limit: Int
    public let cursor: Cursor?
    /// Seconds since the Unix epoch, both ends included; nil leaves an end open.
    public let createdFrom: Int64?
    public let createdThrough: Int64?

    public init(limit: Int, cursor: Cursor?, createdFrom: Int64?, createdThrough: Int64?) {
        self.limit = limit
        self.cursor = cursor
        self.createdFrom = createdFrom
        self.createdThrough = createdThrough
    }
}

/// What came of a command.
public enum CommandReply: Sendable {
    /// An outcome; `replayOf` is the first request's id when this is a retry's replay.
    case outcome(Outcome, replayOf: String?)
    case failure(GatewayFailure)
}

/// What came of a query.
public enum QueryReply: Sendable {
    /// Nil when this merchant, in this mode, has no such payment.
    case payment(Payment?)
    case paymentMethod(PaymentMethod?)
    case payments([Payment], hasMore: Bool)
    /// The cursor names no payment of this merchant.
    case noSuchCursor(PaymentID)
    case failure(GatewayFailure)
}

/// Why no outcome can be told; nothing of it is stored under the key.
public enum GatewayFailure: Hashable, Sendable {
    /// No leader, no quorum, or the deadline passed before the commit was certain: retry with the
    /// same key.
    case unavailable
    /// The same key, which a caller sent, is in flight.
    case keyInUse
    /// The same key came with other parameters before.
    case keyMismatch
    /// Another command on the same payment did not end in time.
    case lockTimeout
    /// Too much work is queued; nothing was done.
    case overloaded
}

/// The shards as the API sees them. Whoever calls is on the node's loop.
public protocol MerchantGateway: Sendable {
    func perform(_ request: MerchantRequest) async -> CommandReply
    func answer(
        _ query: MerchantQuery, merchant: MerchantID, isLive: Bool, deadline: MonotonicInstant
    ) async -> QueryReply
}
