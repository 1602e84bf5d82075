public import Primitives

/// What a merchant, or the processor's answer, asks of one payment.
public enum PaymentCommand: Hashable, Sendable {
    /// Go ahead, with this method or with the one that the payment has.
    case confirm(method: PaymentMethodSnapshot?)
    /// Take the hold, or `amount` of it; the rest is given back.
    case capture(amount: Int64?)
    case cancel(reason: CancellationReason?)
    /// Pay back `amount`, or all that is left.
    case refund(amount: Int64?, reason: RefundReason?, metadata: Metadata)
    /// What came of an attempt's message.
    case attemptAnswered(attempt: Int, ProcessorAnswer)
    case attemptNotSent(attempt: Int)
    case attemptUnanswered(attempt: Int, UnknownReason)
    case approvedLate(attempt: Int)
    /// What came of an effect's message.
    case effectAcknowledged(number: Int)
    case effectRefused(number: Int, responseCode: String)
}

/// A processor's answer to an attempt that matched what was asked.
public enum ProcessorAnswer: Hashable, Sendable {
    case approved(code: String, VerificationCodeCheck)
    case declined(Decline)
}

/// Why a command changed nothing. Input, never a fault of ours.
public enum Refusal: Error, Hashable, Sendable {
    /// The payment's status does not allow the operation.
    case unexpectedStatus(operation: Operation, status: StatusName)
    /// A confirm without a card.
    case methodMissing
    /// Too many attempts on one payment.
    case attemptsExhausted
    /// More than the hold.
    case captureTooLarge(requested: Int64, capturable: Int64)
    /// More than what is left to pay back.
    case refundTooLarge(requested: Int64, remaining: Int64)
    /// Nothing is left to pay back.
    case alreadyRefunded
    case refundsExhausted
    /// An amount of zero or less.
    case amountNotPositive
    /// No such object for this merchant.
    case noSuchPayment(PaymentID)
    case noSuchPaymentMethod(PaymentMethodID)
    case noSuchPart(PartID)
    /// No link can take a new attempt now, and none was begun.
    case noLinkAvailable

    public enum Operation: UInt8, Sendable {
        case confirm = 0
        case capture, cancel, refund
    }

    /// A status without what it holds.
    public enum StatusName: UInt8, Sendable {
        case requiresPaymentMethod = 0
        case requiresConfirmation, processing, requiresCapture, succeeded, canceled
    }
}

extension PaymentStatus {
    public var name: Refusal.StatusName {
        switch self {
        case .requiresPaymentMethod: .requiresPaymentMethod
        case .requiresConfirmation: .requiresConfirmation
        case .processing: .processing
        case .requiresCapture: .requiresCapture
        case .succeeded: .succeeded
        case .canceled: .canceled
        }
    }
}

/// Hands out traces for one shard, in order. The leader keeps one; what it handed out and nobody
/// committed was never sent, and may be handed out again after a restart.
public struct TraceAllocator: Sendable {
    public let shard: UInt32
    /// The sequence of the next trace.
    public private(set) var next: UInt64

    public init(shard: UInt32, next: UInt64) {
        self.shard = shard
        self.next = next
    }

    public mutating func allocate(link: String, at now: Timestamp) -> ProcessorTrace {
        defer { next += 1 }
        return ProcessorTrace(link: link, shard: shard, sequence: next, transmittedAt: now)
    }
}

/// What a decision may look at besides the payment.
public struct DecisionContext: Sendable {
    /// The leader's stamp.
    public let now: Timestamp
    /// Where a new attempt would go; nil when no link can take one.
    public let link: String?
    public let fees: FeeSchedule

    public init(now: Timestamp, link: String?, fees: FeeSchedule) {
        self.now = now
        self.link = link
        self.fees = fees
    }
}

extension Payment {
    /// What happens when `command` meets this state: events to commit, none when there is nothing
    /// to do, or a refusal. Changes nothing; total over all states and commands.
    public func decide(
        _ command: PaymentCommand, in context: DecisionContext, traces: inout TraceAllocator
    ) -> Result<[PaymentEvent], Refusal> {
        switch command {
        case .confirm(let method):
            decideConfirm(method, context, &traces)
        case .capture(let amount):
            decideCapture(amount, context, &traces)
        case .cancel(let reason):
            decideCancel(reason, context, &traces)
        case .refund(let amount, let reason, let metadata):
            decideRefund(amount, reason, metadata, context, &traces)
        case .attemptAnswered(let number, let answer):
            .success(decideAnswer(number, answer, context))
        case .attemptNotSent(let number):
            .success(
                isPending(number) ? [.attemptNotSent(attempt: number, at: context.now)] : [])
        case .attemptUnanswered(let number, let reason):
            .success(decideNoAnswer(number, reason, context, &traces))
        case .approvedLate(let number):
            .success(decideLateApproval(number, context, &traces))
        case .effectAcknowledged(let number):
            .success(decideAcknowledged(number, context))
        case .effectRefused(let number, let responseCode):
            .success(decideRefused(number, responseCode, context))
        }
    }

    private func decideConfirm(
        _ given: PaymentMethodSnapshot?, _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> Result<[PaymentEvent], Refusal> {
        switch status {
        case .requiresPaymentMethod, .requiresConfirmation: break
        case .processing, .requiresCapture, .succeeded, .canceled:
            return .failure(.unexpectedStatus(operation: .confirm, status: status.name))
        }
        guard let method = given ?? method else { return .failure(.methodMissing) }
        guard attempts.count < PartID.countMax else { return .failure(.attemptsExhausted) }
        guard let link = context.link else { return .failure(.noLinkAvailable) }
        let start = AttemptStarted(
            number: attempts.count, trace: traces.allocate(link: link, at: context.now),
            method: method, at: context.now)
        return .success([.attemptStarted(start)])
    }

    private func decideCapture(
        _ requested: Int64?, _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> Result<[PaymentEvent], Refusal> {
        guard case .requiresCapture(let number) = status else {
            return .failure(.unexpectedStatus(operation: .capture, status: status.name))
        }
        let attempt = attempts[number]
        let amount = requested ?? attempt.amount
        guard amount > 0 else { return .failure(.amountNotPositive) }
        guard amount <= attempt.amount else {
            return .failure(.captureTooLarge(requested: amount, capturable: attempt.amount))
        }
        // What follows an authorization goes to the acquirer that gave it.
        let link = attempt.trace.link
        let advice = Effect(
            number: effects.count, kind: .capture(attempt: number, amount: amount),
            trace: traces.allocate(link: link, at: context.now))
        var release: Effect?
        if amount < attempt.amount {
            release = Effect(
                number: effects.count + 1,
                kind: .partialReversal(attempt: number, captured: amount),
                trace: traces.allocate(link: link, at: context.now))
        }
        return .success([
            .captured(
                attempt: number, amount: amount, at: context.now, advice: advice, release: release)
        ])
    }

    private func decideCancel(
        _ reason: CancellationReason?, _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> Result<[PaymentEvent], Refusal> {
        switch status {
        case .requiresPaymentMethod, .requiresConfirmation:
            return .success([.canceled(reason: reason, at: context.now, reversal: nil)])
        case .requiresCapture(let number):
            let reversal = reversal(of: number, context, &traces)
            return .success([.canceled(reason: reason, at: context.now, reversal: reversal)])
        case .processing, .succeeded, .canceled:
            return .failure(.unexpectedStatus(operation: .cancel, status: status.name))
        }
    }

    private func decideRefund(
        _ requested: Int64?, _ reason: RefundReason?, _ metadata: Metadata,
        _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> Result<[PaymentEvent], Refusal> {
        guard case .succeeded(let number) = status else {
            return .failure(.unexpectedStatus(operation: .refund, status: status.name))
        }
        // What the acquirer refused to take cannot be paid back: it would be money of nobody.
        let remaining = isCaptureRefused(of: number) ? 0 : amountReceived - amountRefunded
        guard remaining > 0 else { return .failure(.alreadyRefunded) }
        let amount = requested ?? remaining
        guard amount > 0 else { return .failure(.amountNotPositive) }
        guard amount <= remaining else {
            return .failure(.refundTooLarge(requested: amount, remaining: remaining))
        }
        guard refunds.count < PartID.countMax else { return .failure(.refundsExhausted) }
        let trace = traces.allocate(link: attempts[number].trace.link, at: context.now)
        let refund = Refund(
            number: refunds.count, amount: amount, reason: reason, metadata: metadata,
            created: context.now, trace: trace, state: .pending)
        let advice = Effect(
            number: effects.count, kind: .refund(number: refund.number), trace: trace)
        return .success([.refundCreated(refund, advice: advice)])
    }

    private func decideAnswer(
        _ number: Int, _ answer: ProcessorAnswer, _ context: DecisionContext
    ) -> [PaymentEvent] {
        guard isPending(number) else { return [] }
        switch answer {
        case .declined(let decline):
            return [.attemptDeclined(attempt: number, decline: decline, at: context.now)]
        case .approved(let code, let check):
            let approval = Approval(code: code, at: context.now, verificationCodeCheck: check)
            let fee =
                attempts[number].capture == .automatic ? context.fees.fee(for: terms.amount) : 0
            return [.attemptApproved(attempt: number, approval: approval, fee: fee)]
        }
    }

    private func decideNoAnswer(
        _ number: Int, _ reason: UnknownReason, _ context: DecisionContext,
        _ traces: inout TraceAllocator
    ) -> [PaymentEvent] {
        guard isPending(number) else { return [] }
        let reversal = reversal(of: number, context, &traces)
        return [.attemptLost(attempt: number, reason: reason, reversal: reversal)]
    }

    private func decideLateApproval(
        _ number: Int, _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> [PaymentEvent] {
        guard attempts.indices.contains(number), effects.count < Payment.effectCountMax else {
            return []
        }
        switch attempts[number].state {
        case .pending, .authorized, .captured, .voided:
            // The answer that was counted, come twice.
            return []
        case .declined, .notSent, .reversing, .reversed:
            // A reversal that is still open may already be on its way, ahead of the approval: only
            // one that is sent after it is certain to find something to give back.
            return [
                .lateApproval(attempt: number, reversal: reversal(of: number, context, &traces))
            ]
        }
    }

    private func decideAcknowledged(
        _ number: Int, _ context: DecisionContext
    ) -> [PaymentEvent] {
        guard isOpen(effect: number) else { return [] }
        var fee: Int64 = 0
        if case .capture(_, let amount) = effects[number].kind {
            fee = context.fees.fee(
                for: Money(minorUnits: amount, currency: terms.amount.currency))
        }
        return [.effectAcknowledged(number: number, at: context.now, fee: fee)]
    }

    private func decideRefused(
        _ number: Int, _ responseCode: String, _ context: DecisionContext
    ) -> [PaymentEvent] {
        guard isOpen(effect: number) else { return [] }
        var refused = [number]
        if case .capture = effects[number].kind {
            // Refunds that wait behind the capture were not sent, and have nothing to pay back now.
            for effect in effects where effect.state == .open {
                if case .refund = effect.kind { refused.append(effect.number) }
            }
        }
        return refused.map {
            .effectRefused(number: $0, responseCode: responseCode, at: context.now)
        }
    }

    private func isCaptureRefused(of number: Int) -> Bool {
        effects.contains { effect in
            guard case .capture(number, _) = effect.kind, case .refused = effect.state else {
                return false
            }
            return true
        }
    }

    private func reversal(
        of number: Int, _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> Effect {
        Effect(
            number: effects.count, kind: .reversal(attempt: number),
            trace: traces.allocate(link: attempts[number].trace.link, at: context.now))
    }

    private func isPending(_ number: Int) -> Bool {
        attempts.indices.contains(number) && attempts[number].state == .pending
    }

    private func isOpen(effect number: Int) -> Bool {
        effects.indices.contains(number) && effects[number].state == .open
    }
}
