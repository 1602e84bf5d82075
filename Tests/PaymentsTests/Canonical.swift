import Payments
import Primitives

// Two payments that differ only in when things happened, and in the numbers of their traces, can do
// the same: the explorer visits one of them.

private let noTime = Timestamp(milliseconds: 0)
private let noTrace = ProcessorTrace(link: "", shard: 0, sequence: 0, transmittedAt: noTime)

extension Payment {
    /// The payment without timestamps, trace sequences and version.
    var canonical: Payment {
        var copy = Payment(
            PaymentCreated(
                id: id, merchant: merchant, isLive: isLive, at: noTime, terms: terms,
                clientSecret: clientSecret, method: method))
        copy.version = 0
        copy.status = status.canonical
        copy.method = method
        copy.attempts = attempts.list { attempt in
            Attempt(
                AttemptStarted(
                    number: attempt.number, trace: noTrace, method: attempt.method,
                    presence: attempt.presence, at: noTime),
                amount: attempt.amount, capture: attempt.capture, state: attempt.state.canonical)
        }
        copy.refunds = refunds.list { refund in
            Refund(
                number: refund.number, amount: refund.amount, reason: refund.reason,
                metadata: refund.metadata, created: noTime, trace: noTrace,
                state: refund.state.canonical)
        }
        copy.disputes = disputes.map { dispute in
            Dispute(
                number: dispute.number, caseNumber: dispute.caseNumber, amount: dispute.amount,
                reason: dispute.reason, opened: noTime, evidenceDue: noTime,
                status: dispute.status, evidence: dispute.evidence, covered: dispute.covered)
        }
        copy.effects = effects.list { effect in
            Effect(
                number: effect.number, kind: effect.kind, trace: noTrace,
                state: effect.state.canonical)
        }
        copy.ledger = ledger.list { entry in
            LedgerEntry(entry.cause, entry.phase, at: noTime, entry.postings)
        }
        return copy
    }
}

extension PaymentStatus {
    fileprivate var canonical: PaymentStatus {
        switch self {
        case .canceled(_, let reason): .canceled(at: noTime, reason: reason)
        case .requiresAction(let challenge):
            .requiresAction(
                Challenge(
                    number: 0, method: challenge.method, presence: challenge.presence,
                    attempt: challenge.attempt, created: noTime))
        case .requiresPaymentMethod, .requiresConfirmation, .processing, .requiresCapture,
            .succeeded:
            self
        }
    }
}

extension Approval {
    fileprivate var canonical: Approval {
        Approval(code: code, at: noTime, verificationCodeCheck: verificationCodeCheck)
    }
}

extension Hold {
    fileprivate var canonical: Hold {
        Hold(
            approval: approval.canonical, authorized: authorized, options: options,
            expires: noTime,
            captures: captures.list { capture in
                Capture(
                    number: capture.number, amount: capture.amount, fee: capture.fee, at: noTime,
                    state: capture.state.canonical)
            },
            increments: increments.map { increment in
                Increment(
                    number: increment.number, trace: noTrace, amount: increment.amount,
                    created: noTime, state: increment.state.canonical)
            })
    }
}

extension Capture.State {
    fileprivate var canonical: Capture.State {
        switch self {
        case .posted: .posted(at: noTime)
        case .pending, .refused: self
        }
    }
}

extension Increment.State {
    fileprivate var canonical: Increment.State {
        switch self {
        case .approved(let approval): .approved(approval.canonical)
        case .pending, .declined, .notSent, .reversing, .reversed: self
        }
    }
}

extension Attempt.State {
    fileprivate var canonical: Attempt.State {
        switch self {
        case .authorized(let hold): .authorized(hold.canonical)
        case .captured(let hold): .captured(hold.canonical)
        case .voided(let hold): .voided(hold.canonical)
        case .pending, .declined, .notSent, .reversing, .reversed: self
        }
    }
}

extension PartList {
    /// The list with each element changed.
    fileprivate func list(_ change: (Element) -> Element) -> Self {
        var list = Self()
        for element in self { list.append(change(element)) }
        return list
    }
}

extension Refund.State {
    fileprivate var canonical: Refund.State {
        switch self {
        case .requested: .requested
        case .pending: .pending(at: noTime)
        case .succeeded: .succeeded(at: noTime)
        case .failed(let failure, _): .failed(failure, at: noTime)
        case .canceled: .canceled(at: noTime)
        }
    }
}

extension Effect.State {
    fileprivate var canonical: Effect.State {
        switch self {
        case .open: .open
        case .acknowledged: .acknowledged(at: noTime)
        case .withdrawn: .withdrawn(at: noTime)
        case .refused(let responseCode, _): .refused(responseCode: responseCode, at: noTime)
        }
    }
}

/// What tells a state from another one, in 128 bits: two states that share it by chance are one in
/// 10^26 even among millions.
struct StateDigest: Hashable {
    private let first: Int
    private let second: Int

    init(_ walk: Walk) {
        let bytes = walk.payment.canonical.encoded
        func hash(_ salt: UInt8) -> Int {
            var hasher = Hasher()
            hasher.combine(salt)
            hasher.combine(bytes)
            hasher.combine(walk.host)
            return hasher.finalize()
        }
        first = hash(1)
        second = hash(2)
    }
}
