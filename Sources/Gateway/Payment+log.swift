import Payments

extension Payment {
    /// Evolves by an event of our own log, which fits because its base was compared: one that does
    /// not means that the log and the state contradict each other, and ends the process.
    mutating func mustEvolve(_ event: PaymentEvent) {
        do throws(Misfit) {
            try evolve(event)
        } catch {
            preconditionFailure(
                "\(id) at version \(version) does not take \(event.name): \(error)")
        }
    }
}

extension PaymentEvent {
    /// The event's name in metrics and reports.
    var name: String {
        switch self {
        case .created: "created"
        case .attemptStarted: "attempt_started"
        case .actionRequired: "action_required"
        case .authenticationFailed: "authentication_failed"
        case .incrementStarted: "increment_started"
        case .approved(let request, _, _, _, _): request.name + "_approved"
        case .declined(let request, _, _): request.name + "_declined"
        case .notSent(let request, _): request.name + "_not_sent"
        case .lost(let request, _, _): request.name + "_lost"
        case .lateApproval: "late_approval"
        case .captured: "captured"
        case .released: "released"
        case .canceled: "canceled"
        case .refundCreated: "refund_created"
        case .refundCanceled: "refund_canceled"
        case .refundConcluded: "refund_concluded"
        case .effectAcknowledged: "effect_acknowledged"
        case .effectRefused: "effect_refused"
        case .disputeOpened: "dispute_opened"
        case .disputeEscalated: "dispute_escalated"
        case .disputeAnswered: "dispute_answered"
        case .disputeClosed: "dispute_closed"
        case .settled: "settled"
        }
    }
}

extension ProcessorRequest {
    fileprivate var name: String {
        switch self {
        case .authorization: "attempt"
        case .increment: "increment"
        }
    }
}
