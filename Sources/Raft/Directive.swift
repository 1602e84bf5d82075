public import Primitives

/// What can be set about a member; the same for all members of a group.
public struct Options: Hashable, Sendable {
    /// A follower that hears from no leader for this long, and up to twice as long by chance,
    /// stands for election. Several round trips between the farthest regions.
    public var electionTimeout: Duration
    /// How often a leader speaks to followers that are not bound to it by a promise.
    public var heartbeatInterval: Duration
    /// Payload of one append: large enough that headers vanish, small enough that votes and
    /// heartbeats behind it do not wait.
    public var appendByteCountMax: Int
    /// Entries of one append: as many small ones as cost about as much as the bytes above.
    public var appendCountMax: Int
    /// Appends to one follower that wait for an answer, in messages and bytes: the bandwidth-delay
    /// product of a fast link across an ocean.
    public var inflightCountMax: Int
    public var inflightByteCountMax: Int
    /// Payload proposed and not committed: a second's worth of a fast disk, so that a stalled
    /// quorum turns into refusals and not into memory.
    public var uncommittedByteCountMax: Int
    /// Payload kept for followers that are behind; beyond it they get a snapshot.
    public var retainedByteCountMax: Int
    /// A learner is promoted once it is no more than this many entries behind.
    public var promotionLagMax: LogIndex
    /// Bytes of a snapshot in one message.
    public var snapshotChunkByteCount: Int

    /// The journal's bound on an entry.
    public static let payloadByteCountMax = 1 << 20
    /// No cluster counts as far: at a million a second this takes 146,000 years.
    public static let counterMax: UInt64 = 1 << 62

    public init(
        electionTimeout: Duration = .milliseconds(1000),
        heartbeatInterval: Duration = .milliseconds(200),
        appendByteCountMax: Int = 1 << 20,
        appendCountMax: Int = 4096,
        inflightCountMax: Int = 256,
        inflightByteCountMax: Int = 16 << 20,
        uncommittedByteCountMax: Int = 64 << 20,
        retainedByteCountMax: Int = 64 << 20,
        promotionLagMax: LogIndex = 1000,
        snapshotChunkByteCount: Int = 256 << 10
    ) {
        precondition(
            heartbeatInterval > .zero && heartbeatInterval * 2 <= electionTimeout,
            "heartbeats every \(heartbeatInterval) within \(electionTimeout)")
        self.electionTimeout = electionTimeout
        self.heartbeatInterval = heartbeatInterval
        self.appendByteCountMax = appendByteCountMax
        self.appendCountMax = appendCountMax
        self.inflightCountMax = inflightCountMax
        self.inflightByteCountMax = inflightByteCountMax
        self.uncommittedByteCountMax = uncommittedByteCountMax
        self.retainedByteCountMax = retainedByteCountMax
        self.promotionLagMax = promotionLagMax
        self.snapshotChunkByteCount = snapshotChunkByteCount
    }
}

/// When something happens, and who supports whom then. Read anew for each event: a lease is never
/// held against a cached clock.
public struct Moment: Sendable {
    public let now: MonotonicInstant
    public let support: SupportTable

    public init(now: MonotonicInstant, support: SupportTable = SupportTable()) {
        self.now = now
        self.support = support
    }
}

/// What the shell has to do, in order.
public enum Directive: Hashable, Sendable {
    /// Store both in one write, then call `onPersisted` with the token. An entry replaces the one
    /// at its index and everything behind it. Writes of a group are stored in order.
    case persist(token: UInt64, hardState: HardState?, entries: [LogEntry])
    /// Send, or lose: every message is repeated in some way until it is answered.
    case send(Message)
    /// Entries through `index` are committed and on this disk: apply them in order, then call
    /// `onApplied`.
    case commit(through: LogIndex)
    /// This member leads `term`, and serves from now on.
    case beginServing(term: Term)
    /// This member serves no more; what it has proposed in `term` may be committed by another.
    case endServing(term: Term)
    /// Who leads, as far as this member knows. The last one counts.
    case leaderChanged(MemberID?, term: Term)
    /// The configuration that counts from now on: appended, or back after a truncation.
    case configurationChanged(Configuration)
    /// The read is current once everything through `index` is applied here.
    case readReady(id: UInt64, index: LogIndex)
    /// Nobody confirmed that this member leads: ask again.
    case readFailed(id: UInt64)
    /// The transfer did not come about in time; this member serves on.
    case transferAborted(to: MemberID)

    /// `member` needs a snapshot: make or find one, then call `onSnapshotPrepared`.
    case prepareSnapshot(for: MemberID)
    /// Read a part of it, then call `onSnapshotRead`.
    case readSnapshot(for: MemberID, id: UInt64, offset: UInt64, byteCount: Int)
    /// Store a part of a snapshot that is being received, then call `onSnapshotStored`.
    case storeSnapshot(id: UInt64, offset: UInt64, bytes: [UInt8])
    /// What was received of it is not needed.
    case discardSnapshot(id: UInt64)
    /// It is complete: check it, make it the state and the start of an empty log in one switch,
    /// behind the writes that are under way, then call `onSnapshotInstalled`; or
    /// `onSnapshotRejected`.
    case installSnapshot(SnapshotDescriptor)
}
