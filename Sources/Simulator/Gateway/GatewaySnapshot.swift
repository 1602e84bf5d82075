import Acquirer
import Environment
import Node
import Payments

/// Both sides' books at one moment.
// Proof: a world and all its loops run on one thread, and only they touch a snapshot.
final class GatewaySnapshot: @unchecked Sendable {
    private(set) var payments: [Payment] = []
    private(set) var booksTotals: [Int64] = []
    private(set) var inFlightKeyCount = 0
    private(set) var transactions: [AcquirerTransaction] = []
    private var partCount = 0

    /// Asks the node and the acquirer, and lets the world go on until both have answered.
    static func read(_ gateway: GatewayWorld) throws -> GatewaySnapshot {
        let snapshot = GatewaySnapshot()
        guard let first = gateway.nodes.first, let node = first.running,
            let nodeLoop = first.process.incarnation?.loop,
            let host = gateway.host, let hostLoop = gateway.acquirer.incarnation?.loop
        else {
            gateway.world.fail("a process that was mended is down")
            return snapshot
        }
        nodeLoop.start(node) { node in
            while !(await node.catchUp()) { await nodeLoop.sleep(for: .milliseconds(100)) }
            snapshot.payments = await node.allPayments()
            snapshot.booksTotals = await node.booksTotals()
            snapshot.inFlightKeyCount = await node.inFlightKeyCount()
            snapshot.partCount += 1
        }
        hostLoop.start(host) { host in
            snapshot.transactions = host.snapshot()
            snapshot.partCount += 1
        }
        let limit = gateway.world.elapsed + .seconds(30)
        let isRead = try gateway.world.run(limit: limit) { snapshot.partCount == 2 }
        if !isRead { gateway.world.fail("the books could not be read") }
        return snapshot
    }
}
