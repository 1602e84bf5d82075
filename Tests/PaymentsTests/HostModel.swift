import Payments

/// What the acquirer's host holds for one payment, reckoned from the messages that reach it and not
/// from what the engine makes of them.
///
/// Every approved request is a hold of its own. A capture draws on the attempt's own hold first and
/// then on its increments; what it takes beyond them is drawn on nothing, and no later hold makes
/// up for it. An outcome that is unknown here was an approval there.
struct HostModel: Hashable {
    private struct Part: Hashable {
        let request: ProcessorRequest
        var held: Int64
    }

    /// In the order of arrival: the attempt before its increments.
    private var parts: [Part] = []
    /// What each attempt's captures came to.
    private var taken: [Int: Int64] = [:]
    /// The effect that reached the host and whose answer is still to come.
    private var reached: Int?
    /// True once it refused an advice, which it must not: what it holds then nobody knows.
    private(set) var hasRefused = false

    var held: Int64 { parts.reduce(0) { $0 + $1.held } }

    /// What a command says of the host, where the payment takes note of it. `payment` is what it
    /// meets.
    mutating func hear(_ command: PaymentCommand, about payment: Payment) {
        guard !hasRefused else { return }
        switch command {
        case .answered(let request, .approved(_, _, let partial)):
            approve(request, partial ?? payment.amount(of: request), payment)
        case .unanswered(let request, _), .approvedLate(let request):
            approve(request, payment.amount(of: request), payment)
        case .effectAcknowledged(let number, _):
            if reached != number { take(payment.effects[number]) }
            reached = nil
        case .effectRefused:
            self = HostModel()
            hasRefused = true
        case .answered(_, .declined), .confirm, .authenticated, .increment, .capture, .cancel,
            .expire, .refund, .cancelRefund, .concludeRefund, .notSent, .openDispute,
            .escalateDispute, .answerDispute, .closeDispute, .settle:
            break
        }
    }

    /// A sale holds nothing: it is taken with the approval, or undone.
    private mutating func approve(
        _ request: ProcessorRequest, _ amount: Int64, _ payment: Payment
    ) {
        guard payment.attempts[request.attempt].capture == .manual else { return }
        parts.removeAll { $0.request == request }
        parts.append(Part(request: request, held: amount))
    }

    private mutating func take(_ effect: Effect) {
        switch effect.kind {
        case .reversal(let request):
            parts.removeAll { $0.request == request }
        case .partialReversal(let attempt, let captured):
            release(attempt, downTo: captured - taken[attempt, default: 0])
        case .capture(let attempt, _, let amount):
            draw(amount, attempt)
            taken[attempt, default: 0] += amount
        case .refund:
            break
        }
    }

    private mutating func draw(_ amount: Int64, _ attempt: Int) {
        var rest = amount
        for place in parts.indices where parts[place].request.attempt == attempt {
            let part = min(rest, parts[place].held)
            parts[place].held -= part
            rest -= part
        }
    }

    /// Gives back what is above `remaining`; a negative one is refused.
    private mutating func release(_ attempt: Int, downTo remaining: Int64) {
        guard remaining >= 0 else { return }
        var kept = remaining
        for place in parts.indices where parts[place].request.attempt == attempt {
            parts[place].held = min(kept, parts[place].held)
            kept -= parts[place].held
        }
    }
}

extension Walk {
    /// The walk after the host got the capture that the outbox has to send next, and before its
    /// answer is here; nil when there is none. Meanwhile the hold may be raised.
    var reachingHost: Walk? {
        guard payment.openHold != nil, let effect = payment.nextEffect,
            case .capture = effect.kind
        else { return nil }
        var next = self
        return next.host.reach(effect) ? next : nil
    }
}

extension HostModel {
    fileprivate mutating func reach(_ effect: Effect) -> Bool {
        guard reached == nil, !hasRefused else { return false }
        take(effect)
        reached = effect.number
        return true
    }
}

extension Payment {
    fileprivate func amount(of request: ProcessorRequest) -> Int64 {
        switch request {
        case .authorization(let attempt): attempts[attempt].amount
        case .increment(let attempt, let number):
            attempts[attempt].hold?.increments[number].amount ?? 0
        }
    }
}
