import Cluster
import Linearizability
import Node
import Primitives
import StateStore
import Topology

/// One seeded run of six nodes in two jurisdictions, each of which has one of the shards. Clients
/// ask nodes of the merchant's; at the end a peer tells a topology that was never decided.
public enum JurisdictionScenario {
    public struct Verdict: Sendable {
        public let paymentCount: Int
        /// Shards, and link shards, with a replica outside their jurisdiction.
        public let strayCount: Int
        public let linkShardCount: Int
        /// Nodes outside the merchant's jurisdiction that hold rows of its shard.
        public let leakCount: Int
        /// The topology's epoch at the node that was lied to: as told, and a while later.
        public let toldEpoch: UInt64
        public let laterEpoch: UInt64
        /// Empty when every promise was kept.
        public let violations: [String]
    }

    private static let jurisdictions = ["eu", "world"]

    public static func run(seed: UInt64) throws -> Verdict {
        var parameters = WorldParameters()
        parameters.escapes = .failRun
        return try World.simulate(seed: seed, parameters: parameters) { world in
            try play(world)
        }
    }

    private static func play(_ world: World) throws -> Verdict {
        let gateway = try GatewayWorld(
            world, nodeCount: 6, grows: false, jurisdictions: jurisdictions)
        // The merchant's slot is in the first half, and so is its shard.
        gateway.askedNodeCount = 3
        gateway.start()
        let recorder = ClientRecorder(world)
        let clients = (0..<2).map { number in
            let sender = RequestSender(
                name: "c\(number)", number: number, gateway: gateway, recorder: recorder,
                seed: world.random.next(), flaw: nil)
            return SimulatedClient(
                sender, world: world, paymentCount: 10, contends: false, contentionSeed: 0)
        }
        world.schedule(after: .seconds(2)) { for client in clients { client.start() } }
        let final = try GatewayScenario.settle(
            gateway, until: world.elapsed + .seconds(180),
            areClientsDone: { clients.allSatisfy(\.isDone) })
        let checks = GatewayChecks(
            payments: final.payments, booksTotals: final.booksTotals,
            inFlightKeyCount: final.inFlightKeyCount, transactions: final.transactions,
            clients: clients, slowest: clients.map(\.sender.slowest).max() ?? .zero,
            expiryMax: nil)
        let topology = try gateway.topology(at: 0)
        let leaks = try gateway.nodes.dropFirst(3).count { node in
            try node.openStore.appliedStates().contains { $0.group == GroupID(0) }
        }
        let told = topology.epoch + 1_000_000
        try gateway.tell(topology, as: told, from: topology.nodes[1].id)
        let toldEpoch = try gateway.topology(at: 0).epoch
        try world.run(for: .seconds(10))
        return Verdict(
            paymentCount: final.payments.count, strayCount: strayCount(topology),
            linkShardCount: topology.linkShards.count, leakCount: leaks, toldEpoch: toldEpoch,
            laterEpoch: try gateway.topology(at: 0).epoch,
            violations: checks.violations() + gateway.nodes.flatMap(\.process.haltReasons))
    }

    private static func strayCount(_ topology: Topology) -> Int {
        topology.shardGroups.count { group in
            let law = topology.rule(of: group)?.jurisdiction
            return topology.placement(of: group)?.replicas.contains {
                topology[$0]?.jurisdiction != law
            } ?? true
        }
    }
}

// Proof: a world and all its loops run on one thread.
private final class TopologyAnswer: @unchecked Sendable {
    var topology: Topology?
}

extension GatewayWorld {
    /// The topology that a node goes by.
    fileprivate func topology(at place: Int) throws -> Topology {
        guard let running = nodes[place].running, let loop = nodes[place].process.incarnation?.loop
        else { return Topology() }
        let answer = TopologyAnswer()
        loop.start(running) { answer.topology = await $0.clusterStatus().topology }
        _ = try world.run(limit: world.elapsed + .seconds(1)) { answer.topology != nil }
        return answer.topology ?? Topology()
    }

    /// Tells the first node a topology under another epoch.
    fileprivate func tell(_ topology: Topology, as epoch: UInt64, from peer: MemberID) throws {
        guard let running = nodes[0].running, let loop = nodes[0].process.incarnation?.loop,
            let lie = topology.renumbered(epoch)
        else { return world.fail("nobody can be told") }
        let answer = TopologyAnswer()
        loop.start(running) { node in
            node.cluster.received(.topology(lie), from: peer)
            answer.topology = lie
        }
        _ = try world.run(limit: world.elapsed + .seconds(1)) { answer.topology != nil }
    }
}

extension Topology {
    /// The same under another epoch, as a peer could write it.
    fileprivate func renumbered(_ epoch: UInt64) -> Topology? {
        var reader = ByteReader(encoded)
        var writer = ByteWriter()
        guard let version = try? reader.readByte(), (try? reader.readVarint()) != nil,
            let rest = try? reader.readRaw(reader.remainingCount)
        else { return nil }
        writer.write(version)
        writer.writeVarint(epoch)
        writer.writeRaw(Array(rest))
        return try? Topology(encoded: writer.bytes)
    }
}
