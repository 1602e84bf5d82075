public import Primitives

/// What a merchant, a processor or the clock asks of one payment.
public enum PaymentCommand: Hashable, Sendable {
    /// Go ahead, with this method or with the one that the payment has. `authenticates` asks the
    /// cardholder first, whatever the issuer would say.
    case confirm(method: PaymentMethodSnapshot?, Presence, authenticates: Bool)
    /// What became of a challenge; nil when the cardholder failed it.
    case authenticated(challenge: UInt64, CardholderAuthentication?)
    /// Raise the hold to `total`.
    case increment(total: Int64)
    /// Take the hold, or `amount` of it; what is left is given back unless more is to follow.
    case capture(amount: Int64?, isFinal: Bool)
    case cancel(reason: CancellationReason?)
    /// Let go of what has run out: a hold, a challenge.
    case expire
    /// Pay back `amount`, or all that is left.
    case refund(amount: Int64?, reason: RefundReason?, metadata: Metadata)
    case cancelRefund(number: Int)
    /// What the bank says of a refund that the processor took note of.
    case concludeRefund(number: Int, RefundConclusion)
    /// What came of a request's message.
    case answered(ProcessorRequest, ProcessorAnswer)
    case notSent(ProcessorRequest)
    case unanswered(ProcessorRequest, UnknownReason)
    case approvedLate(ProcessorRequest)
    /// What came of an effect's message. A deferred one was taken note of, and its result is told
    /// later.
    case effectAcknowledged(number: Int, isDeferred: Bool)
    case effectRefused(number: Int, responseCode: String)
    case openDispute(DisputeCase)
    case escalateDispute(number: Int)
    case answerDispute(number: Int, evidence: Metadata, isSubmitted: Bool)
    case closeDispute(number: Int, DisputeResolution)
    /// The acquirer's settlement file has the item with this amount.
    case settle(SettlementItem, Money)

    public static func confirm(method: PaymentMethodSnapshot?) -> PaymentCommand {
        .confirm(method: method, Presence(), authenticates: false)
    }

    public static func capture(amount: Int64?) -> PaymentCommand {
        .capture(amount: amount, isFinal: true)
    }

    public static func effectAcknowledged(number: Int) -> PaymentCommand {
        .effectAcknowledged(number: number, isDeferred: false)
    }
}

/// A processor's answer to a request that matched what was asked.
public enum ProcessorAnswer: Hashable, Sendable {
    /// `amount` is less than was asked for after a partial approval; nil means all of it.
    case approved(code: String, VerificationCodeCheck, amount: Int64?)
    case declined(Decline)

    public static func approved(code: String, _ check: VerificationCodeCheck) -> ProcessorAnswer {
        .approved(code: code, check, amount: nil)
    }
}

/// Why a command changed nothing. Input, never a fault of ours.
public enum Refusal: Error, Hashable, Sendable {
    /// The payment's status does not allow the operation.
    case unexpectedStatus(operation: Operation, status: StatusName)
    /// A confirm without a card.
    case methodMissing
    /// Too many attempts on one payment.
    case attemptsExhausted
    /// More than the hold.
    case captureTooLarge(requested: Int64, capturable: Int64)
    /// More than what is left to pay back.
    case refundTooLarge(requested: Int64, remaining: Int64)
    /// Nothing is left to pay back.
    case alreadyRefunded
    case refundsExhausted
    /// An amount of zero or less.
    case amountNotPositive
    /// No such object for this merchant.
    case noSuchPayment(PaymentID)
    case noSuchPaymentMethod(PaymentMethodID)
    case noSuchPart(PartID)
    /// No link can take a new attempt now, and none was begun.
    case noLinkAvailable
    /// Below the smallest or above the largest amount of the currency.
    case amountTooSmall(requested: Int64, minimum: Int64)
    case amountTooLarge(requested: Int64, maximum: Int64)
    /// More entries, or longer keys or values, than metadata may have.
    case metadataTooLarge
    /// The processor's currency is not the payment's.
    case currencyMismatch(expected: Currency, found: Currency)
    case capturesExhausted
    /// The hold was not granted further captures; the first has to be final.
    case multicaptureNotGranted
    case incrementNotGranted
    /// Not above what the issuer holds already.
    case incrementTooSmall(requested: Int64, authorized: Int64)
    case incrementsExhausted
    /// The hold is being raised at this moment.
    case incrementPending
    /// Captures went beyond the hold: a part of what it would be raised by is taken already, and
    /// the issuer would hold it a second time.
    case incrementAfterOvercapture(captured: Int64, authorized: Int64)
    /// The challenge is over, or of an earlier confirmation.
    case noSuchChallenge
    case noSuchRefund(number: Int)
    /// The refund's message may be on its way.
    case refundNotCancelable(number: Int)
    case noSuchDispute(number: Int)
    /// The dispute's status does not allow the operation.
    case unexpectedDisputeStatus(number: Int, Dispute.Status)
    case disputesExhausted
    case evidenceTooLarge
    /// Money that is disputed is not paid back beside it.
    case chargeDisputed
    /// A dispute of money that was never taken, a settlement of what was not posted.
    case nothingCaptured
    case alreadySettled
    case settlementMismatch(expected: Int64, found: Int64)
    /// A payout of more than is available, or a refund that would take the merchant's balance below
    /// its limit.
    case insufficientBalance(requested: Int64, available: Int64)
    case unexpectedPayoutStatus(Payout.Status)

    public enum Operation: UInt8, Sendable {
        case confirm = 0
        case capture, cancel, refund, increment
    }

    /// A status without what it holds.
    public enum StatusName: UInt8, Sendable, CaseIterable {
        case requiresPaymentMethod = 0
        case requiresConfirmation, processing, requiresCapture, succeeded, canceled, requiresAction
    }
}

/// Hands out traces for one shard, in order. The leader keeps one; what it handed out and nobody
/// committed was never sent, and may be handed out again after a restart.
public struct TraceAllocator: Sendable {
    public let shard: UInt32
    /// The sequence of the next trace.
    public private(set) var next: UInt64

    public init(shard: UInt32, next: UInt64) {
        self.shard = shard
        self.next = next
    }

    public mutating func allocate(link: String, at now: Timestamp) -> ProcessorTrace {
        defer { next += 1 }
        return ProcessorTrace(link: link, shard: shard, sequence: next, transmittedAt: now)
    }
}

/// What a decision may look at besides the payment.
public struct DecisionContext: Sendable {
    /// The leader's stamp.
    public let now: Timestamp
    /// Where a new attempt would go; nil when no link can take one.
    public let link: String?
    public let fees: FeeSchedule
    /// What that link grants to holds that ask for it.
    public let offer: HoldOptions
    /// The most that the merchant's balance lets one refund be, in minor units of the payment's
    /// currency, not negative; nil for no limit. It has to be of this moment: what is committed
    /// with what is proposed.
    public let refundMaximum: Int64?

    public init(
        now: Timestamp, link: String?, fees: FeeSchedule, offer: HoldOptions = .none,
        refundMaximum: Int64? = nil
    ) {
        self.now = now
        self.link = link
        self.fees = fees
        self.offer = offer
        self.refundMaximum = refundMaximum
    }
}
