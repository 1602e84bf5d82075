import Linearizability
import Node
import Primitives
import StateStore

/// One seeded run in which a node is away for so long that its peers let go of the log that it
/// lacks: it comes back by snapshots.
public enum SnapshotScenario {
    public struct Options: Sendable {
        /// How often the node that came back is ended again while it catches up.
        public var crashCount = 0
        /// How long every disk is full from when it comes back.
        public var fullDiskDuration = Duration.zero

        public init() {}
    }

    public struct Verdict: Sendable {
        public let traceHash: UInt64
        public let paymentCount: Int
        /// Snapshots made, and installed, by the processes that ran at the end.
        public let madeCount: Int
        public let installedCount: Int
        /// Shards of the node that was away whose rows began with a snapshot.
        public let installedShardCount: Int
        /// Starts that found a snapshot of which the journal had no mark.
        public let unmarkedStartCount: Int
        /// Whether rows may be left that do not count.
        public let staleRowsRemain: Bool
        /// Empty when every promise was kept.
        public let violations: [String]
    }

    public static func run(seed: UInt64, options: Options = Options()) throws -> Verdict {
        var parameters = WorldParameters()
        parameters.escapes = .failRun
        return try World.simulate(seed: seed, parameters: parameters) { world in
            try play(world, options)
        }
    }

    private static func play(_ world: World, _ options: Options) throws -> Verdict {
        let gateway = try GatewayWorld(world, nodeCount: 3, grows: false)
        gateway.start()
        let recorder = ClientRecorder(world)
        let clients = gateway.makeClients(3, paymentCount: 25, recorder)
        world.schedule(after: .seconds(2)) { for client in clients { client.start() } }
        let away = gateway.nodes[Int.random(in: 0..<3, using: &world.random)]
        try world.run(until: .seconds(4))
        away.crash(world.random.chance(1, in: 2) ? .kill : .powerLoss)
        try world.run(for: .seconds(Int64.random(in: 20...40, using: &world.random)))
        away.restart()
        if options.fullDiskDuration > .zero {
            // A process that finds no room for its files when it starts does not start.
            _ = try world.run(limit: world.elapsed + .seconds(4)) {
                (try? away.openStore) != nil
            }
            fillDisks(of: gateway, for: options.fullDiskDuration)
        }
        for _ in 0..<options.crashCount {
            try runToCrash(of: away, in: world)
            away.crash(world.random.chance(1, in: 2) ? .kill : .powerLoss)
            try world.run(for: .milliseconds(100))
            away.restart()
        }
        let final = try GatewayScenario.settle(
            gateway, until: world.elapsed + .seconds(180),
            areClientsDone: { clients.allSatisfy(\.isDone) })
        let replicas = try ReplicaChecks(gateway)
        let different = try replicas.violations(in: world, limit: .seconds(60))
        let checks = GatewayChecks(final, clients: clients)
        let counts = try SnapshotTally.read(gateway)
        let unexplained = recorder.history.violation().map { ["P4 \($0)"] } ?? []
        let halts = gateway.nodes.flatMap(\.process.haltReasons)
        return Verdict(
            traceHash: world.traceHash, paymentCount: final.payments.count,
            madeCount: counts.madeCount, installedCount: counts.installedCount,
            installedShardCount: try away.openStore.installedStates().count,
            unmarkedStartCount: away.unmarkedStartCount,
            staleRowsRemain: try gateway.nodes.contains { try $0.openStore.mayHaveStaleRows },
            violations: checks.violations() + different + halts + unexplained)
    }
}

extension SnapshotScenario {
    private static func fillDisks(of gateway: GatewayWorld, for duration: Duration) {
        for node in gateway.nodes { node.process.disk.faults.isFull = true }
        gateway.world.schedule(after: duration) {
            for node in gateway.nodes { node.process.disk.faults.isFull = false }
        }
    }

    /// Lets the world go on to a moment at which the node is to be ended: any one, the one right
    /// behind the switch of a shard's rows, or one between its batches.
    private static func runToCrash(of node: SimulatedNode, in world: World) throws {
        let limit = world.elapsed + .seconds(4)
        _ = try world.run(limit: limit) { (try? node.openStore) != nil }
        let store = try node.openStore
        switch world.random.next() % 4 {
        case 0:
            let pause = Int64.random(in: 20...1_500, using: &world.random)
            try world.run(for: .milliseconds(pause))
        case 1, 2:
            let before = try store.installedStates()
            _ = try world.run(limit: limit) { (try? store.installedStates()) != before }
        default:
            let rowCount =
                store.counts.rowsChanged + UInt64.random(in: 1...40, using: &world.random)
            _ = try world.run(limit: limit) { store.counts.rowsChanged >= rowCount }
        }
    }
}

/// What the processes that run have made and installed.
// Proof: a world and all its loops run on one thread, and only they touch a tally.
private final class SnapshotTally: @unchecked Sendable {
    private(set) var madeCount = 0
    private(set) var installedCount = 0
    private var answerCount = 0

    static func read(_ gateway: GatewayWorld) throws -> SnapshotTally {
        let tally = SnapshotTally()
        for node in gateway.nodes {
            guard let running = node.running, let loop = node.process.incarnation?.loop else {
                gateway.world.fail("\(node.process) is down")
                continue
            }
            loop.start(running) { running in
                let counts = await running.snapshotCounts()
                tally.madeCount += counts.made
                tally.installedCount += counts.installed
                tally.answerCount += 1
            }
        }
        let limit = gateway.world.elapsed + .seconds(5)
        _ = try gateway.world.run(limit: limit) { tally.answerCount == gateway.nodes.count }
        return tally
    }
}
