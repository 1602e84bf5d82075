import Acquirer
import Environment
import Gateway
import Node
import Payments
import Primitives

/// Both sides' books at one moment.
// Proof: a world and all its loops run on one thread, and only they touch a snapshot.
final class GatewaySnapshot: @unchecked Sendable {
    private(set) var payments: [Payment] = []
    private(set) var booksTotals: [Int64] = []
    private(set) var inFlightKeyCount = 0
    private(set) var transactions: [AcquirerTransaction] = []
    private var readGroups: Set<GroupID> = []
    private var isHostRead = false

    /// Asks the nodes and the acquirer, and lets the world go on until every shard's books were
    /// read where it is served, and the acquirer's.
    static func read(_ gateway: GatewayWorld) throws -> GatewaySnapshot {
        let snapshot = GatewaySnapshot()
        guard let host = gateway.host, let hostLoop = gateway.acquirer.incarnation?.loop else {
            gateway.world.fail("a process that was mended is down")
            return snapshot
        }
        hostLoop.start(host) { host in
            snapshot.transactions = host.snapshot()
            snapshot.isHostRead = true
        }
        for node in gateway.nodes { snapshot.read(node, of: gateway.shardCount) }
        let limit = gateway.world.elapsed + .seconds(30)
        let isRead = try gateway.world.run(limit: limit) {
            snapshot.isHostRead && snapshot.readGroups.count == gateway.groups.count
        }
        if !isRead { gateway.world.fail("the books could not be read") }
        return snapshot
    }

    /// Reads what the node serves, again and again until everything was read.
    private func read(_ node: SimulatedNode, of shardCount: Int) {
        guard let running = node.running, let loop = node.process.incarnation?.loop else { return }
        loop.start(running) { [self] running in
            while readGroups.count < shardCount {
                for books in await running.servedBooks() { add(books) }
                await loop.sleep(for: .milliseconds(100))
            }
        }
    }

    private func add(_ books: ShardBooks) {
        guard readGroups.insert(books.group).inserted else { return }
        payments += books.payments
        booksTotals += books.totals
        inFlightKeyCount += books.inFlightKeyCount
    }
}
