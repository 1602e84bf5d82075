import Cluster
import Environment
import Gateway
import Primitives
import StateStore
import Topology

// The groups of the regions' link shards on this node. Which there are the topology says, and says
// so while the node runs: a region gets one with its first node.

/// Makes and holds the groups of link shards.
actor LinkShards: LoopActor, LinkShardHosting {
    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let parts: HostParts
    private let writer: StateWriter
    /// Who writes to the processors where this node leads one of the groups.
    private let directory: LinkDirectory
    private var found: [(region: String, host: ShardHost)] = []
    private var isStopped = false

    init(parts: HostParts, writer: StateWriter, directory: LinkDirectory) {
        self.parts = parts.ofLinkShards
        self.writer = writer
        self.directory = directory
        loop = parts.environment.loop
    }

    /// The link shards, the oldest first.
    var shards: [(region: String, host: ShardHost)] { found }

    nonisolated func host(_ shard: LinkShard, as group: GroupID) {
        onLoop { $0.begin(shard, group) }
    }

    private func begin(_ shard: LinkShard, _ group: GroupID) {
        guard !isStopped else { return }
        let replica: Replica<LinkMachine> = parts.replica(group, founders: shard.founders)
        found.append((shard.region, replica.host))
        _ = Task { await self.start(replica, of: shard.region) }
    }

    private func start(_ replica: Replica<LinkMachine>, of region: String) async {
        let written = parts.stored.applied[replica.group]?.index ?? 0
        await writer.add(replica.host, written: written)
        guard !isStopped else { return }
        await directory.add(region: region, replica: replica, node: parts.node)
    }

    func stop() async {
        isStopped = true
        for shard in found { await shard.host.stop() }
    }
}
