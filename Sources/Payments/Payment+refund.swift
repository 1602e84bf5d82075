import Primitives

// Paying back, and what processors say of the messages that must reach them.

// MARK: Deciding

extension Payment {
    func decideRefund(
        _ requested: Int64?, _ reason: RefundReason?, _ metadata: Metadata,
        _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> Result<[PaymentEvent], Refusal> {
        guard case .succeeded(let number) = status else { return unexpectedStatus(.refund) }
        guard !hasOpenDispute else { return .failure(.chargeDisputed) }
        let remaining = amountRefundable
        guard remaining > 0 else { return .failure(.alreadyRefunded) }
        let amount = requested ?? remaining
        if let refusal = refusal(ofAmount: amount) { return .failure(refusal) }
        guard amount <= remaining else {
            return .failure(.refundTooLarge(requested: amount, remaining: remaining))
        }
        guard refunds.count < PartID.countMax else { return .failure(.refundsExhausted) }
        guard metadata.isWithinLimits else { return .failure(.metadataTooLarge) }
        // The last: it is the one that passes by itself.
        if let maximum = context.refundMaximum, amount > maximum {
            return .failure(.insufficientBalance(requested: amount, available: maximum))
        }
        let refund = Refund(
            number: refunds.count, amount: amount, reason: reason, metadata: metadata,
            created: context.now, trace: trace(for: number, context, &traces),
            state: .requested)
        return .success([.refundCreated(refund)])
    }

    func decideCancelRefund(
        _ number: Int, _ context: DecisionContext
    ) -> Result<[PaymentEvent], Refusal> {
        guard refunds.indices.contains(number) else {
            return .failure(.noSuchRefund(number: number))
        }
        guard let effect = openEffect(ofRefund: number), let head = nextEffect,
            head.number < effect.number
        else { return .failure(.refundNotCancelable(number: number)) }
        return .success([.refundCanceled(number: number, at: context.now)])
    }

    func decideConcludeRefund(
        _ number: Int, _ conclusion: RefundConclusion, _ context: DecisionContext
    ) -> [PaymentEvent] {
        guard refunds.indices.contains(number) else { return [] }
        switch (refunds[number].state, conclusion) {
        case (.pending, _), (.succeeded, .returned):
            return [.refundConcluded(number: number, conclusion, at: context.now)]
        case (.succeeded, .paid), (.requested, _), (.failed, _), (.canceled, _):
            return []
        }
    }

    func decideEffectAcknowledged(
        _ number: Int, _ isDeferred: Bool, _ context: DecisionContext
    ) -> [PaymentEvent] {
        guard isOpen(effect: number) else { return [] }
        // Only a refund has a result that comes later.
        guard case .refund = effects[number].kind else {
            return [.effectAcknowledged(number: number, at: context.now, isDeferred: false)]
        }
        return [.effectAcknowledged(number: number, at: context.now, isDeferred: isDeferred)]
    }

    func decideEffectRefused(
        _ number: Int, _ responseCode: String, _ context: DecisionContext
    ) -> [PaymentEvent] {
        guard isOpen(effect: number) else { return [] }
        var refused = [number]
        if case .capture = effects[number].kind {
            // Refunds that wait behind the capture were not sent, and have nothing to pay back now.
            for effect in effects where effect.isOpen {
                if case .refund = effect.kind { refused.append(effect.number) }
            }
        }
        return refused.map {
            .effectRefused(number: $0, responseCode: responseCode, at: context.now)
        }
    }

    private func openEffect(ofRefund number: Int) -> Effect? {
        effects.first { $0.kind == .refund(number: number) && $0.isOpen }
    }
}

// MARK: Evolving

extension Payment {
    mutating func append(_ refund: Refund) throws(Misfit) {
        guard case .succeeded = status, refund.state == .requested else {
            throw .unexpectedState
        }
        guard refund.number == refunds.count, refund.number < PartID.countMax else {
            throw .unexpectedNumber
        }
        guard refund.amount > 0, refund.amount <= amountRefundable else {
            throw .unexpectedAmount
        }
        refunds.append(refund)
        append(.refund(number: refund.number), refund.trace)
        ledger.append(.refund(refund.number, amount: refund.amount, .pending, at: refund.created))
    }

    mutating func cancelRefund(_ number: Int, _ at: Timestamp) throws(Misfit) {
        guard refunds.indices.contains(number), let effect = openEffect(ofRefund: number) else {
            throw .unexpectedState
        }
        effects[effect.number].state = .withdrawn(at: at)
        refunds[number].state = .canceled(at: at)
        ledger.append(.refund(number, amount: refunds[number].amount, .voiding, at: at))
    }

    mutating func concludeRefund(
        _ number: Int, _ conclusion: RefundConclusion, _ at: Timestamp
    ) throws(Misfit) {
        guard refunds.indices.contains(number) else { throw .unexpectedNumber }
        let amount = refunds[number].amount
        switch (refunds[number].state, conclusion) {
        case (.pending, .paid):
            refunds[number].state = .succeeded(at: at)
            ledger.append(.refund(number, amount: amount, .posting, at: at))
        case (.pending, .returned):
            refunds[number].state = .failed(.returned, at: at)
            ledger.append(.refund(number, amount: amount, .voiding, at: at))
        case (.succeeded, .returned):
            refunds[number].state = .failed(.returned, at: at)
            ledger.append(.refundReturned(number, amount: amount, at: at))
        case (.succeeded, .paid), (.requested, _), (.failed, _), (.canceled, _):
            throw .unexpectedState
        }
    }

    mutating func acknowledge(
        _ number: Int, _ at: Timestamp, _ isDeferred: Bool
    ) throws(Misfit) {
        guard isOpen(effect: number) else { throw .unexpectedState }
        let kind = effects.change(number) { effect in
            effect.state = .acknowledged(at: at)
            return effect.kind
        }
        switch kind {
        case .reversal(let request):
            concludeReversal(of: request)
        case .partialReversal:
            break
        case .capture(let attempt, let capture, _):
            try conclude(capture, of: attempt, .posted(at: at), .posting, at)
        case .refund(let refund) where isDeferred:
            refunds.change(refund) { $0.state = .pending(at: at) }
        case .refund(let refund):
            let amount = refunds.change(refund) { part in
                part.state = .succeeded(at: at)
                return part.amount
            }
            ledger.append(.refund(refund, amount: amount, .posting, at: at))
        }
    }

    mutating func refuse(
        _ number: Int, _ responseCode: String, _ at: Timestamp
    ) throws(Misfit) {
        guard isOpen(effect: number) else { throw .unexpectedState }
        effects[number].state = .refused(responseCode: responseCode, at: at)
        switch effects[number].kind {
        case .reversal(let request):
            // A host that cannot find the original holds nothing for it.
            concludeReversal(of: request)
        case .partialReversal:
            break
        case .capture(let attempt, let capture, _):
            try conclude(
                capture, of: attempt, .refused(responseCode: responseCode), .voiding, at)
        case .refund(let refund):
            refunds[refund].state = .failed(.refused(responseCode: responseCode), at: at)
            ledger.append(.refund(refund, amount: refunds[refund].amount, .voiding, at: at))
        }
    }

    private mutating func conclude(
        _ number: Int, of attempt: Int, _ state: Capture.State, _ phase: LedgerEntry.Phase,
        _ at: Timestamp
    ) throws(Misfit) {
        let capture = try changeHold(attempt) { hold throws(Misfit) in
            hold.captures.change(number) { capture in
                capture.state = state
                return capture
            }
        }
        ledger.append(.charge(attempt: attempt, capture, phase, at: at))
    }
}
