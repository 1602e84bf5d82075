import Cluster
import Linearizability
import MerchantAPI
import Node
import Primitives
import StateStore
import Topology

/// One seeded run of six nodes in two jurisdictions, each of which has one of the shards. Clients
/// ask nodes of the merchant's. At the end a request that may carry a card comes to the others, and
/// a peer tells a topology that was never decided: one of the others had moved into the merchant's
/// jurisdiction, and should have a replica of its shard.
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
        let clients = gateway.makeClients(2, paymentCount: 10, recorder)
        world.schedule(after: .seconds(2)) { for client in clients { client.start() } }
        let final = try GatewayScenario.settle(
            gateway, until: world.elapsed + .seconds(180),
            areClientsDone: { clients.allSatisfy(\.isDone) })
        let checks = GatewayChecks(final, clients: clients)
        var found = checks.violations()
        for place in abroad {
            let status = try gateway.statusOfCreate(at: place)
            guard status != 421 else { continue }
            found.append("P5 a request that may carry a card was answered \(status) elsewhere")
        }
        let topology = try gateway.topology(at: 0)
        let toldEpoch = try lie(about: topology, gateway)
        try world.run(for: .seconds(15))
        let laterEpoch = try gateway.topology(at: 0).epoch
        let (strays, leaks) = (strayCount(topology), try leakCount(gateway))
        if strays > 0 { found.append("P5 \(strays) shards are not in their jurisdiction") }
        if leaks > 0 { found.append("P5 \(leaks) nodes elsewhere hold rows of the shard") }
        if laterEpoch >= toldEpoch { found.append("P5 a topology is kept that was only told") }
        return Verdict(
            paymentCount: final.payments.count, strayCount: strays,
            linkShardCount: topology.linkShards.count, leakCount: leaks, toldEpoch: toldEpoch,
            laterEpoch: laterEpoch,
            violations: found + gateway.nodes.flatMap(\.process.haltReasons))
    }

    /// The nodes outside the merchant's jurisdiction.
    private static let abroad = 3..<6

    /// Tells every node of the merchant's jurisdiction what was never decided, so that whoever
    /// leads its shard hears it; returns the epoch that the first one goes by then.
    private static func lie(about topology: Topology, _ gateway: GatewayWorld) throws -> UInt64 {
        let stranger = topology.nodes[abroad.lowerBound]
        let profile = NodeProfile(
            name: stranger.name, region: stranger.region, zone: stranger.profile.zone,
            jurisdiction: jurisdictions[0], address: stranger.profile.address,
            url: stranger.profile.url)
        // Where it was, it has nothing any more: else nobody would believe it.
        let left = topology.shardGroups.compactMap { group in
            topology.placement(of: group).flatMap { place in
                place.replicas.contains(stranger.id)
                    ? ShardMove(group: group, replicas: place.replicas.filter { $0 != stranger.id })
                    : nil
            }
        }
        let replicas = topology.nodes[..<(abroad.lowerBound - 1)].map(\.id) + [stranger.id]
        let move = ShardMove(group: GroupID(0), replicas: replicas)
        var lie = topology
        for event in [
            TopologyEvent.placed(left, meta: nil), .moved(stranger.id, profile),
            .placed([move], meta: nil),
        ] where !lie.apply(TopologyChange(base: lie.epoch, event: event)) {
            gateway.world.fail("nobody would believe \(event)")
        }
        let epoch = topology.epoch + 1_000_000
        for place in 0..<abroad.lowerBound {
            let teller = topology.nodes[place == 0 ? 1 : 0].id
            try gateway.tell(lie, as: epoch, from: teller, at: place)
        }
        return try gateway.topology(at: 0).epoch
    }

    private static func leakCount(_ gateway: GatewayWorld) throws -> Int {
        try gateway.nodes[abroad].count { node in
            try node.openStore.appliedStates().contains { $0.group == GroupID(0) }
        }
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
private final class LoopAnswer<Value>: @unchecked Sendable {
    var value: Value?
}

extension GatewayWorld {
    /// The topology that a node goes by.
    fileprivate func topology(at place: Int) throws -> Topology {
        guard let running = nodes[place].running, let loop = nodes[place].process.incarnation?.loop
        else { return Topology() }
        let answer = LoopAnswer<Topology>()
        loop.start(running) { answer.value = $0.cluster.topology }
        _ = try world.run(limit: world.elapsed + .seconds(1)) { answer.value != nil }
        return answer.value ?? Topology()
    }

    /// What a node answers to a request that may carry a card; 0 for nothing.
    fileprivate func statusOfCreate(at place: Int) throws -> Int {
        guard let running = nodes[place].running, let loop = nodes[place].process.incarnation?.loop
        else { return 0 }
        let request = APIRequest(
            method: "POST", path: "/v1/payment_intents",
            headers: [
                ("authorization", "Bearer \(secretKey)"),
                ("content-type", "application/x-www-form-urlencoded"),
            ],
            body: SensitiveBytes(copying: "amount=100&currency=usd".utf8), receivedAt: loop.now)
        let answer = LoopAnswer<Int>()
        loop.start(running.service) { answer.value = await $0.respond(to: request).status }
        _ = try world.run(limit: world.elapsed + .seconds(30)) { answer.value != nil }
        return answer.value ?? 0
    }

    /// Tells a node a topology under another epoch.
    fileprivate func tell(
        _ topology: Topology, as epoch: UInt64, from peer: MemberID, at place: Int
    ) throws {
        guard let running = nodes[place].running,
            let loop = nodes[place].process.incarnation?.loop,
            let lie = topology.renumbered(epoch)
        else { return world.fail("nobody can be told") }
        let answer = LoopAnswer<Bool>()
        loop.start(running) { node in
            node.cluster.received(.topology(lie), from: peer)
            answer.value = true
        }
        _ = try world.run(limit: world.elapsed + .seconds(1)) { answer.value != nil }
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
