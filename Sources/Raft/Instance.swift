public import Primitives

// One member's part in one group's consensus (Ongaro and Ousterhout, "In Search of an
// Understandable Consensus Algorithm", 2014; Ongaro's thesis, chapters 3, 4, 6 and 9), as a value:
// events in, directives out, no I/O, no clock, no chance but a seed.
//
//                 election timeout, not bound        a quorum would vote for it
//    follower ───────────────────────────────▶ preCandidate ───────────────────────▶ candidate
//      ▲  ▲  │                                      │                                  │   │
//      │  │  └─ asked by the leader (transfer) ─────┼────────────────────────────────▶─┘   │
//      │  └───────── a leader, a newer term ────────┴──────────────────────────────────┘   │
//      │                                                 term and vote on disk, a quorum   │
//      │                                                 of votes                          ▼
//      └──── a newer term, no quorum, removed, ──────────────────────────────────────── leader
//            transfer
//
//    leader:  opening ── own no-op applied ──▶ serving ◀── aborted ──▶ transferring
//                └──────────── stop ───────────────┴──▶ draining
//
//   from          event                                       to            function
//   ------------  ------------------------------------------  ------------  ----------------
//   follower      election timeout, not bound by a promise    preCandidate  electionTimedOut
//   follower      timeoutNow of its leader                    candidate     onTimeoutNow
//   follower      only voter, at its start                    candidate     onStart
//   preCandidate  a quorum grants                             candidate     onPreVoteReply
//   preCandidate  timeout                                     preCandidate  electionTimedOut
//   candidate     own vote on disk, a quorum grants           leader        countVotes
//   candidate     timeout                                     preCandidate  electionTimedOut
//   candidates    a leader of this term                       follower      heard
//   follower      election timeout while it recovers          follower      electionTimedOut
//   any           a newer term                                follower      becomeFollower
//   leader        no-op of its term applied                   serving       onApplied
//   leader        no quorum heard for an election timeout     follower      checkQuorum
//   leader        committed configuration without it          follower      leaveIfRemoved
//   leader        stop                                        draining      onStop
//   the others    stop                                        stopped       onStop
//
// What makes it safe:
//
//  1. Persist, then speak. What an answer claims is on disk before it is sent: term, vote and
//     promise (`post`), entries (`acknowledge`). Only a pre-vote claims nothing.
//  2. A leader commits by counting only in its own term, and counts itself only once its own disk
//     has the entry (`advanceCommit`).
//  3. A write that was overtaken by a truncation proves nothing when it completes
//     (`Write.generation`): the entry may have been replaced, and come back, meanwhile.
//  4. A configuration counts from the moment it is in the log (`Configuration.swift`).
//  5. A promise binds a voter to a leader for as long as its node supports the leader's node, over
//     all terms (`isBound`). A leader answers reads from its lease only while a quorum is bound to
//     it, and says when it is over (`Release`).
//  6. A member whose disk has lost what it had acknowledged helps nobody to the leadership until it
//     holds it again (`Instance+Recovery.swift`).
//
// The room in reading order: this file; +Persistence (what is written and what waits for it);
// +Election; +Following; +Leading (appending, committing); +Heartbeats (promises, leases, quorum);
// +Reading; +Membership (changes, transfer); +Snapshots; +Recovery (from damage).

/// One member's part in one group.
///
/// Every `on…` appends what the shell has to do to `directives`, which the shell reuses.
public struct Instance: Sendable {
    /// A member as its disk remembers it.
    public struct Start: Sendable {
        public var hardState: HardState
        /// Where the log begins, and the configuration there.
        public var base: LogPosition
        public var configuration: Configuration
        public var entries: [LogEntry]
        /// How far the applied state on disk goes.
        public var appliedIndex: LogIndex

        public init(
            hardState: HardState = HardState(), base: LogPosition = LogPosition(index: 0, term: 0),
            configuration: Configuration, entries: [LogEntry] = [], appliedIndex: LogIndex = 0
        ) {
            self.hardState = hardState
            self.base = base
            self.configuration = configuration
            self.entries = entries
            self.appliedIndex = appliedIndex
        }
    }

    public let cluster: ClusterID
    public let group: GroupID
    public let member: MemberID
    public let options: Options
    /// Names this life of the member in the reads that it forwards.
    let life: UInt64

    package internal(set) var role: Role
    public internal(set) var hardState: HardState
    public internal(set) var commitIndex: LogIndex
    public internal(set) var appliedIndex: LogIndex
    /// Entries through here are on this disk.
    public internal(set) var stableIndex: LogIndex

    var log: Log
    var configurations: ConfigurationHistory
    /// Through where `commit` was last said.
    package internal(set) var deliveredCommit: LogIndex
    package internal(set) var writing: Writing
    /// What a member that led, and does not any more, still owes to those who are bound to it.
    package internal(set) var release: Release?
    /// A leader has said that it leads no more: what it had sent before in this term, or an older
    /// one, binds nobody.
    package internal(set) var endedTerm: Term = 0
    /// A snapshot on its way in.
    package internal(set) var intake: Intake = .none
    /// Reads that were handed to the leader.
    package internal(set) var forwardedReads: [UInt64] = []
    var nextReadNumber: UInt64 = 1
    /// When this member, which recovers from damage, says so again.
    package internal(set) var recoveryNoticeAt: MonotonicInstant?
    /// Peers that have said that they recover.
    package internal(set) var recoveringPeers: [Recovering] = []
    /// Members in the home region, whom the leadership should go to.
    var preferredLeaders: [MemberID] = []
    var handsOverToPreferred = true
    var random: SeededRandom
    /// The last leader that was told to the shell.
    var announcedLeader: MemberID?
    var announcedTerm: Term = 0

    /// - Parameter seed: a value of chance that differs between members and between their starts.
    public init(
        cluster: ClusterID, group: GroupID, member: MemberID, start: Start,
        options: Options = Options(), seed: UInt64
    ) {
        self.cluster = cluster
        self.group = group
        self.member = member
        self.options = options
        random = SeededRandom(seed: seed)
        life = random.next()
        log = Log(base: start.base, entries: start.entries)
        precondition(
            start.appliedIndex >= start.base.index && start.appliedIndex <= log.lastIndex,
            "\(group) applied \(start.appliedIndex), its log: \(log.base) to \(log.last)"
        )
        precondition(
            log.last.term <= start.hardState.term,
            "\(group) has entries of term \(log.last.term) and knows only \(start.hardState)")
        configurations = ConfigurationHistory(base: start.configuration)
        for entry in start.entries where entry.kind == .configuration {
            do throws(DecodingError) {
                let configuration = try Configuration(encoded: entry.payload)
                configurations.append(configuration, at: entry.index)
            } catch {
                preconditionFailure("\(group) cannot read configuration \(entry.index): \(error)")
            }
        }
        hardState = start.hardState
        appliedIndex = start.appliedIndex
        commitIndex = start.appliedIndex
        deliveredCommit = start.appliedIndex
        stableIndex = log.lastIndex
        writing = Writing()
        role = .follower(Follower())
        beginRecovery()
    }

    // MARK: What others may ask

    public var lastIndex: LogIndex { log.lastIndex }
    public var last: LogPosition { log.last }
    public var firstIndex: LogIndex { log.firstIndex }
    public var configuration: Configuration { configurations.latest }
    /// Whether the configuration can be taken back no more.
    public var isConfigurationCommitted: Bool { configurations.latestIndex <= commitIndex }

    /// The term in which this member serves; nil when it does not.
    public var servingTerm: Term? {
        guard case .leader(let leader) = role else { return nil }
        switch leader.phase {
        case .serving, .transferring: return hardState.term
        case .opening, .draining: return nil
        }
    }

    public var isLeader: Bool {
        if case .leader = role { true } else { false }
    }

    /// Who leads this member's term, as far as it knows.
    public var knownLeader: MemberID? {
        switch role {
        case .follower(let follower): follower.leader
        case .leader: member
        case .preCandidate, .candidate, .stopped: nil
        }
    }

    /// When `onTick` has to be called next; nil while only an event can change anything.
    ///
    /// A member that is bound to its leader by a promise, and a leader to whom everybody is bound
    /// and who owes nobody anything, have no timer: idle groups cost nothing. The shell wakes them
    /// (`onTick`) when its node gives or loses support.
    public var nextDeadline: MonotonicInstant? {
        let own: MonotonicInstant? =
            switch role {
            case .follower(let follower): follower.electionDeadline
            case .preCandidate(let poll), .candidate(let poll): poll.deadline
            case .leader(let leader): leader.nextDeadline
            case .stopped: nil
            }
        var next = own
        if let release { next = min(next ?? release.repeatAt, release.repeatAt) }
        if let at = recoveryNoticeAt { next = min(next ?? at, at) }
        return next
    }

    /// Entries through `last` from `first` on that are in the log.
    public func entries(from first: LogIndex, through last: LogIndex) -> [LogEntry] {
        log.entries(from: max(first, log.firstIndex), through: last)
    }

    /// The configuration that counted at an index that is not compacted.
    public func configuration(at index: LogIndex) -> Configuration {
        configurations.at(index)
    }

    // MARK: Starting, time and the end

    /// The member has started. A single voter stands for election at once.
    ///
    /// One that is bound to a leader follows that one again, and tells it how far it is: where all
    /// is quiet, nobody else would speak first.
    public mutating func onStart(_ moment: Moment, _ directives: inout [Directive]) {
        guard case .follower = role else { return }
        if isBound(moment), let promise = hardState.promise {
            let isOfThisTerm = promise.term == hardState.term
            role = .follower(
                Follower(
                    leader: isOfThisTerm ? promise.leader : nil,
                    heardAt: isOfThisTerm ? moment.now : nil))
            announce(leader: isOfThisTerm ? promise.leader : nil, &directives)
            askIfLeading(moment, &directives)
        } else {
            role = .follower(Follower(electionDeadline: electionDeadline(from: moment)))
            if configuration.voters == [member], !configuration.isJoint, !isRecovering {
                stand(isTransfer: false, moment, &directives)
            }
        }
        repeatRecoveryNotice(moment, &directives)
        settle(&directives)
    }

    /// Time has passed, or the node's support has changed.
    public mutating func onTick(_ moment: Moment, _ directives: inout [Directive]) {
        switch role {
        case .follower(var follower):
            // Bound by a promise, it waits for the end of the support and for no timer.
            if isBound(moment) {
                follower.electionDeadline = nil
                role = .follower(follower)
            } else if let deadline = follower.electionDeadline {
                if moment.now >= deadline { electionTimedOut(moment, &directives) }
            } else {
                follower.electionDeadline = electionDeadlineOnceFree(from: moment)
                // Whoever asks for its vote is helped at once: that the leader's node has been
                // silent for as long as was promised says more than when the leader last spoke.
                follower.heardAt = nil
                role = .follower(follower)
            }
        case .preCandidate(let poll), .candidate(let poll):
            if moment.now >= poll.deadline { electionTimedOut(moment, &directives) }
        case .leader:
            tickLeader(moment, &directives)
        case .stopped:
            return
        }
        repeatRelease(moment, &directives)
        repeatRecoveryNotice(moment, &directives)
        settle(&directives)
    }

    /// The election timeout ends now: for tests and for whoever explores all orders of events.
    package mutating func onElectionTimeout(
        _ moment: Moment, _ directives: inout [Directive]
    ) {
        switch role {
        case .follower, .preCandidate, .candidate: electionTimedOut(moment, &directives)
        case .leader, .stopped: break
        }
        settle(&directives)
    }

    /// The member gives up its part: it takes no more proposals. What a leader has taken is still
    /// committed.
    public mutating func onStop(_ directives: inout [Directive]) {
        switch role {
        case .leader(var leader):
            if case .draining = leader.phase { return }
            let hasServed = servingTerm
            leader.phase = .draining
            role = .leader(leader)
            if let term = hasServed { directives.append(.endServing(term: term)) }
        case .follower, .preCandidate, .candidate, .stopped:
            role = .stopped
        }
    }

    /// Everything through `index` is covered by the state on disk and not needed any more; the
    /// log keeps what followers that can be reached still need, up to a bound. Returns through
    /// where it was compacted; the shell compacts the disk's log to there.
    public mutating func compact(
        through index: LogIndex, _ moment: Moment
    ) -> LogPosition {
        var bound = min(index, appliedIndex)
        if case .leader(let leader) = role, log.byteCount <= options.retainedByteCountMax {
            for peer in leader.progress where isReachable(peer, moment) {
                bound = min(bound, peer.match)
            }
        }
        log.compact(through: bound)
        configurations.compact(through: log.base.index)
        return log.base
    }
}

// MARK: - States

package enum Role: Hashable, Sendable {
    case follower(Follower)
    /// Asks who would vote for it.
    case preCandidate(Poll)
    case candidate(Poll)
    case leader(Leader)
    case stopped
}

package struct Follower: Hashable, Sendable {
    package internal(set) var leader: MemberID?
    package internal(set) var heardAt: MonotonicInstant?
    /// Nil while it is bound by a promise.
    package internal(set) var electionDeadline: MonotonicInstant?
}

/// Votes, asked for or hoped for.
package struct Poll: Hashable, Sendable {
    package internal(set) var granted: [MemberID] = []
    package internal(set) var refused: [MemberID] = []
    package internal(set) var deadline: MonotonicInstant
    /// The write that makes the own vote durable; the own vote does not count before.
    package internal(set) var ownVoteToken: UInt64?
}

package struct Leader: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        /// Appends, and waits for the no-op of its term to be applied.
        case opening
        /// Everything before its term is applied: it answers.
        case serving
        /// Brings one member up to date and hands over to it; takes no proposals.
        case transferring(to: MemberID, deadline: MonotonicInstant, isAsked: Bool)
        /// Takes nothing any more, and still commits what it has taken.
        case draining
    }

    package internal(set) var phase: Phase = .opening
    /// The entry that began the term.
    package let noOperationIndex: LogIndex
    /// Every other member of the latest configuration, by rising id.
    package internal(set) var progress: [Progress]
    /// Payload that is appended and not committed.
    package internal(set) var uncommittedByteCount: Int
    /// Reads and the round of heartbeats that confirms them.
    package internal(set) var reads: [PendingRead] = []
    package internal(set) var round: UInt64 = 0
    /// The target of a transfer was asked to stand in this term. It may do so at any time, and is
    /// voted for in spite of promises: there is no lease until the next term (`renewTerm`).
    package internal(set) var isLeaseForfeited = false
    /// Nil while everybody is bound and up to date.
    package internal(set) var heartbeatAt: MonotonicInstant?
    package internal(set) var quorumCheckAt: MonotonicInstant?
    /// No transfer to a preferred member before this, so that leadership does not bounce.
    package internal(set) var preferenceAt: MonotonicInstant?

    var nextDeadline: MonotonicInstant? {
        var next = heartbeatAt
        func note(_ deadline: MonotonicInstant?) {
            if let deadline { next = min(next ?? deadline, deadline) }
        }
        note(quorumCheckAt)
        note(phase.deadline)
        note(preferenceAt)
        return next
    }
}

extension Leader.Phase {
    var deadline: MonotonicInstant? {
        switch self {
        case .transferring(_, let deadline, _): deadline
        case .opening, .serving, .draining: nil
        }
    }
}

/// What a former leader owes: to tell those who promised to let it alone that it leads no more.
/// A member that does not learn of it would wait for the end of the node's support, which may
/// never come. Repeated until everybody has answered or another leader is known.
package struct Release: Hashable, Sendable {
    package let ledTerm: Term
    package internal(set) var members: [MemberID]
    package internal(set) var repeatAt: MonotonicInstant
    package internal(set) var interval: Duration
}

/// A read that waits for the round that proves that its leader leads.
package struct PendingRead: Hashable, Sendable {
    package enum Reader: Hashable, Sendable {
        case own(id: UInt64)
        case member(MemberID, Message.ReadContext)
    }

    package let reader: Reader
    /// What was committed when the read was asked for.
    package let index: LogIndex
    /// The first round that began after it.
    package let round: UInt64
}

/// A snapshot on its way in.
package enum Intake: Hashable, Sendable {
    case none
    case receiving(SnapshotDescriptor, from: MemberID, storedByteCount: UInt64, isStoring: Bool)
    case installing(SnapshotDescriptor, from: MemberID)
}

/// The configurations in the log, and the one it began with.
struct ConfigurationHistory: Hashable, Sendable {
    private struct Appended: Hashable {
        let index: LogIndex
        let configuration: Configuration
    }

    private var base: Configuration
    private var appended: [Appended] = []

    init(base: Configuration) {
        self.base = base
    }

    var latest: Configuration { appended.last?.configuration ?? base }
    /// The index of the latest one; 0 when it was there at the start.
    var latestIndex: LogIndex { appended.last?.index ?? 0 }

    func at(_ index: LogIndex) -> Configuration {
        appended.last { $0.index <= index }?.configuration ?? base
    }

    mutating func append(_ configuration: Configuration, at index: LogIndex) {
        precondition(index > latestIndex, "configuration \(index) behind \(latestIndex)")
        appended.append(Appended(index: index, configuration: configuration))
    }

    /// True when the latest one was taken back.
    mutating func truncate(from index: LogIndex) -> Bool {
        let before = appended.count
        while let last = appended.last, last.index >= index { appended.removeLast() }
        return appended.count < before
    }

    mutating func compact(through index: LogIndex) {
        // The latest one keeps its index: whether it is committed is asked for it.
        guard let keep = appended.lastIndex(where: { $0.index <= index }), keep > 0 else { return }
        base = appended[keep - 1].configuration
        appended.removeSubrange(..<keep)
    }

    mutating func reset(to configuration: Configuration) {
        base = configuration
        appended = []
    }
}
