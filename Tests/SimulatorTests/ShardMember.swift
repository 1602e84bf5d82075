import Cluster
import Environment
import Journal
import Primitives
import Raft
import Simulator
import StateStore
import Synchronization
import Testing

/// Counts in a closure.
final class Counter: Sendable {
    private let state = Mutex(0)
    var count: Int { state.withLock { $0 } }
    func add() { state.withLock { $0 += 1 } }
}

/// A machine that has no state.
private enum Nothing: ShardMachine {
    struct Aggregate: ShardAggregate {
        func row(key: AggregateKey) -> AggregateRow {
            AggregateRow(key: key, owner: "", created: 0, version: 1, isOpen: false, payload: [])
        }

        init(row: AggregateRow) throws(Primitives.DecodingError) {}
    }

    static func keys(
        of payload: [UInt8], in group: GroupID
    ) throws(Primitives.DecodingError) -> EntryKeys { EntryKeys() }

    static func expired(
        in group: GroupID, _ table: AggregateTable<Aggregate>
    ) -> [(kind: AggregateKind, createdBefore: Int64)] { [] }

    static func apply(
        _ payload: [UInt8], in group: GroupID, to table: inout AggregateTable<Aggregate>
    ) throws(Primitives.DecodingError) -> ApplyVerdict { .applied }
}

/// A process with one shard of three, whose machine has no state.
final class ShardMember {
    private struct Parts {
        let loop: SimulatedLoop
        let journal: Journal
        let links: PeerLinks
        let host: ShardHost
        let writer: StateWriter
    }

    private let world: World
    let process: SimulatedProcess
    private let plan: ClusterPlan
    private let store: StateStore
    private var parts: Parts?
    private let observer = Silent()
    /// As of the next start.
    var sealer: (any Sealer)?

    init(_ world: World, _ number: UInt64) throws {
        self.world = world
        let nodes = (1...3 as ClosedRange<UInt64>).map { number in
            ClusterPlan.Node(
                id: MemberID(number), name: "n\(number)", region: "eu",
                address: SocketAddress(host: "n\(number)", port: 7000))
        }
        plan = ClusterPlan(cluster: ClusterID(7), ownName: "n\(number)", nodes: nodes)
        process = world.addProcess("n\(number)")
        store = try StateStore.openInMemory()
        process.disk.prepareDirectory("/data")
    }

    func start() {
        process.start { [unowned self] incarnation in
            do {
                try boot(incarnation)
            } catch {
                world.fail("\(process) did not start: \(error)")
            }
        }
    }

    private func boot(_ incarnation: Incarnation) throws {
        let loop = incarnation.loop
        let (journal, log) = try Journal.open(
            loop: loop, worker: incarnation.makeWorker(), fileSystem: incarnation.files,
            directory: "/data/journal", halt: incarnation.halt,
            options: Journal.Options(segmentByteCount: 4 << 20))
        let seat = try #require(plan.foundingSeat(shardCount: 1, token: 1))
        let identity = try #require(
            NodeIdentity(cluster: "c", region: "eu", name: process.name))
        let links = PeerLinks(
            members: ClusterMembers(seat), loop: loop, network: incarnation.network,
            channels: PlainChannels(identity: identity), random: incarnation.random,
            onTrouble: { _, _ in })
        try links.listen(on: plan.own.address)
        let node = ClusterNode(
            seat: seat, loop: loop, journal: journal,
            log: log.groups[ClusterNode.livenessGroup], network: incarnation.network,
            links: links, sealer: sealer, halt: incarnation.halt, seed: incarnation.random.next())
        let snapshots = SnapshotStorage(
            fileSystem: incarnation.files, directory: "/data/snapshots",
            writer: incarnation.makeWorker())
        try snapshots.prepare()
        let replica = Replica<Nothing>(
            group: GroupID(0), node: node, loop: loop, journal: journal,
            log: log.groups[GroupID(0)],
            configuration: try Configuration(voters: plan.nodes.compactMap(\.id)),
            store: store, stored: nil,
            reader: incarnation.makeWorker(), snapshots: snapshots, halt: incarnation.halt,
            seed: incarnation.random.next())
        var options = StateWriter.Options()
        options.interval = .milliseconds(100)
        options.checkpointInterval = .milliseconds(100)
        let writer = StateWriter(
            loop: loop, store: store, worker: incarnation.makeWorker(), halt: incarnation.halt,
            options: options)
        let host = replica.host
        parts = Parts(loop: loop, journal: journal, links: links, host: host, writer: writer)
        let observer = observer
        loop.start(node) { node in
            await host.start(observer: observer)
            await node.start()
        }
    }

    // MARK: Looking, between two steps of the world

    private func onLoop<Value: Sendable>(_ body: @escaping @Sendable (Parts) -> Value) -> Value? {
        guard let parts else { return nil }
        let found = Mutex<Value?>(nil)
        parts.loop.post { found.withLock { $0 = body(parts) } }
        do {
            try world.run(for: .microseconds(1))
        } catch {
            world.fail("\(error)")
        }
        return found.withLock { $0 }
    }

    var isServing: Bool { onLoop { $0.host.servingTerm != nil } ?? false }
    var syncs: Int { onLoop { $0.journal.counters.syncs } ?? 0 }
    var sent: [PeerLinks.Sent] {
        onLoop { $0.links.assumeIsolated { Array($0.sent.values) } } ?? []
    }
    var linkedCount: Int {
        onLoop { parts in parts.links.assumeIsolated { $0.connected.count } } ?? 0
    }
    var appliedIndex: LogIndex { onLoop { $0.host.assumeIsolated { $0.applied } } ?? 0 }

    var firstIndex: LogIndex { onLoop { $0.host.assumeIsolated { $0.status.firstIndex } } ?? 0 }

    /// From now on what is applied is stored, and the log lets go of it.
    func startWriting() {
        guard let parts else { return }
        parts.loop.start(parts.writer) { writer in
            writer.add(parts.host, written: 0)
            writer.start()
        }
    }

    /// Proposes single entries, one after each pause, whatever has become of those before.
    func trickle(_ entryCount: Int, every pause: Duration, _ committed: Counter) {
        guard let parts else { return }
        let proposer = Proposer(parts.host, loop: parts.loop, committed)
        parts.loop.start(proposer) { $0.trickle(entryCount, every: pause) }
    }

    /// Proposes batches, each in one turn, and the next once all of one are committed.
    func propose(_ batchCount: Int, of entryCount: Int, _ committed: Counter) {
        guard let parts else { return }
        let proposer = Proposer(parts.host, loop: parts.loop, committed)
        parts.loop.start(proposer) { $0.begin(batchCount, of: entryCount) }
    }
}

private final class Silent: ShardObserver {
    func shardBeganServing(_ group: GroupID, term: Term) {}
    func shardEndedServing(_ group: GroupID, term: Term) {}
    func shardLeaderChanged(_ group: GroupID, to leader: MemberID?) {}
}

private actor Proposer {
    private nonisolated let loop: SimulatedLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let host: ShardHost
    private let committed: Counter
    private var underWayCount = 0
    private var batchesLeft = 0

    init(_ host: ShardHost, loop: SimulatedLoop, _ committed: Counter) {
        self.host = host
        self.loop = loop
        self.committed = committed
    }

    func begin(_ batchCount: Int, of entryCount: Int) {
        batchesLeft = batchCount
        next(entryCount)
    }

    func trickle(_ entryCount: Int, every pause: Duration) {
        guard entryCount > 0 else { return }
        Task { await self.propose() }
        loop.schedule(after: pause) { [self] in
            assumeIsolated { $0.trickle(entryCount - 1, every: pause) }
        }
    }

    private func next(_ entryCount: Int) {
        guard batchesLeft > 0 else { return }
        batchesLeft -= 1
        underWayCount = entryCount
        for _ in 0..<entryCount { Task { await self.propose(entryCount) } }
    }

    private func propose() async {
        let payload = [UInt8](repeating: 7, count: 256)
        let outcome = await host.propose(payload, expectedTerm: host.servingTerm ?? 0)
        if case .applied = outcome { committed.add() }
    }

    private func propose(_ entryCount: Int) async {
        await propose()
        underWayCount -= 1
        if underWayCount == 0 { next(entryCount) }
    }
}
