public import Environment
import Glibc
import Synchronization

/// A named thread that runs blocking work, one piece at a time, in the order of submission.
///
/// The queue has no bound of its own, as a submission cannot be refused half-way through a
/// decision: every submitter awaits its result or gathers its next batch meanwhile, so it is
/// bounded by their number. `queuedCount` lets admission control see it grow.
public final class WorkerThread: BlockingWorker {
    private struct Queue {
        var work: [@Sendable () -> Void] = []
        var isStopping = false
    }

    private let loop: any NodeLoop
    private let name: String
    private let yields: Bool
    private let queue = Mutex(Queue())
    /// Signalled when the queue goes from empty to non-empty, and once to stop.
    private let hasWork = ThreadSemaphore()
    private let unfinishedCount = Atomic<Int>(0)
    private let running = RunningThread()

    /// A tenth of the processor time of a thread that does not yield, where both want it.
    private static let yieldingNiceness: Int32 = 10

    /// Starts a thread whose completions run on `loop`.
    ///
    /// - Parameter yields: true for work that can wait, which leaves the cores to others.
    public init(name: String, loop: any NodeLoop, yields: Bool = false) throws(SystemError) {
        self.loop = loop
        self.name = name
        self.yields = yields
        try running.start(name: name) { [self] in run() }
    }

    /// Pieces of work that have been submitted and have not finished. From any thread.
    public var queuedCount: Int { unfinishedCount.load(ordering: .relaxed) }

    /// As the role says. After `stop` neither the work nor the completion runs.
    public func submit<Output: Sendable>(
        _ work: @escaping @Sendable () -> Output,
        then completion: @escaping @Sendable (Output) -> Void
    ) {
        add { [loop] in
            let output = work()
            loop.post { completion(output) }
        }
    }

    /// Runs everything that was submitted before, then ends the thread and waits for it. From any
    /// other thread, any number of times.
    public func stop() {
        let isFirst = queue.withLock { queue in
            defer { queue.isStopping = true }
            return !queue.isStopping
        }
        if isFirst { hasWork.signal() }
        running.join()
    }

    private func add(_ work: @escaping @Sendable () -> Void) {
        let mustWake = queue.withLock { queue in
            guard !queue.isStopping else { return false }
            unfinishedCount.add(1, ordering: .relaxed)
            queue.work.append(work)
            return queue.work.count == 1
        }
        if mustWake { hasWork.signal() }
    }

    private func run() {
        // Linux takes the caller for a thread, and lets every thread be nicer than it was.
        if yields {
            setpriority(numericCast(PRIO_PROCESS.rawValue), 0, Self.yieldingNiceness)
        }
        while true {
            hasWork.wait()
            let (batch, isStopping) = queue.withLock { queue in
                defer { queue.work = [] }
                return (queue.work, queue.isStopping)
            }
            for work in batch {
                work()
                unfinishedCount.subtract(1, ordering: .relaxed)
            }
            // Nothing is added once `isStopping` is set, so this batch was the last.
            if isStopping { return }
        }
    }
}
