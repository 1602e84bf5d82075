import Cluster
import Node
import Operations
import Primitives
import SecureLink

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
        let address: String
        let link: Link
    }

    struct Shard: Codable, Sendable {
        enum Role: String, Codable { case leader, follower }

        let shard: UInt32
        /// Left out while nobody is known to lead.
        let leader: String?
        let term: UInt64
        let commitIndex: UInt64
        let appliedIndex: UInt64
        let role: Role
        /// Whether this node leads the shard and has taken up its work.
        let isServing: Bool
        /// Whether nobody else can serve the shard at this moment.
        let holdsLease: Bool
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
        certificateEnd = process.channels.map { CivilText.text($0.validUntil) }
        members = known.all.map { member in
            let link: Member.Link =
                if member.id == known.own { .own } else if status.connected.contains(member.id) {
                    .up
                } else { .down }
            return Member(
                name: member.name, id: member.id.rawValue, region: member.region,
                address: known.isUnnamed ? "" : "\(member.address)", link: link)
        }
        shards = status.shards.map { shard in
            Shard(
                shard: shard.group.rawValue, leader: shard.leader.flatMap { known[$0]?.name },
                term: shard.term, commitIndex: shard.commitIndex,
                appliedIndex: shard.appliedIndex,
                role: shard.leader == known.own ? .leader : .follower,
                isServing: shard.isServing, holdsLease: shard.holdsLease)
        }
    }
}

/// What a POST to `/admin/cluster/transfer` answers.
enum ClusterTransfer {
    static func answer(
        _ outcome: TransferOutcome, shard: Int, name: String
    ) -> (status: Int, text: String) {
        switch outcome {
        case .done: (200, "\(name) leads shard \(shard)\n")
        case .open: (202, "\(name) was asked to lead shard \(shard), and does not so far\n")
        case .noSuchShard: (404, "there is no shard \(shard)\n")
        case .noSuchNode: (404, "there is no node \(name)\n")
        case .refused(.notLeading): (409, "this node does not lead shard \(shard)\n")
        case .refused(.underWay): (409, "shard \(shard) is being handed over already\n")
        case .refused(.noVoter): (409, "\(name) leads it, or has no vote in it\n")
        case .refused(.unreachable): (409, "nothing was heard from \(name) lately\n")
        }
    }
}
