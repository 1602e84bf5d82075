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
    private var unreadGroups: Set<GroupID>
    private var isHostRead = false

    /// Nothing was read yet.
    init(of groups: [GroupID] = []) {
        unreadGroups = Set(groups)
    }

    /// Asks the nodes and the acquirer, and lets the world go on until the books of the shards,
    /// of all of them if nobody says which, were read where they are served, and the acquirer's.
    static func read(
        _ gateway: GatewayWorld, of groups: [GroupID]? = nil
    ) throws -> GatewaySnapshot {
        let snapshot = GatewaySnapshot(of: groups ?? gateway.groups)
        guard let host = gateway.host, let hostLoop = gateway.acquirer.incarnation?.loop else {
            gateway.world.fail("a process that was mended is down")
            return snapshot
        }
        hostLoop.start(host) { host in
            snapshot.transactions = host.snapshot()
            snapshot.isHostRead = true
        }
        for node in gateway.nodes { snapshot.read(node) }
        let limit = gateway.world.elapsed + .seconds(30)
        let isRead = try gateway.world.run(limit: limit) {
            snapshot.isHostRead && snapshot.unreadGroups.isEmpty
        }
        if !isRead { gateway.world.fail("the books could not be read") }
        return snapshot
    }

    /// Reads what the node serves, again and again until everything was read.
    private func read(_ node: SimulatedNode) {
        guard let running = node.running, let loop = node.process.incarnation?.loop else { return }
        loop.start(running) { [self] running in
            while !unreadGroups.isEmpty {
                for books in await running.servedBooks(of: unreadGroups) { add(books) }
                await loop.sleep(for: .milliseconds(100))
            }
        }
    }

    private func add(_ books: ShardBooks) {
        guard unreadGroups.remove(books.group) != nil else { return }
        payments += books.payments
        booksTotals += books.totals
        inFlightKeyCount += books.inFlightKeyCount
    }
}
