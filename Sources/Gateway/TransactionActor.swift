import Cluster
import Environment
import Payments
import Primitives

// One payment while something happens to it.
//
//   command ─▶ mailbox ─▶ decide ─▶ propose ─▶ committed ─┬─▶ attempt: one message, one answer
//                                                         └─▶ outbox: effects, one after the other
//   answer, acknowledgement ─▶ mailbox ─▶ decide ─▶ propose ─▶ committed ─▶ claims resolved
//
// The mailbox is held from the decision to the commit, and never while a processor is waited for: a
// decision is always made on the newest committed state. A claim is a command whose outcome is not
// known yet; the commit that makes it known completes its idempotency record in the same entry.

/// Runs one payment's commands, its attempt and its outbox. Lives on the shard's leader, while it
/// is needed.
actor TransactionActor: LoopActor {
    let id: PaymentID
    let shard: ShardGateway
    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private var mailbox = Mailbox()
    private var claims: [Claim] = []
    private var nextClaimID: UInt64 = 1
    var isOutboxRunning = false
    var isRequestRunning = false
    /// What is known of the requests of this process that may have been written.
    var written: [ProcessorRequest: WrittenRequest] = [:]
    /// The effects that may have been written before: they are sent as repeats.
    var sentEffects: Set<Int> = []

    /// A command whose outcome is not known yet.
    private struct Claim {
        let id: UInt64
        let awaited: AwaitedOutcome
        let key: KeyFacts
        /// False for a claim that a new leader found in the log: its caller is gone.
        let hasCaller: Bool
        let timer: any LoopTimer
        /// The caller, once it waits.
        var reply: Resumption<CommandReply>?
    }

    /// Replies that were known before their caller came to wait.
    private var earlyReplies: [UInt64: CommandReply] = [:]

    init(id: PaymentID, shard: ShardGateway, loop: any NodeLoop) {
        self.id = id
        self.shard = shard
        self.loop = loop
    }

    /// True when nothing runs and nobody waits: the actor may go.
    var isIdle: Bool {
        mailbox.isIdle && claims.isEmpty && earlyReplies.isEmpty && !isOutboxRunning
            && !isRequestRunning
    }

    // MARK: Commands

    /// What a command asks, besides the payment command itself.
    struct Order: Sendable {
        let command: PaymentCommand
        let key: KeyFacts
        let merchant: MerchantID
        let isLive: Bool
        let deadline: MonotonicInstant
        /// Facts of the shard that are committed with it: a payment method.
        var facts: [ShardEvent] = []
        /// Set when the payment is made by this command.
        var creation: PaymentCreated?
    }

    func perform(_ order: Order) async -> CommandReply {
        guard await enterMailbox() else { return .failure(.overloaded) }
        var isHeld = true
        defer { if isHeld { leaveMailbox() } }
        // Whoever was told that its time is up must not find later that the command was done.
        guard loop.now < order.deadline else { return .failure(.lockTimeout) }

        let payment: Payment
        if let creation = order.creation {
            payment = Payment(creation)
        } else {
            guard let found = await shard.payment(id), found.merchant == order.merchant,
                found.isLive == order.isLive
            else { return await refuse(.noSuchPayment(id), nil, order) }
            payment = found
        }
        guard loop.now < order.deadline else { return .failure(.unavailable) }
        var sendBy = loop.now + shard.options.sendWithin
        var decision = await shard.decide(payment, order.command)
        if case .failure(.noLinkAvailable) = decision,
            await shard.untilLinkIsUsable(isLive: order.isLive, deadline: order.deadline)
        {
            // The mailbox is held: the payment is as it was.
            sendBy = loop.now + shard.options.sendWithin
            decision = await shard.decide(payment, order.command)
        }
        switch decision {
        case .failure(.noLinkAvailable):
            return .failure(.unavailable)
        case .failure(.incrementPending):
            // It passes with the answer that is on its way, so it is not kept under the key.
            return .failure(.lockTimeout)
        case .failure(let refusal):
            return await refuse(refusal, payment, order)
        case .success(let events):
            switch await commit(events, on: payment, order, sendBy: sendBy) {
            case .concluded(let reply):
                return reply
            case .claimed(let claimID):
                leaveMailbox()
                isHeld = false
                return await reply(of: claimID)
            }
        }
    }

    private enum Committed {
        case concluded(CommandReply)
        case claimed(UInt64)
    }

    private func commit(
        _ events: [PaymentEvent], on payment: Payment, _ order: Order, sendBy: MonotonicInstant
    ) async -> Committed {
        var after = payment
        for event in events { after.mustEvolve(event) }
        let awaited = AwaitedOutcome(of: events, on: after)
        let reference = OutcomeReference(atOnce: order.command)
        var facts = order.facts
        let base = order.creation == nil ? payment.version : 0
        let created = order.creation.map { [PaymentEvent.created($0)] } ?? []
        facts.append(.payment(PaymentScope(after), base: base, events: created + events))
        if let awaited {
            facts.append(.keyClaimed(order.key, awaited: awaited))
        } else {
            facts.append(.keyCompleted(order.key, reference, payment: id))
        }
        guard await shard.propose(facts) else { return .concluded(.failure(.unavailable)) }
        guard let awaited else {
            startWork(after)
            return .concluded(.outcome(reference.outcome(of: after), replayOf: nil))
        }
        // The claim stands before the work begins that resolves it.
        let claimID = claim(
            awaited, key: order.key, patience(for: awaited, order.deadline), hasCaller: true)
        startWork(after, begun: awaited.request.map { ($0, sendBy) })
        return .claimed(claimID)
    }

    /// Stores a refusal under its key, and returns it.
    private func refuse(
        _ refusal: Refusal, _ payment: Payment?, _ order: Order
    ) async -> CommandReply {
        guard await shard.store(refusal, of: payment?.id, under: order.key) else {
            return .failure(.unavailable)
        }
        return .outcome(.refused(refusal, payment), replayOf: nil)
    }

    // MARK: Claims

    /// Waits for the outcome of a command that is committed; at the end of patience it is told as
    /// it stands.
    private func reply(of claimID: UInt64) async -> CommandReply {
        if let reply = earlyReplies.removeValue(forKey: claimID) { return reply }
        return await loop.suspend { resumption in
            guard let index = claims.firstIndex(where: { $0.id == claimID }) else {
                preconditionFailure("\(id) lost the claim \(claimID)")
            }
            claims[index].reply = resumption
        }
    }

    private func finish(_ claim: Claim, _ reply: CommandReply) {
        claim.timer.cancel()
        if let waiting = claim.reply {
            waiting.resume(returning: reply)
        } else if claim.hasCaller {
            earlyReplies[claim.id] = reply
        }
    }

    /// The term is over: another leader finds in the log what is open.
    nonisolated func end() {
        onLoop { actor in
            let open = actor.claims
            actor.claims.removeAll()
            for claim in open { actor.finish(claim, .failure(.unavailable)) }
        }
    }

    private func patience(
        for awaited: AwaitedOutcome, _ deadline: MonotonicInstant
    ) -> Duration {
        let untilDeadline = max(.zero, deadline - loop.now)
        switch awaited {
        case .attempt, .increment: return untilDeadline
        case .capture, .refund: return min(untilDeadline, shard.options.advicePatience)
        }
    }

    private func claim(
        _ awaited: AwaitedOutcome, key: KeyFacts, _ patience: Duration, hasCaller: Bool
    ) -> UInt64 {
        let claimID = nextClaimID
        nextClaimID += 1
        let timer = loop.schedule(after: patience) { [self] in
            onLoop { actor in _ = Task { await actor.patienceEnded(claimID) } }
        }
        claims.append(
            Claim(id: claimID, awaited: awaited, key: key, hasCaller: hasCaller, timer: timer))
        return claimID
    }

    /// Takes up a claim that was in the log when this leader's term began.
    func adopt(_ awaited: AwaitedOutcome, key: KeyFacts) async {
        _ = claim(awaited, key: key, shard.options.adoptedPatience, hasCaller: false)
        await advance(nil)
    }

    private func patienceEnded(_ claimID: UInt64) async {
        guard claims.contains(where: { $0.id == claimID }) else { return }
        guard await enterMailbox(isInternal: true) else { return }
        await endClaim(claimID)
        leaveMailbox()
        await shard.passivate(self)
    }

    private func endClaim(_ claimID: UInt64) async {
        guard let payment = await shard.payment(id),
            let index = claims.firstIndex(where: { $0.id == claimID })
        else { return }
        let claim = claims.remove(at: index)
        let reference = claim.awaited.reference(in: payment) ?? claim.awaited.provisional
        let facts = [ShardEvent.keyCompleted(claim.key, reference, payment: id)]
        guard await shard.proposeCertainly(facts) else {
            finish(claim, .failure(.unavailable))
            return
        }
        finish(claim, .outcome(reference.outcome(of: payment), replayOf: nil))
    }

    // MARK: Inputs of the processor

    /// Commits what an input decides, and with it the record of every claim that it resolves.
    func advance(_ command: PaymentCommand?) async {
        guard await enterMailbox(isInternal: true) else { return }
        defer { leaveMailbox() }
        guard let payment = await shard.payment(id) else { return }
        var events: [PaymentEvent] = []
        if let command, case .success(let decided) = await shard.decide(payment, command) {
            events = decided
        }
        var after = payment
        for event in events { after.mustEvolve(event) }
        let resolved = claims.filter { $0.awaited.reference(in: after) != nil }
        var facts: [ShardEvent] = []
        if !events.isEmpty {
            facts.append(.payment(PaymentScope(after), base: payment.version, events: events))
        }
        for claim in resolved {
            if let reference = claim.awaited.reference(in: after) {
                facts.append(.keyCompleted(claim.key, reference, payment: id))
            }
        }
        var isCommitted = true
        if !facts.isEmpty { isCommitted = await shard.proposeCertainly(facts) }
        // What the end of the term has finished meanwhile is not among them any more.
        let finished = claims.filter { claim in resolved.contains { $0.id == claim.id } }
        claims.removeAll { claim in finished.contains { $0.id == claim.id } }
        if isCommitted { startWork(after) }
        for claim in finished {
            guard isCommitted, let reference = claim.awaited.reference(in: after) else {
                finish(claim, .failure(.unavailable))
                continue
            }
            finish(claim, .outcome(reference.outcome(of: after), replayOf: nil))
        }
    }

    /// Takes up what the log said was open when the term began: a request without a result is
    /// unknown, and an effect may have been sent.
    func recover(_ found: Payment) async {
        for effect in found.effects where effect.state == .open {
            sentEffects.insert(effect.number)
        }
        for request in found.pendingRequests {
            await advance(.unanswered(request, .connectionLost))
        }
        startWork(await shard.payment(id) ?? found)
    }

    /// Lets go of what has run out, if anything has.
    func expire() async {
        await advance(.expire)
    }

    func approvedLate(_ request: ProcessorRequest) async {
        await advance(.approvedLate(request))
    }

    // MARK: The mailbox

    /// False when too many wait. The processor's inputs are few, and never turned away.
    private func enterMailbox(isInternal: Bool = false) async -> Bool {
        switch mailbox.tryEnter() {
        case .entered:
            return true
        case .full where !isInternal:
            return false
        case .mustWait, .full:
            await loop.suspend { mailbox.wait($0) }
            return true
        }
    }

    private func leaveMailbox() {
        mailbox.leave()
    }
}
