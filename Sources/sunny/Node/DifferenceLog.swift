import Cluster
import Logging
import Node
import Primitives

/// Logs where replicas were found to differ and this node goes on: the others are wrong, or nobody
/// can tell who is.
struct DifferenceLog {
    private var told: [GroupID: StateDifference] = [:]

    mutating func look(at status: ClusterStatus, _ logger: Logger) {
        for shard in status.groups {
            guard let difference = shard.lastDifference, difference != told[shard.group] else {
                continue
            }
            told[shard.group] = difference
            switch difference.judgement {
            case .withMajority:
                logger.error(
                    "a peer's state differs from that of the majority, which this node is of",
                    metadata: ["difference": "\(difference)"])
            case .undecided:
                logger.critical(
                    "replicas differ and no majority agrees: which of them is right?",
                    metadata: ["difference": "\(difference)"])
            case .against:
                // The process is ending, and says so.
                break
            }
        }
    }
}
