public import Environment
public import Primitives

/// A node of the cluster, as its configuration names it.
public struct ClusterMember: Hashable, Sendable {
    public let id: MemberID
    /// Unique in the cluster; also in the node's certificate.
    public let name: String
    public let region: String
    /// Where its peers reach it.
    public let address: SocketAddress

    public init(id: MemberID, name: String, region: String, address: SocketAddress) {
        self.id = id
        self.name = name
        self.region = region
        self.address = address
    }
}

/// The nodes of a cluster, as one of them knows them.
public struct ClusterMembers: Hashable, Sendable {
    public let cluster: ClusterID
    /// This node.
    public let own: MemberID
    /// Everybody with this node, by rising id.
    public let all: [ClusterMember]

    /// Voters of one group: with more, every commit waits for more disks and gains nothing.
    public static let countMax = 7

    /// - Precondition: ids and names are unique, `own` is among them, and there are at most
    ///   `countMax`.
    public init(cluster: ClusterID, own: MemberID, all: [ClusterMember]) {
        precondition(all.count <= Self.countMax, "\(all.count) members")
        precondition(Set(all.map(\.id)).count == all.count, "two members have one id")
        precondition(Set(all.map(\.name)).count == all.count, "two members have one name")
        precondition(all.contains { $0.id == own }, "\(own) is not a member")
        self.cluster = cluster
        self.own = own
        self.all = all.sorted { $0.id < $1.id }
    }

    /// A cluster of one node.
    public static func alone(name: String, region: String) -> ClusterMembers {
        let address = SocketAddress(host: "127.0.0.1", port: 0)
        let member = ClusterMember(id: MemberID(1), name: name, region: region, address: address)
        return ClusterMembers(cluster: ClusterID(0), own: member.id, all: [member])
    }

    /// True for a node that was configured without a cluster.
    public var isUnnamed: Bool { cluster == ClusterID(0) }

    public var peers: [ClusterMember] { all.filter { $0.id != own } }

    public subscript(id: MemberID) -> ClusterMember? { all.first { $0.id == id } }
}
