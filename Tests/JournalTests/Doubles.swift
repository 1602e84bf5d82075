import Environment
import Journal
import Primitives
import Synchronization
import Testing

/// A loop that a test turns by hand, on its own thread.
final class ManualLoop: NodeLoop {
    private struct State {
        var ready: [@Sendable () -> Void] = []
        var endOfTurn: [@Sendable () -> Void] = []
        var now = MonotonicInstant(nanoseconds: 0)
        var timers: [(due: MonotonicInstant, action: @Sendable () -> Void)] = []
    }

    private struct NoTimer: LoopTimer {
        func cancel() { Issue.record("the journal cancels no timer") }
    }

    private let state = Mutex(State())

    var now: MonotonicInstant { state.withLock { $0.now } }
    var timerCount: Int { state.withLock { $0.timers.count } }
    var wallTime: Timestamp { Timestamp(milliseconds: 0) }

    func schedule(
        after delay: Duration, _ action: @escaping @Sendable () -> Void
    ) -> any LoopTimer {
        state.withLock { $0.timers.append(($0.now + delay, action)) }
        return NoTimer()
    }

    /// Lets time pass, and runs what falls due in it.
    func pass(_ duration: Duration) {
        let end = now + duration
        while let action = takeDue(by: end) { action() }
        state.withLock { $0.now = end }
    }

    private func takeDue(by end: MonotonicInstant) -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard
                let next = state.timers.indices.min(by: {
                    state.timers[$0].due < state.timers[$1].due
                }), state.timers[next].due <= end
            else { return nil }
            let timer = state.timers.remove(at: next)
            state.now = max(state.now, timer.due)
            return timer.action
        }
    }

    func post(_ action: @escaping @Sendable () -> Void) {
        state.withLock { $0.ready.append(action) }
    }

    func atEndOfTurn(_ action: @escaping @Sendable () -> Void) {
        state.withLock { $0.endOfTurn.append(action) }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        post { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    /// Each test is synchronous and its loop's only user.
    func checkIsolated() {}

    /// Runs what is ready, then what was asked for at the end of the turn; false if nothing was.
    @discardableResult
    func turn() -> Bool {
        var ran = false
        while let action = takeReady() {
            action()
            ran = true
        }
        // What is added at the turn's end runs at this end too.
        while true {
            let last = state.withLock { state in
                defer { state.endOfTurn = [] }
                return state.endOfTurn
            }
            guard !last.isEmpty else { return ran }
            for action in last { action() }
            ran = true
        }
    }

    private func takeReady() -> (@Sendable () -> Void)? {
        state.withLock { $0.ready.isEmpty ? nil : $0.ready.removeFirst() }
    }
}

/// A worker whose work a test does by hand.
final class ManualWorker: BlockingWorker {
    private let loop: ManualLoop
    private let queue = Mutex<[@Sendable () -> Void]>([])

    init(_ loop: ManualLoop) { self.loop = loop }

    func submit<Output: Sendable>(
        _ work: @escaping @Sendable () -> Output,
        then completion: @escaping @Sendable (Output) -> Void
    ) {
        queue.withLock { [loop] in
            $0.append {
                let output = work()
                loop.post { completion(output) }
            }
        }
    }

    /// Does one piece of work; false if there is none.
    @discardableResult
    func work() -> Bool {
        let next = queue.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        next?()
        return next != nil
    }
}

final class RecordingHalt: NodeHalt {
    private let recorded = Mutex<[String]>([])
    var reasons: [String] { recorded.withLock { $0 } }
    func halt(_ reason: String) { recorded.withLock { $0.append(reason) } }
}

/// What completed, in order.
final class Completions: Sendable {
    private let recorded = Mutex<[Int]>([])
    var numbers: [Int] { recorded.withLock { $0 } }
    func callAsFunction(_ number: Int) -> @Sendable () -> Void {
        { self.recorded.withLock { $0.append(number) } }
    }
}

/// One life of a node as far as the journal sees it: from opening to a crash.
struct Life {
    static let directory = "/data/journal"

    let loop = ManualLoop()
    let worker: ManualWorker
    let halt = RecordingHalt()
    let journal: Journal
    let recovered: RecoveredLog

    init(
        _ disk: any FileSystem, segmentByteCount: Int = 1 << 16, owner: JournalOwner? = nil,
        reserveByteCount: Int? = nil, closedSegmentCountMax: Int = 8,
        directory: String = Life.directory
    ) throws(JournalError) {
        worker = ManualWorker(loop)
        (journal, recovered) = try Journal.open(
            loop: loop, worker: worker, fileSystem: disk, directory: directory, halt: halt,
            options: Journal.Options(
                segmentByteCount: segmentByteCount, owner: owner,
                reserveByteCount: reserveByteCount,
                closedSegmentCountMax: closedSegmentCountMax))
    }

    /// Writes what is left and the proof of it.
    func close() {
        journal.close {}
        settle()
    }

    /// Turns and works until nothing is left to do.
    func settle() {
        while loop.turn() || worker.work() {}
    }

    /// Appends and makes durable: a batch of its own.
    func commit(_ group: GroupID, _ entries: [LogEntry] = [], hardState: HardState? = nil) {
        journal.append(group, entries: entries, hardState: hardState) {}
        settle()
    }
}

/// Entries with the indices given, with payloads that tell index and term.
func entries(
    _ indices: ClosedRange<LogIndex>, term: Term = 1, payloadByteCount: Int = 40
) -> [LogEntry] {
    indices.map { index in
        let payload = (0..<payloadByteCount).map {
            UInt8(truncatingIfNeeded: index &* 31 &+ term &* 7 &+ UInt64($0) &+ 1)
        }
        return LogEntry(index: index, term: term, kind: .command, payload: payload)
    }
}
