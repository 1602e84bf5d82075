import Acquirer
import Cluster
import Environment
import Gateway
import MerchantAPI
import Node
import Payments
import Primitives
import StateStore
import Vault

/// One node and one acquirer in a world, with what of them outlives a crash.
///
/// The node, its journal, codec and actors are those of production; the disk, the network and the
/// clock are the world's. SQLite is real and in memory: a killed process leaves it as it was, a
/// loss of power may take it back to the last checkpoint, as `synchronous=NORMAL` may.
final class GatewayWorld {
    let world: World
    let node: SimulatedProcess
    let acquirer: SimulatedProcess
    let merchant: MerchantID
    /// Whether the host forgets reversals of what it does not know, as some do. The link to such a
    /// host has to be quiet for longer than bytes can be under way; tombstones make do with less.
    let hostForgets: Bool
    let secretKey = "sk_test_simulated0000000000000000"

    private let stateStore: StateStore
    private let acquirerJournal: AcquirerJournal
    private let checkpoint: CheckpointImage
    /// The node that runs now; nil while it is down.
    private(set) var running: Node?
    private(set) var host: AcquirerHost?
    private(set) var nodeStartCount = 0
    /// From when to when the node's process was stopped, by rising start.
    private var pauses: [(start: Duration, end: Duration)] = []

    static let acquirerAddress = SocketAddress(host: "acquirer", port: 8583)

    init(_ world: World) throws {
        self.world = world
        hostForgets = world.random.chance(1, in: 3)
        acquirer = world.addProcess("acquirer")
        node = world.addProcess("node")
        merchant = MerchantID(
            stem: IdentifierStem(slot: Slot(4711)!, random: WorldRandom(seed: world.seed)))
        stateStore = try StateStore.openInMemory()
        acquirerJournal = try AcquirerJournal(path: nil)
        checkpoint = CheckpointImage(try stateStore.image())
        node.disk.prepareDirectory("/data")
    }

    func start() {
        acquirer.start { [unowned self] incarnation in
            let host = AcquirerHost(
                options: AcquirerHost.Options(
                    id: "acquirer", address: Self.acquirerAddress, controlAddress: nil,
                    forgetsUnknownReversals: hostForgets),
                journal: acquirerJournal, loop: incarnation.loop, network: incarnation.network,
                worker: incarnation.makeWorker(), halt: incarnation.halt)
            self.host = host
            incarnation.loop.start(host) { host in
                do throws(AcquirerHostError) {
                    try await host.start()
                } catch {
                    incarnation.halt.halt("\(error)")
                }
            }
        }
        node.start { [unowned self] incarnation in boot(incarnation) }
    }

    private func boot(_ incarnation: Incarnation) {
        nodeStartCount += 1
        do {
            let vault = try SoftwareKeyVault(
                environment: .development,
                masterKey: Secret([UInt8](repeating: 7, count: 32)), random: incarnation.random)
            let environment = NodeEnvironment(
                loop: incarnation.loop, network: incarnation.network,
                fileSystem: incarnation.files, journalWorker: incarnation.makeWorker(),
                writeWorker: incarnation.makeWorker(), readWorker: incarnation.makeWorker(),
                random: incarnation.random, vault: vault, store: stateStore,
                halt: incarnation.halt)
            let node = try Node(configuration(), in: environment)
            running = node
            incarnation.loop.start(node) { node in await node.start() }
        } catch {
            world.fail("the node did not start: \(error)")
        }
    }

    private func configuration() -> NodeConfiguration {
        var link = LinkOptions(
            name: "acquirer", address: Self.acquirerAddress, isLive: false)
        link.quietPeriod =
            hostForgets
            ? world.parameters.retransmissionLimit + .seconds(2) : .seconds(2)
        var configuration = NodeConfiguration(
            name: "node", region: "eu", jurisdiction: "eu", dataDirectory: "/data",
            shardCount: 2, links: [link],
            merchants: [
                MerchantDirectory.Entry(
                    keyDigest: sha256Digest(of: Array(secretKey.utf8)), merchant: merchant,
                    isLive: false)
            ], segmentByteCount: 64 << 10)
        configuration.writing.checkpointInterval = .seconds(3)
        let store = stateStore
        let checkpoint = checkpoint
        configuration.writing.checkpointed = { checkpoint.take(from: store) }
        return configuration
    }

    // MARK: Breaking it

    /// Ends the node's process; `restartNode` brings it back.
    func crashNode(_ kind: CrashKind) {
        guard running != nil else { return }
        running = nil
        node.crash(kind)
        if kind == .powerLoss, world.random.chance(1, in: 2) {
            do {
                try checkpoint.restore(to: stateStore)
            } catch {
                world.fail("the state could not be taken back: \(error)")
            }
        }
    }

    /// Stops the node's process for a while: it answers late by as much, and that is nobody's
    /// fault.
    func pauseNode(for duration: Duration) {
        node.pause(for: duration)
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

    func restartNode() {
        guard running == nil else { return }
        node.restart()
    }

    func crashAcquirer(_ kind: CrashKind) {
        guard host != nil else { return }
        host = nil
        acquirer.crash(kind)
    }

    func restartAcquirer() {
        guard host == nil else { return }
        acquirer.restart()
    }
}

/// The state as the last checkpoint left it. Loop only: the world has one thread.
// Proof: a world and all its loops run on one thread, and nothing else holds the image.
final class CheckpointImage: @unchecked Sendable {
    private var image: StateImage

    init(_ image: StateImage) {
        self.image = image
    }

    func take(from store: StateStore) {
        if let current = try? store.image() { image = current }
    }

    func restore(to store: StateStore) throws(StateStoreError) {
        try store.restore(image)
    }
}

/// Chance for what a scenario makes before its processes run.
struct WorldRandom: RandomSource {
    let seed: UInt64

    func next() -> UInt64 {
        var generator = SeededRandom(seed: seed ^ 0x5EED)
        return generator.next()
    }
}
