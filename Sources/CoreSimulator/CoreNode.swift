import Primitives
import Raft

/// One group's part of a node's disk.
struct GroupDisk {
    var hardState = HardState()
    var base = LogPosition(index: 0, term: 0)
    var configuration: Configuration
    var entries: [LogEntry] = []
    /// The state at `base`.
    var machine = RegisterMachine()
    /// The first entry that cannot be read any more, until it is written anew.
    var damagedFrom: LogIndex?

    /// What a start finds: hard state, and the entries before the damage.
    var readable: (hardState: HardState, entries: [LogEntry]) {
        guard let damagedFrom, let last = entries.last else { return (hardState, entries) }
        var found = hardState
        found.recovery = RecoveryGoal(index: last.index, term: last.term)
            .joined(with: hardState.recovery)
        return (found, entries.filter { $0.index < damagedFrom })
    }

    /// Whether it had the entry, and will help nobody to the leadership before it has it again.
    func owes(_ index: LogIndex, of term: Term) -> Bool {
        readable.hardState.recovery.map { index <= $0.index && term <= $0.term } ?? false
    }

    mutating func write(_ hardState: HardState?, _ new: [LogEntry]) {
        if let hardState { self.hardState = hardState }
        guard let first = new.first else { return }
        if let damaged = damagedFrom, first.index <= damaged { damagedFrom = nil }
        while !entries.isEmpty, entries[entries.count - 1].index >= first.index {
            entries.removeLast()
        }
        entries.append(contentsOf: new)
    }

    func term(at index: LogIndex) -> Term? {
        if index == base.index { return base.term }
        guard index > base.index, index - base.index <= LogIndex(entries.count) else { return nil }
        return entries[Int(index - base.index) - 1].term
    }

    /// True when it has the entry of that term at the index, or a state that covers it.
    func holds(_ index: LogIndex, of term: Term) -> Bool {
        if base.index >= index { return true }
        return self.term(at: index) == term && index < damagedFrom ?? .max
    }

    mutating func checkpoint(_ position: LogPosition, _ configuration: Configuration) {
        entries.removeAll { $0.index <= position.index }
        if let damaged = damagedFrom, damaged <= position.index { damagedFrom = nil }
        base = position
        self.configuration = configuration
    }
}

/// What is on its way to a node's disk, in order, as it is one log for all groups.
enum DiskWrite {
    case log(group: Int, token: UInt64, hardState: HardState?, entries: [LogEntry])
    case checkpoint(
        group: Int, position: LogPosition, configuration: Configuration, machine: RegisterMachine)
    case install(group: Int, descriptor: SnapshotDescriptor, machine: RegisterMachine)
}

/// One group on one node: the instance and what its shell keeps in memory.
struct Replica {
    var instance: Instance
    /// The instance's own, kept here so that no tick has to ask it.
    var deadline: MonotonicInstant?
    var machine: RegisterMachine
    /// Through where `machine` has applied.
    var appliedIndex: LogIndex
    var appliedTerm: Term
    /// Proposals of clients that wait, by index.
    var proposals: [LogIndex: (term: Term, operation: Int)] = [:]
    /// Reads that wait for the index to be applied.
    var reads: [(operation: Int, index: LogIndex)] = []
    /// Reads that wait for an index, by their id.
    var asked: [UInt64: Int] = [:]
    var nextReadID: UInt64 = 1
    /// Snapshots that this member made, and the bytes of those it receives.
    var made: [UInt64: [UInt8]] = [:]
    var received: [UInt8] = []
    var isServing = false

    mutating func run<Result>(
        _ moment: Moment, _ directives: inout [Directive],
        _ body: (inout Instance, Moment, inout [Directive]) -> Result
    ) -> Result {
        let result = body(&instance, moment, &directives)
        deadline = instance.nextDeadline
        return result
    }

    /// Applies the next entry; true unless a condition in it was not met.
    mutating func apply(_ entry: LogEntry) -> Bool {
        appliedIndex = entry.index
        appliedTerm = entry.term
        return entry.kind == .command ? machine.apply(entry.payload) : true
    }

    /// Who waits for the entry at an index, if anybody does.
    mutating func takeProposal(at index: LogIndex) -> (term: Term, operation: Int)? {
        proposals.isEmpty ? nil : proposals.removeValue(forKey: index)
    }
}

/// A node of the core world.
struct CoreNode {
    enum Life {
        case up
        /// Nothing runs until then, but the clock does.
        case paused(until: Int64)
        case down
        /// Its disk is gone: it never comes back under this id.
        case lost
    }

    let id: MemberID
    var life = Life.up
    /// Counts its starts, so that what was planned for an earlier one is forgotten.
    var startCount: UInt64 = 0
    var disks: [GroupDisk]
    var replicas: [Replica] = []
    /// Handed to the disk and not yet written.
    var writes: [DiskWrite] = []
    var isWriting = false
    enum Doom {
        case none
        /// It dies when its next write is half done.
        case withinWrite
        /// The same, of a write of terms, votes or promises.
        case withinHardState
        /// It dies right after it has said, as a leader, that something is committed.
        case atCommit
    }

    var doom = Doom.none
    /// How much slower than others its disk is.
    var diskSlowness: Int64 = 1
    /// The clock: runs this many millionths too fast, from this offset on.
    var clockRate: Int64
    var clockOffset: Int64
    /// When the next tick is planned, in the world's time.
    var tickAt: Int64 = .max

    init(id: MemberID, disks: [GroupDisk], clockRate: Int64, clockOffset: Int64) {
        self.id = id
        self.disks = disks
        self.clockRate = clockRate
        self.clockOffset = clockOffset
    }

    var isUp: Bool {
        if case .up = life { true } else { false }
    }

    func localTime(_ time: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: clockOffset + time + time / 1_000_000 * clockRate)
    }

    /// The world's time at which the node's clock shows `instant`, or a little later; nil when
    /// that is never.
    func worldTime(_ instant: MonotonicInstant) -> Int64? {
        guard instant.nanoseconds < .max / 4 else { return nil }
        let local = instant.nanoseconds - clockOffset
        var time = local - local / 1_000_000 * clockRate
        // The estimate leaves out the square of the rate, which would have it wake too early again
        // and again.
        while localTime(time) < instant {
            time += max(1000, instant.nanoseconds - localTime(time).nanoseconds)
        }
        return time
    }
}
