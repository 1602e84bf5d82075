public import Environment
public import Primitives
import StateStore
public import Topology

// The node's part in the meta group: its copy of the topology, requests to change it, and, where
// this node leads groups, the steps that take them to where the topology wants them.
//
//   request ─┬─ leads, serves ──▶ decide ──▶ propose ──▶ applied ──▶ done
//            ├─ another leads ──▶ ask, once ─┬─ reply ─────────────▶ told
//            │                               └─ moved, lost ──▶ pause ──▶ again
//            └─ nobody leads ───▶ pause ──▶ again, until the deadline
//
//   conduct, now and then   every group that is led here approaches its target (`ShardHost`); what
//                           has got there is reported; the leader of the meta group takes the next
//                           step of the placement
//
// One change is under way at a time, so that each is decided on the newest topology.

/// Keeps the topology on one node.
public actor TopologyKeeper: LoopActor, ShardObserver, AskHandler {
    private nonisolated let replica: Replica<TopologyMachine>
    public nonisolated var host: ShardHost { replica.host }
    private nonisolated let node: ClusterNode
    public nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    /// This node, as its configuration has it.
    private let profile: NodeProfile
    private var isChanging = false
    private var changeWaiters: [Resumption<Void>] = []
    private var leaderGuess = LeaderGuess()
    /// The terms of groups led here in which this node has looked at the newest topology.
    private var confirmedTerms: [GroupID: Term] = [:]
    private var confirming: Set<GroupID> = []
    private var conductTimer: (any LoopTimer)?
    /// The next look is that of somebody who has nothing to do.
    private var isResting = false
    private var isStopped = false
    private var isReporting = false
    /// A topology that a peer told is held against the group's.
    private var isChecking = false
    /// Since when nodes are not thought to be up, while this node leads the group.
    private var downSince: [MemberID: MonotonicInstant] = [:]
    /// What there was nothing to do about.
    private var idleLook: Look?
    /// When every group that is led here was last found where it shall be, by which topology.
    private var wholeLook: (epoch: UInt64, at: MonotonicInstant)?

    /// All that the next step of the placement depends on.
    private struct Look: Hashable {
        let epoch: UInt64
        let reachable: Set<MemberID>
        let lost: Set<MemberID>
    }

    private static let key = TopologyMachine.key(in: ClusterNode.metaGroup)
    /// From one look at the groups to the next: a step of a change takes a round trip and a sync.
    private static let conductInterval = Duration.milliseconds(250)
    /// The same while every group is where it shall be.
    private static let restInterval = Duration.seconds(1)
    /// From one look at groups that have settled to the next: nothing but these looks moves them,
    /// so that there is nothing to find, and there may be a thousand.
    private static let wholeLookInterval = Duration.seconds(10)
    /// Between two tries of a request, as elections take a second.
    private static let pause = Duration.milliseconds(50)
    /// How long a node has to be down until another one gets what was on its way to it: longer than
    /// a restart, and no reason to wait for somebody.
    private static let lostAfter = Duration.seconds(60)
    /// How long a report may take: the next one says the same.
    private static let reportTimeout = Duration.seconds(5)

    public init(
        replica: Replica<TopologyMachine>, node: ClusterNode, profile: NodeProfile,
        loop: any NodeLoop
    ) {
        self.replica = replica
        self.node = node
        self.profile = profile
        self.loop = loop
    }

    /// Takes up what the disk knows, and part in the group.
    public func start() async {
        await host.load([Self.key])
        await node.set(keeper: self)
        shardApplied(host.group)
        await foresee()
        await node.answer(for: host.group, by: self)
        await host.start(observer: self)
        scheduleConduct(isResting: false)
        _ = Task { await self.announce() }
    }

    public func stop() {
        isStopped = true
        wakeWaiters()
    }

    /// Has the node link with those whom its log knows, also where it does not know that they were
    /// admitted: after a loss of power the state may be older than the log, and from nobody but
    /// them would it learn what was committed.
    private func foresee() async {
        var topology = await current()
        for entry in await host.unappliedEntries where entry.kind == .command {
            // One that does not fit was decided on another state.
            guard let change = try? TopologyChange(encoded: entry.payload) else { continue }
            _ = topology.apply(change)
        }
        let foreseen = topology.nodes
        guard node.onLoop({ $0.foresee(foreseen) }) else { return }
        _ = Task { await self.endForesight() }
    }

    /// What was committed of it the own replica knows by then.
    private func endForesight() async {
        while !isStopped {
            await loop.sleep(for: Self.restInterval)
            guard await host.readBarrier() else { continue }
            await adoptStored()
            _ = node.onLoop { $0.foresee([]) }
            return
        }
    }

    // MARK: What the group says

    public nonisolated func shardBeganServing(_ group: GroupID, term: Term) {
        onLoop { keeper in
            // What it did not lead before, it has not looked at.
            keeper.wholeLook = nil
            _ = Task { await keeper.found() }
        }
    }

    public nonisolated func shardEndedServing(_ group: GroupID, term: Term) {}
    public nonisolated func shardLeaderChanged(_ group: GroupID, to leader: MemberID?) {
        onLoop { $0.leaderGuess.leaderChanged() }
    }

    /// The replica has gone on: the node takes the topology as it is now.
    public nonisolated func shardApplied(_ group: GroupID) {
        onLoop { keeper in
            let topology = keeper.replica.aggregate(Self.key)?.topology
            if let topology {
                keeper.adopt(topology)
            } else {
                // A snapshot has come: what it brought is not in memory yet.
                _ = Task { await keeper.adoptStored() }
            }
        }
    }

    private func adoptStored() async {
        adopt(await current())
    }

    private func adopt(_ topology: Topology) {
        let isNew = topology.epoch > node.confirmedTopology.epoch
        node.onLoop { $0.confirm(topology) }
        // Only a rest is cut short: changes that follow each other would put the next look off.
        if isNew, isResting { scheduleConduct(isResting: false) }
    }

    // MARK: Requests

    /// Asks for a change, wherever it is decided. Ends by `deadline`.
    public func perform(
        _ command: TopologyCommand, deadline: MonotonicInstant
    ) async -> TopologyReply {
        while loop.now < deadline, !isStopped {
            if host.servingTerm != nil {
                if let reply = await decide(command, deadline: deadline) { return reply }
            } else if let reply = await ask(command, deadline: deadline) {
                return reply
            }
            await loop.sleep(for: Self.pause)
        }
        return .unavailable
    }

    private func ask(
        _ command: TopologyCommand, deadline: MonotonicInstant
    ) async -> TopologyReply? {
        guard let leader = leaderToAsk() else { return nil }
        let outcome = await node.ask(
            leader, of: host.group, command.encoded, deadline: deadline)
        leaderGuess.learn(from: outcome, of: leader)
        guard case .answer(let bytes) = outcome, let reply = try? TopologyReply(encoded: bytes),
            reply != .unavailable
        else { return nil }
        return reply
    }

    /// Every node has a replica of this group, and one that does not vote may know of no leader for
    /// as long as nothing happens: it asks.
    private func leaderToAsk() -> MemberID? {
        leaderGuess.memberToAsk(
            known: host.leaderToTell, voters: node.voters(of: host.group), own: node.seat.member,
            awaitsElection: false)
    }

    public nonisolated func answer(
        _ payload: [UInt8], from asker: MemberID, deadline: MonotonicInstant
    ) async -> AskAnswer {
        await answerPeer(payload, from: asker, deadline: deadline)
    }

    private func answerPeer(
        _ payload: [UInt8], from asker: MemberID, deadline: MonotonicInstant
    ) async -> AskAnswer {
        guard let command = try? TopologyCommand(encoded: payload), Self.isSound(command, asker)
        else { return .moved(to: nil) }
        guard let reply = await decide(command, deadline: deadline) else {
            return .moved(to: host.leaderToTell)
        }
        return .answer(reply.encoded)
    }

    /// Nobody speaks for another about where it is.
    private static func isSound(_ command: TopologyCommand, _ asker: MemberID) -> Bool {
        switch command {
        case .move(let member, let profile):
            member == asker && SocketAddress(profile.address) != nil
        case .arrive(let member, _):
            member == asker
        case .join(let profile, _, _):
            SocketAddress(profile.address) != nil
        case .drain, .resume, .leave, .settle, .set:
            true
        }
    }

    /// What a node without a seat asks: for one, under the name that its certificate has.
    func admit(
        _ payload: [UInt8], of identity: NodeIdentity, deadline: MonotonicInstant
    ) async -> AskAnswer {
        guard let command = try? TopologyCommand(encoded: payload),
            case .join(let profile, _, _) = command, profile.name == identity.name,
            profile.region == identity.region, SocketAddress(profile.address) != nil
        else { return .moved(to: nil) }
        return .answer(await perform(command, deadline: deadline).encoded)
    }

    // MARK: Deciding

    /// Decides and commits a command; nil when this node does not lead, or does not any more.
    private func decide(
        _ command: TopologyCommand, deadline: MonotonicInstant
    ) async -> TopologyReply? {
        await change { topology in
            switch topology.decide(command) {
            case .success(.done): .reply(.done(topology))
            case .success(.change(let event)): .propose(event)
            case .failure(let refusal): .reply(.refused(refusal))
            }
        }
    }

    private enum Decided {
        case reply(TopologyReply)
        case propose(TopologyEvent)
    }

    /// Decides on the newest topology, alone. Nil when this node does not lead, or what it has
    /// proposed may be lost.
    private func change(_ decide: (Topology) -> Decided) async -> TopologyReply? {
        while isChanging {
            await loop.suspend { changeWaiters.append($0) }
        }
        guard !isStopped else { return nil }
        isChanging = true
        defer {
            isChanging = false
            wakeWaiters()
        }
        while let term = host.servingTerm {
            // A member that serves has applied everything that was committed before its term.
            guard await host.readBarrier() else { return nil }
            let topology = await current()
            switch decide(topology) {
            case .reply(let reply):
                return reply
            case .propose(let event):
                let change = TopologyChange(base: topology.epoch, event: event)
                switch await host.propose(change.encoded, expectedTerm: term) {
                case .applied: return .done(await current())
                case .stale: continue
                case .refused, .lost: return nil
                }
            }
        }
        return nil
    }

    private func current() async -> Topology {
        await replica.fetch(Self.key)?.topology ?? Topology()
    }

    private func wakeWaiters() {
        let waiters = changeWaiters
        changeWaiters.removeAll()
        for waiter in waiters { waiter.resume() }
    }

    /// The first leader of the meta group writes down how the cluster begins.
    private func found() async {
        let founding = node.seat.founding
        _ = await change { topology in
            topology.isFounded ? .reply(.done(topology)) : .propose(.founded(founding))
        }
    }

    /// Says which data folder this node has, and where it is, if the topology does not know.
    private func announce() async {
        while !isStopped {
            if let record = node.topology[node.seat.member] {
                guard let news = news(beyond: record) else { return }
                let reply = await perform(news, deadline: loop.now + Self.reportTimeout)
                // That another folder has arrived in its place, the own replica comes to say.
                if case .refused = reply { return }
            }
            await loop.sleep(for: Self.conductInterval)
        }
    }

    private func news(beyond record: NodeRecord) -> TopologyCommand? {
        if record.token == 0 { return .arrive(record.id, token: node.seat.token) }
        let hasAddress = SocketAddress(profile.address)?.port != 0
        return record.profile != profile && hasAddress ? .move(record.id, profile) : nil
    }

    // MARK: Conducting

    private func scheduleConduct(isResting: Bool) {
        self.isResting = isResting
        conductTimer?.cancel()
        let interval = isResting ? Self.restInterval : Self.conductInterval
        conductTimer = loop.schedule(after: interval) { [self] in
            onLoop { keeper in
                guard !keeper.isStopped else { return }
                keeper.conduct()
                keeper.scheduleConduct(isResting: keeper.isAtRest)
            }
        }
    }

    private var isAtRest: Bool {
        let topology = node.confirmedTopology
        return topology.isFounded && topology.isSettled
            && node.topology.epoch <= topology.epoch && confirming.isEmpty
    }

    private func conduct() {
        checkHearsay()
        let topology = node.confirmedTopology
        guard topology.isFounded else {
            // What was tried when the term began may have come to nothing.
            if host.servingTerm != nil, !isChanging { _ = Task { await self.found() } }
            return
        }
        let isWhole = isAtRest
        if !isWhole || !wasFoundThere(topology) {
            let areAllThere = lead(groupsToLead(by: topology, isWhole), by: topology)
            if isWhole, areAllThere { wholeLook = (topology.epoch, loop.now) }
        }
        guard host.servingTerm != nil else { return downSince.removeAll() }
        let lost = lostNodes(of: topology)
        if !isChanging { takeNextStep(topology, lost) }
    }

    /// Leads those of the groups that are led here a step towards where they shall be, and reports
    /// those that have got there; true when all have.
    private func lead(_ groups: [any GroupShell], by topology: Topology) -> Bool {
        var settled: [SettledShard] = []
        var metaEpoch: UInt64?
        var areAllThere = true
        for group in groups where group.isLedHere {
            guard isConfirmed(group), let target = node.target(of: group.group, by: topology),
                group.approach(target)
            else {
                areAllThere = false
                continue
            }
            if group.group == ClusterNode.metaGroup {
                metaEpoch = topology.meta.isSettled ? nil : topology.meta.epoch
            } else {
                guard let place = topology.placement(of: group.group), !place.isSettled else {
                    continue
                }
                settled.append(SettledShard(group: group.group, epoch: place.epoch))
            }
        }
        if !settled.isEmpty || metaEpoch != nil { report(settled, metaEpoch) }
        return areAllThere
    }

    /// Whether all groups were found where this topology wants them, not long ago.
    private func wasFoundThere(_ topology: Topology) -> Bool {
        guard let wholeLook, wholeLook.epoch == topology.epoch else { return false }
        return loop.now - wholeLook.at < Self.wholeLookInterval
    }

    /// All groups of this node, or those that are not where they shall be, as far as it knows.
    private func groupsToLead(by topology: Topology, _ isWhole: Bool) -> [any GroupShell] {
        node.onLoop { node in
            let groups = node.groups.filter { group, _ in
                isWhole || topology.placement(of: group)?.isSettled != true
            }
            return groups.values.sorted { $0.group < $1.group }
        }
    }

    /// Nodes that have been down for long.
    private func lostNodes(of topology: Topology) -> Set<MemberID> {
        let down = Set(topology.nodes.map(\.id)).subtracting(node.reachable)
        downSince = downSince.filter { down.contains($0.key) }
        let now = loop.now
        for member in down.sorted() where downSince[member] == nil { downSince[member] = now }
        return Set(downSince.filter { now - $0.value >= Self.lostAfter }.keys)
    }

    /// Holds a topology that a peer told against what is decided, where the own replica is behind
    /// it for longer than a look.
    private func checkHearsay() {
        let heard = node.topology.epoch
        guard heard > node.confirmedTopology.epoch, !isChecking else { return }
        isChecking = true
        _ = Task {
            if await host.readBarrier() {
                await self.adoptStored()
                if node.confirmedTopology.epoch < heard { await node.dropHearsay() }
            }
            self.isChecking = false
        }
    }

    /// Whether this node has seen everything that was decided before it began to lead the group: an
    /// older topology would undo what was settled since. Looks, where it has not.
    private func isConfirmed(_ group: any GroupShell) -> Bool {
        guard let term = group.servingTerm else { return false }
        if confirmedTerms[group.group] == term { return true }
        guard confirming.insert(group.group).inserted else { return false }
        _ = Task { await self.confirm(group.group, term) }
        return false
    }

    private func confirm(_ group: GroupID, _ term: Term) async {
        let isNewest = await host.readBarrier()
        if isNewest {
            await adoptStored()
            confirmedTerms[group] = term
        }
        confirming.remove(group)
    }

    private func report(_ settled: [SettledShard], _ metaEpoch: UInt64?) {
        guard !isReporting else { return }
        isReporting = true
        _ = Task {
            _ = await self.perform(
                .settle(settled, metaEpoch: metaEpoch), deadline: loop.now + Self.reportTimeout)
            self.isReporting = false
        }
    }

    private func takeNextStep(_ topology: Topology, _ lost: Set<MemberID>) {
        let reachable = node.reachable
        let look = Look(epoch: topology.epoch, reachable: reachable, lost: lost)
        guard look != idleLook else { return }
        guard topology.nextStep(reachable: reachable, lost: lost) != nil else {
            idleLook = look
            return
        }
        _ = Task {
            _ = await self.change { topology in
                topology.nextStep(reachable: reachable, lost: lost).map { .propose($0) }
                    ?? .reply(.done(topology))
            }
        }
    }
}

extension ClusterNode {
    func set(keeper: TopologyKeeper) {
        self.keeper = keeper
    }

    package nonisolated func guestAsked(
        _ ask: PeerAsk, by identity: NodeIdentity
    ) async -> AskAnswer {
        await answerGuest(ask, by: identity)
    }

    private func answerGuest(_ ask: PeerAsk, by identity: NodeIdentity) async -> AskAnswer {
        guard ask.group == Self.metaGroup, let keeper else { return .moved(to: nil) }
        return await keeper.admit(ask.payload, of: identity, deadline: loop.now + ask.budget)
    }
}
