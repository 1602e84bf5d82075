public import Environment
public import Primitives
import Topology

/// A node of the cluster, as its peers reach it.
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

    init(_ record: NodeRecord) {
        // Whoever admitted the node has looked at its address; one that nobody can read leads
        // nowhere.
        let address = SocketAddress(record.profile.address)
        self.init(
            id: record.id, name: record.name, region: record.region,
            address: address ?? SocketAddress(host: record.profile.address, port: 0))
    }
}

/// The nodes of a cluster, as one of them knows them.
public struct ClusterMembers: Hashable, Sendable {
    public let cluster: ClusterID
    /// This node.
    public let own: MemberID
    /// Everybody with this node, by rising id.
    public let all: [ClusterMember]

    /// - Precondition: ids and names are unique, and `own` is among them.
    public init(cluster: ClusterID, own: MemberID, all: [ClusterMember]) {
        precondition(Set(all.map(\.id)).count == all.count, "two members have one id")
        precondition(Set(all.map(\.name)).count == all.count, "two members have one name")
        precondition(all.contains { $0.id == own }, "\(own) is not a member")
        self.cluster = cluster
        self.own = own
        self.all = all.sorted { $0.id < $1.id }
    }

    init(cluster: ClusterID, own: MemberID, nodes: [NodeRecord]) {
        self.init(cluster: cluster, own: own, all: nodes.map { ClusterMember($0) })
    }

    /// Those that a seat names.
    public init(_ seat: Seat) {
        self.init(cluster: seat.cluster, own: seat.member, nodes: seat.nodes)
    }

    /// True for a node that was configured without a cluster.
    public var isUnnamed: Bool { cluster == ClusterID(0) }

    public var peers: [ClusterMember] { all.filter { $0.id != own } }

    public subscript(id: MemberID) -> ClusterMember? { all.first { $0.id == id } }

    /// A node that the certificate of a peer names.
    func member(of identity: NodeIdentity) -> ClusterMember? {
        all.first { $0.name == identity.name && $0.region == identity.region }
    }
}
