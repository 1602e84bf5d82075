import Primitives

extension Payment {
    /// The state after one more event. An event that does not fit changes nothing and says why; the
    /// shard compares versions before it asks, so that this never happens to an event of its own
    /// log. Total over all states and events.
    public mutating func evolve(_ event: PaymentEvent) throws(Misfit) {
        switch event {
        case .created:
            throw .alreadyCreated
        case .attemptStarted(let start):
            try begin(start)
        case .actionRequired(let challenge):
            try require(challenge)
        case .authenticationFailed:
            try failAuthentication()
        case .incrementStarted(let attempt, let amount, let trace, let at):
            try beginIncrement(attempt, amount, trace, at)
        case .approved(let request, let approval, let amount, let options, let fee):
            try approve(request, approval, amount, options, fee)
        case .declined(let request, let decline, _):
            try conclude(request, .declined(decline), .declined(decline))
        case .notSent(let request, _):
            try conclude(request, .notSent, .notSent)
        case .lost(let request, let reason, let reversal):
            try lose(request, reason, reversal)
        case .lateApproval(let request, let reversal):
            try checkExists(request)
            append(.reversal(request), reversal)
        case .captured(let capture):
            try take(capture)
        case .released(_, let release):
            try releaseRest(release)
        case .canceled(let reason, let at, let reversals):
            try cancel(reason, at, reversals)
        case .refundCreated(let refund):
            try append(refund)
        case .refundCanceled(let number, let at):
            try cancelRefund(number, at)
        case .refundConcluded(let number, let conclusion, let at):
            try concludeRefund(number, conclusion, at)
        case .effectAcknowledged(let number, let at, let isDeferred):
            try acknowledge(number, at, isDeferred)
        case .effectRefused(let number, let responseCode, let at):
            try refuse(number, responseCode, at)
        case .disputeOpened(let dispute, let fee):
            try open(dispute, fee)
        case .disputeEscalated(let number, let covered, let fee, let at):
            try escalate(number, covered, fee, at)
        case .disputeAnswered(let number, let evidence, let isSubmitted):
            try answer(number, evidence, isSubmitted)
        case .disputeClosed(let number, let resolution, let at):
            try close(number, resolution, at)
        case .settled(let item, let at):
            try settle(item, at)
        }
        version += 1
    }

    /// The payment that a first event makes; nil for any other event.
    public init?(first event: PaymentEvent) {
        guard case .created(let facts) = event else { return nil }
        self.init(facts)
    }

    mutating func append(_ kind: Effect.Kind, _ trace: ProcessorTrace) {
        effects.append(Effect(number: effects.count, kind: kind, trace: trace))
    }

    /// Changes the hold of an attempt, whatever became of it.
    mutating func changeHold<Result>(
        _ number: Int, _ change: (inout Hold) throws(Misfit) -> Result
    ) throws(Misfit) -> Result {
        guard attempts.indices.contains(number) else { throw .unexpectedNumber }
        return try attempts.change(number) { attempt throws(Misfit) in
            try attempt.changeHold(change)
        }
    }
}
