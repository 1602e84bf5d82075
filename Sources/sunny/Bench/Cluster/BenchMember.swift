import Cluster
import Environment
import Glibc
import Journal
import Operations
import Primitives
import Raft
import SecureLink
import StateStore
import Transport
import Vault

/// Where a member of a cluster bench works.
struct BenchMemberSettings: Sendable {
    let folder: String
    let number: UInt64
    /// Of all members, on the loopback.
    let ports: [UInt16]
    let isSealed: Bool

    static let cluster = "bench"
    static let region = "eu"

    static func name(_ number: UInt64) -> String { "member\(number)" }

    var plan: ClusterPlan {
        let nodes = ports.enumerated().map { place, port in
            ClusterPlan.Node(
                id: MemberID(UInt64(place + 1)), name: Self.name(UInt64(place + 1)),
                region: Self.region, address: SocketAddress(host: "127.0.0.1", port: port))
        }
        return ClusterPlan(cluster: ClusterID(1), ownName: Self.name(number), nodes: nodes)
    }

    /// Over a key that every member knows; nil where entries stay in clear.
    func sealer() throws -> ShardSealer? {
        guard isSealed else { return nil }
        return try ShardSealer(
            vault: SoftwareKeyVault(
                environment: .development, masterKey: Secret([UInt8](repeating: 7, count: 32)),
                random: SystemRandom()))
    }

    /// All of them are there from the beginning.
    var seat: Seat {
        guard let seat = plan.foundingSeat(shardCount: 1, token: 1) else {
            preconditionFailure("member \(number) of a plan without it")
        }
        return seat
    }
}

/// A member, whatever its machine does.
protocol BenchMemberService: Sendable {
    func start() async -> BenchAnswer
    func perform(_ order: BenchOrder) async -> BenchAnswer
}

/// A node with the parts that a node has in production, and one shard whose machine is small.
actor BenchMember<Machine: ShardMachine>: BenchMemberService {
    nonisolated let loop: UVLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let journal: Journal
    private let store: StateStore
    private let links: PeerLinks
    private let node: ClusterNode
    private let writer: StateWriter
    let host: ShardHost
    private let storedIndex: LogIndex
    private let address: SocketAddress

    private var isWatching = false
    private var firstCommit: MonotonicInstant?
    let group = GroupID(0)

    init(_ settings: BenchMemberSettings) throws {
        let folder = settings.folder
        let seat = settings.seat
        address = settings.plan.own.address
        loop = try UVLoop(name: "node")
        try loop.start()
        let workers = try ["journal", "state writer", "state reader"].map { [loop] in
            try WorkerThread(name: $0, loop: loop, yields: $0 == "state writer")
        }
        let random = SystemRandom()
        let network = UVNetwork(loop: loop)
        let owner = JournalOwner(
            cluster: "\(seat.cluster)", node: seat.name, member: seat.member)
        let (journal, log) = try Journal.open(
            loop: loop, worker: workers[0], fileSystem: PosixFileSystem(),
            directory: folder + "/journal", halt: ProcessHalt(),
            options: Journal.Options(owner: owner))
        store = try StateStore.open(path: folder + "/state.sqlite")
        let stored = try store.appliedStates().first
        storedIndex = stored?.index ?? 0
        let snapshots = SnapshotStorage(
            fileSystem: PosixFileSystem(), directory: folder + "/snapshots", writer: workers[1])
        try snapshots.prepare()
        let channels = try TLSChannels(files: LinkCredentialFiles(folder: folder)) {
            CivilClock.now
        }
        links = PeerLinks(
            members: ClusterMembers(seat), loop: loop, network: network, channels: channels,
            random: random
        ) { _, _ in }
        node = ClusterNode(
            seat: seat, loop: loop, journal: journal,
            log: log.groups[ClusterNode.livenessGroup], network: network, links: links,
            sealer: try settings.sealer(), halt: ProcessHalt(), seed: random.next())
        let replica = Replica<Machine>(
            group: group, node: node, loop: loop, journal: journal, log: log.groups[group],
            configuration: try Configuration(voters: ClusterMembers(seat).all.map(\.id)),
            store: store, stored: stored, reader: workers[2], snapshots: snapshots,
            halt: ProcessHalt(), seed: random.next())
        host = replica.host
        writer = StateWriter(loop: loop, store: store, worker: workers[1], halt: ProcessHalt())
        self.journal = journal
    }

    func start() async -> BenchAnswer {
        do {
            try links.listen(on: address)
        } catch {
            return .failed("\(error)")
        }
        await host.start(observer: self)
        await writer.add(host, written: storedIndex)
        await writer.start()
        await node.start()
        return .look(await look())
    }

    func perform(_ order: BenchOrder) async -> BenchAnswer {
        switch order {
        case .look:
            return .look(await look())
        case .saturate(let inFlight, let seconds):
            let load = BenchLoad(member: self)
            return .load(await load.saturate(inFlight: inFlight, seconds: seconds))
        case .pace(let perSecond, let seconds):
            let load = BenchLoad(member: self)
            return .load(await load.pace(perSecond: perSecond, seconds: seconds))
        case .read(let seconds):
            return .load(await BenchLoad(member: self).read(seconds: seconds))
        case .watch:
            isWatching = true
            firstCommit = nil
            return .watching
        }
    }

    private func look() async -> BenchLook {
        let written = journal.counters
        let sent = await links.sent.values
        var look = BenchLook()
        look.isServing = host.servingTerm != nil
        look.holdsLease = host.holdsLease
        look.appliedIndex = await host.applied
        look.syncs = written.syncs
        look.journalBytes = written.bytes
        look.journalEntries = written.entries
        look.frames = sent.reduce(0) { $0 + $1.frames }
        look.frameBytes = sent.reduce(0) { $0 + $1.bytes }
        look.statements = UInt64(store.counts.statements)
        look.processorMicroseconds = Self.processorMicroseconds
        look.firstCommitNanoseconds = firstCommit?.nanoseconds
        return look
    }

    private static var processorMicroseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}

extension BenchMember: ShardObserver {
    nonisolated func shardBeganServing(_ group: GroupID, term: Term) {
        assumeIsolated { member in
            guard member.isWatching else { return }
            Task { await member.proposeFirst(in: term) }
        }
    }

    nonisolated func shardEndedServing(_ group: GroupID, term: Term) {}
    nonisolated func shardLeaderChanged(_ group: GroupID, to leader: MemberID?) {}

    private func proposeFirst(in term: Term) async {
        let outcome = await host.propose(BenchEntry.payload(0), expectedTerm: term)
        guard case .applied = outcome, firstCommit == nil else { return }
        firstCommit = loop.now
        isWatching = false
    }
}
