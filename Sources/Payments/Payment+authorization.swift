import Primitives

// Confirming a payment, the cardholder's challenge, and what a processor says, or fails to say, of
// an attempt or of an increment.

// MARK: Deciding

extension Payment {
    func decideConfirm(
        _ given: PaymentMethodSnapshot?, _ presence: Presence, _ authenticates: Bool,
        _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> Result<[PaymentEvent], Refusal> {
        switch status {
        case .requiresPaymentMethod, .requiresConfirmation: break
        case .requiresAction, .processing, .requiresCapture, .succeeded, .canceled:
            return unexpectedStatus(.confirm)
        }
        guard let method = given ?? method else { return .failure(.methodMissing) }
        guard attempts.count < PartID.countMax else { return .failure(.attemptsExhausted) }
        guard let link = context.link else { return .failure(.noLinkAvailable) }
        if authenticates, presence.canAuthenticate {
            return .success([.actionRequired(challenge(method, presence, nil, context, after: 1))])
        }
        return .success([start(method, presence, link, context, &traces)])
    }

    func decideChallenge(
        _ number: UInt64, _ authentication: CardholderAuthentication?, _ context: DecisionContext,
        _ traces: inout TraceAllocator
    ) -> Result<[PaymentEvent], Refusal> {
        guard case .requiresAction(let challenge) = status, challenge.number == number,
            context.now < challenge.expires
        else { return .failure(.noSuchChallenge) }
        guard let authentication else {
            return .success([.authenticationFailed(at: context.now)])
        }
        guard attempts.count < PartID.countMax else { return .failure(.attemptsExhausted) }
        guard let link = context.link else { return .failure(.noLinkAvailable) }
        let presence = challenge.presence.with(authentication)
        return .success([start(challenge.method, presence, link, context, &traces)])
    }

    func decideAnswer(
        _ request: ProcessorRequest, _ answer: ProcessorAnswer, _ context: DecisionContext,
        _ traces: inout TraceAllocator
    ) -> [PaymentEvent] {
        guard isPending(request) else { return [] }
        switch answer {
        case .declined(let decline):
            return decideDecline(request, decline, context)
        case .approved(let code, let check, let partial):
            let approval = Approval(code: code, at: context.now, verificationCodeCheck: check)
            guard let amount = approvedAmount(of: request, partial, context) else {
                // Less than was asked for, and nobody asked for less: not counted.
                return decideUnknown(request, .mismatchedAnswer, context, &traces)
            }
            let options = terms.holdOptions.granted(by: context.offer)
            let isCaptured = attempts.look(request.attempt) { $0.capture } == .automatic
            let money = Money(minorUnits: amount, currency: terms.amount.currency)
            let fee = isCaptured ? context.fees.fee(for: money) : 0
            return [.approved(request, approval, amount: amount, options: options, fee: fee)]
        }
    }

    private func decideDecline(
        _ request: ProcessorRequest, _ decline: Decline, _ context: DecisionContext
    ) -> [PaymentEvent] {
        var events: [PaymentEvent] = [.declined(request, decline, at: context.now)]
        if case .authorization(let number) = request, decline.reason == .authenticationRequired,
            attempts[number].presence.canAuthenticate, attempts.count < PartID.countMax
        {
            let attempt = attempts[number]
            events.append(
                .actionRequired(
                    challenge(attempt.method, attempt.presence, number, context, after: 2)))
        }
        return events
    }

    /// What an approval counts for; nil when it does not fit what was asked.
    private func approvedAmount(
        of request: ProcessorRequest, _ partial: Int64?, _ context: DecisionContext
    ) -> Int64? {
        let requested: Int64
        switch request {
        case .authorization(let number): requested = attempts.look(number) { $0.amount }
        case .increment(let attempt, let number):
            // A part of an increment is of no use to anybody who asked for a total.
            return partial == nil ? increment(attempt, number)?.amount : nil
        }
        guard let partial else { return requested }
        let options = terms.holdOptions.granted(by: context.offer)
        return options.allowsPartialApproval && partial > 0 && partial <= requested
            ? partial : nil
    }

    func decideUnknown(
        _ request: ProcessorRequest, _ reason: UnknownReason, _ context: DecisionContext,
        _ traces: inout TraceAllocator
    ) -> [PaymentEvent] {
        guard isPending(request) else { return [] }
        let reversal = trace(for: request.attempt, context, &traces)
        return [.lost(request, reason, reversal: reversal)]
    }

    func decideLate(
        _ request: ProcessorRequest, _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> [PaymentEvent] {
        guard effects.count < Payment.effectCountMax, isGivenUp(request) else { return [] }
        // A reversal that is still open may already be on its way, ahead of the approval: only one
        // that is sent after it is certain to find something to give back.
        let reversal = trace(for: request.attempt, context, &traces)
        return [.lateApproval(request, reversal: reversal)]
    }

    /// True when an approval of the request would hold money that nobody counts. An approval that
    /// was counted may come twice.
    private func isGivenUp(_ request: ProcessorRequest) -> Bool {
        switch request {
        case .authorization(let number):
            guard attempts.indices.contains(number) else { return false }
            return switch attempts[number].state {
            case .pending, .authorized, .captured, .voided: false
            case .declined, .notSent, .reversing, .reversed: true
            }
        case .increment(let attempt, let number):
            return switch increment(attempt, number)?.state {
            case .pending, .approved, nil: false
            case .declined, .notSent, .reversing, .reversed: true
            }
        }
    }

    private func start(
        _ method: PaymentMethodSnapshot, _ presence: Presence, _ link: String,
        _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> PaymentEvent {
        .attemptStarted(
            AttemptStarted(
                number: attempts.count, trace: traces.allocate(link: link, at: context.now),
                method: method, presence: presence, at: context.now))
    }

    private func challenge(
        _ method: PaymentMethodSnapshot, _ presence: Presence, _ attempt: Int?,
        _ context: DecisionContext, after eventCount: UInt64
    ) -> Challenge {
        Challenge(
            number: version + eventCount, method: method, presence: presence, attempt: attempt,
            created: context.now)
    }
}

// MARK: Evolving

extension Payment {
    mutating func begin(_ start: AttemptStarted) throws(Misfit) {
        switch status {
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction: break
        case .processing, .requiresCapture, .succeeded, .canceled: throw .unexpectedState
        }
        guard start.number == attempts.count, start.number < PartID.countMax else {
            throw .unexpectedNumber
        }
        attempts.append(
            Attempt(
                start, amount: terms.amount.minorUnits, capture: terms.capture, state: .pending))
        method = start.method
        status = .processing(attempt: start.number)
    }

    mutating func require(_ challenge: Challenge) throws(Misfit) {
        switch status {
        case .requiresPaymentMethod, .requiresConfirmation: break
        case .requiresAction, .processing, .requiresCapture, .succeeded, .canceled:
            throw .unexpectedState
        }
        guard challenge.number == version + 1 else { throw .unexpectedNumber }
        method = challenge.method
        status = .requiresAction(challenge)
    }

    mutating func failAuthentication() throws(Misfit) {
        guard case .requiresAction(let challenge) = status else { throw .unexpectedState }
        status = .requiresPaymentMethod(lastFailure: .authentication(challenge.method))
        method = nil
    }

    mutating func approve(
        _ request: ProcessorRequest, _ approval: Approval, _ amount: Int64,
        _ options: HoldOptions, _ fee: Int64
    ) throws(Misfit) {
        switch request {
        case .authorization(let number):
            try approveAttempt(number, approval, amount, options, fee)
        case .increment(let attempt, let number):
            try changeHold(attempt) { hold throws(Misfit) in
                guard hold.increments.indices.contains(number) else { throw .unexpectedNumber }
                guard hold.increments[number].state == .pending else { throw .unexpectedState }
                guard hold.increments[number].amount == amount else { throw .unexpectedAmount }
                hold.increments[number].state = .approved(approval)
                hold.authorized += amount
            }
        }
    }

    private mutating func approveAttempt(
        _ number: Int, _ approval: Approval, _ amount: Int64, _ options: HoldOptions, _ fee: Int64
    ) throws(Misfit) {
        guard attempts.indices.contains(number) else { throw .unexpectedNumber }
        let capture = try attempts.change(number) { attempt throws(Misfit) in
            try attempt.approve(approval, amount, options, fee)
        }
        if let capture {
            ledger.append(.charge(attempt: number, capture, .direct, at: approval.at))
            status = .succeeded(attempt: number)
        } else {
            status = .requiresCapture(attempt: number)
        }
    }

    /// Ends a pending request without money.
    mutating func conclude(
        _ request: ProcessorRequest, _ attemptState: Attempt.State,
        _ incrementState: Increment.State
    ) throws(Misfit) {
        switch request {
        case .authorization(let number):
            guard attempts.indices.contains(number) else { throw .unexpectedNumber }
            guard attempts[number].isPending else { throw .unexpectedState }
            attempts[number].state = attemptState
            status = .requiresPaymentMethod(lastFailure: .attempt(number))
            method = nil
        case .increment(let attempt, let number):
            try changeIncrement(attempt, number, to: incrementState)
        }
    }

    mutating func lose(
        _ request: ProcessorRequest, _ reason: UnknownReason, _ reversal: ProcessorTrace
    ) throws(Misfit) {
        switch request {
        case .authorization(let number):
            guard attempts.indices.contains(number) else { throw .unexpectedNumber }
            guard attempts[number].isPending else { throw .unexpectedState }
            attempts[number].state = .reversing(reason)
        case .increment(let attempt, let number):
            try changeIncrement(attempt, number, to: .reversing(reason))
        }
        append(.reversal(request), reversal)
    }

    func checkExists(_ request: ProcessorRequest) throws(Misfit) {
        let exists =
            switch request {
            case .authorization(let number): attempts.indices.contains(number)
            case .increment(let attempt, let number): increment(attempt, number) != nil
            }
        guard exists else { throw .unexpectedNumber }
    }

    /// A reversal was answered: whatever the request held is given back.
    mutating func concludeReversal(of request: ProcessorRequest) {
        switch request {
        case .authorization(let number):
            // A reversal for a cancel, or a second one for a late approval, concludes nothing more.
            guard case .reversing(let reason) = attempts[number].state else { return }
            attempts[number].state = .reversed(reason)
            status = .requiresPaymentMethod(lastFailure: .attempt(number))
            method = nil
        case .increment(let attempt, let number):
            guard case .reversing(let reason) = increment(attempt, number)?.state else { return }
            try? changeHold(attempt) { hold throws(Misfit) in
                hold.increments[number].state = .reversed(reason)
            }
        }
    }

    private mutating func changeIncrement(
        _ attempt: Int, _ number: Int, to state: Increment.State
    ) throws(Misfit) {
        try changeHold(attempt) { hold throws(Misfit) in
            guard hold.increments.indices.contains(number) else { throw .unexpectedNumber }
            guard hold.increments[number].state == .pending else { throw .unexpectedState }
            hold.increments[number].state = state
        }
    }
}

extension Attempt {
    /// The issuer said yes. What the message captured as well is returned.
    fileprivate mutating func approve(
        _ approval: Approval, _ amount: Int64, _ options: HoldOptions, _ fee: Int64
    ) throws(Misfit) -> Capture? {
        guard isPending else { throw .unexpectedState }
        guard amount > 0, amount <= self.amount, (0...amount).contains(fee) else {
            throw .unexpectedAmount
        }
        var hold = Hold(
            approval: approval, authorized: amount, options: options,
            expires: approval.at.advanced(byMilliseconds: Int64(options.lifetimeSeconds) * 1000))
        switch capture {
        case .manual:
            state = .authorized(hold)
            return nil
        case .automatic:
            let capture = Capture(
                number: 0, amount: amount, fee: fee, at: approval.at,
                state: .posted(at: approval.at))
            hold.captures.append(capture)
            state = .captured(hold)
            return capture
        }
    }
}
