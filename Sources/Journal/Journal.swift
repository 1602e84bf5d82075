public import Environment
public import Primitives

/// The one durable Raft log of a node, for all its groups.
///
/// Everything that is appended in a turn of the loop, and everything that is appended while a write
/// is in flight, becomes one batch: one write and one fdatasync, whatever the number of groups.
///
///                append, end of turn              written
///     idle ───────────────────────────▶ writing ─────────────▶ idle   (completions, in order)
///       │                               │  ▲ │                    │
///       │ close                  failed │  │ │ └── gathered more ─┘
///       ▼                               ▼  │ └ no room ─▶ waiting
///     ended   (nothing is written    ended └─────────────────┘ from time to time
///              or completed again)
///
/// It is an actor of the loop. Its methods are for callers on the loop and do not suspend.
///
/// The journal has no entry in memory, so it cannot move an idle group's old entries forward by
/// itself; it names the groups that keep old segments (`Event.pinned`), and they can.
public actor Journal: LoopActor {
    /// What becomes one write.
    struct Gathering {
        var records: [JournalRecord] = []
        var recordsByteCount = 0
        var completions: [@Sendable () -> Void] = []
    }

    enum Phase {
        case idle
        /// Since when.
        case writing(Gathering, MonotonicInstant)
        /// For room on the disk.
        case waitingForRoom(Gathering)
        /// Halted or closed.
        case ended
    }

    /// A gathering that has reached this size takes no further append; a batch has room for one
    /// more append of almost seven times as much, the one that was taken last. Beyond a few
    /// megabytes a larger write is no faster.
    static let gatheringByteCountMax = JournalFormat.gatheringByteCountMax / 8

    public nonisolated let loop: any NodeLoop
    let worker: any BlockingWorker
    let halt: any NodeHalt
    let store: SegmentStore
    let options: Options

    var phase = Phase.idle
    /// What waits, oldest first. Bounded by those who append: a group has a limit of entries that
    /// are not yet durable, and reads `pendingByteCount`.
    var waiting: [Gathering] = []
    var isEndOfTurnAwaited = false
    var written = Counters()
    var pinning: [GroupID] = []
    var observer: (@Sendable (Event) -> Void)?
    var watch = JournalWatch()
    /// Called once everything is written; nothing is appended any more.
    var closing: [@Sendable () -> Void] = []
    /// Those that have something for the next batch, once one is about to be gathered.
    var beginners: [@Sendable () -> Void] = []

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private init(
        loop: any NodeLoop, worker: any BlockingWorker, halt: any NodeHalt, store: SegmentStore,
        options: Options
    ) {
        self.loop = loop
        self.worker = worker
        self.halt = halt
        self.store = store
        self.options = options
    }

    /// Recovers the journal in `directory`, or begins one. Blocks: before the node starts.
    ///
    /// A torn last batch is cut. What was read is durable when this returns. Entries that were
    /// acknowledged and cannot be read are named in what is recovered: a caller without peers to
    /// repair them from must not go on.
    /// - Throws: when the journal is damaged so that nothing says what is missing, and is then left
    ///   as it was found; when it is another node's; or when the disk fails.
    public static func open(
        loop: any NodeLoop, worker: any BlockingWorker, fileSystem: any FileSystem,
        directory: String, halt: any NodeHalt, options: Options = Options()
    ) throws(JournalError) -> (journal: Journal, recovered: RecoveredLog) {
        let (store, log) = try SegmentStore.open(
            fileSystem, directory: directory, options: options)
        let journal = Journal(
            loop: loop, worker: worker, halt: halt, store: store, options: options)
        return (journal, log)
    }

    /// Makes entries and hard state of a group durable, both in one batch.
    ///
    /// An entry whose index the group has already replaces that one and everything behind it. The
    /// entries must follow each other, begin at most one behind the group's last index and be
    /// newer than its compacted ones; a payload is at most 1 MiB and one call at most 28 MiB.
    ///
    /// It is never refused, as what peers and elections need has to be written; what is new goes
    /// by `offer`. While the disk is full it may wait.
    /// - Parameter completion: is called on the loop once everything is durable, in the order of
    ///   the calls; never, when the disk fails, as the node is then halted. A call without entries
    ///   and hard state completes behind those before it.
    public nonisolated func append(
        _ group: GroupID, entries: [LogEntry], hardState: HardState?,
        then completion: @escaping @Sendable () -> Void
    ) {
        onLoop { journal in
            // The hard state goes first: entries of a term never stand in a log that does not
            // know the term.
            var records = hardState.map { [JournalRecord.hardState(group, $0)] } ?? []
            records.reserveCapacity(records.count + entries.count)
            for entry in entries { records.append(.entry(group, entry)) }
            journal.gather(records, completion)
            journal.awaitEndOfTurn()
        }
    }

    /// As `append`, for something that nobody has been promised yet.
    ///
    /// - Throws: when the disk is full; nothing is appended then. It ends by itself once there is
    ///   room again.
    public nonisolated func offer(
        _ group: GroupID, entries: [LogEntry], hardState: HardState?,
        then completion: @escaping @Sendable () -> Void
    ) throws(JournalRefusal) {
        if let refusal { throw refusal }
        append(group, entries: entries, hardState: hardState, then: completion)
    }

    /// Runs `action` when what it appends goes into the next batch without a wait: at the end of
    /// the turn, or while a write is under way, when that has ended. What comes until then can be
    /// gathered, and costs no more time. Loop only.
    public nonisolated func beforeNextBatch(_ action: @escaping @Sendable () -> Void) {
        onLoop { journal in
            if case .writing = journal.phase {
                journal.beginners.append(action)
            } else {
                journal.loop.atEndOfTurn(action)
            }
        }
    }

    /// Why nothing new should be proposed; nil as a rule.
    public nonisolated var refusal: JournalRefusal? { onLoop { $0.watch.refusal } }

    /// Puts entries in the place of damaged ones and makes them durable. Nothing behind them is
    /// replaced. They are those that a majority has committed, and need not follow each other.
    ///
    /// - Parameters:
    ///   - entries: with indices behind what is compacted and up to the group's last; at most
    ///     28 MiB.
    ///   - completion: is called on the loop once everything is durable.
    public nonisolated func repair(
        _ group: GroupID, entries: [LogEntry], then completion: @escaping @Sendable () -> Void
    ) {
        onLoop { journal in
            journal.gather(entries.map { .restored(group, $0) }, completion)
            journal.awaitEndOfTurn()
        }
    }

    /// Forgets a group that has left this node: its hard state, marks and entries, which no longer
    /// keep any segment. A group of the same id that comes later begins anew.
    ///
    /// - Parameter completion: is called on the loop once that is durable.
    public nonisolated func remove(
        _ group: GroupID, then completion: @escaping @Sendable () -> Void
    ) {
        onLoop { journal in
            journal.gather([.removed(group)], completion)
            journal.awaitEndOfTurn()
        }
    }

    /// Says that a group's entries up to and including `upTo` are no longer needed, as its applied
    /// state, with everything up to there, is durable elsewhere.
    ///
    /// It rides with the next batch. Segments that no group needs any more are then removed.
    /// - Parameters:
    ///   - upTo: an index that rises from call to call. It may lie behind the end of the log,
    ///     when a snapshot was installed: the log then goes on behind it.
    ///   - term: the term of the entry at `upTo`, kept for the group's start.
    ///   - discardingSuffix: whether entries behind `upTo` go as well, because an installed
    ///     snapshot replaces a log that contradicts it.
    ///   - completion: when given, the mark is written without waiting for another batch, and the
    ///     completion is called on the loop once it is durable.
    public nonisolated func compact(
        _ group: GroupID, upTo: LogIndex, term: Term = 0, discardingSuffix: Bool = false,
        then completion: (@Sendable () -> Void)? = nil
    ) {
        let mark = CompactionMark(upTo: upTo, term: term, discardsSuffix: discardingSuffix)
        onLoop { journal in
            journal.gather([.compacted(group, mark)], completion)
            if completion != nil { journal.awaitEndOfTurn() }
        }
    }

    /// Writes what was appended, and behind it that it is durable, so that a last batch that rots
    /// while the node is down is known to have been there. Nothing is appended afterwards.
    ///
    /// - Parameter completion: is called on the loop when the journal is done; at once when it has
    ///   been halted.
    public nonisolated func close(then completion: @escaping @Sendable () -> Void) {
        onLoop { journal in
            if case .ended = journal.phase { return completion() }
            journal.closing.append(completion)
            journal.awaitEndOfTurn()
        }
    }

    /// Has stalls, a full disk and pinned segments told to `observer`, on the loop. There is one.
    public nonisolated func observe(_ observer: @escaping @Sendable (Event) -> Void) {
        onLoop { $0.observer = observer }
    }

    /// What has been written since the journal was opened.
    public nonisolated var counters: Counters { onLoop { $0.written } }

    /// Bytes that were appended and are not yet durable.
    public nonisolated var pendingByteCount: Int {
        onLoop { journal in
            let waiting = journal.waiting.reduce(0) { $0 + $1.recordsByteCount }
            switch journal.phase {
            case .idle, .ended: return waiting
            case .writing(let gathering, _), .waitingForRoom(let gathering):
                return waiting + gathering.recordsByteCount
            }
        }
    }

    /// The groups that keep the oldest full segment from being removed, as of the last batch, by
    /// rising id: those to compact next when the disk fills.
    public nonisolated var pinningGroups: [GroupID] { onLoop { $0.pinning } }
}
