public import Primitives

/// The one thread of a node: the executor of its actors, its clock and its timers.
///
/// The real one is a libuv loop on a thread of its own; the simulated one is a queue in a seeded
/// world. Everything that serves a shard shares a loop, so that an await between its actors runs
/// inline. What is marked "loop only" must be called on the loop.
public protocol NodeLoop: SerialExecutor {
    /// The boot-time clock, read afresh: it goes on while the machine sleeps, and never back.
    var now: MonotonicInstant { get }

    /// Civil time as this machine believes it. May jump; nothing is decided by it alone.
    var wallTime: Timestamp { get }

    /// Runs `action` on the loop once `delay` has passed, unless it is cancelled before. Loop only.
    @discardableResult
    func schedule(
        after delay: Duration, _ action: @escaping @Sendable () -> Void
    ) -> any LoopTimer

    /// Runs `action` on the loop soon. From any thread.
    func post(_ action: @escaping @Sendable () -> Void)

    /// Runs `action` once, after everything that is ready in this turn has run, and before the loop
    /// waits again: the place to gather what many did into one write. Loop only.
    func atEndOfTurn(_ action: @escaping @Sendable () -> Void)
}

/// A timer that was scheduled on a loop.
public protocol LoopTimer: Sendable {
    /// Prevents the action if it has not run yet. Loop only.
    func cancel()
}

extension NodeLoop {
    /// Suspends the caller, an actor on this loop, for `duration`.
    public func sleep(for duration: Duration) async {
        await suspend { resumption in
            schedule(after: duration) { resumption.resume() }
        }
    }
}

/// A thread for work that blocks: journal writes, SQLite, PKCS#11. One piece at a time, in order.
public protocol BlockingWorker: Sendable {
    /// Runs `work` on the worker's thread and then `completion` with its result on the loop.
    /// From any thread.
    func submit<Output: Sendable>(
        _ work: @escaping @Sendable () -> Output,
        then completion: @escaping @Sendable (Output) -> Void)
}

extension BlockingWorker {
    /// Runs `work` on the worker's thread while the caller, an actor on `loop`, is suspended.
    public func run<Output: Sendable>(
        on loop: any NodeLoop, _ work: @escaping @Sendable () -> Output
    ) async -> Output {
        await loop.suspend { resumption in
            submit(work) { resumption.resume(returning: $0) }
        }
    }
}

/// Ends the process because going on would lie: a failed fsync, a broken invariant.
///
/// In simulation it crashes the simulated node. It returns so that the caller can fall silent; the
/// caller must not acknowledge anything afterwards.
public protocol NodeHalt: Sendable {
    func halt(_ reason: String)
}
