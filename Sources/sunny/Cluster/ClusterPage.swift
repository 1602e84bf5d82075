import Cluster
import Node
import Operations
import Primitives
import Renewal
import SecureLink
import Topology

/// `/admin/cluster`: the cluster as one node sees it, for operators and scripts.
struct ClusterPage: Codable, Sendable {
    struct Member: Codable, Sendable {
        enum Link: String, Codable {
            /// This node.
            case own = "self"
            case up, down
        }

        let name: String
        let id: UInt64
        let region: String
        /// Empty where there is none.
        let zone: String
        let address: String
        let link: Link
        /// `active`, `draining` or `leaving`.
        let standing: String
        /// How many shards shall have a replica on it.
        let replicas: Int
    }

    struct Shard: Codable, Sendable {
        enum Role: String, Codable {
            case leader, follower
            /// This node has no replica of it.
            case elsewhere
        }

        let shard: UInt32
        /// Left out while nobody is known to lead.
        let leader: String?
        let term: UInt64
        let commitIndex: UInt64
        let appliedIndex: UInt64
        let role: Role
        /// Who shall vote in it.
        let replicas: [String]
        /// Whether they do: false while members are changed.
        let isSettled: Bool
        /// Whether this node leads the shard and has taken up its work.
        let isServing: Bool
        /// Whether nobody else can serve the shard at this moment.
        let holdsLease: Bool
        /// The index through which this node fetches entries that its disk has lost; left out as a
        /// rule.
        let recoversThrough: UInt64?
        /// Nodes that have lost entries, when nobody can be elected before some are repaired by
        /// hand.
        let blockedBy: [String]
    }

    let cluster: String
    /// In hexadecimal; left out for a node without a cluster.
    let id: String?
    /// This node.
    let node: String
    let region: String
    let isReady: Bool
    /// `2026-11-28 11:40:38 UTC`; left out where there is no certificate.
    let certificateEnd: String?
    /// In hexadecimal; left out where there is no certificate.
    let certificateSerial: String?
    /// Counts the changes of the topology that this node has heard of; 0 before the first.
    let topologyEpoch: UInt64
    /// Who leads the topology's group; left out while nobody is known to.
    let topologyLeader: String?
    let members: [Member]
    let shards: [Shard]

    init(_ process: NodeProcess) async {
        let status = await process.node.clusterStatus()
        let known = status.members
        cluster = process.file.clusterName
        id = known.isUnnamed ? nil : String(known.cluster.rawValue, radix: 16)
        node = process.file.configuration.name
        region = process.file.configuration.region
        isReady = await process.node.isReady()
        let life = process.channels?.life
        certificateEnd = life.map { CivilText.text($0.end) }
        certificateSerial = life?.serial
        let topology = status.topology
        topologyEpoch = topology.epoch
        topologyLeader = status.meta.leader.flatMap { known[$0]?.name }
        members = known.all.map { member in
            let link: Member.Link =
                if member.id == known.own { .own } else if status.connected.contains(member.id) {
                    .up
                } else { .down }
            let record = topology[member.id]
            return Member(
                name: member.name, id: member.id.rawValue, region: member.region,
                zone: record?.zone ?? "",
                address: known.isUnnamed ? "" : "\(member.address)", link: link,
                standing: "\(record?.standing ?? .active)",
                replicas: topology.replicaCount(on: member.id))
        }
        shards = status.shards.map { shard in
            let number = Int(shard.group.rawValue)
            let place = topology.shards.indices.contains(number) ? topology.shards[number] : nil
            return Shard(
                shard: shard.group.rawValue, leader: shard.leader.flatMap { known[$0]?.name },
                term: shard.term, commitIndex: shard.commitIndex,
                appliedIndex: shard.appliedIndex,
                role: Self.role(shard, known.own),
                replicas: (place?.replicas ?? []).map { known[$0]?.name ?? "\($0)" },
                isSettled: place?.isSettled ?? true,
                isServing: shard.isServing, holdsLease: shard.holdsLease,
                recoversThrough: shard.recoversThrough,
                blockedBy: shard.blockers.map { known[$0]?.name ?? "\($0)" })
        }
    }
    private static func role(_ shard: ShardStatus, _ own: MemberID) -> Shard.Role {
        guard shard.isReplica else { return .elsewhere }
        return shard.leader == own ? .leader : .follower
    }
}
