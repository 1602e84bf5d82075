public import Primitives

// One group's consensus (Ongaro and Ousterhout, "In Search of an Understandable Consensus
// Algorithm", 2014), as a value: events in, directives out, no I/O.
//
//              started, timed out                 term and vote on disk, a quorum of votes
//   follower ──────────────────────▶ candidate ──────────────────────────────────▶ leader
// │ no-op of the
// │ term applied
//                                                                                     ▼
//                                                                              leader, serving
//
//   from       event                         to               function
//   ---------  ----------------------------  ---------------  ------------
//   follower   start                         candidate        onStart
//   candidate  own term and vote are stored  leader           onPersisted
//   leader     own no-op applied             leader, serving  onApplied
//   leader     stop                          draining         onStop
//   follower,
//   candidate  stop                          stopped          onStop
//
// This group has a single voter: its own vote and its own disk are the quorum. What is here holds
// for any number of voters: the term and the vote are stored before the voter acts on them, an
// entry counts only once it is stored, a leader commits only through an entry of its own term, and
// nobody is served before the no-op of the term is applied.

/// One member's part in one group.
public struct Instance: Sendable {
    /// Where this member stands.
    public enum Role: Hashable, Sendable {
        case follower
        /// Waits for its own term and vote to be stored; `token` is that write's.
        case candidate(token: UInt64)
        /// Appends; `noOperation` is the index of the entry that began the term.
        case leader(noOperation: LogIndex)
        /// Appends and answers: everything before its term is applied.
        case serving
        /// Takes nothing any more, and still commits what it has taken.
        case draining
        case stopped
    }

    /// What the shell has to do, in order.
    public enum Directive: Hashable, Sendable {
        /// Store, then call `onPersisted` with the token. Writes of a group are stored in order.
        case persist(token: UInt64, hardState: HardState?, entries: [LogEntry])
        /// Entries through `index` are committed: apply them in order, then call `onApplied`.
        case commit(through: LogIndex)
        /// This member leads `term`, and serves from now on.
        case beginServing(term: Term)
    }

    /// Why a proposal was not taken.
    public enum ProposalRefusal: Error, Hashable, Sendable {
        /// This member does not lead, or not yet, or not any more.
        case notServing
        /// The decision was made in another term.
        case staleTerm(current: Term)
        /// More bytes are proposed and not committed than the bound allows.
        case tooMuchUncommitted
    }

    public let group: GroupID
    public let member: MemberID
    public private(set) var role: Role = .follower
    public private(set) var hardState: HardState
    public private(set) var lastIndex: LogIndex
    public private(set) var commitIndex: LogIndex
    public private(set) var appliedIndex: LogIndex

    /// Bytes of payload proposed and not committed.
    public private(set) var uncommittedByteCount = 0

    /// How many bytes may wait for a quorum: a second's worth of a fast disk, so that a stalled
    /// disk turns into refusals and not into memory.
    public static let uncommittedByteCountMax = 64 << 20

    private var nextToken: UInt64 = 1
    /// Writes on their way to the disk, in order: up to which index each of them goes.
    private var writes: [(token: UInt64, lastIndex: LogIndex, byteCount: Int)] = []

    /// A member as its disk remembers it: the hard state, the log's last index, and how far the
    /// applied state on disk goes.
    public init(
        group: GroupID, member: MemberID, hardState: HardState, lastIndex: LogIndex,
        appliedIndex: LogIndex
    ) {
        precondition(
            appliedIndex <= lastIndex,
            "\(group) applied \(appliedIndex) beyond its log \(lastIndex)")
        self.group = group
        self.member = member
        self.hardState = hardState
        self.lastIndex = lastIndex
        self.appliedIndex = appliedIndex
        commitIndex = appliedIndex
    }

    /// The member has started. A single voter stands for election at once.
    public mutating func onStart(_ directives: inout [Directive]) {
        guard case .follower = role else { return }
        hardState = HardState(term: hardState.term + 1, vote: member)
        role = .candidate(token: nextToken)
        persist(hardState: hardState, entries: [], &directives)
    }

    /// The member gives up its part: it takes no more proposals. What a leader has taken is still
    /// committed.
    public mutating func onStop() {
        switch role {
        case .leader, .serving, .draining: role = .draining
        case .follower, .candidate, .stopped: role = .stopped
        }
    }

    /// Appends payloads decided in `expectedTerm`; returns the index of the first.
    public mutating func propose(
        _ payloads: [[UInt8]], expectedTerm: Term, _ directives: inout [Directive]
    ) throws(ProposalRefusal) -> LogIndex {
        guard case .serving = role else { throw .notServing }
        guard expectedTerm == hardState.term else { throw .staleTerm(current: hardState.term) }
        let byteCount = payloads.reduce(0) { $0 + $1.count }
        guard uncommittedByteCount + byteCount <= Self.uncommittedByteCountMax else {
            throw .tooMuchUncommitted
        }
        let first = lastIndex + 1
        append(payloads.map { (.command, $0) }, &directives)
        return first
    }

    /// A write is on disk, and with it every earlier write of the group.
    public mutating func onPersisted(token: UInt64, _ directives: inout [Directive]) {
        switch role {
        case .stopped:
            return
        case .candidate(let awaited):
            precondition(token == awaited, "\(group) stored write \(token), not its vote")
            writes.removeFirst()
            role = .leader(noOperation: lastIndex + 1)
            append([(.noOperation, [])], &directives)
        case .follower, .leader, .serving, .draining:
            guard let write = writes.first, write.token == token else {
                preconditionFailure("\(group) stored write \(token) out of order")
            }
            writes.removeFirst()
            uncommittedByteCount -= write.byteCount
            // The only voter has stored it, and it is of this term: both commit rules are met.
            commitIndex = write.lastIndex
            directives.append(.commit(through: commitIndex))
        }
    }

    /// Entries through `index` are applied.
    public mutating func onApplied(through index: LogIndex, _ directives: inout [Directive]) {
        precondition(
            index <= commitIndex, "\(group) applied \(index) beyond its commit \(commitIndex)")
        appliedIndex = max(appliedIndex, index)
        if case .leader(let noOperation) = role, appliedIndex >= noOperation {
            role = .serving
            directives.append(.beginServing(term: hardState.term))
        }
    }

    private mutating func append(
        _ payloads: [(LogEntry.Kind, [UInt8])], _ directives: inout [Directive]
    ) {
        var entries: [LogEntry] = []
        entries.reserveCapacity(payloads.count)
        for (kind, payload) in payloads {
            lastIndex += 1
            uncommittedByteCount += payload.count
            entries.append(
                LogEntry(index: lastIndex, term: hardState.term, kind: kind, payload: payload))
        }
        persist(hardState: nil, entries: entries, &directives)
    }

    private mutating func persist(
        hardState: HardState?, entries: [LogEntry], _ directives: inout [Directive]
    ) {
        let byteCount = entries.reduce(0) { $0 + $1.payload.count }
        writes.append((nextToken, lastIndex, byteCount))
        directives.append(.persist(token: nextToken, hardState: hardState, entries: entries))
        nextToken += 1
    }
}
