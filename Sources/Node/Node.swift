public import Cluster
public import Environment
package import Gateway
import Journal
public import MerchantAPI
public import Payments
public import Primitives
import StateStore
public import Telemetry
import Topology

/// Why a node cannot start. Each says what to do about it.
public enum NodeStartError: Error, Sendable, CustomStringConvertible {
    /// The journal is damaged, or cannot be read.
    case journal(String)
    /// The state store is damaged, or cannot be read.
    case store(String)
    /// The data folder was made for another number of shards.
    case shardCount(found: Int, configured: Int)
    /// The cluster has begun with other placements.
    case placements
    /// The folder of the snapshots that are on their way cannot be made or emptied.
    case snapshots(String)
    /// The state is ahead of the journal: one of them was replaced from outside.
    case stateAheadOfJournal(GroupID, state: LogIndex, journal: LogIndex)
    /// The journal begins behind the state: the state store was lost or is an old one.
    case stateBehindJournal(GroupID, state: LogIndex, journal: LogIndex)
    /// A member of a cluster whose journal is gone.
    case journalIsGone
    /// The node's place in the cluster cannot be read or written.
    case seat(String)
    /// The data folder is another node's.
    case foreignFolder(String)
    /// The state was found to differ from that of a majority.
    case stateDiffers(String)
    /// The data folder is sealed under another key than the vault has.
    case otherKey
    /// An earlier version has written the state, in clear.
    case unsealedState
    /// The journal is damaged where it says which nodes this one has promised to support.
    case lostPromises

    public var description: String {
        switch self {
        case .journal(let reason): "the journal cannot be opened: \(reason)"
        case .store(let reason): "the state store cannot be opened: \(reason)"
        case .snapshots(let reason): "the folder of snapshots cannot be prepared: \(reason)"
        case .shardCount(let found, let configured):
            "the data folder has \(found) shards and the configuration \(configured); "
                + "set shards to \(found), or name another data folder"
        case .placements:
            "the cluster began with shards in other places than the file says; set jurisdictions "
                + "and cluster.placements as they were then"
        case .stateAheadOfJournal(let group, let state, let journal):
            "\(group): the state is at index \(state) and the journal ends at \(journal); "
                + "the journal and the state of a node belong together: restore both"
        case .stateBehindJournal(let group, let state, let journal):
            "\(group): the state is at index \(state) and the journal begins behind \(journal); "
                + "the journal and the state of a node belong together: restore both"
        case .journalIsGone:
            "the data folder has no journal, and this node has been a member of its cluster: "
                + "without its votes it must not come back as the same member; restore the "
                + "folder, or remove all of it to join as a new member"
        case .seat(let reason):
            "the node's place in the cluster, the file seat, cannot be used: \(reason)"
        case .foreignFolder(let owner):
            "the data folder belongs to \(owner); name this node's own"
        case .stateDiffers(let found):
            "\(found); \(StateMark.remedy)"
        case .otherKey:
            "what is in the data folder cannot be opened: \(Seal.remedy), or put the file back"
        case .unsealedState:
            "the state was written by a version that did not seal it, and is not read by this one; "
                + "start with an empty data folder"
        case .lostPromises:
            "the journal is damaged where it says what this node has promised to its peers: "
                + "it must not come back as the same member; remove the folder to join as a new one"
        }
    }
}

/// One node: shards, links and API over one loop, one journal and one state store.
public actor Node: LoopActor {
    public nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    /// What the ingress calls.
    public nonisolated let service: MerchantService
    public nonisolated let metrics: MetricRegistry
    /// The shards behind `service`, for tests that ask them directly.
    package nonisolated var gateway: any MerchantGateway { router }
    private let router: GatewayRouter
    /// The links to acquirers, of every region.
    nonisolated var links: LinkDirectory { router.links }
    private let writer: StateWriter
    private let journal: Journal
    private let store: StateStore
    let hosts: [ShardHost]
    package let cluster: ClusterNode
    let keeper: TopologyKeeper
    let linkShards: LinkShards
    private let onNews: @Sendable (NodeNews) -> Void

    /// Recovers journal and state and puts the node together. Blocks: before the loop carries load.
    ///
    /// - Parameter seat: what `NodeSeat` found.
    public init(
        _ configuration: NodeConfiguration, _ seat: Seat, in environment: NodeEnvironment,
        metrics: MetricRegistry = MetricRegistry()
    ) throws(NodeStartError) {
        precondition((1...NodeConfiguration.shardCountMax).contains(configuration.shardCount))
        guard seat.founding.shards.count == configuration.shardCount else {
            throw .shardCount(
                found: seat.founding.shards.count, configured: configuration.shardCount)
        }
        guard
            seat.founding.shardSets
                == configuration.plan.shardSets(shardCount: configuration.shardCount)
        else { throw .placements }
        try Self.refuseMark(configuration, environment)
        let (journal, log) = try Self.openJournal(configuration, seat, environment)
        try Self.refuseKey(log, environment)
        let stored = try Self.readStored(configuration, environment.store)
        let start = try NodeStart(log: log, stored: stored, seat: seat)
        let snapshots = try Self.prepareSnapshots(configuration, environment)
        let promises = try start.promises(in: log, of: seat)
        unmarked = start.unmarked
        covering = start.covering
        damagedShardCounts = (covering.count, start.recovering.count)
        journalStarts = start.configurations.keys.reduce(into: [:]) { starts, group in
            starts[group] = log.groups[group]?.compactedUpTo ?? 0
        }
        if !(unmarked + covering).isEmpty {
            try Self.synchronize(environment.store, configuration)
        }
        loop = environment.loop
        store = environment.store
        self.journal = journal
        self.metrics = metrics
        writer = StateWriter(
            loop: environment.loop, store: environment.store, worker: environment.writeWorker,
            halt: environment.halt, options: configuration.writing)
        let cluster = ClusterNode(
            seat: seat, loop: environment.loop, journal: journal,
            log: promises, network: environment.network,
            links: environment.links, sealer: environment.sealer, halt: environment.halt,
            seed: environment.random.next())
        self.cluster = cluster
        let parts = HostParts(
            node: cluster, journal: journal, start: start, stored: stored, snapshots: snapshots,
            environment: environment)
        let meta: Replica<TopologyMachine> = parts.replica(ClusterNode.metaGroup)
        keeper = TopologyKeeper(
            replica: meta, node: cluster, profile: configuration.plan.own.profile,
            loop: environment.loop)
        let replicas = (0..<configuration.shardCount).map {
            parts.replica(GroupID(UInt32($0))) as Replica<GatewayMachine>
        }
        hosts = replicas.map(\.host)
        storedIndexes = stored.applied.mapValues(\.index)
        onNews = environment.onNews
        let onNews = onNews
        let cards = NodeCards(vault: environment.vault, jurisdiction: configuration.jurisdiction)
        router = GatewayRouter(
            replicas: replicas, node: cluster, region: configuration.region,
            links: configuration.links, options: configuration.gateway, cards: cards,
            loop: environment.loop, network: environment.network, random: environment.random,
            metrics: GatewayMetrics(metrics),
            home: { [cluster] in cluster.topology.rule(of: $0)?.home },
            onLinksOwned: { onNews(.linksOwned(region: $0, term: $1)) })
        linkShards = LinkShards(parts: parts, writer: writer, directory: router.links)
        service = MerchantService(
            loop: environment.loop, gateway: router, tokenizer: cards,
            directory: MerchantDirectory(configuration.merchants),
            guide: NodeGuide(jurisdiction: configuration.jurisdiction, cluster: cluster),
            random: environment.random,
            limits: configuration.api)
    }

    private let storedIndexes: [GroupID: LogIndex]
    /// The process that installed a snapshot may have ended before it was synced, and the journal
    /// is about to forget the log before it.
    private static func synchronize(
        _ store: StateStore, _ configuration: NodeConfiguration
    ) throws(NodeStartError) {
        do {
            let covered = try store.checkpoint()
            configuration.writing.checkpointed?(covered)
        } catch {
            throw .store("\(error)")
        }
    }

    /// Where the logs of groups begin whose snapshot the journal has no mark of.
    private let unmarked: [AppliedState]
    /// Where the logs of groups begin whose state covers damage.
    private let covering: [AppliedState]
    /// Shards whose damage the state covers, and those that recover from it.
    package nonisolated let damagedShardCounts: (covered: Int, recovering: Int)
    package nonisolated var unmarkedSnapshotCount: Int { unmarked.count }
    /// Up to where the journal had forgotten each group that has a state, when it was opened.
    package nonisolated let journalStarts: [GroupID: LogIndex]

    /// Snapshots of shards that were made and installed here since the start.
    public func snapshotCounts() async -> (made: Int, installed: Int) {
        var sum = (made: 0, installed: 0)
        for host in hosts {
            let counts = await host.snapshotCounts
            sum = (sum.made + counts.made, sum.installed + counts.installed)
        }
        return sum
    }

    private static func prepareSnapshots(
        _ configuration: NodeConfiguration, _ environment: NodeEnvironment
    ) throws(NodeStartError) -> SnapshotStorage {
        let storage = SnapshotStorage(
            fileSystem: environment.fileSystem,
            directory: configuration.dataDirectory + "/snapshots",
            writer: environment.writeWorker, synchronized: configuration.writing.checkpointed)
        do {
            try storage.prepare()
        } catch {
            throw .snapshots("\(error)")
        }
        return storage
    }

    /// A node that has nothing sealed yet takes the key that it has, and remembers which it is.
    private static func refuseKey(
        _ log: RecoveredLog, _ environment: NodeEnvironment
    ) throws(NodeStartError) {
        let sealerFact = "sealer"
        var own = ByteWriter()
        own.writeFixed(environment.sealer.fingerprint)
        do {
            let found = try environment.store.fact(sealerFact)
            if found == own.bytes { return }
            let sealed = try environment.store.appliedStates().filter {
                $0.group != ClusterNode.metaGroup
            }
            if found == nil, !sealed.isEmpty { throw NodeStartError.unsealedState }
            let hasSealedEntries = log.groups.values.contains {
                $0.entries.contains { $0.keyID != 0 }
            }
            if found != nil, !sealed.isEmpty || hasSealedEntries { throw NodeStartError.otherKey }
            try environment.store.setFact(sealerFact, own.bytes)
        } catch let error as NodeStartError {
            throw error
        } catch {
            throw .store("\(error)")
        }
    }

    private static func refuseMark(
        _ configuration: NodeConfiguration, _ environment: NodeEnvironment
    ) throws(NodeStartError) {
        let found: String?
        do throws(FileError) {
            found = try StateMark.read(in: configuration.dataDirectory, environment.fileSystem)
        } catch {
            throw .store("\(error)")
        }
        if let found { throw .stateDiffers(found) }
    }

    private static func openJournal(
        _ configuration: NodeConfiguration, _ seat: Seat, _ environment: NodeEnvironment
    ) throws(NodeStartError) -> (Journal, RecoveredLog) {
        do {
            let opened = try Journal.open(
                loop: environment.loop, worker: environment.journalWorker,
                fileSystem: environment.fileSystem,
                directory: configuration.dataDirectory + "/journal", halt: environment.halt,
                options: Journal.Options(
                    segmentByteCount: configuration.segmentByteCount,
                    owner: JournalOwner(
                        cluster: "\(seat.cluster)", node: seat.name, member: seat.member)))
            try NodeSeat.takeMark(configuration, environment.fileSystem)
            return (opened.journal, opened.recovered)
        } catch let error as NodeStartError {
            throw error
        } catch {
            throw .journal("\(error)")
        }
    }

    private static func readStored(
        _ configuration: NodeConfiguration, _ store: StateStore
    ) throws(NodeStartError) -> StoredShards {
        let shardCountFact = "shard_count"
        do {
            if let fact = try store.fact(shardCountFact) {
                let found = Int(fact.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
                guard found == configuration.shardCount else {
                    throw NodeStartError.shardCount(
                        found: found, configured: configuration.shardCount)
                }
            } else {
                try store.setFact(
                    shardCountFact,
                    [
                        UInt8(truncatingIfNeeded: configuration.shardCount >> 8),
                        UInt8(truncatingIfNeeded: configuration.shardCount),
                    ])
            }
            store.abandonGenerations()
            return try StoredShards(store)
        } catch let error as NodeStartError {
            throw error
        } catch {
            throw .store("\(error)")
        }
    }

    /// Stands for the shards' elections, connects the links, and serves once that is done.
    public func start() async {
        // Ahead of everything that the groups write.
        for position in unmarked {
            journal.compact(
                position.group, upTo: position.index, term: position.term,
                discardingSuffix: true, then: {})
        }
        for position in covering {
            journal.compact(
                position.group, upTo: position.index, term: position.term, then: {})
        }
        await writer.add(keeper.host, written: storedIndexes[keeper.host.group] ?? 0)
        for host in hosts {
            await writer.add(host, written: storedIndexes[host.group] ?? 0)
        }
        journal.observe { [self] event in onLoop { $0.heard(event) } }
        await writer.observeRoom { [self] hasRoom in onLoop { $0.heard(hasRoom) } }
        await writer.start()
        await cluster.set(linkShardHosting: linkShards)
        await keeper.start()
        await router.start()
        await cluster.start()
    }

    /// Signs off, writes everything back and syncs. Not needed for safety, only for a quick start.
    public func stop() async {
        await handOver()
        await router.stop()
        await keeper.stop()
        for host in hosts { await host.stop() }
        await linkShards.stop()
        await keeper.host.stop()
        await cluster.stop()
        await writer.stop()
        await loop.suspend { resumption in journal.close { resumption.resume() } }
    }

    /// Gives the leadership of every shard to a peer, so that nobody has to find out that this node
    /// is gone; waits for it, though not for long.
    private func handOver() async {
        let linkHosts = await linkHosts
        for host in hosts { host.moveAway() }
        for host in linkHosts { host.moveAway() }
        let end = loop.now + Self.handOverMax
        var isAsked = false
        while loop.now < end,
            hosts.contains(where: \.isMovingNow) || linkHosts.contains(where: \.isMovingNow)
        {
            await loop.sleep(for: .milliseconds(10))
        }
        while loop.now < end {
            for host in hosts where host.handOver() != nil { isAsked = true }
            for host in linkHosts where host.handOver() != nil { isAsked = true }
            if keeper.host.handOver() != nil { isAsked = true }
            let own = cluster.seat.member
            let isLeading =
                hosts.contains { $0.knownLeader == own } || keeper.host.knownLeader == own
                || linkHosts.contains { $0.knownLeader == own }
            guard isAsked, isLeading else { return }
            await loop.sleep(for: .milliseconds(10))
        }
    }

    private var linkHosts: [ShardHost] {
        get async { await linkShards.shards.map(\.host) }
    }

    /// What is under way ends in a second and a half, or is handed over all the same; two elections
    /// by request take a round trip and a sync each.
    private static let handOverMax = Duration.seconds(5)

    private func heard(_ event: Journal.Event) {
        onNews(.journal(event))
        switch event {
        case .stalled, .refusing: giveAway()
        case .resumed, .accepting, .pinned: break
        }
    }

    private func heard(_ hasStoreRoom: Bool) {
        onNews(.storeHasRoom(hasStoreRoom))
        cluster.onLoop { $0.set(hasStoreRoom: hasStoreRoom) }
        if !hasStoreRoom { giveAway() }
    }

    /// A node whose disk is stuck or full leads nothing that a peer can.
    private func giveAway() {
        for host in hosts { host.handOver() }
        _ = Task { for host in await self.linkHosts { host.handOver() } }
        keeper.host.handOver()
    }

    /// True while the node can take payments.
    public func isReady() async -> Bool { await router.isReady() }

    /// Work that was done so far, for tests that count it and for metrics.
    public struct WorkCounts: Hashable, Sendable {
        public let journalSyncs: Int
        public let journalBytes: Int
        public let journalEntries: Int
        public let statements: Int
        public let transactions: Int
    }

    public var workCounts: WorkCounts {
        let log = journal.counters
        let state = store.counts
        return WorkCounts(
            journalSyncs: log.syncs, journalBytes: log.bytes, journalEntries: log.entries,
            statements: Int(state.statements), transactions: Int(state.transactions))
    }

    /// Every payment of the node, for reconciliation and for the checks of a simulation.
    ///
    /// It is as new as this node's replicas: `catchUp` makes them current.
    public func allPayments() async -> [Payment] {
        await router.allPayments()
    }

    /// Returns true once this node holds everything that was committed anywhere before the call;
    /// false when no leader could be asked, or this node is far behind.
    public func catchUp() async -> Bool {
        await router.catchUp()
    }

    /// What the books of the shards say that this node serves, as they stand now.
    package func servedBooks(of groups: Set<GroupID>) async -> [ShardBooks] {
        await router.servedBooks(of: groups)
    }
}
