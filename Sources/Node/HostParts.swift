import Cluster
import Journal
import Primitives
import StateStore

/// What the hosts of a node's groups are made of.
struct HostParts {
    let node: ClusterNode
    let journal: Journal
    let start: NodeStart
    let stored: StoredShards
    let snapshots: SnapshotStorage
    let environment: NodeEnvironment

    func host<Machine: ShardMachine>(_ group: GroupID) -> ShardHost<Machine> {
        guard let configuration = start.configurations[group] else {
            preconditionFailure("\(group) has no members")
        }
        return ShardHost(
            group: group, node: node, loop: environment.loop, journal: journal,
            log: start.groups[group], configuration: configuration, store: environment.store,
            stored: stored.applied[group], reader: environment.readWorker, snapshots: snapshots,
            halt: environment.halt, seed: environment.random.next())
    }
}
