import Payments

// What a command waits for, as the payment's state tells it.

extension AwaitedOutcome {
    /// What the caller of a command with these events waits for; nil when they tell all.
    init?(of events: [PaymentEvent], on payment: Payment) {
        for event in events {
            switch event {
            case .attemptStarted(let start):
                self = .attempt(payment.id, number: start.number)
                return
            case .incrementStarted(let attempt, _, _, _):
                // The one that was just begun is the last.
                let count = payment.attempts[attempt].hold?.increments.count ?? 0
                self = .increment(payment.id, attempt: attempt, number: count - 1)
                return
            case .captured:
                self = .capture(payment.id)
                return
            case .refundCreated(let refund):
                self = .refund(payment.id, number: refund.number)
                return
            case .created, .actionRequired, .authenticationFailed, .approved, .declined, .notSent,
                .lost, .lateApproval, .released, .canceled, .refundCanceled, .refundConcluded,
                .effectAcknowledged, .effectRefused, .disputeOpened, .disputeEscalated,
                .disputeAnswered, .disputeClosed, .settled:
                continue
            }
        }
        return nil
    }

    /// The request that the command began, when it began one.
    var request: ProcessorRequest? {
        switch self {
        case .attempt(_, let number): .authorization(attempt: number)
        case .increment(_, let attempt, let number): .increment(attempt: attempt, number: number)
        case .capture, .refund: nil
        }
    }

    /// The outcome in a state that has it; nil while it is open.
    func reference(in payment: Payment) -> OutcomeReference? {
        switch self {
        case .attempt(_, let number):
            switch payment.attempts[number].state {
            case .pending, .reversing: nil
            case .authorized, .captured, .voided: .payment
            case .declined where payment.waitsForCardholder(after: number): .payment
            case .declined, .notSent, .reversed: .declined(attempt: number)
            }
        case .increment(_, let attempt, let number):
            switch payment.attempts[attempt].hold?.increments[number].state {
            case .pending, .reversing: nil
            case .approved: .payment
            case .declined, .notSent, .reversed, nil:
                .incrementDeclined(attempt: attempt, number: number)
            }
        case .capture:
            payment.hasOpenCapture ? nil : .payment
        case .refund(_, let number):
            payment.refunds[number].state == .requested ? nil : .refund(number: number)
        }
    }

    /// What is told when patience ends first.
    var provisional: OutcomeReference {
        switch self {
        case .attempt, .increment, .capture: .payment
        case .refund(_, let number): .refund(number: number)
        }
    }
}

extension OutcomeReference {
    /// What a command shows that waits for nothing.
    init(atOnce command: PaymentCommand) {
        if case .cancelRefund(let number) = command {
            self = .refund(number: number)
        } else {
            self = .payment
        }
    }

    /// The outcome that the reference makes of a payment; the same that the shard's log makes of
    /// it.
    func outcome(of payment: Payment) -> Outcome {
        switch self {
        case .payment: .payment(payment)
        case .declined(let attempt): .declined(payment, attempt: attempt)
        case .incrementDeclined(let attempt, let number):
            .incrementDeclined(payment, attempt: attempt, number: number)
        case .refund(let number): .refund(payment, number: number)
        case .refused(let refusal): .refused(refusal, payment)
        case .paymentMethod: preconditionFailure("a payment method is no outcome of a payment")
        }
    }
}

extension Payment {
    /// The requests whose answer nobody waits for any more after a change of leader.
    var pendingRequests: [ProcessorRequest] {
        var found: [ProcessorRequest] = []
        for attempt in attempts {
            if attempt.state == .pending { found.append(.authorization(attempt: attempt.number)) }
            for increment in attempt.hold?.increments ?? [] where increment.state == .pending {
                found.append(.increment(attempt: attempt.number, number: increment.number))
            }
        }
        return found
    }

    /// True when the issuer declined the attempt because it wants to hear from the cardholder, who
    /// is asked now.
    fileprivate func waitsForCardholder(after attempt: Int) -> Bool {
        guard case .requiresAction(let challenge) = status else { return false }
        return challenge.attempt == attempt
    }

    fileprivate var hasOpenCapture: Bool {
        effects.contains { effect in
            if case .capture = effect.kind { effect.state == .open } else { false }
        }
    }
}

extension Effect {
    /// The request that the effect undoes, when it does.
    var undoneRequest: ProcessorRequest? {
        switch kind {
        case .reversal(let request): request
        case .partialReversal(let attempt, _): .authorization(attempt: attempt)
        case .capture, .refund: nil
        }
    }
}
