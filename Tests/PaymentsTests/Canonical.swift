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
        copy.attempts = attempts.map { attempt in
            Attempt(
                number: attempt.number, trace: noTrace, amount: attempt.amount,
                method: attempt.method, capture: attempt.capture, created: noTime,
                state: attempt.state.canonical)
        }
        copy.refunds = refunds.map { refund in
            Refund(
                number: refund.number, amount: refund.amount, reason: refund.reason,
                metadata: refund.metadata, created: noTime, trace: noTrace,
                state: refund.state.canonical)
        }
        copy.effects = effects.map { effect in
            Effect(
                number: effect.number, kind: effect.kind, trace: noTrace,
                state: effect.state.canonical)
        }
        copy.ledger = ledger.map { entry in
            LedgerEntry(cause: entry.cause, at: noTime, postings: entry.postings)
        }
        return copy
    }
}

extension PaymentStatus {
    fileprivate var canonical: PaymentStatus {
        switch self {
        case .canceled(_, let reason): .canceled(at: noTime, reason: reason)
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

extension Attempt.State {
    fileprivate var canonical: Attempt.State {
        switch self {
        case .authorized(let approval): .authorized(approval.canonical)
        case .captured(let approval, let amount, _, let isPosted):
            .captured(approval.canonical, amount: amount, at: noTime, isPosted: isPosted)
        case .voided(let approval): .voided(approval.canonical)
        case .pending, .declined, .notSent, .reversing, .reversed: self
        }
    }
}

extension Refund.State {
    fileprivate var canonical: Refund.State {
        switch self {
        case .pending: .pending
        case .succeeded: .succeeded(at: noTime)
        case .failed(let responseCode, _): .failed(responseCode: responseCode, at: noTime)
        }
    }
}

extension Effect.State {
    fileprivate var canonical: Effect.State {
        switch self {
        case .open: .open
        case .acknowledged: .acknowledged(at: noTime)
        case .refused(let responseCode, _): .refused(responseCode: responseCode, at: noTime)
        }
    }
}
