import Primitives

// What a merchant does with a hold: raising it, taking it in one or several parts, giving it back;
// and what becomes of it when nobody does.

// MARK: Deciding

extension Payment {
    func decideIncrement(
        _ total: Int64, _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> Result<[PaymentEvent], Refusal> {
        guard case .requiresCapture(let number) = status, let hold = sums(ofHold: number) else {
            return unexpectedStatus(.increment)
        }
        if let refusal = refusal(ofAmount: total) { return .failure(refusal) }
        guard hold.options.allowsIncrements else { return .failure(.incrementNotGranted) }
        guard !hold.isBeingRaised else { return .failure(.incrementPending) }
        guard hold.incrementCount < Increment.countMax else {
            return .failure(.incrementsExhausted)
        }
        guard hold.captured <= hold.authorized else {
            return .failure(
                .incrementAfterOvercapture(
                    captured: hold.captured, authorized: hold.authorized))
        }
        guard total > hold.authorized else {
            return .failure(.incrementTooSmall(requested: total, authorized: hold.authorized))
        }
        guard total <= Money.chargeMaximum else {
            return .failure(.amountTooLarge(requested: total, maximum: Money.chargeMaximum))
        }
        return .success([
            .incrementStarted(
                attempt: number, amount: total - hold.authorized,
                trace: trace(for: number, context, &traces), at: context.now)
        ])
    }

    func decideCapture(
        _ requested: Int64?, _ isFinal: Bool, _ context: DecisionContext,
        _ traces: inout TraceAllocator
    ) -> Result<[PaymentEvent], Refusal> {
        guard case .requiresCapture(let number) = status, let hold = sums(ofHold: number) else {
            return unexpectedStatus(.capture)
        }
        guard !hold.isBeingRaised else { return .failure(.incrementPending) }
        guard isFinal || hold.options.allowsMulticapture else {
            return .failure(.multicaptureNotGranted)
        }
        guard hold.captureCount < Capture.countMax else { return .failure(.capturesExhausted) }
        let rest = max(0, hold.authorized - hold.captured)
        let amount = requested ?? rest
        if let refusal = refusal(ofAmount: amount) { return .failure(refusal) }
        let capturable = max(0, hold.captureLimit - hold.captured)
        guard amount <= capturable else {
            return .failure(.captureTooLarge(requested: amount, capturable: capturable))
        }
        let advice = trace(for: number, context, &traces)
        let release = isFinal && amount < rest ? trace(for: number, context, &traces) : nil
        let money = Money(minorUnits: amount, currency: terms.amount.currency)
        return .success([
            .captured(
                CaptureMade(
                    attempt: number, amount: amount, fee: context.fees.fee(for: money),
                    isFinal: isFinal, at: context.now, advice: advice, release: release))
        ])
    }

    func decideCancel(
        _ reason: CancellationReason?, _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> Result<[PaymentEvent], Refusal> {
        switch status {
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction:
            return .success([.canceled(reason: reason, at: context.now, reversals: [])])
        case .requiresCapture(let number):
            guard let hold = attempts[number].hold, !hold.hasPendingIncrement else {
                return .failure(.incrementPending)
            }
            return .success([giveBack(hold, number, reason, context, &traces)])
        case .processing, .succeeded, .canceled:
            return unexpectedStatus(.cancel)
        }
    }

    func decideExpire(
        _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> [PaymentEvent] {
        guard let expires, context.now >= expires else { return [] }
        switch status {
        case .requiresAction:
            return [.authenticationFailed(at: context.now)]
        case .requiresCapture(let number):
            // An increment that is under way ends within the link's time.
            guard let hold = attempts[number].hold, !hold.hasPendingIncrement else { return [] }
            return [giveBack(hold, number, .automatic, context, &traces)]
        case .requiresPaymentMethod, .requiresConfirmation, .processing, .succeeded, .canceled:
            return []
        }
    }

    fileprivate func sums(ofHold attempt: Int) -> HoldSums? {
        attempts.look(attempt) { $0.sums }
    }

    /// Money that was taken stays: a payment with captures is not canceled but released.
    private func giveBack(
        _ hold: Hold, _ number: Int, _ reason: CancellationReason?, _ context: DecisionContext,
        _ traces: inout TraceAllocator
    ) -> PaymentEvent {
        guard hold.captures.isEmpty else {
            return .released(at: context.now, release: trace(for: number, context, &traces))
        }
        // Each approved increment is a hold of its own at the host, under its own STAN.
        var reversals = [trace(for: number, context, &traces)]
        for increment in hold.increments where increment.isApproved {
            reversals.append(trace(for: number, context, &traces))
        }
        return .canceled(reason: reason, at: context.now, reversals: reversals)
    }
}

// MARK: Evolving

extension Payment {
    mutating func beginIncrement(
        _ number: Int, _ amount: Int64, _ trace: ProcessorTrace, _ at: Timestamp
    ) throws(Misfit) {
        guard status == .requiresCapture(attempt: number) else { throw .unexpectedState }
        // Logs may have one that was decided after an over-capture, when that was not refused yet.
        try changeHold(number) { hold throws(Misfit) in
            guard !hold.hasPendingIncrement else { throw .unexpectedState }
            guard hold.increments.count < Increment.countMax else { throw .unexpectedNumber }
            guard amount > 0, amount <= Money.chargeMaximum - hold.authorized else {
                throw .unexpectedAmount
            }
            hold.increments.append(
                Increment(
                    number: hold.increments.count, trace: trace, amount: amount, created: at,
                    state: .pending))
        }
    }

    mutating func take(_ made: CaptureMade) throws(Misfit) {
        guard case .requiresCapture(made.attempt) = status else { throw .unexpectedState }
        let (capture, captured) = try attempts.change(made.attempt) { attempt throws(Misfit) in
            try attempt.take(made)
        }
        append(
            .capture(attempt: made.attempt, number: capture.number, amount: made.amount),
            made.advice)
        if let release = made.release {
            append(.partialReversal(attempt: made.attempt, captured: captured), release)
        }
        ledger.append(.charge(attempt: made.attempt, capture, .pending, at: made.at))
        if made.isFinal { status = .succeeded(attempt: made.attempt) }
    }

    mutating func releaseRest(_ release: ProcessorTrace) throws(Misfit) {
        guard case .requiresCapture(let number) = status,
            case .authorized(let hold) = attempts[number].state, !hold.captures.isEmpty
        else { throw .unexpectedState }
        append(.partialReversal(attempt: number, captured: hold.captured), release)
        attempts[number].state = .captured(hold)
        status = .succeeded(attempt: number)
    }

    mutating func cancel(
        _ reason: CancellationReason?, _ at: Timestamp, _ reversals: [ProcessorTrace]
    ) throws(Misfit) {
        switch status {
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction:
            guard reversals.isEmpty else { throw .unexpectedNumber }
        case .requiresCapture(let number):
            guard case .authorized(let hold) = attempts[number].state, hold.captures.isEmpty
            else { throw .unexpectedState }
            let approved = hold.increments.filter { $0.isApproved }
            guard reversals.count == 1 + approved.count else { throw .unexpectedNumber }
            attempts[number].state = .voided(hold)
            append(.reversal(.authorization(attempt: number)), reversals[0])
            for (increment, trace) in zip(approved, reversals.dropFirst()) {
                append(
                    .reversal(.increment(attempt: number, number: increment.number)), trace)
            }
        case .processing, .succeeded, .canceled:
            throw .unexpectedState
        }
        status = .canceled(at: at, reason: reason)
    }
}

extension Attempt {
    /// Takes a part of the hold, and says what was taken and what is taken in all.
    fileprivate mutating func take(
        _ made: CaptureMade
    ) throws(Misfit) -> (capture: Capture, captured: Int64) {
        guard isAuthorized else { throw .unexpectedState }
        let taken = try changeHold { hold throws(Misfit) in
            guard hold.captures.count < Capture.countMax else { throw .unexpectedNumber }
            let captured = hold.captured
            guard made.amount > 0, made.amount <= max(0, hold.captureLimit - captured),
                (0...made.amount).contains(made.fee)
            else { throw .unexpectedAmount }
            let capture = Capture(
                number: hold.captures.count, amount: made.amount, fee: made.fee, at: made.at,
                state: .pending)
            hold.captures.append(capture)
            return (capture, captured + made.amount)
        }
        if made.isFinal { endHold() }
        return taken
    }
}

/// What a decision has to know of a hold, without a copy of its parts.
private struct HoldSums {
    let authorized: Int64
    let captured: Int64
    let captureLimit: Int64
    let captureCount: Int
    let incrementCount: Int
    let isBeingRaised: Bool
    let options: HoldOptions

    init(_ hold: Hold) {
        authorized = hold.authorized
        captured = hold.captured
        captureLimit = hold.captureLimit
        captureCount = hold.captures.count
        incrementCount = hold.increments.count
        isBeingRaised = hold.hasPendingIncrement
        options = hold.options
    }
}

extension Attempt {
    fileprivate var sums: HoldSums? {
        guard let hold else { return nil }
        return HoldSums(hold)
    }
}

extension Increment {
    var isApproved: Bool {
        switch state {
        case .approved: true
        case .pending, .declined, .notSent, .reversing, .reversed: false
        }
    }
}
