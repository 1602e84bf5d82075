import Linearizability
import Primitives

/// One seeded run in which a node has founded the cluster alone and loses power as the others have
/// just been admitted: its log knows them, and what of its state reached the disk may not.
public enum FounderScenario {
    public struct Verdict: Sendable {
        public let paymentCount: Int
        /// Empty when every promise was kept.
        public let violations: [String]
    }

    public static func run(seed: UInt64) throws -> Verdict {
        var parameters = WorldParameters()
        parameters.escapes = .failRun
        return try World.simulate(seed: seed, parameters: parameters) { try play($0) }
    }

    private static func play(_ world: World) throws -> Verdict {
        let gateway = try GatewayWorld(world, nodeCount: 3, founderCount: 1)
        gateway.start()
        let recorder = ClientRecorder(world)
        let clients = gateway.makeClients(3, paymentCount: 5, recorder)
        let founder = gateway.nodes[0]
        let haveJoined = try world.run(limit: .seconds(40)) {
            gateway.nodes.allSatisfy(\.hasJoined)
        }
        if !haveJoined { world.fail("not every node was admitted") }
        let pause = Int64.random(in: 0...2_500, using: &world.random)
        try world.run(for: .milliseconds(pause))
        founder.crash(.powerLoss)
        try world.run(for: .seconds(2))
        founder.restart()
        try world.run(for: .seconds(5))
        for client in clients { client.start() }
        let final = try GatewayScenario.settle(
            gateway, until: world.elapsed + .seconds(180),
            areClientsDone: { clients.allSatisfy(\.isDone) })
        let checks = GatewayChecks(final, clients: clients)
        let unexplained = recorder.history.violation().map { ["P4 \($0)"] } ?? []
        let halts = gateway.nodes.flatMap(\.process.haltReasons)
        return Verdict(
            paymentCount: final.payments.count,
            violations: checks.violations() + halts + unexplained)
    }
}
