import Cluster
import MerchantAPI
import Primitives
import Topology

/// Tells where the nodes of a jurisdiction are, by the topology. Loop only.
struct NodeGuide: JurisdictionGuide {
    let jurisdiction: String
    let cluster: ClusterNode

    func addresses(in jurisdiction: String) -> [String] {
        let nodes = cluster.topology.nodes.filter {
            $0.jurisdiction == jurisdiction && $0.standing != .leaving && !$0.profile.url.isEmpty
        }
        let reachable = cluster.reachable
        let up = nodes.filter { reachable.contains($0.id) }
        return (up + nodes.filter { !reachable.contains($0.id) }).map(\.profile.url)
    }
}
