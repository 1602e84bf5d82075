import Cluster
import Environment
import Gateway
import MerchantAPI
import Node
import Payments
import Primitives
import StateStore
import Vault

/// One node of the cluster on a machine of its own, with what of it outlives a crash.
///
/// SQLite is real and in memory: a killed process leaves it as it was, a loss of power may take it
/// back to the last checkpoint, as `synchronous=NORMAL` may.
final class SimulatedNode {
    /// What the nodes of a world have in common.
    struct Settings {
        let link: LinkOptions
        let merchant: MerchantID
        let secretKey: String
        /// How long a hold lasts, in seconds.
        let holdSeconds: UInt32
        /// How far refunds may take the merchant below zero.
        let balanceLimit: BalanceLimit?
    }

    let process: SimulatedProcess
    private let world: World
    private let members: ClusterMembers
    let stateStore: StateStore
    private let checkpoint: CheckpointImage
    /// The node that runs now; nil while it is down.
    private(set) var running: Node?
    private(set) var startCount = 0
    /// Starts that found a snapshot of which the journal had no mark.
    private(set) var unmarkedStartCount = 0
    /// From when to when the node's process was stopped, by rising start.
    private var pauses: [(start: Duration, end: Duration)] = []

    init(_ world: World, _ members: ClusterMembers) throws {
        self.world = world
        self.members = members
        process = world.addProcess(members[members.own]!.name)
        stateStore = try StateStore.openInMemory()
        checkpoint = CheckpointImage(try stateStore.image())
        process.disk.prepareDirectory("/data")
    }

    func start(_ settings: Settings) {
        process.start { [unowned self] incarnation in boot(incarnation, settings) }
    }

    private func boot(_ incarnation: Incarnation, _ settings: Settings) {
        startCount += 1
        do {
            if startCount == 1 { try markFirstStart(incarnation.files) }
            let vault = try SoftwareKeyVault(
                environment: .development,
                masterKey: Secret([UInt8](repeating: 7, count: 32)), random: incarnation.random)
            let environment = NodeEnvironment(
                loop: incarnation.loop, network: incarnation.network,
                links: try links(incarnation),
                fileSystem: incarnation.files, journalWorker: incarnation.makeWorker(),
                writeWorker: incarnation.makeWorker(), readWorker: incarnation.makeWorker(),
                random: incarnation.random, vault: vault, store: stateStore,
                halt: incarnation.halt)
            let node = try Node(configuration(settings), in: environment)
            running = node
            unmarkedStartCount += node.unmarkedSnapshotCount > 0 ? 1 : 0
            incarnation.loop.start(node) { node in await node.start() }
        } catch {
            world.fail("\(process) did not start: \(error)")
        }
    }

    private func markFirstStart(_ files: any FileSystem) throws {
        _ = try files.open(FirstStart.path(in: "/data"), create: true)
    }

    private func links(_ incarnation: Incarnation) throws -> PeerLinks? {
        guard members.all.count > 1, let own = members[members.own],
            let identity = NodeIdentity(cluster: "world", region: own.region, name: own.name)
        else { return nil }
        let links = PeerLinks(
            members: members, loop: incarnation.loop, network: incarnation.network,
            channels: PlainChannels(identity: identity), random: incarnation.random,
            onTrouble: { _, _ in })
        try links.listen()
        return links
    }

    private func configuration(_ settings: Settings) -> NodeConfiguration {
        var configuration = NodeConfiguration(
            members: members, jurisdiction: "eu", dataDirectory: "/data",
            shardCount: GatewayWorld.shardCount, links: [settings.link],
            merchants: [
                MerchantDirectory.Entry(
                    keyDigest: sha256Digest(of: Array(settings.secretKey.utf8)),
                    merchant: settings.merchant, isLive: false)
            ], segmentByteCount: 512 << 10)
        configuration.gateway.testHoldSeconds = settings.holdSeconds
        configuration.gateway.balanceLimits[settings.merchant, isLive: false] =
            settings.balanceLimit
        configuration.writing.checkpointInterval = .seconds(3)
        let store = stateStore
        let checkpoint = checkpoint
        configuration.writing.checkpointed = { checkpoint.take(from: store) }
        return configuration
    }

    // MARK: Breaking it

    /// Ends the node's process; `restart` brings it back.
    func crash(_ kind: CrashKind) {
        guard running != nil else { return }
        running = nil
        process.crash(kind)
        if kind == .powerLoss, world.random.chance(1, in: 2) {
            do {
                try checkpoint.restore(to: stateStore)
            } catch {
                world.fail("the state could not be taken back: \(error)")
            }
        }
    }

    func restart() {
        guard running == nil else { return }
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
