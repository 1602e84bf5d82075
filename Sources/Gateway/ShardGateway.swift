import Cluster
import Environment
public import Payments
import Primitives
import StateStore
import Vault

/// What merchants and operators may choose.
public struct GatewayOptions: Sendable {
    /// How long the answer to a capture or refund waits for the processor's word.
    public var advicePatience: Duration = .seconds(3)
    /// The same for those whose caller is gone: their record is completed soon.
    public var adoptedPatience: Duration = .seconds(30)
    /// How old a decision may be when its message is written.
    public var sendWithin: Duration = .seconds(5)
    /// The longest pause between two tries to deliver an effect: P3 promises a minute.
    public var retryMax: Duration = .seconds(5)
    public var fees = FeeSchedule(basisPoints: 290, fixedMinorUnits: 30)
    /// What the links grant to holds that ask for it. An approval of a part is not among it: the
    /// links' answers that say 10 are given back.
    public var offer = HoldOptions(
        allowsIncrements: true, allowsMulticapture: true, overcapturePercent: 15)
    /// How long holds of the test world last: as long as others, unless somebody wants to see them
    /// end.
    public var testHoldSeconds = Hold.lifetimeSeconds
    /// How far refunds may take merchants' balances below zero; without one, as far as they can.
    public var balanceLimits = BalanceLimits()

    public init() {}

    func offer(isLive: Bool) -> HoldOptions {
        isLive ? offer : offer.lasting(seconds: testHoldSeconds)
    }
}

/// One merchant shard for one term of the node that serves it: hosts the merchants and the payments
/// that are active, decides with them, and proposes. It ends with the term, and they with it.
actor ShardGateway: LoopActor {
    nonisolated let options: GatewayOptions
    nonisolated let replica: Replica<GatewayMachine>
    nonisolated var host: ShardHost { replica.host }
    private nonisolated let directory: LinkDirectory
    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let random: any RandomSource
    private let metrics: GatewayMetrics
    nonisolated let term: Term
    private var traces: TraceAllocator
    private var stamp = Timestamp(milliseconds: 0)
    /// The first stamp of the term, and when it was given.
    private var anchor: (stamp: Timestamp, instant: MonotonicInstant)
    /// The last stamp that the wall clock gave, and when.
    private var lead: (stamp: Timestamp, instant: MonotonicInstant)
    /// The term is over: nothing is proposed or sent any more.
    private var isOver = false
    /// The last proposal was not taken, as the leadership is given away or lost: what is refused
    /// here may be done elsewhere.
    private var isGivenAway = false
    /// When the term was begun here.
    private nonisolated let begunAt: MonotonicInstant
    /// Whether another node may have led the shard before.
    private nonisolated let hasPredecessor: Bool
    private var payments: [PaymentID: TransactionActor] = [:]
    private var merchants: [MerchantID: MerchantActor] = [:]
    private var verificationCodes: EphemeralCardSecrets
    /// What is proposed and takes from merchants that have a limit.
    var tentative = TentativeDebits()
    /// True while a pass over what is due is under way.
    var isExpiring = false
    /// Payments of that pass that are not looked at yet.
    var expiringCount = 0

    init(
        replica: Replica<GatewayMachine>, term: Term, links: LinkDirectory, options: GatewayOptions,
        loop: any NodeLoop, random: any RandomSource, metrics: GatewayMetrics
    ) {
        self.replica = replica
        self.term = term
        begunAt = loop.now
        hasPredecessor = replica.host.hasPeers
        directory = links
        self.options = options
        self.loop = loop
        self.random = random
        self.metrics = metrics
        traces = TraceAllocator(shard: replica.group.rawValue, next: 0)
        anchor = (loop.wallTime, loop.now)
        lead = anchor
        verificationCodes = EphemeralCardSecrets(random: random)
    }

    nonisolated var group: GroupID { host.group }

    // MARK: The term

    /// Takes up what the log said was open. Commands are taken once it returns.
    func begin() async {
        let group = host.group
        if case .shard(let facts)? = await replica.fetch(.shard(group)) {
            traces = TraceAllocator(shard: group.rawValue, next: facts.nextTraceSequence)
            stamp = facts.stamp
        }
        anchor = (max(stamp, loop.wallTime), loop.now)
        lead = anchor
        let open = await replica.openAggregates(.payment)
        for case .idempotency(let record, let merchant) in await replica.recordsInFlight() {
            guard case .inFlight(let awaited) = record.state else { continue }
            await adopt(awaited, record, merchant)
        }
        for case .payment(let payment) in open {
            let actor = transaction(payment.id)
            await actor.recover(payment)
            passivate(actor)
        }
        scheduleExpiry()
    }

    /// The term is over. Who waits is told that the outcome is not known here; what was written to
    /// a processor and not answered is the next leader's to resolve.
    nonisolated func end() {
        onLoop { shard in
            guard !shard.isOver else { return }
            shard.isOver = true
            shard.verificationCodes = EphemeralCardSecrets(random: shard.random)
            let active = shard.payments.sorted { $0.key.stem.text < $1.key.stem.text }
            shard.payments.removeAll()
            shard.merchants.removeAll()
            for (_, actor) in active { actor.end() }
        }
    }

    nonisolated var hasEnded: Bool { onLoop { $0.isOver } }

    /// Whether somebody else may serve what could not be done here.
    nonisolated var isElsewhere: Bool { onLoop { $0.isOver || $0.isGivenAway } }

    /// Whether this node still acts for the shard: read right before something is sent that cannot
    /// be taken back.
    nonisolated var mayAct: Bool {
        onLoop { !$0.isOver } && host.servingTerm == term
    }

    /// From then on nothing that an earlier leader has begun can be written: each of its messages
    /// is written within `sendWithin` of a decision that was made before this term.
    nonisolated var predecessorSilentFrom: MonotonicInstant {
        hasPredecessor ? begunAt + LinkTiming.silence(options.sendWithin) : begunAt
    }

    /// Under which term the shard's messages are sent.
    nonisolated var fence: LinkFence { LinkFence(group: host.group, term: term) }

    private func adopt(
        _ awaited: AwaitedOutcome, _ record: IdempotencyRecord, _ merchant: MerchantID
    ) async {
        let claim = IdempotencyClaim(
            keyDigest: record.keyDigest, fingerprint: record.fingerprint)
        let key = KeyFacts(merchant: merchant, claim: claim, requestID: record.requestID)
        await transaction(awaited.payment).adopt(awaited, key: key)
    }

    // MARK: Deciding and proposing

    /// Decides a command of a payment on this state; synchronous, so that nothing comes between.
    func decide(
        _ payment: Payment, _ command: PaymentCommand, refundMaximum: Int64?
    ) -> Result<[PaymentEvent], Refusal> {
        let context = DecisionContext(
            now: nextStamp(), link: usableLink(isLive: payment.isLive), fees: options.fees,
            offer: options.offer(isLive: payment.isLive), refundMaximum: refundMaximum)
        return payment.decide(command, in: context, traces: &traces)
    }

    /// Commits and applies facts together; false when the outcome is that nothing was committed.
    func propose(_ events: [ShardEvent]) async -> Bool {
        defer { release(events) }
        guard !isOver else { return false }
        let entry = ShardEntry(stamp: nextStamp(), events: events)
        switch await host.propose(entry.encoded, expectedTerm: term) {
        case .applied:
            isGivenAway = false
            metrics.committed(events)
            return true
        case .stale(let key):
            // Everything decided here was decided on the newest state: this must not happen.
            preconditionFailure("\(host.group) decided on a stale \(key.id)")
        case .refused(.overloaded):
            return false
        case .refused(.notServing), .refused(.staleTerm), .refused(.noRoom), .lost:
            isGivenAway = true
            return false
        }
    }

    /// The same for what must not be lost: an overloaded shard is waited for.
    func proposeCertainly(_ events: [ShardEvent]) async -> Bool {
        defer { release(events) }
        while true {
            guard !isOver else { return false }
            let entry = ShardEntry(stamp: nextStamp(), events: events)
            switch await host.propose(entry.encoded, expectedTerm: term) {
            case .applied:
                metrics.committed(events)
                return true
            case .stale(let key):
                preconditionFailure("\(host.group) decided on a stale \(key.id)")
            case .refused(.overloaded), .refused(.noRoom), .refused(.notServing):
                // While the leadership is offered to a peer nothing is taken. If the peer does not
                // take it, this term goes on, and nobody else would do what is proposed here.
                await loop.sleep(for: .milliseconds(50))
            case .refused(.staleTerm), .lost:
                return false
            }
        }
    }

    /// Stores a refusal under its key; false when it could not. Under a minted key there is nothing
    /// to store: nothing was done, and a node that asks again may decide again.
    func store(
        _ refusal: Refusal, of payment: PaymentID?, under key: KeyFacts
    ) async -> Bool {
        if key.claim.isMinted { return true }
        return await propose([.keyCompleted(key, .refused(refusal), payment: payment)])
    }

    /// A stamp that never runs backwards, and forwards no faster than the boot-time clock and a
    /// little more: a wall clock that jumps ahead must not make every key expire. One that jumps
    /// back makes stamps go at half the pace until it has caught up, so that holds still end.
    func nextStamp() -> Timestamp {
        let now = loop.now
        let passed = (now - anchor.instant).wholeMilliseconds
        let bound = anchor.stamp.advanced(
            byMilliseconds: passed + passed / 1000 + Self.stampSlackMilliseconds)
        let shown = min(loop.wallTime, bound)
        let slow = lead.stamp.advanced(
            byMilliseconds: (now - lead.instant).wholeMilliseconds / 2)
        if shown >= slow { lead = (shown, now) }
        stamp = max(stamp, shown, slow)
        return stamp
    }

    /// How far the wall clock may be set forward in a term: a correction, not a jump.
    private static let stampSlackMilliseconds: Int64 = 1000

    private func usableLink(isLive: Bool) -> String? {
        guard case .link(let name)? = links?.choice(isLive: isLive) else { return nil }
        return name
    }

    /// The links that the shard's payments take; nil before they are there. Loop only.
    nonisolated var links: RegionLinks? { directory.links(of: host.group) }

    /// Where it is not known whether a link can be used, as while its owner changes, waits until it
    /// is. True when a new look is worth while.
    func untilLinkIsUsable(isLive: Bool, deadline: MonotonicInstant) async -> Bool {
        while loop.now < deadline, !isOver {
            if let links {
                return await links.untilUsable(isLive: isLive, deadline: deadline) {
                    !self.isElsewhere
                }
            }
            await loop.sleep(for: RegionLinks.pause)
        }
        return false
    }

    /// A random word.
    func chance() -> UInt64 { random.next() }

    // MARK: Reading

    func payment(_ id: PaymentID) async -> Payment? { await replica.payment(id) }

    func method(_ id: PaymentMethodID) async -> PaymentMethod? { await replica.method(id) }

    func record(_ claim: IdempotencyClaim) async -> IdempotencyRecord? {
        await replica.record(claim)
    }

    // MARK: Entities

    func perform(_ request: MerchantRequest) async -> CommandReply {
        guard loop.now < request.deadline else { return .failure(.unavailable) }
        let merchant = merchant(request.merchant)
        let reply = await merchant.perform(request)
        passivate(merchant)
        return reply
    }

    func transaction(_ id: PaymentID) -> TransactionActor {
        if let active = payments[id] { return active }
        let actor = TransactionActor(id: id, shard: self, loop: loop)
        payments[id] = actor
        return actor
    }

    func merchant(_ id: MerchantID) -> MerchantActor {
        if let active = merchants[id] { return active }
        let actor = MerchantActor(id: id, shard: self, loop: loop, random: random)
        merchants[id] = actor
        return actor
    }

    /// Lets a payment's actor go when nothing of it is active any more.
    func passivate(_ actor: TransactionActor) {
        guard payments[actor.id] === actor else { return }
        if actor.onLoop({ $0.isIdle }) { payments[actor.id] = nil }
    }

    func passivate(_ actor: MerchantActor) {
        guard merchants[actor.id] === actor else { return }
        if actor.onLoop({ $0.isIdle }) { merchants[actor.id] = nil }
    }

    // MARK: Late approvals

    /// Gives back what an approval holds that came too late, and returns once that is committed.
    /// False when it is not: the term has ended.
    func take(_ approval: LateApproval) async -> Bool {
        let subject: LinkSubject
        switch approval {
        case .remembered(let remembered): subject = remembered
        case .unmatched(let unmatched):
            // One of nothing that the shard knows is nobody's here.
            guard let found = await self.subject(of: unmatched) else { return !isOver }
            subject = found
        }
        let actor = transaction(subject.payment)
        await actor.approvedLate(subject.request)
        passivate(actor)
        return !isOver
    }

    /// What an approval is about that came when its link had forgotten the attempt, as after a
    /// restart.
    private func subject(of approval: UnmatchedApproval) async -> LinkSubject? {
        let key = AggregateKey.attempt(
            link: approval.link, reference: approval.reference, in: host.group)
        guard case .attempt(let place)? = await replica.fetch(key),
            let payment = await payment(place.payment),
            payment.attempts.indices.contains(place.number),
            let request = approval.request(of: payment.attempts[place.number])
        else { return nil }
        return LinkSubject(payment: place.payment, request: request)
    }

    // MARK: Card verification codes

    /// Wipes codes that nobody asked for in time.
    func expireVerificationCodes() {
        verificationCodes.expire(loop.now)
    }

    /// Keeps a code encrypted, and wipes it where it was.
    func keep(_ code: SensitiveBytes, of method: PaymentMethodID) {
        var digits = code.read { Secret(Array($0)) }
        defer {
            digits.wipe()
            code.wipe()
        }
        // A store that is full loses the code, not the payment: it goes on as "unavailable".
        try? verificationCodes.put(method.stem.text, code: digits, now: loop.now)
    }

    func verificationCode(_ method: PaymentMethodID) -> Secret<[UInt8]>? {
        verificationCodes.peek(method.stem.text, now: loop.now)
    }

    /// The code was sent, or may have been: it is kept no longer.
    func dropVerificationCode(_ method: PaymentMethodID) {
        var code = verificationCodes.take(method.stem.text, now: loop.now)
        code?.wipe()
    }
}
