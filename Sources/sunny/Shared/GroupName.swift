import Cluster
import Primitives

/// What operators call a group: those of the node itself have numbers that say nothing.
enum GroupName {
    static func of(_ group: GroupID) -> String {
        switch group {
        case ClusterNode.metaGroup: "meta"
        case ClusterNode.livenessGroup: "liveness"
        default: "\(group)"
        }
    }
}
