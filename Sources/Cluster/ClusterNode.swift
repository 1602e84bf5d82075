public import Environment
public import Journal
import Liveness
public import Primitives
package import Raft
public import Topology

// What the groups of a node share: who its peers are, how they are reached, and who supports whom.
//
//   ShardHost ── moment() ─────▶ the clock, and the support table, both as of now
//             ── send(message) ▶ gathered by peer, one frame a turn ▶ PeerLinks
//   PeerLinks ── frame ────────▶ Raft message ▶ its group; liveness ▶ here; ask ▶ its handler
//
// Liveness keeps its promises in the journal as the last entry of a group of its own, so that its
// write shares the sync of the turn: a disk that stands still loses the node its leases.

/// A group as its node sees it. Loop only.
package protocol GroupShell: AnyObject, Sendable {
    var group: GroupID { get }
    func receive(_ message: Message)
    /// The node's support has changed.
    func wake()
    func linkBegan(_ member: MemberID)
    var isLedHere: Bool { get }
    /// The term that is served here, or nil.
    var servingTerm: Term? { get }
    /// Leads the group a step towards other members, where this node leads it; true when it has
    /// got there.
    func approach(_ target: GroupTarget) -> Bool
    /// Whether the peer has a vote in the group.
    func canMove(to member: MemberID) -> Bool
    /// Hands the leadership to the first of the peers that can take it, once what is under way has
    /// ended. False when it is not led here, or on its way already.
    @discardableResult
    func move(to peers: [MemberID], _ urgency: MoveUrgency) -> Bool
    /// Says who should lead the group; others wait longer before they stand for it.
    func prefer(_ members: [MemberID])
    /// Asks the other members what has become of their states, where there is something new.
    func compareStates()
    /// Nil when it does not compare.
    func answer(_ report: ChecksumReport, from asker: MemberID) -> ChecksumReport?
}

/// Answers what other nodes ask of a group. Loop only.
public protocol AskHandler: AnyObject, Sendable {
    func answer(
        _ payload: [UInt8], from asker: MemberID, deadline: MonotonicInstant
    ) async -> AskAnswer
}

/// What the node that was asked says.
public enum AskAnswer: Hashable, Sendable {
    case answer([UInt8])
    /// It does not serve the group; the one who does, as far as it knows.
    case moved(to: MemberID?)
    case overloaded
}

/// What became of an ask.
public enum AskOutcome: Hashable, Sendable {
    case answer([UInt8])
    case moved(to: MemberID?)
    /// Nothing was done.
    case overloaded
    /// No answer came: it may have been done.
    case lost
    /// It never left this node.
    case unreachable
}

extension AskOutcome {
    fileprivate init(_ answer: AskAnswer) {
        switch answer {
        case .answer(let bytes): self = .answer(bytes)
        case .moved(let leader): self = .moved(to: leader)
        case .overloaded: self = .overloaded
        }
    }
}

/// What the groups of one node share.
public actor ClusterNode: LoopActor {
    /// This node and its peers, as the newest topology has them. Loop only.
    public nonisolated var members: ClusterMembers { onLoop { $0.currentMembers } }
    var currentMembers: ClusterMembers
    /// The newest topology that this node has heard of; not founded before it has. Loop only.
    public nonisolated var topology: Topology { onLoop { $0.currentTopology } }
    var currentTopology = Topology()
    /// The topology as this node's own replica of the meta group has it: what says where groups
    /// shall be. Loop only.
    nonisolated var confirmedTopology: Topology { onLoop { $0.ownTopology } }
    var ownTopology = Topology()
    /// Nodes that the own log may come to know (`foresee`).
    var foreseenNodes: [NodeRecord] = []
    /// Groups that have settled on other members than this node, by that.
    var foreignGroups: Set<GroupID> = []
    /// Who says that this node has no place any more.
    var expulsion = Expulsion()
    public nonisolated let seat: Seat
    /// Seals what shards write; nil where it stays in clear.
    nonisolated let sealer: (any Sealer)?
    nonisolated let foundingChecksum: UInt32
    public nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    let journal: Journal
    /// Whether the state store finds room on its disk.
    private(set) var hasStoreRoom = true
    let links: PeerLinks?
    let halt: any NodeHalt
    let gossip: NodeGossip?
    var groups: [GroupID: any GroupShell] = [:]
    private(set) var isStopped = false
    private var isStarted = false
    private var handlers: [GroupID: any AskHandler] = [:]
    private var asks: AskTable
    private var servedAsks: [MemberID: ServedAsks] = [:]
    /// Who admits nodes; nil until it starts.
    weak var keeper: TopologyKeeper?
    /// Who makes the groups of link shards; nil until somebody does.
    weak var linkShardHosting: (any LinkShardHosting)?
    var hostedLinkCount = 0

    var liveness: Liveness?
    private var livenessIndex: LogIndex
    var livenessDirectives: [Liveness.Directive] = []
    private var isPerformingLiveness = false
    private var livenessTimer: (any LoopTimer)?

    /// Raft messages by peer, gathered until the end of the turn.
    private var outgoing: [MemberID: GroupBatch] = [:]
    private var isFlushAwaited = false
    /// What peers said that could not be read, or was refused: a peer's mistake, or a forger's.
    public private(set) var refusedMessageCount = 0

    /// The group in the journal that holds what liveness has promised: no shard has its number.
    public static let livenessGroup = GroupID(.max)
    /// The group that holds the topology.
    public static let metaGroup = GroupID(.max - 1)
    /// Under this number nodes ask each other for checksums of their states, of any group.
    static let checksumGroup = GroupID(.max - 2)

    /// How many asks of one peer are worked on at a time: its memory is ours then.
    private static let servedAskCountMax = 8192
    /// How many bytes they have, all together: as many as those of the largest requests (128 KiB)
    /// of 512 clients.
    private static let servedAskByteCountMax = 64 << 20

    /// What of one peer is worked on.
    private struct ServedAsks {
        var count = 0
        var byteCount = 0
    }

    /// - Parameters:
    ///   - log: what the journal held of `livenessGroup`.
    ///   - links: nil for a node that is alone.
    ///   - seed: chance that differs between starts.
    public init(
        seat: Seat, loop: any NodeLoop, journal: Journal, log: RecoveredLog.Group?,
        network: any Network, links: PeerLinks?, sealer: (any Sealer)?,
        halt: any NodeHalt, seed: UInt64
    ) {
        let members = ClusterMembers(seat)
        self.seat = seat
        self.sealer = sealer
        foundingChecksum = seat.founding.checksum
        self.loop = loop
        self.journal = journal
        self.links = links
        self.halt = halt
        currentMembers = members
        asks = AskTable(seed: seed)
        gossip = links.map {
            NodeGossip(members: members, loop: loop, network: network, links: $0, seed: seed)
        }
        livenessIndex = log?.entries.last?.index ?? log?.compactedUpTo ?? 0
        guard links != nil else { return }
        liveness = Liveness(
            cluster: members.cluster, member: members.own, durable: Self.promises(in: log),
            options: Liveness.Options(), now: loop.now)
    }

    private static func promises(in log: RecoveredLog.Group?) -> DurableLiveness? {
        guard let payload = log?.entries.last?.payload else { return nil }
        do {
            var reader = ByteReader(payload)
            let durable = try DurableLiveness(from: &reader)
            try reader.finish()
            return durable
        } catch {
            // The journal has checked it: it is what this node wrote, or a later version did.
            preconditionFailure("the promises in the journal cannot be read: \(error)")
        }
    }

    /// Connects to the peers and asks for their support. Groups and handlers were added before.
    public func start() async {
        guard liveness != nil, let links else { return }
        isStarted = true
        setLivenessPeers()
        await links.start(receiver: self)
        liveness?.onStart(now: loop.now, &livenessDirectives)
        performLiveness()
        gossip?.start()
        scheduleBalance()
        scheduleComparison()
    }

    /// Takes other members.
    func update(_ members: ClusterMembers) {
        currentMembers = members
        links?.update(members)
        gossip?.update(members)
        guard isStarted, !isStopped else { return }
        setLivenessPeers()
        performLiveness()
    }

    /// How long peers are asked to support this node, and how often. Within a region nothing but a
    /// fault takes longer than this; between regions a link that loses a packet may be silent for a
    /// second, and an ask or two of a promise may come to nothing.
    private func setSupportDuration() {
        if Set(currentMembers.all.map(\.region)).count == 1 {
            liveness?.setSupportDuration(.milliseconds(500), askedEvery: .milliseconds(200))
        } else {
            liveness?.setSupportDuration(.seconds(2), askedEvery: .milliseconds(500))
        }
    }

    private func setLivenessPeers() {
        setSupportDuration()
        do {
            try liveness?.setPeers(
                currentMembers.peers.map(\.id), now: loop.now, &livenessDirectives)
        } catch {
            preconditionFailure("\(currentMembers.all.count) members are too many: \(error)")
        }
    }

    /// Closes the links.
    public func stop() async {
        isStopped = true
        livenessTimer?.cancel()
        gossip?.stop()
        await links?.stop()
    }

    /// Peers whose link is up.
    public var connectedPeers: [MemberID] {
        get async { await links?.connected ?? [] }
    }

    /// A message to a group was refused.
    nonisolated func noteRefusal() {
        onLoop { $0.refusedMessageCount += 1 }
    }

    /// The state store finds no room on its disk, or does again.
    public func set(hasStoreRoom: Bool) {
        self.hasStoreRoom = hasStoreRoom
    }

    package func add(_ group: any GroupShell) {
        groups[group.group] = group
    }

    /// Sets who answers what is asked of a group.
    public func answer(for group: GroupID, by handler: any AskHandler) {
        handlers[group] = handler
    }

    // MARK: What groups ask of their node

    /// Now, by a fresh look at the clock, and who supports whom.
    package nonisolated func moment() -> Moment {
        onLoop { $0.currentMoment() }
    }

    private func currentMoment() -> Moment {
        let now = loop.now
        guard let lastSeen = liveness?.lastSeen else { return Moment(now: now) }
        if now < lastSeen {
            // The clock ran backwards: nothing that was received counts any more.
            liveness?.onTick(now: now, &livenessDirectives)
            loop.post { [self] in onLoop { $0.performLiveness() } }
        }
        return Moment(now: now, support: liveness!.table)
    }

    package nonisolated func send(_ message: Message) {
        onLoop { $0.gather(message) }
    }

    private func gather(_ message: Message) {
        outgoing[message.to, default: GroupBatch()].append(message)
        if outgoing[message.to]!.isFull { flush(message.to) }
        guard !isFlushAwaited else { return }
        isFlushAwaited = true
        // What groups gather until then says something to the same peers.
        loop.atEndOfTurn { [self] in
            loop.atEndOfTurn { [self] in onLoop { $0.flushAll() } }
        }
    }

    private func flushAll() {
        isFlushAwaited = false
        for member in outgoing.keys.sorted() { flush(member) }
    }

    private func flush(_ member: MemberID) {
        guard let batch = outgoing.removeValue(forKey: member), let links,
            let frame = try? batch.frame()
        else { return }
        // What the link does not take is lost: the instances repeat what is not answered.
        _ = links.post(frame, to: member)
    }
}

// MARK: - Liveness

extension ClusterNode {
    private func performLiveness() {
        guard !isPerformingLiveness else { return }
        isPerformingLiveness = true
        defer { isPerformingLiveness = false }
        var hasChanged = false
        while !livenessDirectives.isEmpty || hasChanged {
            if livenessDirectives.isEmpty {
                // However many peers' support has changed, groups look at all of it.
                hasChanged = false
                wakeGroups()
                continue
            }
            let batch = livenessDirectives
            livenessDirectives.removeAll(keepingCapacity: true)
            for directive in batch {
                switch directive {
                case .persist(let token, let durable): persist(token, durable)
                case .send(let message): _ = links?.post(.liveness(message.encoded), to: message.to)
                case .supportWithdrawn, .supportLost, .supportGained: hasChanged = true
                }
            }
        }
        armLiveness()
    }

    private func persist(_ token: UInt64, _ durable: DurableLiveness) {
        livenessIndex += 1
        let entry = LogEntry(
            index: livenessIndex, term: 1, kind: .command, payload: durable.encoded)
        journal.append(Self.livenessGroup, entries: [entry], hardState: nil) { [self] in
            onLoop { $0.persisted(token) }
        }
    }

    private func persisted(_ token: UInt64) {
        // The newest promise is on disk: those before it have no meaning any more.
        if livenessIndex > 1 {
            journal.compact(Self.livenessGroup, upTo: livenessIndex - 1, term: 1)
        }
        liveness?.onPersisted(token: token, now: loop.now, &livenessDirectives)
        performLiveness()
    }

    private func wakeGroups() {
        for group in groups.keys.sorted() { groups[group]?.wake() }
    }

    private func armLiveness() {
        livenessTimer?.cancel()
        livenessTimer = nil
        guard let deadline = liveness?.nextDeadline else { return }
        livenessTimer = loop.schedule(after: max(.zero, deadline - loop.now)) { [self] in
            onLoop { node in
                node.liveness?.onTick(now: node.loop.now, &node.livenessDirectives)
                node.performLiveness()
            }
        }
    }
}

// MARK: - What peers say

extension ClusterNode: PeerReceiver {
    package nonisolated func received(_ message: PeerMessage, from member: MemberID) {
        onLoop { $0.take(message, from: member) }
    }

    package nonisolated func linkBegan(_ member: MemberID) {
        onLoop { node in
            node.expulsion.withdraw(member)
            for group in node.groups.keys.sorted() { node.groups[group]?.linkBegan(member) }
        }
    }

    package nonisolated func linkEnded(_ member: MemberID) {
        onLoop { node in
            for waiting in node.asks.takeAll(from: member) { waiting.resume(returning: .lost) }
            // Somebody may have been told to be in its place.
            if node.currentTopology.epoch > node.ownTopology.epoch, !node.isStopped {
                node.relink()
            }
        }
    }

    private func take(_ message: PeerMessage, from member: MemberID) {
        switch message {
        case .groups(let bytes): takeGroups(bytes, from: member)
        case .liveness(let bytes): takeLiveness(bytes, from: member)
        case .gossip(let bytes):
            if gossip?.receive(bytes, from: member) ?? true { refusedMessageCount += 1 }
        case .ask(let ask): Task { await self.serve(ask, from: member) }
        case .answer(let id, let answer):
            asks.take(id, from: member)?.resume(returning: AskOutcome(answer))
        case .topology(let topology):
            adopt(topology, of: member)
        case .hello, .refusal:
            // They stand at the beginning of a link, and nowhere else.
            refusedMessageCount += 1
        }
    }

    private func takeGroups(_ bytes: [UInt8], from member: MemberID) {
        do {
            try GroupBatch.forEach(in: bytes) { message in
                // The link says who speaks; nobody speaks for another.
                guard message.from == member, let group = groups[message.group] else {
                    refusedMessageCount += 1
                    return
                }
                group.receive(message)
            }
        } catch {
            refusedMessageCount += 1
        }
    }

    private func takeLiveness(_ bytes: [UInt8], from member: MemberID) {
        var reader = ByteReader(bytes)
        guard let message = try? LivenessMessage(from: &reader), message.from == member else {
            refusedMessageCount += 1
            return
        }
        let reception = liveness?.onMessage(message, now: loop.now, &livenessDirectives)
        if case .refused? = reception { refusedMessageCount += 1 }
        performLiveness()
    }
}

// MARK: - Asking

extension ClusterNode {
    /// Asks a peer something of a group, once. Ends by `deadline`, whatever happens.
    public func ask(
        _ member: MemberID, of group: GroupID, _ payload: [UInt8], deadline: MonotonicInstant
    ) async -> AskOutcome {
        let budget = deadline - loop.now
        guard let links, budget > .zero else { return .unreachable }
        guard asks.count(askedOf: member) < Self.servedAskCountMax else { return .overloaded }
        let id = asks.nextID()
        let ask = PeerAsk(id: id, group: group, budget: budget, payload: payload)
        guard links.post(.ask(ask), to: member) else { return .unreachable }
        return await loop.suspend { resumption in
            let timer = loop.schedule(after: budget) { [self] in
                onLoop { $0.asks.take(id)?.resume(returning: .lost) }
            }
            asks.wait(id, askedOf: member, timer, resumption)
        }
    }

    private func serve(_ ask: PeerAsk, from member: MemberID) async {
        let served = servedAsks[member, default: ServedAsks()]
        var answer = AskAnswer.overloaded
        if served.count < Self.servedAskCountMax,
            served.byteCount + ask.payload.count <= Self.servedAskByteCountMax
        {
            servedAsks[member] = ServedAsks(
                count: served.count + 1, byteCount: served.byteCount + ask.payload.count)
            let own: (any AskHandler)? = ask.group == Self.checksumGroup ? self : nil
            if let handler = own ?? handlers[ask.group] {
                answer = await handler.answer(
                    ask.payload, from: member, deadline: loop.now + ask.budget)
            } else {
                answer = .moved(to: nil)
            }
            servedAsks[member]?.count -= 1
            servedAsks[member]?.byteCount -= ask.payload.count
        }
        _ = links?.post(.answer(ask.id, answer), to: member)
    }
}
