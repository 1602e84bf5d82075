public import Primitives
import Raft

/// A shard as one of its members sees it at this moment.
public struct ShardStatus: Hashable, Sendable {
    public let group: GroupID
    /// Nil while nobody is known to lead.
    public let leader: MemberID?
    public let term: Term
    /// What is known to be committed, and what of it is applied here.
    public let commitIndex: LogIndex
    public let appliedIndex: LogIndex
    /// The log holds what is from the one to the other; what came before is in the state.
    public let firstIndex: LogIndex
    public let lastIndex: LogIndex
    /// Whether this node votes in the shard, or listens.
    public let isReplica: Bool
    /// Whether this member leads the shard and has taken up its work.
    public let isServing: Bool
    /// Whether nobody else can serve it at this moment.
    public let holdsLease: Bool
    /// The index through which this member fetches entries that its disk has lost; nil as a rule.
    public let recoversThrough: LogIndex?
    /// Voters with such damage, when nobody leads and so many have it that nobody can be elected.
    public let blockers: [MemberID]
    /// Windows of the log of which another member's checksum of the state was held against this
    /// one's, each with each; and windows in which one differed.
    public let comparedWindowCount: Int
    public let differenceCount: Int
    public let lastDifference: StateDifference?
    /// How often another member was asked for checksums.
    public let checksumAskCount: Int
}

/// Why a shard's leadership was not handed over.
public enum TransferRefusal: Hashable, Sendable {
    /// This node does not lead it, or has only just begun to.
    case notLeading
    /// It is being handed over already.
    case underWay
    /// The target has no vote in it, or is this node.
    case noVoter
    /// Nothing was heard from the target lately.
    case unreachable
}

extension ShardHost {
    public var status: ShardStatus {
        ShardStatus(
            group: group, leader: leaderToTell, term: raft.hardState.term,
            commitIndex: max(committedIndex, raft.commitIndex), appliedIndex: appliedIndex,
            firstIndex: raft.firstIndex, lastIndex: raft.lastIndex, isReplica: isReplica,
            isServing: raft.servingTerm != nil,
            holdsLease: holdsLease, recoversThrough: raft.hardState.recovery?.index,
            blockers: raft.blockers(node.moment()),
            comparedWindowCount: comparison.comparedCount,
            differenceCount: comparison.differenceCount,
            lastDifference: comparison.lastDifference,
            checksumAskCount: comparison.askCount)
    }

    /// What the log has beyond what is applied here. Some of it may never be committed.
    var unappliedEntries: [LogEntry] {
        raft.entries(from: appliedIndex + 1, through: raft.lastIndex)
    }

    /// Asks a peer to lead instead of this node. It takes a round trip and a sync; `knownLeader`
    /// tells when it is done. Nil when it has begun.
    public func transfer(to target: MemberID) -> TransferRefusal? {
        do throws(Instance.ChangeRefusal) {
            try raft.transferLeadership(to: target, node.moment(), &directives)
        } catch {
            switch error {
            case .notServing, .isChanging: return .notLeading
            case .isTransferring: return .underWay
            case .impossible, .notVoter: return .noVoter
            case .learnerIsBehind, .unreachable: return .unreachable
            }
        }
        perform()
        return nil
    }
}
