import Cluster
import Logging
import Node
import Primitives

/// Logs what becomes of shards whose entries are damaged: here, or on so many nodes that nobody can
/// be elected.
struct RecoveryLog {
    /// What was last said of a shard.
    private enum State: Hashable {
        case recovering(through: LogIndex)
        case halted(by: [String])
    }

    /// A shard that is halted is so for longer than an election takes.
    private static let interval = Duration.seconds(2)

    private var told: [GroupID: State] = [:]

    /// Looks at the node's shards until it is cancelled.
    static func watch(_ process: NodeProcess) async {
        var log = RecoveryLog()
        var differences = DifferenceLog()
        while !Task.isCancelled {
            let status = await process.node.clusterStatus()
            log.look(at: status, process.logger)
            differences.look(at: status, process.logger)
            do {
                try await Task.sleep(for: interval)
            } catch {
                return
            }
        }
    }

    private mutating func look(at status: ClusterStatus, _ logger: Logger) {
        for shard in status.shards + status.linkShards.map(\.status) {
            let state = Self.state(of: shard, status.members)
            guard state != told[shard.group] else { continue }
            told[shard.group] = state
            let name: Logger.MetadataValue = "\(shard.group.rawValue)"
            switch state {
            case .recovering(let index):
                logger.warning(
                    "entries of a shard are damaged; they are fetched from its other members",
                    metadata: ["shard": name, "through": "\(index)"])
            case .halted(let nodes):
                logger.error(
                    "a shard is halted: entries are damaged on so many nodes that nobody can lead",
                    metadata: ["shard": name, "nodes": "\(nodes.joined(separator: " "))"])
            case nil:
                logger.info("a shard is whole again", metadata: ["shard": name])
            }
        }
    }

    private static func state(of shard: ShardStatus, _ members: ClusterMembers) -> State? {
        if !shard.blockers.isEmpty {
            return .halted(by: shard.blockers.compactMap { members[$0]?.name })
        }
        return shard.recoversThrough.map { .recovering(through: $0) }
    }
}
