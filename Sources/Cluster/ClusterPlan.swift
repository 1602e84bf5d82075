public import Environment
public import Primitives
public import Topology

/// The cluster as a node's configuration has it: how it begins, and whom to ask where it is.
public struct ClusterPlan: Hashable, Sendable {
    /// A node that the configuration lists.
    public struct Node: Hashable, Sendable {
        /// The id of a node that the cluster begins with; nil for one that joins it later.
        public let id: MemberID?
        public let profile: NodeProfile
        public let address: SocketAddress

        public init(
            id: MemberID?, name: String, region: String, zone: String = "",
            jurisdiction: String = "", address: SocketAddress, url: String = ""
        ) {
            self.id = id
            profile = NodeProfile(
                name: name, region: region, zone: zone, jurisdiction: jurisdiction,
                address: "\(address)", url: url)
            self.address = address
        }
    }

    /// 0 for a node that was configured without a cluster.
    public let cluster: ClusterID
    /// This node's name, which is among those of `nodes`.
    public let ownName: String
    public let nodes: [Node]
    /// How many replicas a shard shall have, as far as there are nodes.
    public let replicaCount: Int
    /// What the places of shards keep to; empty where all are in the one jurisdiction.
    private let givenSets: [ShardSet]

    /// Survives the loss of any two nodes, or of any region of three, and waits for the third
    /// fastest of five.
    public static let replicaCountDefault = 5

    /// - Precondition: names and ids are unique, `ownName` is among the names, and there are at
    ///   most as many nodes as a cluster can have.
    public init(
        cluster: ClusterID, ownName: String, nodes: [Node],
        replicaCount: Int = Self.replicaCountDefault, shardSets: [ShardSet] = []
    ) {
        precondition(nodes.count <= Topology.nodeCountMax, "\(nodes.count) nodes")
        precondition(Set(nodes.map(\.profile.name)).count == nodes.count, "two of one name")
        let ids = nodes.compactMap(\.id)
        precondition(Set(ids).count == ids.count, "two nodes have one id")
        precondition(nodes.contains { $0.profile.name == ownName }, "no node \(ownName)")
        self.cluster = cluster
        self.ownName = ownName
        self.nodes = nodes
        self.replicaCount = replicaCount
        givenSets = shardSets
    }

    /// A node without a cluster.
    public static func alone(
        name: String, region: String, jurisdiction: String = ""
    ) -> ClusterPlan {
        let node = Node(
            id: MemberID(1), name: name, region: region, jurisdiction: jurisdiction,
            address: SocketAddress(host: "127.0.0.1", port: 0))
        return ClusterPlan(cluster: ClusterID(0), ownName: name, nodes: [node])
    }

    public var isUnnamed: Bool { cluster == ClusterID(0) }

    /// This node.
    public var own: Node { nodes.first { $0.profile.name == ownName }! }

    /// The other nodes.
    public var others: [Node] { nodes.filter { $0.profile.name != ownName } }

    /// Which of `shardCount` shards are where.
    public func shardSets(shardCount: Int) -> [ShardSet] {
        guard givenSets.isEmpty else { return givenSets }
        let rule = PlacementRule(jurisdiction: own.profile.jurisdiction)
        return [ShardSet(shardCount: shardCount, rule: rule)]
    }

    /// Whether the configuration says which shards are where.
    public var hasPlacements: Bool { !givenSets.isEmpty }

    /// The jurisdiction of a merchants' shard.
    public func jurisdiction(ofShard number: Int, of shardCount: Int) -> String {
        var rest = number
        for set in shardSets(shardCount: shardCount) {
            if rest < set.shardCount { return set.rule.jurisdiction ?? "" }
            rest -= set.shardCount
        }
        return own.profile.jurisdiction
    }

    /// How the cluster begins, if this node is there from its beginning.
    ///
    /// - Parameter isOlder: of a cluster of before the topology: each of its groups has all nodes.
    public func founding(shardCount: Int, isOlder: Bool = false) -> Founding? {
        guard own.id != nil else { return nil }
        let founders = nodes.compactMap { node in
            node.id.map { NodeRecord(id: $0, profile: node.profile) }
        }
        if isOlder, !hasPlacements, founders.count <= Topology.replicaCountMax {
            return Founding(
                everywhere: founders, shardCount: shardCount, replicaCount: replicaCount)
        }
        return Founding(
            nodes: founders, shardSets: shardSets(shardCount: shardCount),
            replicaCount: replicaCount)
    }

    /// The seat of a node that is there from the beginning; nil for one that joins.
    public func foundingSeat(shardCount: Int, token: UInt64, isOlder: Bool = false) -> Seat? {
        guard let id = own.id,
            let founding = founding(shardCount: shardCount, isOlder: isOlder)
        else { return nil }
        return Seat(
            cluster: cluster, member: id, name: ownName, token: token, founding: founding,
            nodes: founding.nodes)
    }
}
