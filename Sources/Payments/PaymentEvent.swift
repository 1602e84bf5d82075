public import Primitives

/// A fact about one payment, as the log keeps it. `Payment.evolve` makes the state from these.
public enum PaymentEvent: Hashable, Sendable {
    case created(PaymentCreated)
    /// The word was given: a message may leave for the processor once this is committed.
    case attemptStarted(AttemptStarted)
    /// The cardholder has to act first.
    case actionRequired(Challenge)
    case authenticationFailed(at: Timestamp)
    /// The hold is to grow by `amount`.
    case incrementStarted(attempt: Int, amount: Int64, trace: ProcessorTrace, at: Timestamp)
    /// The issuer said yes to `amount`; the fee applies when the message captured as well.
    case approved(
        ProcessorRequest, Approval, amount: Int64, options: HoldOptions, fee: Int64)
    case declined(ProcessorRequest, Decline, at: Timestamp)
    case notSent(ProcessorRequest, at: Timestamp)
    /// The outcome is unknown and is being made to be nothing.
    case lost(ProcessorRequest, UnknownReason, reversal: ProcessorTrace)
    /// The issuer said yes after we had given up: another reversal.
    case lateApproval(ProcessorRequest, reversal: ProcessorTrace)
    /// The merchant takes a part of the hold; `release` is set when this is the last capture and
    /// something is left to give back.
    case captured(CaptureMade)
    /// What was not captured is given back, and the payment stays with what was.
    case released(at: Timestamp, release: ProcessorTrace)
    /// Nothing was taken; the reversals are of the hold and then of its increments.
    case canceled(reason: CancellationReason?, at: Timestamp, reversals: [ProcessorTrace])
    case refundCreated(Refund)
    case refundCanceled(number: Int, at: Timestamp)
    case refundConcluded(number: Int, RefundConclusion, at: Timestamp)
    /// The processor took note of an effect.
    case effectAcknowledged(number: Int, at: Timestamp, isDeferred: Bool)
    case effectRefused(number: Int, responseCode: String, at: Timestamp)
    case disputeOpened(Dispute, fee: Int64)
    case disputeEscalated(number: Int, covered: Int64, fee: Int64, at: Timestamp)
    case disputeAnswered(number: Int, evidence: Metadata, isSubmitted: Bool)
    case disputeClosed(number: Int, DisputeResolution, at: Timestamp)
    case settled(SettlementItem, at: Timestamp)

    /// The traces that the event uses up.
    public func forEachTrace(_ body: (ProcessorTrace) -> Void) {
        switch self {
        case .attemptStarted(let start): body(start.trace)
        case .incrementStarted(_, _, let trace, _): body(trace)
        case .lost(_, _, let reversal), .lateApproval(_, let reversal): body(reversal)
        case .captured(let capture):
            body(capture.advice)
            if let release = capture.release { body(release) }
        case .released(_, let release): body(release)
        case .canceled(_, _, let reversals): reversals.forEach(body)
        case .refundCreated(let refund): body(refund.trace)
        case .created, .actionRequired, .authenticationFailed, .approved, .declined, .notSent,
            .refundCanceled, .refundConcluded, .effectAcknowledged, .effectRefused,
            .disputeOpened, .disputeEscalated, .disputeAnswered, .disputeClosed, .settled:
            break
        }
    }
}

/// The beginning of an attempt. An object, because the event and every state of the payment share
/// it.
public final class AttemptStarted: Hashable, Sendable {
    public let number: Int
    public let trace: ProcessorTrace
    public let method: PaymentMethodSnapshot
    public let presence: Presence
    public let at: Timestamp

    public init(
        number: Int, trace: ProcessorTrace, method: PaymentMethodSnapshot,
        presence: Presence = Presence(), at: Timestamp
    ) {
        self.number = number
        self.trace = trace
        self.method = method
        self.presence = presence
        self.at = at
    }

    public static func == (left: AttemptStarted, right: AttemptStarted) -> Bool {
        left === right
            || (left.number == right.number && left.trace == right.trace
                && left.method == right.method && left.presence == right.presence
                && left.at == right.at)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(number)
        hasher.combine(trace)
        hasher.combine(at)
    }
}

/// A part of a hold that the merchant takes.
public struct CaptureMade: Hashable, Sendable {
    public let attempt: Int
    public let amount: Int64
    public let fee: Int64
    public let isFinal: Bool
    public let at: Timestamp
    public let advice: ProcessorTrace
    public let release: ProcessorTrace?

    public init(
        attempt: Int, amount: Int64, fee: Int64, isFinal: Bool, at: Timestamp,
        advice: ProcessorTrace, release: ProcessorTrace?
    ) {
        self.attempt = attempt
        self.amount = amount
        self.fee = fee
        self.isFinal = isFinal
        self.at = at
        self.advice = advice
        self.release = release
    }
}

/// Why an event cannot follow the state that it met: it was decided on another one, or forged. The
/// state is as it was.
public enum Misfit: Error, Hashable, Sendable {
    /// The payment exists already.
    case alreadyCreated
    /// The status, or the state of the part, is not one that the event follows.
    case unexpectedState
    /// There is no part of this number, or it is not the next one.
    case unexpectedNumber
    /// An amount that the state does not allow.
    case unexpectedAmount
}
