import Primitives

extension Payment {
    /// What happens when `command` meets this state: events to commit, none when there is nothing
    /// to do, or a refusal. Changes nothing; total over all states and commands.
    public func decide(
        _ command: PaymentCommand, in context: DecisionContext, traces: inout TraceAllocator
    ) -> Result<[PaymentEvent], Refusal> {
        switch command {
        case .confirm(let method, let presence, let authenticates):
            decideConfirm(method, presence, authenticates, context, &traces)
        case .authenticated(let challenge, let authentication):
            decideChallenge(challenge, authentication, context, &traces)
        case .increment(let total):
            decideIncrement(total, context, &traces)
        case .capture(let amount, let isFinal):
            decideCapture(amount, isFinal, context, &traces)
        case .cancel(let reason):
            decideCancel(reason, context, &traces)
        case .expire:
            .success(decideExpire(context, &traces))
        case .refund(let amount, let reason, let metadata):
            decideRefund(amount, reason, metadata, context, &traces)
        case .cancelRefund(let number):
            decideCancelRefund(number, context)
        case .concludeRefund(let number, let conclusion):
            .success(decideConcludeRefund(number, conclusion, context))
        case .answered(let request, let answer):
            .success(decideAnswer(request, answer, context, &traces))
        case .notSent(let request):
            .success(isPending(request) ? [.notSent(request, at: context.now)] : [])
        case .unanswered(let request, let reason):
            .success(decideUnknown(request, reason, context, &traces))
        case .approvedLate(let request):
            .success(decideLate(request, context, &traces))
        case .effectAcknowledged(let number, let isDeferred):
            .success(decideEffectAcknowledged(number, isDeferred, context))
        case .effectRefused(let number, let responseCode):
            .success(decideEffectRefused(number, responseCode, context))
        case .openDispute(let dispute):
            decideOpenDispute(dispute, context)
        case .escalateDispute(let number):
            decideEscalateDispute(number, context)
        case .answerDispute(let number, let evidence, let isSubmitted):
            decideAnswerDispute(number, evidence, isSubmitted)
        case .closeDispute(let number, let resolution):
            decideCloseDispute(number, resolution, context)
        case .settle(let item, let amount):
            decideSettle(item, amount, context)
        }
    }

    /// The first event of a payment that a caller may make, or why not.
    public static func decideCreate(
        _ facts: PaymentCreated
    ) -> Result<PaymentEvent, Refusal> {
        let amount = facts.terms.amount
        if amount.minorUnits <= 0 { return .failure(.amountNotPositive) }
        if amount.minorUnits < amount.currency.chargeMinimum {
            return .failure(
                .amountTooSmall(
                    requested: amount.minorUnits, minimum: amount.currency.chargeMinimum))
        }
        if amount.minorUnits > Money.chargeMaximum {
            return .failure(
                .amountTooLarge(requested: amount.minorUnits, maximum: Money.chargeMaximum))
        }
        guard facts.terms.metadata.isWithinLimits else { return .failure(.metadataTooLarge) }
        return .success(.created(facts))
    }

    func unexpectedStatus<Success>(_ operation: Refusal.Operation) -> Result<Success, Refusal> {
        .failure(.unexpectedStatus(operation: operation, status: status.name))
    }

    /// The refusal of an amount that no operation takes, or nil.
    func refusal(ofAmount amount: Int64) -> Refusal? {
        amount > 0 ? nil : .amountNotPositive
    }

    func isPending(_ request: ProcessorRequest) -> Bool {
        switch request {
        case .authorization(let number):
            return attempts.indices.contains(number)
                && attempts.look(number) { $0.isPending }
        case .increment(let attempt, let number):
            return increment(attempt, number)?.state == .pending
        }
    }

    func increment(_ attempt: Int, _ number: Int) -> Increment? {
        guard attempts.indices.contains(attempt), let hold = attempts[attempt].hold,
            hold.increments.indices.contains(number)
        else { return nil }
        return hold.increments[number]
    }

    func isOpen(effect number: Int) -> Bool {
        effects.indices.contains(number) && effects[number].isOpen
    }

    /// A trace for what follows an authorization: it goes to the acquirer that gave it.
    func trace(
        for attempt: Int, _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> ProcessorTrace {
        traces.allocate(link: attempts.look(attempt) { $0.link }, at: context.now)
    }
}
