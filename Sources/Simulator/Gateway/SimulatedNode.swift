import Cluster
import Environment
import Gateway
import MerchantAPI
import Node
import Payments
import Primitives
import StateStore
import Topology
import Vault

/// One node of the cluster on a machine of its own, with what of it outlives a crash.
///
/// SQLite is real, on the machine's disk: a killed process leaves what it wrote, and a loss of
/// power what it synced, and of the rest what the disk keeps. Each start holds the state against
/// that.
// Proof: a world and all its loops run on one thread.
final class SimulatedNode: @unchecked Sendable {
    /// What the nodes of a world have in common.
    struct Settings {
        let link: LinkOptions
        let merchant: MerchantID
        let secretKey: String
        /// How long a hold lasts, in seconds.
        let holdSeconds: UInt32
        /// How far refunds may take the merchant below zero.
        let balanceLimit: BalanceLimit?
        /// Sees what the nodes write to the acquirer.
        let links: LinkWatch
    }

    let process: SimulatedProcess
    private let world: World
    private let plan: ClusterPlan
    private let shardCount: Int
    /// The state as the running node has it open, or the last one that ran.
    private var state: SimulatedState?
    private var promises = StatePromises()
    /// The node that runs now; nil while it is down.
    private(set) var running: Node?
    /// Whether it has a seat in the cluster.
    private(set) var hasJoined = false
    private(set) var startCount = 0
    /// Sees what it writes to the acquirer, once it was started.
    private var watch: LinkWatch?
    /// Starts that found a snapshot of which the journal had no mark.
    private(set) var unmarkedStartCount = 0
    /// What it has sealed since its first start.
    private let sealed: SealWatch
    /// Shards with damage over all starts: covered by the state, and those that had to recover.
    private(set) var damagedShardCounts = (covered: 0, recovering: 0)
    /// From when to when the node's process was stopped, by rising start.
    private var pauses: [(start: Duration, end: Duration)] = []

    init(_ world: World, _ plan: ClusterPlan, shardCount: Int) throws {
        self.world = world
        self.plan = plan
        self.shardCount = shardCount
        let process = world.addProcess(plan.ownName)
        self.process = process
        sealed = SealWatch { [unowned world] in world.fail("\(process): \($0)") }
        process.disk.prepareDirectory("/data")
    }

    deinit { state?.close() }

    /// The store of the node, which runs.
    var openStore: StateStore {
        get throws {
            guard let state, state.isOpen, process.incarnation != nil else {
                throw WorldFailure.violated("\(process) is down", elapsed: world.elapsed)
            }
            return state.store
        }
    }

    func start(_ settings: Settings) {
        watch = settings.links
        process.start { [unowned self] incarnation in boot(incarnation, settings) }
    }

    /// All nodes of a world have one.
    private static func vault(_ random: any RandomSource) throws -> SoftwareKeyVault {
        try SoftwareKeyVault(
            environment: .development, masterKey: Secret([UInt8](repeating: 7, count: 32)),
            random: random)
    }

    /// Opens the rows of a shard that any node has stored, and seals others.
    static func rowSealing(of group: GroupID) throws -> RowSealing {
        RowSealing(group, try ShardSealer(vault: vault(WorldRandom(seed: 0))), life: 0)
    }

    private func boot(_ incarnation: Incarnation, _ settings: Settings) {
        startCount += 1
        do {
            if startCount == 1, plan.own.id != nil { try markFirstStart(incarnation.files) }
            let configuration = configuration(settings)
            switch try NodeSeat.look(
                configuration, incarnation.files, random: incarnation.random)
            {
            case .found(let seat): boot(incarnation, configuration, seat)
            case .mustJoin: join(incarnation, configuration)
            }
        } catch {
            world.fail("\(process) did not start: \(error)")
        }
    }

    /// Asks the cluster for a seat, and starts with it.
    private func join(_ incarnation: Incarnation, _ configuration: NodeConfiguration) {
        let joining = Joining(
            plan: plan, shardCount: configuration.shardCount, loop: incarnation.loop,
            network: incarnation.network, channels: PlainChannels(identity: identity),
            random: incarnation.random, onTrouble: { _ in })
        incarnation.loop.start(joining) { [unowned self] joining in
            guard let seat = await joining.run() else {
                return world.fail("\(process) was not admitted")
            }
            do {
                try NodeSeat.take(seat, configuration, incarnation.files)
            } catch {
                world.fail("\(process) could not take its seat: \(error)")
            }
            boot(incarnation, configuration, seat)
        }
    }

    private func boot(
        _ incarnation: Incarnation, _ configuration: NodeConfiguration, _ seat: Seat
    ) {
        do {
            let vault = try Self.vault(incarnation.random)
            let (name, watch) = (process.name, watch)
            let state = try openState(incarnation)
            let environment = NodeEnvironment(
                loop: incarnation.loop,
                network: watch?.network(incarnation.network, of: name) ?? incarnation.network,
                links: try links(incarnation, seat),
                fileSystem: incarnation.files, journalWorker: incarnation.makeWorker(),
                writeWorker: incarnation.makeWorker(), readWorker: incarnation.makeWorker(),
                random: incarnation.random, vault: vault,
                sealer: WatchedSealer(sealer: try ShardSealer(vault: vault), watch: sealed),
                store: state.store, halt: incarnation.halt,
                onNews: { news in
                    guard case .linksOwned(let region, let term?) = news else { return }
                    watch?.began(region, term, node: name)
                })
            let node = try Node(configuration, seat, in: environment)
            running = node
            hasJoined = true
            if let broken = promises.violation(ofJournalFrom: node.journalStarts) {
                world.fail("\(process): \(broken)")
            }
            unmarkedStartCount += node.unmarkedSnapshotCount > 0 ? 1 : 0
            damagedShardCounts.covered += node.damagedShardCounts.covered
            damagedShardCounts.recovering += node.damagedShardCounts.recovering
            incarnation.loop.start(node) { node in await node.start() }
        } catch NodeStartError.stateDiffers(let found) {
            incarnation.halt.halt("\(NodeStartError.stateDiffers(found))")
        } catch {
            world.fail("\(process) did not start: \(error)")
        }
    }

    /// Opens the state as it was left, and holds it against what was promised of it.
    private func openState(_ incarnation: Incarnation) throws -> SimulatedState {
        state?.close()
        let opened = try SimulatedState(of: incarnation)
        state = opened
        if let broken = try promises.violation(of: opened.store) {
            world.fail("\(process): \(broken)")
        }
        return opened
    }

    private func markFirstStart(_ files: any FileSystem) throws {
        _ = try files.open(NodeSeat.markPath(in: "/data"), create: true)
    }

    private var identity: NodeIdentity {
        NodeIdentity(
            cluster: "world", region: plan.own.profile.region, name: plan.own.profile.name)!
    }

    private func links(_ incarnation: Incarnation, _ seat: Seat) throws -> PeerLinks? {
        guard !plan.others.isEmpty else { return nil }
        let links = PeerLinks(
            members: ClusterMembers(seat), loop: incarnation.loop, network: incarnation.network,
            channels: PlainChannels(identity: identity), random: incarnation.random,
            onTrouble: { _, _ in })
        try links.listen(on: plan.own.address)
        return links
    }

    private func configuration(_ settings: Settings) -> NodeConfiguration {
        var configuration = NodeConfiguration(
            plan: plan, dataDirectory: "/data",
            shardCount: shardCount, links: [settings.link],
            merchants: [
                MerchantDirectory.Entry(
                    keyDigest: sha256Digest(of: Array(settings.secretKey.utf8)),
                    merchant: settings.merchant, isLive: false,
                    jurisdiction: plan.jurisdiction(
                        ofShard: settings.merchant.stem.slot.shard(of: shardCount),
                        of: shardCount))
            ], segmentByteCount: 512 << 10)
        configuration.gateway.testHoldSeconds = settings.holdSeconds
        configuration.gateway.balanceLimits[settings.merchant, isLive: false] =
            settings.balanceLimit
        configuration.writing.checkpointInterval = .seconds(3)
        let promises = promises
        configuration.writing.checkpointed = { promises.checkpointed($0) }
        return configuration
    }

    // MARK: Coming and going

    /// Gives the node, which is down, an empty disk.
    func replaceDisk() {
        process.disk.erase()
        process.disk.prepareDirectory("/data")
        hasJoined = false
        promises = StatePromises()
    }

    /// Whether the node has ended because it is no member any more.
    var hasDeparted: Bool {
        process.incarnation == nil && process.haltReasons.last.map(Self.isOfDeparture) == true
    }

    static func isOfDeparture(_ reason: String) -> Bool {
        reason.contains("to come back as a new member")
    }

    // MARK: Breaking it

    /// Ends the node's process; `restart` brings it back.
    func crash(_ kind: CrashKind) {
        guard running != nil || process.incarnation != nil else { return }
        running = nil
        if let store = try? openStore { promises.willEnd(kind, with: store) }
        process.crash(kind)
        // What it has open it can use no more.
        state?.close()
    }

    func restart() {
        // A node that asks for its seat runs, too; one that was never started does not begin so.
        guard process.incarnation == nil, startCount > 0 else { return }
        running = nil
        process.restart()
    }

    /// Stops the node's process for a while: it answers late by as much, and that is nobody's
    /// fault.
    func pause(for duration: Duration) {
        process.pause(for: duration)
        pauses.append((world.elapsed, world.elapsed + duration))
    }

    /// How long the node was paused since `begun`.
    func pausedTime(since begun: Duration) -> Duration {
        var covered = begun
        var sum = Duration.zero
        for (start, end) in pauses where end > covered {
            sum += min(end, world.elapsed) - max(start, covered)
            covered = end
        }
        return sum
    }
}
