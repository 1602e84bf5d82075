public import Primitives

/// What one member says to another about their group.
public struct Message: Hashable, Sendable {
    public let cluster: ClusterID
    public let group: GroupID
    public let from: MemberID
    public let to: MemberID
    /// The sender's term; for a pre-vote, the term that it would stand in.
    public let term: Term
    public let body: Body

    public init(
        cluster: ClusterID, group: GroupID, from: MemberID, to: MemberID, term: Term, body: Body
    ) {
        self.cluster = cluster
        self.group = group
        self.from = from
        self.to = to
        self.term = term
        self.body = body
    }

    public enum Body: Hashable, Sendable {
        /// Would you vote for me? Nobody's term changes by it (Ongaro's thesis, 9.6).
        case preVote(Candidacy)
        case preVoteReply(isGranted: Bool)
        case vote(Candidacy)
        case voteReply(isGranted: Bool)
        case append(Append)
        case appendReply(AppendReply)
        /// Says that the leader leads, asks for a promise, and confirms reads of `round`.
        case heartbeat(commitIndex: LogIndex, round: UInt64)
        case heartbeatReply(HeartbeatReply)
        /// To the leader of an older term: the sender's term is the newer one.
        case staleTerm
        /// The leader hands over: stand for election now.
        case timeoutNow
        case readIndex(ReadContext)
        /// The index to read at; nil when the receiver does not lead or does not serve yet.
        case readIndexReply(ReadContext, index: LogIndex?)
        case snapshotOffer(SnapshotDescriptor)
        case snapshotChunk(SnapshotChunk)
        /// How many bytes of a snapshot are stored.
        case snapshotReply(id: UInt64, storedByteCount: UInt64)
        /// The sender led `ledTerm` and does not any more: what was promised to it is void.
        case release(ledTerm: Term)
        case releaseReply(ledTerm: Term)
        /// The sender's disk has lost entries that it had acknowledged: it helps nobody to the
        /// leadership for now.
        case recovering(Recovery)
    }

    /// How far a member is that recovers from damage.
    public struct Recovery: Hashable, Sendable {
        /// Where its log ends, without a gap.
        public let last: LogPosition
        /// The last index that it had acknowledged.
        public let goal: LogIndex

        public init(last: LogPosition, goal: LogIndex) {
            self.last = last
            self.goal = goal
        }
    }

    /// What a voter looks at.
    public struct Candidacy: Hashable, Sendable {
        public let last: LogPosition
        /// The leader itself asked for this election, and serves no more by its lease.
        public let isTransfer: Bool

        public init(last: LogPosition, isTransfer: Bool) {
            self.last = last
            self.isTransfer = isTransfer
        }
    }

    public struct Append: Hashable, Sendable {
        /// The place right before the first entry.
        public let previous: LogPosition
        public let entries: [LogEntry]
        public let commitIndex: LogIndex

        public init(previous: LogPosition, entries: [LogEntry], commitIndex: LogIndex) {
            self.previous = previous
            self.entries = entries
            self.commitIndex = commitIndex
        }
    }

    public struct AppendReply: Hashable, Sendable {
        public enum Outcome: Hashable, Sendable {
            /// The follower's disk holds the leader's log through this index.
            case stored(through: LogIndex)
            /// The follower's log does not hold `previous`; it may agree up to `hint`.
            case mismatch(previous: LogIndex, hint: LogPosition)
        }

        public let outcome: Outcome
        /// What the follower knows to be committed.
        public let commitIndex: LogIndex

        public init(outcome: Outcome, commitIndex: LogIndex) {
            self.outcome = outcome
            self.commitIndex = commitIndex
        }
    }

    public struct HeartbeatReply: Hashable, Sendable {
        public let round: UInt64
        /// The support epoch of the leader's node under which the follower's promise is on disk.
        public let promise: SupportEpoch?
        public let commitIndex: LogIndex

        public init(round: UInt64, promise: SupportEpoch?, commitIndex: LogIndex) {
            self.round = round
            self.promise = promise
            self.commitIndex = commitIndex
        }
    }

    /// Names one read of one life of a member, so that no late answer is taken for another read's.
    public struct ReadContext: Hashable, Sendable {
        /// Drawn at the member's start.
        public let life: UInt64
        public let number: UInt64

        public init(life: UInt64, number: UInt64) {
            self.life = life
            self.number = number
        }
    }

    public struct SnapshotChunk: Hashable, Sendable {
        public let id: UInt64
        public let offset: UInt64
        public let bytes: [UInt8]

        public init(id: UInt64, offset: UInt64, bytes: [UInt8]) {
            self.id = id
            self.offset = offset
            self.bytes = bytes
        }
    }
}

/// What a snapshot is: the state at `position`, as `byteCount` bytes.
public struct SnapshotDescriptor: Hashable, Sendable {
    /// Drawn by the member that made it; the same id means the same bytes.
    public let id: UInt64
    public let position: LogPosition
    /// The configuration at `position`.
    public let configuration: Configuration
    public let byteCount: UInt64
    /// CRC-32C of the bytes, checked by the shell before it installs them.
    public let checksum: UInt32

    public init(
        id: UInt64, position: LogPosition, configuration: Configuration, byteCount: UInt64,
        checksum: UInt32
    ) {
        self.id = id
        self.position = position
        self.configuration = configuration
        self.byteCount = byteCount
        self.checksum = checksum
    }
}

/// What became of a message.
public enum Reception: Hashable, Sendable {
    case taken
    /// A network does this: late, doubled, or not for this state.
    case ignored(Ignorance)
    /// Nobody who keeps to the protocol says this. Nothing has changed but, where the content had
    /// to be held against the log, the term and the leader.
    case refused(Offence)

    public enum Ignorance: String, Hashable, Sendable {
        case staleTerm = "an older term"
        case notLeader = "it is for a leader, and this member does not lead"
        case notCandidate = "it is for a candidate of another election"
        case leaderIsAlive = "a leader is alive, or is promised to be let alone"
        case unknownMember = "the answer of somebody who is no member"
        case staleAnswer = "the answer to something that is over"
        case staleSnapshot = "a snapshot of what is here already, or of another transfer"
        case isInstalling = "a snapshot is being installed"
        case notVoter = "this member does not vote"
        case stopped = "this member has stopped"
        case snapshotIsBehind = "chunks must come in order"
        case isRecovering = "this member has yet to recover from damage"
    }

    public enum Offence: String, Hashable, Sendable {
        case otherCluster = "another cluster"
        case otherGroup = "another group"
        case otherMember = "it is not for this member"
        case ownIdentity = "it claims to be from this member"
        case termOutOfRange = "a term beyond every election"
        case indexOutOfRange = "an index beyond every log"
        case secondLeader = "a second leader of one term"
        case entryOrder = "entries that do not follow each other"
        case entryTerm = "entries newer than their leader"
        case emptyEntry = "an empty command, or a no-op with content"
        case oversizedEntry = "an entry beyond the bound"
        case forgedConfiguration = "a configuration that cannot be one"
        case conflictsWithCommitted = "entries that contradict what is committed"
        case commitBeyondLog = "a commit beyond the log that was acknowledged"
        case neverSent = "an answer to what was never sent"
        case oversizedSnapshot = "a chunk beyond its snapshot"
    }
}
