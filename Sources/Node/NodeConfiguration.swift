public import Cluster
public import Gateway
public import MerchantAPI
import Payments
import Primitives
import Topology

/// What a node is told when it starts. Values only: where they come from is the caller's business.
public struct NodeConfiguration: Sendable {
    /// The cluster, and this node in it.
    public var plan: ClusterPlan
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
        plan: ClusterPlan, dataDirectory: String,
        shardCount: Int, links: [LinkOptions], merchants: [MerchantDirectory.Entry],
        gateway: GatewayOptions = GatewayOptions(), api: MerchantAPILimits = MerchantAPILimits(),
        segmentByteCount: Int = 64 << 20
    ) {
        self.plan = plan
        self.dataDirectory = dataDirectory
        self.shardCount = shardCount
        self.links = links
        self.merchants = merchants
        self.gateway = gateway
        self.api = api
        self.segmentByteCount = segmentByteCount
    }

    /// The node's name, unique in the cluster.
    public var name: String { plan.ownName }
    public var region: String { plan.own.profile.region }
    /// Whose law holds where the node stands: cards of merchants of others do not come here.
    public var jurisdiction: String { plan.own.profile.jurisdiction }

    /// How many shards a node may have: each has a terminal prefix of three characters, and an
    /// actor, a table and a Raft instance.
    public static let shardCountMax = 1024
}
