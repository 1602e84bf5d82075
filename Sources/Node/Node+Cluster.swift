public import Cluster
import Environment
import Gateway
public import Primitives
public import Topology

/// The cluster as one node sees it at this moment.
public struct ClusterStatus: Sendable {
    /// The nodes, this one among them.
    public let members: ClusterMembers
    /// Peers whose link is up.
    public let connected: [MemberID]
    /// In the order of their numbers.
    public let shards: [ShardStatus]
    /// The link shards that this node knows of, the oldest first, with their regions.
    public let linkShards: [(region: String, status: ShardStatus)]
    /// The group that holds the topology.
    public let meta: ShardStatus
    /// What the cluster is and shall be, as far as this node has heard.
    public let topology: Topology
    /// Messages of peers that could not be read, or said what cannot be.
    public let refusedMessageCount: Int

    /// All of them.
    public var groups: [ShardStatus] { shards + linkShards.map(\.status) + [meta] }
}

/// What became of a request to hand a shard over.
public enum TransferOutcome: Hashable, Sendable {
    /// The target leads it now.
    case done
    case refused(TransferRefusal)
    /// The target was asked, and does not lead it so far.
    case open
    case noSuchShard
    case noSuchNode
}

extension Node {
    public func clusterStatus() async -> ClusterStatus {
        var shards: [ShardStatus] = []
        for host in hosts { shards.append(await host.status) }
        var linkStatus: [(region: String, status: ShardStatus)] = []
        for shard in await linkShards.shards {
            linkStatus.append((shard.region, await shard.host.status))
        }
        let meta = await keeper.host.status
        let connected = await cluster.connectedPeers
        let refusedMessageCount = await cluster.refusedMessageCount
        // Of one moment: who is no member any more is in neither.
        return ClusterStatus(
            members: cluster.members, connected: connected, shards: shards,
            linkShards: linkStatus, meta: meta, topology: cluster.topology,
            refusedMessageCount: refusedMessageCount)
    }

    /// Changes the topology; whoever leads the meta group decides.
    public func change(_ command: TopologyCommand) async -> TopologyReply {
        await keeper.perform(command, deadline: loop.now + Self.changeMax)
    }

    /// An election, a round trip to another region, and a sync.
    private static let changeMax = Duration.seconds(10)

    /// Hands the leadership of a shard that this node leads to the node called `name`, and waits
    /// for it, though not for long.
    public func transfer(shard: Int, to name: String) async -> TransferOutcome {
        guard hosts.indices.contains(shard) else { return .noSuchShard }
        guard let target = cluster.members.all.first(where: { $0.name == name })?.id else {
            return .noSuchNode
        }
        let host = hosts[shard]
        guard await host.beginMove() else { return .refused(.underWay) }
        let outcome = await transfer(host, to: target)
        await host.endMove()
        return outcome
    }

    private func transfer(
        _ host: ShardHost, to target: MemberID
    ) async -> TransferOutcome {
        if let refusal = await host.transfer(to: target) { return .refused(refusal) }
        let end = loop.now + Self.transferMax
        while loop.now < end {
            if host.knownLeader == target { return .done }
            await loop.sleep(for: .milliseconds(10))
        }
        return .open
    }

    /// A transfer that has not happened within two election timeouts was given up.
    private static let transferMax = Duration.seconds(3)
}
