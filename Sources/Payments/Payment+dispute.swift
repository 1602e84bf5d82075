import Primitives

// A cardholder objects, and the acquirer pays: what comes from outside long after the sale.

// MARK: Deciding

extension Payment {
    var hasOpenDispute: Bool {
        disputes.contains { $0.status == .needsResponse || $0.status == .underReview }
    }

    /// What a dispute can take from the merchant: posted, not paid back, not disputed already.
    private var disputable: Int64 {
        max(0, posted - amountRefunded - amountDisputed)
    }

    /// What processors took note of taking, in minor units.
    var posted: Int64 {
        var sum: Int64 = 0
        for attempt in attempts {
            for capture in attempt.hold?.captures ?? [] {
                if case .posted = capture.state { sum += capture.amount }
            }
        }
        return sum
    }

    func decideOpenDispute(
        _ opened: DisputeCase, _ context: DecisionContext
    ) -> Result<[PaymentEvent], Refusal> {
        // A case that is brought twice is the same case.
        if disputes.contains(where: { $0.caseNumber == opened.caseNumber }) { return .success([]) }
        if let refusal = refusal(of: opened) { return .failure(refusal) }
        guard disputes.count < PartID.countMax else { return .failure(.disputesExhausted) }
        let amount = opened.amount.minorUnits
        let dispute = Dispute(
            number: disputes.count, caseNumber: opened.caseNumber, amount: amount,
            reason: opened.reason, opened: context.now, evidenceDue: opened.evidenceDue,
            status: opened.isInquiry ? .warningNeedsResponse : .needsResponse,
            covered: opened.isInquiry ? 0 : min(amount, disputable))
        let fee = opened.isInquiry ? 0 : context.fees.disputeMinorUnits
        return .success([.disputeOpened(dispute, fee: fee)])
    }

    private func refusal(of opened: DisputeCase) -> Refusal? {
        guard opened.amount.currency == terms.amount.currency else {
            return .currencyMismatch(
                expected: terms.amount.currency, found: opened.amount.currency)
        }
        if let refusal = refusal(ofAmount: opened.amount.minorUnits) { return refusal }
        guard opened.amount.minorUnits <= Money.chargeMaximum else {
            return .amountTooLarge(
                requested: opened.amount.minorUnits, maximum: Money.chargeMaximum)
        }
        guard (1...Dispute.caseNumberByteCountMax).contains(opened.caseNumber.utf8.count) else {
            return .evidenceTooLarge
        }
        return posted > 0 ? nil : .nothingCaptured
    }

    func decideEscalateDispute(
        _ number: Int, _ context: DecisionContext
    ) -> Result<[PaymentEvent], Refusal> {
        guard disputes.indices.contains(number) else {
            return .failure(.noSuchDispute(number: number))
        }
        switch disputes[number].status {
        case .warningNeedsResponse, .warningUnderReview, .warningClosed:
            let covered = min(disputes[number].amount, disputable)
            return .success([
                .disputeEscalated(
                    number: number, covered: covered, fee: context.fees.disputeMinorUnits,
                    at: context.now)
            ])
        case .needsResponse, .underReview, .won, .lost:
            return unexpected(disputes[number])
        }
    }

    func decideAnswerDispute(
        _ number: Int, _ evidence: Metadata, _ isSubmitted: Bool
    ) -> Result<[PaymentEvent], Refusal> {
        guard disputes.indices.contains(number) else {
            return .failure(.noSuchDispute(number: number))
        }
        switch disputes[number].status {
        case .warningNeedsResponse, .needsResponse: break
        case .warningUnderReview, .warningClosed, .underReview, .won, .lost:
            return unexpected(disputes[number])
        }
        guard evidence.isWithinEvidenceLimits else { return .failure(.evidenceTooLarge) }
        return .success([
            .disputeAnswered(number: number, evidence: evidence, isSubmitted: isSubmitted)
        ])
    }

    func decideCloseDispute(
        _ number: Int, _ resolution: DisputeResolution, _ context: DecisionContext
    ) -> Result<[PaymentEvent], Refusal> {
        guard disputes.indices.contains(number) else {
            return .failure(.noSuchDispute(number: number))
        }
        guard disputes[number].status.isOpen else { return unexpected(disputes[number]) }
        return .success([.disputeClosed(number: number, resolution, at: context.now)])
    }

    private func unexpected(_ dispute: Dispute) -> Result<[PaymentEvent], Refusal> {
        .failure(.unexpectedDisputeStatus(number: dispute.number, dispute.status))
    }

    func decideSettle(
        _ item: SettlementItem, _ amount: Money, _ context: DecisionContext
    ) -> Result<[PaymentEvent], Refusal> {
        guard amount.currency == terms.amount.currency else {
            return .failure(
                .currencyMismatch(expected: terms.amount.currency, found: amount.currency))
        }
        guard let owed = owed(for: item) else { return .failure(.nothingCaptured) }
        guard !isSettled(item) else { return .failure(.alreadySettled) }
        guard owed.amount == amount.minorUnits else {
            return .failure(
                .settlementMismatch(expected: owed.amount, found: amount.minorUnits))
        }
        return .success([.settled(item, at: context.now)])
    }

    private func isSettled(_ item: SettlementItem) -> Bool {
        ledger.contains { $0.cause == .settlement(item) }
    }

    /// What the acquirer owes for an item, negative when it takes; and what of it the merchant had
    /// pending. Nil for an item that is not posted.
    private func owed(for item: SettlementItem) -> (amount: Int64, merchantShare: Int64)? {
        switch item {
        case .capture(let attempt, let number):
            guard attempts.indices.contains(attempt), let hold = attempts[attempt].hold,
                hold.captures.indices.contains(number),
                case .posted = hold.captures[number].state
            else { return nil }
            let capture = hold.captures[number]
            return (capture.amount, capture.amount - capture.fee)
        case .refund(let number):
            guard refunds.indices.contains(number), case .succeeded = refunds[number].state else {
                return nil
            }
            return (-refunds[number].amount, -refunds[number].amount)
        case .dispute(let number):
            guard disputes.indices.contains(number), disputes[number].status == .lost,
                ledger.contains(where: { $0.cause == .disputeLost(number: number) })
            else { return nil }
            return (-disputes[number].amount, 0)
        }
    }
}

// MARK: Evolving

extension Payment {
    mutating func open(_ dispute: Dispute, _ fee: Int64) throws(Misfit) {
        guard dispute.number == disputes.count, dispute.number < PartID.countMax else {
            throw .unexpectedNumber
        }
        guard dispute.amount > 0, dispute.amount <= Money.chargeMaximum,
            (0...Money.chargeMaximum).contains(fee),
            dispute.covered >= 0, dispute.covered <= min(dispute.amount, disputable)
        else { throw .unexpectedAmount }
        switch dispute.status {
        case .warningNeedsResponse:
            disputes.append(dispute)
        case .needsResponse:
            disputes.append(dispute)
            ledger.append(.dispute(dispute, fee: fee, at: dispute.opened))
        case .warningUnderReview, .warningClosed, .underReview, .won, .lost:
            throw .unexpectedState
        }
    }

    mutating func escalate(
        _ number: Int, _ covered: Int64, _ fee: Int64, _ at: Timestamp
    ) throws(Misfit) {
        guard disputes.indices.contains(number) else { throw .unexpectedNumber }
        switch disputes[number].status {
        case .warningNeedsResponse, .warningUnderReview, .warningClosed: break
        case .needsResponse, .underReview, .won, .lost: throw .unexpectedState
        }
        guard covered >= 0, covered <= min(disputes[number].amount, disputable),
            (0...Money.chargeMaximum).contains(fee)
        else { throw .unexpectedAmount }
        disputes[number].covered = covered
        disputes[number].status = .needsResponse
        ledger.append(.dispute(disputes[number], fee: fee, at: at))
    }

    mutating func answer(
        _ number: Int, _ evidence: Metadata, _ isSubmitted: Bool
    ) throws(Misfit) {
        guard disputes.indices.contains(number) else { throw .unexpectedNumber }
        switch disputes[number].status {
        case .warningNeedsResponse:
            if isSubmitted { disputes[number].status = .warningUnderReview }
        case .needsResponse:
            if isSubmitted { disputes[number].status = .underReview }
        case .warningUnderReview, .warningClosed, .underReview, .won, .lost:
            throw .unexpectedState
        }
        disputes[number].evidence = evidence
    }

    mutating func close(
        _ number: Int, _ resolution: DisputeResolution, _ at: Timestamp
    ) throws(Misfit) {
        guard disputes.indices.contains(number) else { throw .unexpectedNumber }
        let dispute = disputes[number]
        switch (dispute.status, resolution) {
        case (.warningNeedsResponse, _), (.warningUnderReview, _):
            disputes[number].status = .warningClosed
        case (.needsResponse, .lost), (.underReview, .lost):
            disputes[number].status = .lost
            ledger.append(.disputeLost(dispute, at: at))
        case (.needsResponse, .won), (.underReview, .won), (.needsResponse, .withdrawn),
            (.underReview, .withdrawn):
            disputes[number].status = .won
            ledger.append(.disputeWon(dispute, at: at))
        case (.warningClosed, _), (.won, _), (.lost, _):
            throw .unexpectedState
        }
    }

    mutating func settle(_ item: SettlementItem, _ at: Timestamp) throws(Misfit) {
        guard !isSettled(item), let owed = owed(for: item) else { throw .unexpectedState }
        ledger.append(
            .settlement(item, amount: owed.amount, merchantShare: owed.merchantShare, at: at))
    }
}
