import Cluster
import Gateway
import Linearizability
import Node
import Primitives
import StateStore

/// One seeded run in which a bit of a node's stored books changes while the node is down: it is
/// found by the comparison of states, halts, and comes back as a new member with an empty disk.
public enum StateFaultScenario {
    public struct Verdict: Sendable {
        public let traceHash: UInt64
        public let paymentCount: Int
        /// Nodes that halted, once for each time, in the order of their numbers.
        public let haltedNames: [String]
        /// The node whose books were changed; nil where nothing was.
        public let spoiltName: String?
        /// What nodes said when they halted.
        public let reasons: [String]
        /// Checksums that were compared, and differences, by the processes that ran at the end.
        public let comparedCount: Int
        public let differenceCount: Int
        /// Asks for checksums in half a minute in which nothing was done.
        public let idleAskCount: Int
        /// Empty when every promise was kept.
        public let violations: [String]
    }

    /// - Parameter spoils: false for a run in which nothing breaks.
    public static func run(seed: UInt64, spoils: Bool) throws -> Verdict {
        var parameters = WorldParameters()
        parameters.escapes = .failRun
        return try World.simulate(seed: seed, parameters: parameters) { try play($0, spoils) }
    }

    private static func play(_ world: World, _ spoils: Bool) throws -> Verdict {
        let gateway = try GatewayWorld(world, nodeCount: 3, grows: false)
        gateway.start()
        let recorder = ClientRecorder(world)
        let clients = gateway.makeClients(4, paymentCount: 50, recorder)
        world.schedule(after: .seconds(2)) { for client in clients { client.start() } }
        let unlucky = gateway.nodes[Int.random(in: 0..<3, using: &world.random)]
        if spoils { try spoil(unlucky, gateway) }
        let final = try GatewayScenario.settle(
            gateway, until: world.elapsed + .seconds(300),
            areClientsDone: {
                clients.allSatisfy(\.isDone) && gateway.nodes.allSatisfy(\.hasJoined)
            })
        let different = try ReplicaChecks(gateway).violations(in: world, limit: .seconds(60))
        // The last windows are compared by then.
        try world.run(for: .seconds(30))
        let before = try ChecksumTally.read(gateway)
        try world.run(for: .seconds(30))
        let tally = try ChecksumTally.read(gateway)
        let checks = GatewayChecks(final, clients: clients)
        let unexplained = recorder.history.violation().map { ["P4 \($0)"] } ?? []
        let halted = gateway.nodes.flatMap { node in
            node.process.haltReasons.map { (node.process.name, $0) }
        }
        return Verdict(
            traceHash: world.traceHash, paymentCount: final.payments.count,
            haltedNames: halted.map(\.0), spoiltName: spoils ? unlucky.process.name : nil,
            reasons: halted.map(\.1), comparedCount: tally.comparedCount,
            differenceCount: tally.differenceCount,
            idleAskCount: tally.askCount - before.askCount,
            violations: checks.violations() + different + unexplained)
    }

    /// Changes the node's books, waits until it halts, starts it as it is, and then anew.
    private static func spoil(_ node: SimulatedNode, _ gateway: GatewayWorld) throws {
        let world = gateway.world
        let limit = world.elapsed + .seconds(60)
        _ = try world.run(limit: limit) {
            (try? node.openStore).map { books(in: $0, gateway.groups) != nil } == true
        }
        node.crash(.kill)
        let state = try SimulatedState(onMachineOf: node.process)
        defer { state.close() }
        guard let (applied, row) = books(in: state.store, gateway.groups),
            let changed = try flipped(row)
        else { return world.fail("the node has no books to change") }
        try state.store.write([
            StateBatch(
                group: applied.group, appliedIndex: applied.index, appliedTerm: applied.term,
                rows: [changed])
        ])
        state.close()
        try world.run(for: .milliseconds(Int64.random(in: 100...1_500, using: &world.random)))
        node.restart()
        let process = node.process
        let isFound = try world.run(limit: world.elapsed + .seconds(120)) {
            !process.haltReasons.isEmpty
        }
        guard isFound else { return world.fail("the changed books were not found") }
        // As whoever looks after processes does, by itself.
        node.crash(.kill)
        node.restart()
        _ = try world.run(limit: world.elapsed + .seconds(5)) { process.haltReasons.count > 1 }
        node.crash(.kill)
        node.replaceDisk()
        node.restart()
    }

    private static func books(
        in store: StateStore, _ groups: [GroupID]
    ) -> (AppliedState, AggregateRow)? {
        for group in groups {
            var found: (AppliedState, AggregateRow)?
            let isRead = try? store.export(group, countMax: 1_000, byteCountMax: 1 << 20) {
                applied, rows in
                if let row = rows.first(where: { $0.key.kind == .books }) { found = (applied, row) }
                return found == nil
            }
            if isRead != nil, let found { return found }
        }
        return nil
    }

    /// The row with one bit changed under its seal, such that it still reads as books.
    private static func flipped(_ sealed: AggregateRow) throws -> AggregateRow? {
        var sealing = try SimulatedNode.rowSealing(of: sealed.key.group)
        guard let row = sealing.open(sealed) else { return nil }
        for offset in row.payload.indices.reversed() {
            for bit in 0..<7 {
                var payload = row.payload
                payload[offset] ^= 1 << UInt8(bit)
                let changed = AggregateRow(
                    key: row.key, owner: row.owner, created: row.created, version: row.version,
                    isOpen: row.isOpen, payload: payload)
                if let aggregate = try? GatewayAggregate(row: changed),
                    aggregate.row(key: row.key) == changed
                {
                    return sealing.seal(ofRows: 1)([changed]).first
                }
            }
        }
        return nil
    }
}

/// What the nodes say of their comparisons.
// Proof: a world and all its loops run on one thread, and only they touch a tally.
private final class ChecksumTally: @unchecked Sendable {
    private(set) var comparedCount = 0
    private(set) var differenceCount = 0
    private(set) var askCount = 0
    private var readCount = 0

    static func read(_ gateway: GatewayWorld) throws -> ChecksumTally {
        let tally = ChecksumTally()
        let running = gateway.nodes.compactMap { node in
            node.process.incarnation.flatMap { life in node.running.map { ($0, life.loop) } }
        }
        for (node, loop) in running {
            loop.start(node) { node in
                let status = await node.clusterStatus()
                tally.add(status.groups)
            }
        }
        let limit = gateway.world.elapsed + .seconds(1)
        let isRead = try gateway.world.run(limit: limit) { tally.readCount == running.count }
        if !isRead { gateway.world.fail("the nodes do not say what they compared") }
        return tally
    }

    private func add(_ groups: [ShardStatus]) {
        for group in groups {
            comparedCount += group.comparedWindowCount
            differenceCount += group.differenceCount
            askCount += group.checksumAskCount
        }
        readCount += 1
    }
}
