import Cluster
import Environment
import Primitives
import StateStore
import Topology

// The groups of the regions' link shards on this node. Which there are the topology says, and says
// so while the node runs: a region gets one with its first node.

/// Makes and holds the groups of link shards.
actor LinkShards: LinkShardHosting {
    typealias Host = ShardHost<LinkMachine>

    private nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let parts: HostParts
    private let writer: StateWriter
    private var found: [(region: String, host: Host)] = []
    private var isStopped = false

    init(parts: HostParts, writer: StateWriter) {
        self.parts = parts.ofLinkShards
        self.writer = writer
        loop = parts.environment.loop
    }

    /// The link shards, the oldest first.
    var shards: [(region: String, host: Host)] { found }

    nonisolated func host(_ shard: LinkShard, as group: GroupID) {
        assumeIsolated { $0.begin(shard, group) }
    }

    private func begin(_ shard: LinkShard, _ group: GroupID) {
        guard !isStopped else { return }
        let host: Host = parts.host(group, founders: shard.founders)
        found.append((shard.region, host))
        _ = Task { await self.start(host) }
    }

    private func start(_ host: Host) async {
        await writer.add(host, written: parts.stored.applied[host.group]?.index ?? 0)
        await host.start(observer: self)
    }

    func stop() async {
        isStopped = true
        for shard in found { await shard.host.stop() }
    }
}

extension LinkShards: ShardObserver {
    nonisolated func shardBeganServing(_ group: GroupID, term: Term) {}
    nonisolated func shardEndedServing(_ group: GroupID, term: Term) {}
    nonisolated func shardLeaderChanged(_ group: GroupID, to leader: MemberID?) {}
}

/// A link shard's log as long as nothing is written to it.
enum LinkMachine: ShardMachine {
    /// There are no rows.
    struct Aggregate: ShardAggregate {
        private let never: Never

        func row(key: AggregateKey) -> AggregateRow { switch never {} }

        init(row: AggregateRow) throws(Primitives.DecodingError) {
            throw .invalid(what: "row of a link shard", offset: 0)
        }
    }

    static func keys(
        of payload: [UInt8], in group: GroupID
    ) throws(Primitives.DecodingError) -> EntryKeys {
        throw .invalid(what: "entry of a link shard", offset: 0)
    }

    static func expired(
        in group: GroupID, _ table: AggregateTable<Aggregate>
    ) -> [(kind: AggregateKind, createdBefore: Int64)] { [] }

    static func apply(
        _ payload: [UInt8], in group: GroupID, to table: inout AggregateTable<Aggregate>
    ) throws(Primitives.DecodingError) -> ApplyVerdict {
        throw .invalid(what: "entry of a link shard", offset: 0)
    }
}
