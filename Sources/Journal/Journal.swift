public import Environment
public import Primitives

/// The one durable Raft log of a node, for all its groups.
///
/// Everything that is appended in a turn of the loop, and everything that is appended while a write
/// is in flight, becomes one batch: one write and one fdatasync, whatever the number of groups.
///
///                append, end of turn              written
///     idle ───────────────────────────▶ writing ─────────────▶ idle   (completions, in order)
///                                          │  ▲                  │
///                                   failed │  └── gathered more ─┘
///                                          ▼
///                                        halted   (nothing is written or completed again)
///
/// It is an actor of the loop. Its methods are for callers on the loop and do not suspend.
public actor Journal {
    /// What can be set.
    public struct Options: Hashable, Sendable {
        /// A segment takes batches up to this size. 64 MiB are some seconds of writing at full
        /// speed and are recovered in a quarter of one.
        public var segmentByteCount: Int

        public init(segmentByteCount: Int = 64 << 20) {
            precondition(
                segmentByteCount > 0
                    && segmentByteCount <= JournalFormat.segmentByteCountMax
                        - JournalFormat.batchByteCountMax,
                "a segment of \(segmentByteCount) bytes")
            self.segmentByteCount = segmentByteCount
        }
    }

    /// What has been written since the journal was opened.
    public struct Counters: Hashable, Sendable {
        /// Batches that are durable.
        public internal(set) var batches = 0
        /// Files synchronized: one for a batch and one for a new segment.
        public internal(set) var syncs = 0
        /// Bytes written, headers and padding included.
        public internal(set) var bytes = 0
        /// Entries that are durable.
        public internal(set) var entries = 0
        public internal(set) var segmentsBegun = 0
        public internal(set) var segmentsRemoved = 0
    }

    /// What becomes one write.
    private struct Gathering {
        var records: [JournalRecord] = []
        var recordsByteCount = 0
        var completions: [@Sendable () -> Void] = []
    }

    private enum Phase {
        case idle
        case writing(Gathering)
        case halted
    }

    /// A gathering that has reached this size takes no further append; a batch has room for one
    /// more append of almost seven times as much, the one that was taken last. Beyond a few
    /// megabytes a larger write is no faster.
    private static let gatheringByteCountMax = JournalFormat.batchByteCountMax / 8

    private nonisolated let loop: any NodeLoop
    private let worker: any BlockingWorker
    private let halt: any NodeHalt
    private let store: SegmentStore

    private var phase = Phase.idle
    /// What waits, oldest first. Bounded by those who append: a group has a limit of entries that
    /// are not yet durable, and reads `pendingByteCount`.
    private var waiting: [Gathering] = []
    private var isEndOfTurnAwaited = false
    private var written = Counters()
    private var pinning: [GroupID] = []

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private init(
        loop: any NodeLoop, worker: any BlockingWorker, halt: any NodeHalt, store: SegmentStore
    ) {
        self.loop = loop
        self.worker = worker
        self.halt = halt
        self.store = store
    }

    /// Recovers the journal in `directory`, or begins one. Blocks: before the node starts.
    ///
    /// A torn last batch is cut. What was read is durable when this returns.
    /// - Throws: when the journal is damaged where it was acknowledged, and is then left as it was
    ///   found; or when the disk fails.
    public static func open(
        loop: any NodeLoop, worker: any BlockingWorker, fileSystem: any FileSystem,
        directory: String, halt: any NodeHalt, options: Options = Options()
    ) throws(JournalError) -> (journal: Journal, recovered: RecoveredLog) {
        let (store, log) = try SegmentStore.open(
            fileSystem, directory: directory, segmentByteCount: options.segmentByteCount)
        return (Journal(loop: loop, worker: worker, halt: halt, store: store), log)
    }

    /// Makes entries and hard state of a group durable, both in one batch.
    ///
    /// An entry whose index the group has already replaces that one and everything behind it. The
    /// entries must follow each other, begin at most one behind the group's last index and be
    /// newer than its compacted ones; a payload is at most 1 MiB and one call at most 28 MiB.
    /// - Parameter completion: is called on the loop once everything is durable, in the order of
    ///   the calls; never, when the disk fails, as the node is then halted. A call without entries
    ///   and hard state completes behind those before it.
    public nonisolated func append(
        _ group: GroupID, entries: [LogEntry], hardState: HardState?,
        then completion: @escaping @Sendable () -> Void
    ) {
        assumeIsolated { journal in
            // The hard state goes first: entries of a term never stand in a log that does not
            // know the term.
            var records = hardState.map { [JournalRecord.hardState(group, $0)] } ?? []
            records.reserveCapacity(records.count + entries.count)
            for entry in entries { records.append(.entry(group, entry)) }
            journal.gather(records, completion)
            journal.awaitEndOfTurn()
        }
    }

    /// Says that a group's entries up to and including `upTo` are no longer needed, as its applied
    /// state, with everything up to there, is durable elsewhere.
    ///
    /// It rides with the next batch. Segments that no group needs any more are then removed.
    /// - Parameters:
    ///   - upTo: an index that rises from call to call.
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
        assumeIsolated { journal in
            journal.gather([.compacted(group, mark)], completion)
            if completion != nil { journal.awaitEndOfTurn() }
        }
    }

    /// What has been written since the journal was opened.
    public nonisolated var counters: Counters { assumeIsolated { $0.written } }

    /// Bytes that were appended and are not yet durable.
    public nonisolated var pendingByteCount: Int {
        assumeIsolated { journal in
            let waiting = journal.waiting.reduce(0) { $0 + $1.recordsByteCount }
            guard case .writing(let gathering) = journal.phase else { return waiting }
            return waiting + gathering.recordsByteCount
        }
    }

    /// The groups that keep the oldest full segment from being removed, as of the last batch, by
    /// rising id: those to compact next when the disk fills.
    public nonisolated var pinningGroups: [GroupID] { assumeIsolated { $0.pinning } }
}

// MARK: - On the loop

extension Journal {
    private func gather(_ records: [JournalRecord], _ completion: (@Sendable () -> Void)?) {
        if case .halted = phase { return }
        let byteCount = records.reduce(0) { $0 + $1.byteCount }
        precondition(
            byteCount <= JournalFormat.batchByteCountMax - Self.gatheringByteCountMax,
            "\(byteCount) bytes in one append")
        if waiting.last.map({ $0.recordsByteCount >= Self.gatheringByteCountMax }) ?? true {
            waiting.append(Gathering())
        }
        let last = waiting.count - 1
        waiting[last].records.append(contentsOf: records)
        waiting[last].recordsByteCount += byteCount
        if let completion { waiting[last].completions.append(completion) }
    }

    private func awaitEndOfTurn() {
        guard case .idle = phase, !isEndOfTurnAwaited else { return }
        isEndOfTurnAwaited = true
        loop.atEndOfTurn {
            self.assumeIsolated { $0.writeNext() }
        }
    }

    private func writeNext() {
        isEndOfTurnAwaited = false
        guard case .idle = phase, !waiting.isEmpty else { return }
        let gathering = waiting.removeFirst()
        guard !gathering.records.isEmpty else { return complete(gathering) }
        phase = .writing(gathering)
        worker.submit { [store] () -> Result<SegmentStore.Report, FileError> in
            do throws(FileError) {
                return .success(try store.write(gathering.records))
            } catch {
                return .failure(error)
            }
        } then: { result in
            self.assumeIsolated { $0.wrote(result) }
        }
    }

    private func wrote(_ result: Result<SegmentStore.Report, FileError>) {
        guard case .writing(let gathering) = phase else { return }
        switch result {
        case .failure(let error):
            fail(error)
        case .success(let report):
            written.batches += 1
            written.syncs += report.synchronizations
            written.bytes += report.byteCount
            written.segmentsBegun += report.segmentsBegun
            for case .entry in gathering.records { written.entries += 1 }
            pinning = report.pinningGroups
            phase = .idle
            if !report.removable.isEmpty { remove(report.removable) }
            complete(gathering)
        }
    }

    /// What the completions append joins what was gathered meanwhile.
    private func complete(_ gathering: Gathering) {
        for completion in gathering.completions { completion() }
        if waiting.contains(where: { !$0.completions.isEmpty }) { awaitEndOfTurn() }
    }

    private func remove(_ segments: [UInt64]) {
        worker.submit { [store] () -> Result<Void, FileError> in
            do throws(FileError) {
                return .success(try store.remove(segments))
            } catch {
                return .failure(error)
            }
        } then: { result in
            self.assumeIsolated { journal in
                switch result {
                case .failure(let error): journal.fail(error)
                case .success: journal.written.segmentsRemoved += segments.count
                }
            }
        }
    }

    private func fail(_ error: FileError) {
        if case .halted = phase { return }
        phase = .halted
        waiting = []
        halt.halt("journal: \(error)")
    }
}
