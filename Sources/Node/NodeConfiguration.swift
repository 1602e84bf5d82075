public import Cluster
public import Gateway
public import MerchantAPI
import Payments
import Primitives

/// What a node is told when it starts. Values only: where they come from is the caller's business.
public struct NodeConfiguration: Sendable {
    /// The nodes of the cluster, this one among them.
    public var members: ClusterMembers
    /// Where the card data of the node's merchants has to stay.
    public var jurisdiction: String
    /// The folder of journal and state.
    public var dataDirectory: String
    /// How many shards the data has: decided when the folder is made, and fixed since.
    public var shardCount: Int
    public var links: [LinkOptions]
    public var merchants: [MerchantDirectory.Entry]
    public var gateway: GatewayOptions
    public var api: MerchantAPILimits
    /// How often state is written back and synced.
    public var writing = StateWriter.Options()
    /// The journal's segment size in bytes.
    public var segmentByteCount: Int

    public init(
        members: ClusterMembers, jurisdiction: String, dataDirectory: String,
        shardCount: Int, links: [LinkOptions], merchants: [MerchantDirectory.Entry],
        gateway: GatewayOptions = GatewayOptions(), api: MerchantAPILimits = MerchantAPILimits(),
        segmentByteCount: Int = 64 << 20
    ) {
        self.members = members
        self.jurisdiction = jurisdiction
        self.dataDirectory = dataDirectory
        self.shardCount = shardCount
        self.links = links
        self.merchants = merchants
        self.gateway = gateway
        self.api = api
        self.segmentByteCount = segmentByteCount
    }

    private var own: ClusterMember { members[members.own]! }
    /// The node's name, unique in the cluster.
    public var name: String { own.name }
    public var region: String { own.region }

    /// How many shards a node may have: each has a terminal prefix of three characters, and an
    /// actor, a table and a Raft instance.
    public static let shardCountMax = 1024
}
