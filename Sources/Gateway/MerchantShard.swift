import Cluster
import Environment
import Payments
import Primitives
import StateStore

// One merchant shard, on any node. What is asked of it is done here while this node leads the
// shard, and is asked of the leader otherwise:
//
//   perform ─┬─ leads, serves ──▶ read barrier ──▶ ShardGateway of the term ──▶ reply
//            ├─ another leads ──▶ ask, once ──┬─ answer ───────────────────────▶ reply
//            │                                └─ moved, lost ──▶ pause ─▶ again, until the deadline
//            └─ nobody leads ───▶ pause ──▶ again, until the deadline
//
// It may be asked again because the shard remembers the claim of the request: what was done is told
// and not done twice. A claim that is found in flight then is this request's own, and is waited
// for.

/// A shard's place on this node.
actor MerchantShard: LoopActor, ShardObserver, AskHandler {
    nonisolated let replica: Replica<GatewayMachine>
    nonisolated var host: ShardHost { replica.host }
    private nonisolated let node: ClusterNode
    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Makes what serves a term.
    private let makeTerm: @Sendable (Term) -> ShardGateway
    /// The term that is served here or is about to be.
    private var serving: (gateway: ShardGateway, hasBegun: Bool)?
    private var changeWaiters: [Resumption<Void>] = []
    private var lateApprovalCount = 0
    /// Requests that are worked on here.
    private var performingCount = 0
    /// The leadership is about to move: nothing new is begun.
    private var isMoving = false
    private var leaderGuess = LeaderGuess()
    /// When a leader on another node last answered.
    private var answeredAt: MonotonicInstant?

    /// Between two tries, where nothing says that it is time. Elections take a second, so that a
    /// request in the middle of one looks a few dozen times.
    private static let pause = Duration.milliseconds(25)

    init(
        replica: Replica<GatewayMachine>, node: ClusterNode, loop: any NodeLoop,
        makeTerm: @escaping @Sendable (Term) -> ShardGateway
    ) {
        self.replica = replica
        self.node = node
        self.loop = loop
        self.makeTerm = makeTerm
    }

    nonisolated var group: GroupID { host.group }

    func start() async {
        await node.answer(for: group, by: self)
        await host.start(observer: self)
    }

    /// True once it is known who leads; where it is this node, once it serves; where this node has
    /// no replica, while the leader answers.
    var isReady: Bool {
        get async {
            guard host.isReplica else {
                if !hasAnswered { await callLeader() }
                return hasAnswered
            }
            guard let leader = host.knownLeader else { return false }
            return leader != node.members.own || serving?.hasBegun == true
        }
    }

    /// How long a leader that has answered is taken to lead.
    private static let answerAgeMax = Duration.seconds(2)
    /// How long it may take to answer: round trips to other regions, and hints.
    private static let callTimeout = Duration.seconds(1)

    private var hasAnswered: Bool {
        answeredAt.map { loop.now - $0 < Self.answerAgeMax } ?? false
    }

    /// Asks whoever leads a shard that is elsewhere whether it serves.
    private func callLeader() async {
        let end = loop.now + Self.callTimeout
        while loop.now < end, let leader = leaderGuess.memberToAsk(of: host, node) {
            let outcome = await node.ask(leader, of: group, Self.call, deadline: end)
            learn(from: outcome, of: leader)
            if case .answer = outcome { return }
            await loop.sleep(for: Self.pause)
        }
    }

    /// An ask with nothing in it: its answer says that this node leads and serves.
    private static let call: [UInt8] = []

    private func learn(from outcome: AskOutcome, of asked: MemberID) {
        leaderGuess.learn(from: outcome, of: asked)
        if case .answer = outcome { answeredAt = loop.now }
    }

    // MARK: Terms

    nonisolated func shardBeganServing(_ group: GroupID, term: Term) {
        onLoop { shard in
            let gateway = shard.makeTerm(term)
            shard.serving = (gateway, hasBegun: false)
            _ = Task { await shard.begin(gateway) }
        }
    }

    private func begin(_ gateway: ShardGateway) async {
        await gateway.begin()
        guard serving?.gateway === gateway else { return }
        serving = (gateway, hasBegun: true)
        wakeWaiters()
    }

    nonisolated func shardIsMoving(_ group: GroupID) -> Bool {
        onLoop { shard in
            shard.isMoving = true
            return shard.performingCount > 0
        }
    }

    nonisolated func shardStays(_ group: GroupID) {
        onLoop { $0.isMoving = false }
    }

    nonisolated func shardEndedServing(_ group: GroupID, term: Term) {
        onLoop { shard in
            guard let gateway = shard.serving?.gateway, gateway.term == term else { return }
            shard.serving = nil
            gateway.end()
        }
    }

    nonisolated func shardLeaderChanged(_ group: GroupID, to leader: MemberID?) {
        onLoop { shard in
            shard.leaderGuess.leaderChanged()
            shard.wakeWaiters()
        }
    }

    private func wakeWaiters() {
        let waiters = changeWaiters
        changeWaiters.removeAll()
        for waiter in waiters { waiter.resume() }
    }

    /// What serves here now, once it has taken up what was open; nil when nothing does.
    private func current() async -> ShardGateway? {
        while let (gateway, hasBegun) = serving {
            if hasBegun { return gateway }
            await loop.suspend { changeWaiters.append($0) }
            guard serving?.gateway === gateway else { return nil }
        }
        return nil
    }

    // MARK: Asking

    /// One try's end.
    private enum Try<Reply: Sendable>: Sendable {
        case reply(Reply)
        /// No answer came of it.
        case again(mayBeDone: Bool)
    }

    func perform(_ request: MerchantRequest) async -> CommandReply {
        var isRepeated = false
        while loop.now < request.deadline {
            switch await tryPerform(request) {
            case .reply(let reply):
                guard isRepeated else { return reply }
                if !reply.waitsForItself(request) { return reply.asFirst(of: request) }
            case .again(let mayBeDone):
                isRepeated = isRepeated || mayBeDone
            }
            await loop.sleep(for: Self.pause)
        }
        return .failure(.unavailable)
    }

    private func tryPerform(_ request: MerchantRequest) async -> Try<CommandReply> {
        if let gateway = await current() {
            return await perform(request, by: gateway)
        }
        switch await ask(.command(request), deadline: request.deadline) {
        case .reply(.command(let reply)): return .reply(reply)
        case .reply(.query): return .again(mayBeDone: true)
        case .again(let mayBeDone): return .again(mayBeDone: mayBeDone)
        }
    }

    private func perform(
        _ request: MerchantRequest, by gateway: ShardGateway
    ) async -> Try<CommandReply> {
        // A refusal is told of the state as it is, so that it has to be known to be the newest.
        guard await host.readBarrier(), !isMoving else { return .again(mayBeDone: false) }
        performingCount += 1
        defer { performingCount -= 1 }
        let reply = await gateway.perform(request)
        if case .failure(.unavailable) = reply, gateway.isElsewhere {
            return .again(mayBeDone: true)
        }
        return .reply(reply)
    }

    func answer(
        _ query: MerchantQuery, merchant: MerchantID, isLive: Bool, deadline: MonotonicInstant
    ) async -> QueryReply {
        while loop.now < deadline {
            if host.servingTerm != nil {
                if await host.readBarrier() {
                    return await read(query, merchant: merchant, isLive: isLive)
                }
            } else {
                let question = MerchantAsk.query(query, merchant: merchant, isLive: isLive)
                if case .reply(.query(let reply)) = await ask(question, deadline: deadline) {
                    return reply
                }
            }
            await loop.sleep(for: Self.pause)
        }
        return .failure(.unavailable)
    }

    /// Asks the leader, if there is one that is known.
    private func ask(
        _ question: MerchantAsk, deadline: MonotonicInstant
    ) async -> Try<MerchantAnswer> {
        guard let leader = leaderGuess.memberToAsk(of: host, node) else {
            return .again(mayBeDone: false)
        }
        let outcome = await node.ask(leader, of: group, question.encoded(), deadline: deadline)
        learn(from: outcome, of: leader)
        switch outcome {
        case .answer(let bytes):
            // What cannot be read, such as the answer of a later version, is no answer; nor is one
            // to something else.
            guard let answer = try? MerchantAnswer(encoded: bytes), answer.fits(question) else {
                return .again(mayBeDone: true)
            }
            return .reply(answer)
        case .overloaded:
            switch question {
            case .command: return .reply(.command(.failure(.overloaded)))
            case .query: return .reply(.query(.failure(.overloaded)))
            }
        case .moved, .lost:
            return .again(mayBeDone: true)
        case .unreachable:
            return .again(mayBeDone: false)
        }
    }

    // MARK: Answering

    nonisolated func answer(
        _ payload: [UInt8], from asker: MemberID, deadline: MonotonicInstant
    ) async -> AskAnswer {
        await answerAsk(payload, deadline: deadline)
    }

    private func answerAsk(_ payload: [UInt8], deadline: MonotonicInstant) async -> AskAnswer {
        if payload == Self.call {
            return await current() == nil ? .moved(to: host.leaderToTell) : .answer([])
        }
        if let approval = LateApproval(encoded: payload) {
            guard let gateway = await current() else { return .moved(to: host.leaderToTell) }
            return await gateway.take(approval) ? .answer(LateApproval.seenTo) : .moved(to: nil)
        }
        guard let question = try? MerchantAsk(encoded: payload, deadline: deadline) else {
            // The asker gets no answer that it would take for one; it asks until its deadline.
            return .moved(to: nil)
        }
        guard let gateway = await current() else { return .moved(to: host.leaderToTell) }
        switch question {
        case .command(let request):
            guard case .reply(let reply) = await perform(request, by: gateway) else {
                return .moved(to: nil)
            }
            return Self.answer(.command(reply), else: .command(.failure(.unavailable)))
        case .query(let query, let merchant, let isLive):
            guard await host.readBarrier() else { return .moved(to: nil) }
            var reply = await read(query, merchant: merchant, isLive: isLive)
            // A sealed card does not leave the shard's nodes, which are in its jurisdiction.
            if case .paymentMethod(let method?) = reply {
                reply = .paymentMethod(method.withoutSealedCard)
            }
            if case .payments(let page) = query {
                reply = reply.cut(for: page, toByteCount: MerchantAnswer.byteCountMax - 16)
            }
            return Self.answer(.query(reply), else: .query(.failure(.unavailable)))
        }
    }

    /// One that no frame can carry is not given: what it tells can be had here, at the leader.
    private static func answer(_ answer: MerchantAnswer, else other: MerchantAnswer) -> AskAnswer {
        let bytes = answer.encoded()
        return .answer(bytes.count <= MerchantAnswer.byteCountMax - 16 ? bytes : other.encoded())
    }

    private func read(
        _ query: MerchantQuery, merchant: MerchantID, isLive: Bool
    ) async -> QueryReply {
        switch query {
        case .payment(let id):
            let payment = await replica.payment(id)
            let isTheirs = payment?.merchant == merchant && payment?.isLive == isLive
            return .payment(isTheirs ? payment : nil)
        case .paymentMethod(let id):
            let method = await replica.method(id)
            let isTheirs = method?.merchant == merchant && method?.isLive == isLive
            return .paymentMethod(isTheirs ? method : nil)
        case .payments(let page):
            return await list(page, merchant, isLive)
        }
    }

    private func list(
        _ page: PaymentPage, _ merchant: MerchantID, _ isLive: Bool
    ) async -> QueryReply {
        guard let found = await replica.list(page, merchant: merchant, isLive: isLive) else {
            switch page.cursor {
            case .after(let id), .before(let id): return .noSuchCursor(id)
            case nil: return .payments([], hasMore: false)
            }
        }
        let hasMore = found.count > page.limit
        // The extra row is at the far end: the oldest, or the newest when the page lies before.
        if case .before = page.cursor {
            return .payments(Array(found.suffix(page.limit)), hasMore: hasMore)
        }
        return .payments(Array(found.prefix(page.limit)), hasMore: hasMore)
    }

    // MARK: What links say

    /// How many late approvals may be under way to the leader: a host that sends more is wrong, and
    /// must not take our memory.
    private static let lateApprovalCountMax = 1024
    /// How long one is carried. An attempt that was given up is reversed by its leader in any case;
    /// what this reversal did not reach is found by the settlement file.
    private static let lateApprovalPatience = Duration.seconds(60)

    /// Takes a late approval to the leader of the shard.
    nonisolated func approvedLate(_ approval: LateApproval) {
        onLoop { shard in
            guard shard.lateApprovalCount < Self.lateApprovalCountMax else { return }
            shard.lateApprovalCount += 1
            _ = Task { await shard.deliver(approval) }
        }
    }

    private func deliver(_ approval: LateApproval) async {
        defer { lateApprovalCount -= 1 }
        let end = loop.now + Self.lateApprovalPatience
        while loop.now < end {
            if let gateway = await current() {
                if await gateway.take(approval) { return }
            } else if let leader = leaderGuess.memberToAsk(of: host, node) {
                let outcome = await node.ask(
                    leader, of: group, approval.encoded(), deadline: loop.now + .seconds(5))
                learn(from: outcome, of: leader)
                if case .answer(LateApproval.seenTo) = outcome { return }
            }
            await loop.sleep(for: .milliseconds(200))
        }
    }
}

extension PaymentMethod {
    fileprivate var withoutSealedCard: PaymentMethod {
        PaymentMethod(
            id: id, merchant: merchant, isLive: isLive, created: created, card: card,
            sealedCard: [], billing: billing, metadata: metadata)
    }
}

extension CommandReply {
    /// True for what a repeated request hears while its first try is still under way.
    fileprivate func waitsForItself(_ request: MerchantRequest) -> Bool {
        switch self {
        case .failure(.keyInUse): true
        case .failure(.unavailable): request.claim.isMinted
        case .failure, .outcome: false
        }
    }

    /// An outcome that was stored by an earlier try of the same request is no replay.
    fileprivate func asFirst(of request: MerchantRequest) -> CommandReply {
        guard case .outcome(let outcome, let original?) = self, original == request.requestID else {
            return self
        }
        return .outcome(outcome, replayOf: nil)
    }
}
