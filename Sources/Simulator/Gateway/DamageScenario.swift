import Cluster
import Linearizability
import Node
import Primitives

/// One seeded run in which the disk of a node decays while the node is down: a batch in the middle
/// of its journal cannot be read any more when it comes back.
public enum DamageScenario {
    public struct Verdict: Sendable {
        public let traceHash: UInt64
        public let paymentCount: Int
        /// Batches that were damaged.
        public let damageCount: Int
        /// Shards whose state covered what was lost, and shards that had to recover, over all
        /// starts.
        public let coveredCount: Int
        public let recoveringCount: Int
        /// Empty when every promise was kept.
        public let violations: [String]
    }

    public static func run(seed: UInt64) throws -> Verdict {
        var parameters = WorldParameters()
        parameters.escapes = .failRun
        return try World.simulate(seed: seed, parameters: parameters) { try play($0) }
    }

    private static func play(_ world: World) throws -> Verdict {
        let gateway = try GatewayWorld(world, nodeCount: 3, grows: false)
        gateway.start()
        let recorder = ClientRecorder(world)
        let clients = gateway.makeClients(3, paymentCount: 25, recorder)
        world.schedule(after: .seconds(2)) { for client in clients { client.start() } }
        let unlucky = gateway.nodes[Int.random(in: 0..<3, using: &world.random)]
        try world.run(until: .seconds(5))
        let damageCount = try (0..<3).reduce(0) { count, _ in
            try count + breakDown(unlucky, in: world)
        }
        let final = try GatewayScenario.settle(
            gateway, until: world.elapsed + .seconds(180),
            areClientsDone: { clients.allSatisfy(\.isDone) })
        let different = try ReplicaChecks(gateway)
            .violations(in: world, limit: .seconds(60))
        let checks = GatewayChecks(final, clients: clients)
        let open = try RecoveryTally.read(unlucky, in: world)
        return Verdict(
            traceHash: world.traceHash, paymentCount: final.payments.count,
            damageCount: damageCount, coveredCount: unlucky.damagedShardCounts.covered,
            recoveringCount: unlucky.damagedShardCounts.recovering,
            violations: checks.violations() + different + open
                + gateway.nodes.flatMap(\.process.haltReasons)
                + (recorder.history.violation().map { ["P4 \($0)"] } ?? []))
    }

    /// Ends a node, spoils its journal and starts it again. Returns how many batches were spoilt.
    private static func breakDown(_ node: SimulatedNode, in world: World) throws -> Int {
        try world.run(for: .milliseconds(Int64.random(in: 300...4000, using: &world.random)))
        node.crash(world.random.chance(1, in: 4) ? .kill : .powerLoss)
        let count = decay(node.process.disk, &world.random)
        try world.run(for: .milliseconds(Int64.random(in: 100...3000, using: &world.random)))
        node.restart()
        // At times it is ended before it has recovered.
        if world.random.chance(1, in: 2) {
            try world.run(for: .milliseconds(Int64.random(in: 1...60, using: &world.random)))
            node.crash(.kill)
            node.restart()
        }
        return count
    }

    /// Flips a bit of an older batch. Returns how many there were.
    ///
    /// Spared are batches with a record of the promises of support, as from the loss of the newest
    /// of them no node comes back under its name.
    private static func decay(_ disk: SimulatedDisk, _ random: inout SeededRandom) -> Int {
        let folder = "/data/journal"
        let segments = disk.names(in: folder).filter { $0.hasSuffix(".journal") }
        guard let segment = segments.last, let bytes = disk.contents("\(folder)/\(segment)") else {
            return 0
        }
        // The newest are not proven to have been there.
        let sound = batches(in: bytes).dropLast(3).filter { batch in
            !batch.dropLast(4).contains { bytes[$0..<($0 + 4)].elementsEqual(promisesGroup) }
        }
        guard let batch = sound.randomElement(using: &random) else { return 0 }
        let offset = batch.lowerBound + Int.random(in: 64..<400, using: &random)
        return disk.flipBit(3, ofByteAt: offset, in: "\(folder)/\(segment)") ? 1 : 0
    }

    /// Where batches lie: blocks that begin with their mark and count on, up to what an older
    /// segment has left in the space.
    private static func batches(in bytes: [UInt8]) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var next: UInt64?
        for start in stride(from: 0, to: bytes.count - blockByteCount, by: blockByteCount)
        where bytes[start...].starts(with: Array("SBAT".utf8)) {
            let field = bytes[(start + 8)..<(start + 16)]
            let number = field.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard number == next ?? number else { break }
            next = number + 1
            found.append(start..<start + blockByteCount)
        }
        return found
    }

    private static let blockByteCount = 4096
    /// The number of the group that holds the promises, as a record has it.
    private static let promisesGroup: [UInt8] = [255, 255, 255, 255]
}

/// What a node says of its shards at the end.
// Proof: a world and all its loops run on one thread, and only they touch a tally.
private final class RecoveryTally: @unchecked Sendable {
    private var found: [String]?

    static func read(_ node: SimulatedNode, in world: World) throws -> [String] {
        guard let running = node.running, let loop = node.process.incarnation?.loop else {
            return ["\(node.process) is down"]
        }
        let tally = RecoveryTally()
        loop.start(running) { running in
            tally.found = await running.clusterStatus().shards.compactMap { shard in
                shard.recoversThrough.map { "\(shard.group) recovers through \($0)" }
            }
        }
        _ = try world.run(limit: world.elapsed + .seconds(5)) { tally.found != nil }
        return tally.found ?? ["\(node.process) does not answer"]
    }
}
