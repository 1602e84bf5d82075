import Cluster
import Gateway
import Primitives
import StateStore

/// Whether every node has the same state of every shard, once nothing is under way.
///
/// Stored rows are compared, in which what the tables in memory were lost long ago comes to light.
/// Rows that expire are left out: each node removes them in its own time.
struct ReplicaChecks {
    /// What a node has stored of a shard.
    struct Replica: Hashable {
        var index: LogIndex = 0
        var rowCount = 0
        /// CRC-32C of the rows' own.
        var checksum: UInt32 = 0
    }

    /// The nodes that have a replica of each shard.
    let replicas: [GroupID: [SimulatedNode]]

    /// As the topology has them that a node knows; it has settled.
    init(_ gateway: GatewayWorld) throws {
        replicas = try gateway.placements()
    }

    /// Lets the world go on until all nodes are equally far and equal, or `limit` has passed, and
    /// says where they differ.
    func violations(in world: World, limit: Duration) throws -> [String] {
        let end = world.elapsed + limit
        // Those that are equal stay so, as nothing is under way.
        var groups = replicas.keys.sorted()
        while true {
            let found = try groups.map { ($0, try violations(of: $0)) }.filter { !$1.isEmpty }
            if found.isEmpty || world.elapsed >= end { return found.flatMap { $1 } }
            groups = found.map { $0.0 }
            try world.run(for: .milliseconds(500))
        }
    }

    private func violations(of group: GroupID) throws -> [String] {
        let replicas = try (replicas[group] ?? []).map { try Self.read(group, $0.openStore) }
        guard Set(replicas).count > 1 else { return [] }
        let list = replicas.map { "\($0.index): \($0.rowCount) rows, \($0.checksum)" }
        return ["P5 the replicas of \(group) differ: \(list)"]
    }

    private static func read(_ group: GroupID, _ store: StateStore) throws -> Replica {
        var replica = Replica()
        var sealing = try SimulatedNode.rowSealing(of: group)
        _ = try store.export(group, countMax: 1_000, byteCountMax: 1 << 20) { applied, rows in
            replica.index = applied.index
            for row in rows where !GatewayMachine.expiringKinds.contains(row.key.kind) {
                // One that does not open differs from all others.
                let row = sealing.open(row) ?? row
                replica.rowCount += 1
                var writer = ByteWriter(capacity: 4)
                writer.writeFixed(row.checksum)
                replica.checksum = CRC32C.checksum(writer.bytes, from: replica.checksum)
            }
            return true
        }
        return replica
    }
}
