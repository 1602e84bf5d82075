public import Environment
import Journal
public import Primitives
package import Raft
public import StateStore

/// Who is told when a shard begins and ends to be served here, and who leads it. Called on the
/// loop.
public protocol ShardObserver: AnyObject, Sendable {
    func shardBeganServing(_ group: GroupID, term: Term)
    func shardEndedServing(_ group: GroupID, term: Term)
    /// Nil while nobody is known to lead.
    func shardLeaderChanged(_ group: GroupID, to leader: MemberID?)
    /// More of the log is applied, or a snapshot has taken its place.
    func shardApplied(_ group: GroupID)
    /// The leadership is about to be handed over: nothing new is begun until it has moved, or stays
    /// after all. True while something is under way that a new leader could not finish.
    func shardIsMoving(_ group: GroupID) -> Bool
    func shardStays(_ group: GroupID)
    /// Whether its work stands still without a lease.
    var needsLease: Bool { get }
}

extension ShardObserver {
    public func shardApplied(_ group: GroupID) {}
    public func shardIsMoving(_ group: GroupID) -> Bool { false }
    public func shardStays(_ group: GroupID) {}
    public var needsLease: Bool { false }
}

/// What became of a proposal.
public enum ProposalOutcome: Hashable, Sendable {
    /// Committed and applied at this index.
    case applied(LogIndex)
    /// Committed, and refused alike on every replica: a base version was not current.
    case stale(AggregateKey)
    /// Not taken: nothing of it is in the log.
    case refused(ProposalRefusal)
    /// The leadership ended while it was under way: it may be committed by another leader, or by
    /// nobody.
    case lost
}

/// Why a proposal was not taken.
public enum ProposalRefusal: Hashable, Sendable {
    case notServing
    case staleTerm
    case overloaded
    /// The disk is full.
    case noRoom
}

/// The shell of one group's Raft instance: stores through the journal, speaks through the node's
/// links, and applies what is committed to the shard's table. `Replica` makes it, and reads that.
///
/// Everything that serves a shard shares its loop, so that calls of its actors run inline.
//
// What a directive makes others do may come back at once as the next event of this instance. Its
// directives wait until those before them are done (`isPerforming`), so that writes and messages
// leave in the instance's order.
public actor ShardHost: LoopActor {
    public nonisolated let group: GroupID
    public nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    var raft: Instance
    let node: ClusterNode
    let journal: Journal
    nonisolated let store: StateStore
    let reader: any BlockingWorker
    let halt: any NodeHalt
    let snapshotStorage: SnapshotStorage
    var snapshots: SnapshotShelf
    weak var observer: (any ShardObserver)?

    let table: any ShardTable
    /// Nil where the log is in clear: that of the meta group, which has nobody's data.
    var sealing: EntrySealing?
    /// What the replicas say of their states.
    var comparison: ChecksumComparison
    /// Committed, and to be applied as soon as its aggregates are in memory.
    var committedIndex: LogIndex
    var appliedIndex: LogIndex
    var appliedTerm: Term
    /// How far the journal was told to forget; a mark only rises.
    var compactedIndex: LogIndex
    /// The members that the store knows of.
    var storedConfiguration: Configuration
    /// The members of the batch that is being written.
    var configurationBeingStored: Configuration?
    /// Who writes to the store what is applied.
    var changeObserver: (@Sendable () -> Void)?
    /// It was told of something that it has not taken.
    var isChangeNoted = false
    /// False while the store finds no room on its disk: nothing new is taken then.
    var hasStoreRoom = true
    var isApplying = false
    /// What the next entries need is being read: they wait for it.
    var isFetching = false
    var proposals: [LogIndex: OpenProposal] = [:]
    /// Proposals of this turn, or since the write under way began, oldest first.
    var gathered: [GatheredProposal] = []
    var gatheredByteCount = 0
    var directives: [Directive] = []
    private var isPerforming = false
    private var leader: MemberID?
    private var timer: (any LoopTimer)?
    private var timerAt: MonotonicInstant?
    /// The leadership is being handed over in good order (`move`).
    var isMoving = false
    var nextMoveAt = MonotonicInstant(nanoseconds: 0)
    /// Peers that were handed the leadership and did not take it.
    var vainTargets: Set<MemberID> = []

    /// Reads that wait to be confirmed, and those that wait for their index to be applied.
    private var unconfirmedReads: [UInt64: Resumption<Bool>] = [:]
    private var confirmedReads: [ConfirmedRead] = []
    private var lastReadID: UInt64 = 0

    private struct ConfirmedRead {
        let id: UInt64
        let index: LogIndex
        let resumption: Resumption<Bool>
    }

    /// See `Replica`.
    init(
        group: GroupID, node: ClusterNode, loop: any NodeLoop, journal: Journal,
        log: RecoveredLog.Group?, configuration: Configuration, table: any ShardTable,
        store: StateStore, stored: AppliedState?, reader: any BlockingWorker,
        snapshots: SnapshotStorage, halt: any NodeHalt, seed: UInt64
    ) {
        self.group = group
        self.node = node
        self.loop = loop
        self.journal = journal
        self.store = store
        self.reader = reader
        self.halt = halt
        snapshotStorage = snapshots
        self.snapshots = SnapshotShelf(seed: seed)
        appliedIndex = stored?.index ?? 0
        appliedTerm = stored?.term ?? 0
        committedIndex = appliedIndex
        compactedIndex = log?.compactedUpTo ?? 0
        // A configuration behind the log's base, up to what is applied, is in the entries too, and
        // none of those is ever taken back.
        let start = Instance.Start(
            hardState: log?.hardState ?? HardState(),
            base: LogPosition(index: log?.compactedUpTo ?? 0, term: log?.compactedTerm ?? 0),
            configuration: configuration, entries: log?.entries ?? [], appliedIndex: appliedIndex)
        raft = Instance(
            cluster: node.seat.cluster, group: group, member: node.seat.member, start: start,
            seed: seed)
        storedConfiguration = configuration
        self.table = table
        if group != ClusterNode.metaGroup, let sealer = node.sealer {
            sealing = EntrySealing(group, sealer, seed: seed)
        }
        comparison = ChecksumComparison(group, startingAfter: appliedIndex)
    }

    /// Takes part in the group; `observer` is told when it is served here, and by whom it is led.
    public func start(observer: any ShardObserver) async {
        self.observer = observer
        await node.add(self)
        raft.onStart(node.moment(), &directives)
        perform()
        prefer(node.preferredLeaders(of: group))
    }

    /// The term that is served here, or nil.
    public nonisolated var servingTerm: Term? { onLoop { $0.raft.servingTerm } }

    /// Who leads the group, as far as this node knows.
    public nonisolated var knownLeader: MemberID? { onLoop { $0.leader } }

    /// The leader that others can be told of: nil where this node has no replica, as it would not
    /// hear of the next one.
    public nonisolated var leaderToTell: MemberID? { isReplica ? knownLeader : nil }

    /// Whether this node may act for the group at this moment, by a fresh look at the clock: it
    /// serves, and nobody else can while a quorum is bound to it.
    public nonisolated var holdsLease: Bool { onLoop { $0.isLeased(byMeasured: true) } }

    /// The same by the clocks' declared rates, where they have not been measured yet: for what has
    /// other fences too, and cannot wait for a minute after each start.
    package nonisolated var holdsLeaseByDeclaredRates: Bool {
        onLoop { $0.isLeased(byMeasured: false) }
    }

    private func isLeased(byMeasured areRatesMeasured: Bool) -> Bool {
        guard raft.servingTerm != nil else { return false }
        return isAlone
            || raft.leaseExpiry(node.moment(), areRatesMeasured: areRatesMeasured) != nil
    }

    /// True when this node decides for the group alone.
    public nonisolated var isAlone: Bool {
        onLoop { host in
            let configuration = host.raft.configuration
            return configuration.voters == [host.node.seat.member] && !configuration.isJoint
        }
    }

    /// Whether other nodes may have led the group. Loop only.
    public nonisolated var hasPeers: Bool { !node.members.peers.isEmpty }

    /// Whether this node has a replica: votes in the group, or listens. Loop only.
    ///
    /// A member that was taken out is not told: what its log says last may be that it is one. So
    /// the topology is asked too; where it has settled without this node, that counts.
    public nonisolated var isReplica: Bool {
        onLoop { host in
            host.raft.configuration.contains(host.node.seat.member)
                && host.node.mayHoldReplica(of: host.group)
        }
    }

    /// Hands the leadership to a peer that can take it, if this node leads; nil when there is none.
    @discardableResult
    public nonisolated func handOver() -> MemberID? {
        onLoop { $0.transferToAny() }
    }

    private func transferToAny() -> MemberID? {
        guard raft.isLeader else { return nil }
        return node.peersForHandOver.first { transfer(to: $0) }
    }

    private func transfer(to peer: MemberID) -> Bool {
        do {
            try raft.transferLeadership(to: peer, node.moment(), &directives)
        } catch {
            // No voter, not heard lately, or another transfer is under way.
            return false
        }
        perform()
        return true
    }

    /// No more proposals are taken. Returns when those under way have ended.
    public func stop() async {
        raft.onStop(&directives)
        perform()
        timer?.cancel()
        // Without a quorum, or room to apply them, they do not end: what is not committed by then,
        // another leader decides, or the next start.
        let end = loop.now + .seconds(2)
        while !proposals.isEmpty, isAlone && hasStoreRoom || loop.now < end {
            await loop.sleep(for: .milliseconds(1))
        }
        loseProposals()
    }

    /// What was proposed in a term that is over may be committed by another leader, or by nobody.
    private func loseProposals() {
        let lost = proposals.sorted { $0.key < $1.key }
        proposals.removeAll()
        for (_, proposal) in lost { proposal.resumption.resume(returning: .lost) }
    }

    /// Returns once what is in memory holds everything that was committed anywhere before the call;
    /// false when nobody could confirm it.
    public func readBarrier() async -> Bool {
        lastReadID += 1
        let id = lastReadID
        return await loop.suspend { resumption in
            unconfirmedReads[id] = resumption
            raft.read(id: id, node.moment(), &directives)
            perform()
            // A message may be lost, and a replica may be far behind: whoever asks asks again.
            let isOpen =
                unconfirmedReads[id] != nil || confirmedReads.contains { $0.id == id }
            guard isOpen else { return }
            loop.schedule(after: raft.options.electionTimeout) { [self] in
                onLoop { $0.forgetRead(id) }
            }
        }
    }

    private func forgetRead(_ id: UInt64) {
        raft.forgetRead(id: id)
        if let place = confirmedReads.firstIndex(where: { $0.id == id }) {
            confirmedReads.remove(at: place).resumption.resume(returning: false)
        }
        unconfirmedReads.removeValue(forKey: id)?.resume(returning: false)
    }

    private func confirmRead(_ id: UInt64, at index: LogIndex) {
        guard let resumption = unconfirmedReads.removeValue(forKey: id) else { return }
        if appliedIndex >= index { return resumption.resume(returning: true) }
        confirmedReads.append(ConfirmedRead(id: id, index: index, resumption: resumption))
    }

    /// Reads whose index is applied by now.
    func finishReads() {
        guard confirmedReads.contains(where: { $0.index <= appliedIndex }) else { return }
        let ready = confirmedReads.filter { $0.index <= appliedIndex }
        confirmedReads.removeAll { $0.index <= appliedIndex }
        for read in ready { read.resumption.resume(returning: true) }
    }

    // MARK: Directives

    func perform() {
        guard !isPerforming else { return }
        isPerforming = true
        defer { isPerforming = false }
        while !directives.isEmpty {
            let batch = directives
            directives.removeAll(keepingCapacity: true)
            for directive in batch { perform(directive) }
        }
        armTimer()
    }

    private func perform(_ directive: Directive) {
        switch directive {
        case .persist(let token, let hardState, let entries):
            persist(token, hardState, entries)
        case .send(let message):
            node.send(message)
        case .commit(let index):
            committedIndex = max(committedIndex, index)
            applyCommitted()
        case .beginServing(let term):
            observer?.shardBeganServing(group, term: term)
        case .endServing(let term):
            loseProposals()
            proposeGathered()
            observer?.shardEndedServing(group, term: term)
        case .leaderChanged(let member, _):
            leader = member
            dropUselessSnapshot()
            observer?.shardLeaderChanged(group, to: member)
        case .readReady(let id, let index):
            confirmRead(id, at: index)
        case .readFailed(let id):
            unconfirmedReads.removeValue(forKey: id)?.resume(returning: false)
        case .configurationChanged:
            break
        case .transferAborted(let target):
            noteVain(target)
            // Whoever was asked to lead did not, and may still: there is no lease in this term.
            if observer?.needsLease == true { raft.renewTerm(node.moment(), &directives) }
        case .prepareSnapshot(let peer):
            prepareSnapshot(for: peer)
        case .readSnapshot(let peer, let id, let offset, let byteCount):
            readSnapshot(for: peer, id: id, offset: offset, byteCount: byteCount)
        case .storeSnapshot(let id, let offset, let bytes):
            storeSnapshot(id: id, offset: offset, bytes: bytes)
        case .discardSnapshot(let id):
            discardSnapshot(id: id)
        case .installSnapshot(let descriptor):
            installSnapshot(descriptor)
        }
    }

    private func persist(_ token: UInt64, _ hardState: HardState?, _ entries: [LogEntry]) {
        journal.append(group, entries: entries, hardState: hardState) { [self] in
            onLoop { $0.persisted(token) }
        }
    }

    private func persisted(_ token: UInt64) {
        step { raft, moment, directives in
            raft.onPersisted(token: token, moment, &directives)
        }
    }

    /// Gives the instance an event, and does what it says.
    func step(_ event: (inout Instance, Moment, inout [Directive]) -> Void) {
        event(&raft, node.moment(), &directives)
        perform()
    }

    /// The timer runs no later than the instance's next deadline. One that comes early costs less
    /// than setting it anew with every event.
    private func armTimer() {
        guard let deadline = raft.nextDeadline else { return }
        if let timerAt, timerAt <= deadline { return }
        timer?.cancel()
        timerAt = deadline
        timer = loop.schedule(after: max(.zero, deadline - loop.now)) { [self] in
            onLoop { $0.tick() }
        }
    }

    private func tick() {
        timerAt = nil
        timer = nil
        wakeIfReplica()
    }

    /// Whoever has no part in the group stands for no election in it.
    private func wakeIfReplica() {
        guard isReplica else { return }
        step { raft, moment, directives in raft.onTick(moment, &directives) }
    }
}

extension ShardHost: GroupShell {
    package nonisolated func receive(_ message: Message) {
        onLoop { $0.take(message) }
    }

    private func take(_ message: Message) {
        let reception = raft.onMessage(message, node.moment(), &directives)
        if case .refused(let reason) = reception {
            node.noteRefusal()
            if reason == .commitBeyondLog { return node.endAsOlderDisk(group) }
        }
        perform()
    }

    package nonisolated var isLedHere: Bool { onLoop { $0.raft.isLeader } }

    package nonisolated func canMove(to member: MemberID) -> Bool {
        onLoop { $0.raft.configuration.voters.contains(member) }
    }

    package nonisolated func prefer(_ members: [MemberID]) {
        onLoop { host in
            host.step { raft, moment, directives in
                raft.prefer(members, handsOver: false, moment, &directives)
            }
        }
    }

    package nonisolated func linkBegan(_ member: MemberID) {
        onLoop { host in
            host.step { raft, moment, directives in
                raft.onReconnected(to: member, moment, &directives)
            }
        }
    }

    package nonisolated func wake() {
        onLoop { $0.wakeIfReplica() }
    }
}
