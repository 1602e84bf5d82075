import Cluster
package import Environment
import ISO8583
package import Primitives
import Resilience
import Vault

// A region's links to acquirers, on any node: entities of the region's link shard. What is to be
// written is written here while this node leads that shard, and by its leader otherwise:
//
//   send ─┬─ leads, serves ──▶ LinkOwner of the term ───────────────────────────────▶ reply
//         ├─ another leads ──▶ ask, once ──┬─ reply ────────────────────────────────▶ reply
//         │                                ├─ it was not taken ──▶ again, until sendBy
//         │                                └─ lost: it may be written ──────────────▶ unanswered
//         └─ nobody leads ───▶ again, until sendBy ─────────────────────────────────▶ notSent
//
// Whatever may have been written is never asked for again: whoever sent it makes it nothing. How
// the links are, and what the owner's clock says, is asked for once a second while this node uses
// them: a hint, so that nothing is begun that the owner would refuse. Admission is the owner's.

/// A region's links as one node reaches them.
package actor RegionLinks: LoopActor, ShardObserver, AskHandler {
    package nonisolated let region: String
    nonisolated let replica: Replica<LinkMachine>
    nonisolated var host: ShardHost { replica.host }
    nonisolated let node: ClusterNode
    package nonisolated let loop: any NodeLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }
    nonisolated let parts: LinkParts

    /// What an owner on another node has said of itself, and when it was heard.
    struct Known: Sendable {
        let owner: MemberID
        var report: LinkReport
        /// When the report came.
        let heardAt: MonotonicInstant
        /// What the owner's clock said, and by when it had said so.
        var clock: MonotonicInstant
        var clockHeardAt: MonotonicInstant
    }

    /// The term that is served here or is about to be.
    private var serving: (owner: LinkOwner, hasBegun: Bool)?
    private var changeWaiters: [Resumption<Void>] = []
    /// The leadership is about to move: nothing new is written.
    private(set) var isMoving = false
    var known: Known?
    var leaderGuess = LeaderGuess()
    var isRefreshing = false
    var refreshWaiters: [Resumption<Void>] = []
    /// When this node last wanted to know how the links are.
    private var usedAt: MonotonicInstant?
    private var isStopped = false

    /// Between two tries, where nothing says that it is time.
    static let pause = Duration.milliseconds(25)
    /// From one question how the links are to the next.
    private static let refreshInterval = Duration.seconds(1)
    /// How old an owner's word may be: two questions that were lost, and a little more.
    private static let reportAgeMax = Duration.seconds(3)
    /// How long a node goes on asking when it has nothing to send.
    private static let useMax = Duration.seconds(60)

    init(
        region: String, replica: Replica<LinkMachine>, node: ClusterNode, parts: LinkParts
    ) {
        self.region = region
        self.replica = replica
        self.node = node
        self.parts = parts
        loop = parts.loop
    }

    package nonisolated var group: GroupID { host.group }

    package func start() async {
        await node.answer(for: group, by: self)
        await host.start(observer: self)
        scheduleRefresh()
    }

    /// Writes nothing more.
    package func stop() {
        isStopped = true
        serving?.owner.end()
        serving = nil
        wakeWaiters()
    }

    // MARK: Terms

    package nonisolated func shardBeganServing(_ group: GroupID, term: Term) {
        onLoop { links in
            guard !links.isStopped else { return }
            let owner = LinkOwner(
                links.parts, host: links.host, term: term, region: links.region,
                onEmptied: { [unowned links] name, epoch in
                    links.onLoop { $0.emptied(name, epoch, term) }
                })
            links.serving = (owner, hasBegun: false)
            links.known = nil
            _ = Task { await links.begin(owner) }
        }
    }

    private func begin(_ owner: LinkOwner) async {
        let register = await replica.fetch(LinkMachine.key(in: group))?.register ?? LinkRegister()
        guard serving?.owner === owner else { return }
        await owner.begin(register, parts)
        guard serving?.owner === owner else { return }
        serving = (owner, hasBegun: true)
        wakeWaiters()
    }

    package nonisolated func shardEndedServing(_ group: GroupID, term: Term) {
        onLoop { links in
            guard let owner = links.serving?.owner, owner.term == term else { return }
            links.serving = nil
            owner.end()
            links.wakeWaiters()
        }
    }

    package nonisolated func shardIsMoving(_ group: GroupID) -> Bool {
        onLoop { links in
            links.isMoving = true
            return (links.serving?.owner.inFlightCount ?? 0) > 0
        }
    }

    /// An owner writes to its acquirers while nobody else can lead, and not otherwise.
    package nonisolated var needsLease: Bool { true }

    package nonisolated func shardStays(_ group: GroupID) {
        onLoop { $0.isMoving = false }
    }

    package nonisolated func shardLeaderChanged(_ group: GroupID, to leader: MemberID?) {
        onLoop { links in
            links.leaderGuess.leaderChanged()
            if links.known?.owner != leader { links.known = nil }
            if links.isUsed, leader != nil { _ = Task { await links.refresh() } }
        }
    }

    package nonisolated func shardApplied(_ group: GroupID) {
        onLoop { links in
            guard let owner = links.serving?.owner else { return }
            _ = Task { await links.tell(owner) }
        }
    }

    private func tell(_ owner: LinkOwner) async {
        guard let register = await replica.fetch(LinkMachine.key(in: group))?.register
        else { return }
        guard serving?.owner === owner else { return }
        await owner.take(register)
    }

    private func wakeWaiters() {
        let waiters = changeWaiters
        changeWaiters.removeAll()
        for waiter in waiters { waiter.resume() }
    }

    /// Who owns the links here now, once it has begun; nil when nobody does.
    func current() async -> LinkOwner? {
        while let (owner, hasBegun) = serving {
            if hasBegun { return owner }
            await loop.suspend { changeWaiters.append($0) }
            guard serving?.owner === owner else { return nil }
        }
        return nil
    }

    // MARK: What is known of the links

    private var isUsed: Bool { usedAt.map { loop.now - $0 < Self.useMax } ?? false }

    private func scheduleRefresh() {
        loop.schedule(after: Self.refreshInterval) { [self] in
            onLoop { links in
                guard !links.isStopped else { return }
                if links.isUsed, links.serving == nil { _ = Task { await links.refresh() } }
                links.scheduleRefresh()
            }
        }
    }

    /// The links by the owner's word, if it is new enough; nil otherwise. Loop only.
    package nonisolated var statuses: [LinkStatus]? { onLoop { $0.currentStatuses() } }

    private func currentStatuses() -> [LinkStatus]? {
        let wasUsed = isUsed
        usedAt = loop.now
        if let (owner, hasBegun) = serving { return hasBegun ? owner.statuses : nil }
        if let known, loop.now - known.heardAt <= Self.reportAgeMax { return known.report.links }
        if !wasUsed { _ = Task { await refresh() } }
        return nil
    }

    /// Which link a new attempt may take, as far as this node knows. Loop only.
    nonisolated func choice(isLive: Bool) -> LinkChoice {
        statuses.map { LinkChoice($0, isLive: isLive) } ?? .unknown
    }

    /// Whether the owner has the link signed on, as far as this node knows. Loop only.
    nonisolated func isUp(_ link: String) -> Bool {
        statuses?.contains { $0.name == link && $0.session == .up } ?? false
    }

    /// Returns true once an attempt may take a link, and false when the owner says that none can be
    /// taken, or the deadline has come.
    ///
    /// - Parameter isWanted: false once nobody waits any more.
    func untilUsable(
        isLive: Bool, deadline: MonotonicInstant, while isWanted: @Sendable () -> Bool
    ) async -> Bool {
        while loop.now < deadline, !isStopped, isWanted() {
            switch choice(isLive: isLive) {
            case .link: return true
            case .none: return false
            case .unknown: break
            }
            if serving == nil { await refresh() }
            if choice(isLive: isLive) == .unknown { await loop.sleep(for: Self.pause) }
        }
        return false
    }

    /// How long after its write a message may still arrive.
    nonisolated func quietPeriod(of link: String) -> Duration {
        parts.options.first { $0.name == link }?.quietPeriod ?? .zero
    }

    /// How long an answer may take, of the slowest link.
    nonisolated var answerTimeoutMax: Duration {
        parts.options.map(\.answerTimeout).max() ?? .zero
    }
}
