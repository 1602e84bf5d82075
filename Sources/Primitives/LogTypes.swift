/// One Raft group: shard 0 is the first; every group of a node writes to the node's one journal.
public struct GroupID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32

    public init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static func < (left: GroupID, right: GroupID) -> Bool { left.rawValue < right.rawValue }
    public var description: String { "g\(rawValue)" }
}

/// The identity of a voter or learner of a group; never reused.
public struct MemberID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public static func < (left: MemberID, right: MemberID) -> Bool {
        left.rawValue < right.rawValue
    }
    public var description: String { "m\(rawValue)" }
}

/// A Raft term: at most one leader in each.
public typealias Term = UInt64

/// The place of an entry in a group's log. The first entry has index 1; 0 stands before the log.
public typealias LogIndex = UInt64

/// One entry of a group's log.
public struct LogEntry: Hashable, Sendable {
    public enum Kind: UInt8, Sendable {
        /// Says that a leader's term has begun; carries nothing.
        case noOperation = 0
        /// A proposal's payload.
        case command = 1
        /// A change of the group's members.
        case configuration = 2
    }

    public let index: LogIndex
    public let term: Term
    public let kind: Kind
    /// The key that the payload is sealed under, which its leader has chosen (`SealingUse`); 0 for
    /// one in clear. Only commands are sealed.
    public let keyID: UInt32
    public let payload: [UInt8]

    public init(
        index: LogIndex, term: Term, kind: Kind, keyID: UInt32 = 0, payload: [UInt8]
    ) {
        self.index = index
        self.term = term
        self.kind = kind
        self.keyID = keyID
        self.payload = payload
    }
}

/// The end of a log, or a place in it.
public struct LogPosition: Hashable, Sendable {
    public let index: LogIndex
    /// The term of the entry at `index`; 0 before the first.
    public let term: Term

    public init(index: LogIndex, term: Term) {
        self.index = index
        self.term = term
    }
}

/// A voter's word not to help another leader while its node supports the leader's node under
/// `epoch`. It outlives terms: only the end of that support, the leader's own release, or a newer
/// leader ends it.
public struct LeaderPromise: Hashable, Sendable {
    public let leader: MemberID
    /// The term that `leader` led when the promise was made.
    public let term: Term
    public let epoch: SupportEpoch

    public init(leader: MemberID, term: Term, epoch: SupportEpoch) {
        self.leader = leader
        self.term = term
        self.epoch = epoch
    }
}

/// What a member has to hold again before it helps anybody to the leadership, as its disk has lost
/// entries that it had acknowledged.
public struct RecoveryGoal: Hashable, Sendable {
    /// The last index that it had acknowledged.
    public let index: LogIndex
    /// No entry that it had acknowledged was of a newer term.
    public let term: Term

    public init(index: LogIndex, term: Term) {
        self.index = index
        self.term = term
    }

    /// Whether a log that agrees with a leader's through `position` holds everything that was
    /// acknowledged and may be committed.
    public func isReached(by position: LogPosition) -> Bool {
        position.index >= index || position.term > term
    }

    /// What reaches both.
    public func joined(with other: RecoveryGoal?) -> RecoveryGoal {
        RecoveryGoal(index: max(index, other?.index ?? 0), term: max(term, other?.term ?? 0))
    }
}

/// What a voter must have on disk before it answers (Ongaro and Ousterhout, figure 2).
public struct HardState: Hashable, Sendable {
    public var term: Term
    public var vote: MemberID?
    public var promise: LeaderPromise?
    /// Set while the member recovers from damage.
    public var recovery: RecoveryGoal?

    public init(
        term: Term = 0, vote: MemberID? = nil, promise: LeaderPromise? = nil,
        recovery: RecoveryGoal? = nil
    ) {
        self.term = term
        self.vote = vote
        self.promise = promise
        self.recovery = recovery
    }
}
