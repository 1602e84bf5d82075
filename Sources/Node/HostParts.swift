import Cluster
import Journal
import Primitives
import Raft
import StateStore
import Topology

/// What the hosts of a node's groups are made of.
struct HostParts {
    let node: ClusterNode
    let journal: Journal
    let start: NodeStart
    let stored: StoredShards
    let snapshots: SnapshotStorage
    let environment: NodeEnvironment

    /// The same for the groups of link shards, which come later.
    var ofLinkShards: HostParts {
        HostParts(
            node: node, journal: journal, start: start.ofLinkShards, stored: stored,
            snapshots: snapshots, environment: environment)
    }

    /// How many aggregates of all shards a node keeps in memory that its store has: 256 MiB.
    private static let cleanCountMax = 65_536
    /// A shard with fewer would read again what it has just let go.
    private static let cleanCountMin = 256

    /// A node may come to have a replica of every shard.
    private var cleanCountOfShard: Int {
        max(Self.cleanCountMin, Self.cleanCountMax / max(1, node.seat.founding.shards.count))
    }

    /// - Parameter founders: where the group's log begins, unless the start knows.
    func replica<Machine: ShardMachine>(
        _ group: GroupID, founders: [MemberID] = []
    ) -> Replica<Machine> {
        let founding = try? Configuration(voters: founders)
        guard let configuration = start.configurations[group] ?? founding else {
            preconditionFailure("\(group) has no members")
        }
        return Replica(
            group: group, node: node, loop: environment.loop, journal: journal,
            log: start.groups[group], configuration: configuration, store: environment.store,
            stored: stored.applied[group], reader: environment.readWorker, snapshots: snapshots,
            halt: environment.halt, seed: environment.random.next(),
            cleanCountMax: cleanCountOfShard)
    }
}
