public import Environment
public import Primitives

/// A libuv loop on a thread of its own, as the serial executor of actors.
///
/// Actors that name the same loop as their executor call each other inline. The order inside a turn
/// is documented at `LoopCore`; in short: input, timers, ready work oldest first, end-of-turn
/// actions oldest first, and again what those made ready, at most 1024 pieces before the sockets
/// get their turn. Timers never fire early, and late by up to the millisecond that libuv counts in.
///
/// A loop that has stopped runs nothing more. What is enqueued or posted then is dropped, and who
/// awaits it waits for ever, so whatever uses a loop is ended before it.
public final class UVLoop: NodeLoop {
    private let thread = ThreadIdentity()
    private let statistics = LoopStatistics()
    private let inbox: LoopInbox
    private let core: ThreadBound<LoopCore>
    private let name: String
    private let running = RunningThread()

    /// Makes a loop that does not run yet; work may be posted to it already.
    public init(name: String) throws(SystemError) {
        self.name = name
        let core = try LoopCore(thread: thread, statistics: statistics)
        inbox = core.inbox
        self.core = ThreadBound(core, to: thread)
    }

    /// Starts the thread. Once.
    public func start() throws(SystemError) {
        try running.start(name: name) { [self] in
            thread.claim()
            core.object.run(on: self)
            thread.relinquish()
        }
    }

    /// Ends the loop: finishes the present turn, drops the timers, closes the streams, whose
    /// handlers are told `closedHere`, runs what that made ready, and waits for the thread.
    ///
    /// From any other thread than the loop's, any number of times. A name that is being resolved is
    /// waited for as long as the system's resolver takes.
    public func stop() {
        precondition(!thread.isCurrent, "a loop cannot wait for its own end")
        inbox.requestStop()
        running.join()
    }

    // MARK: SerialExecutor

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if thread.isCurrent {
            core.object.enqueue(job)
        } else {
            inbox.add(.job(job))
        }
    }

    public func checkIsolated() {
        precondition(thread.isCurrent, "not on the loop \(name)")
    }

    public func isIsolatingCurrentContext() -> Bool? { thread.isCurrent }

    // MARK: NodeLoop

    public var now: MonotonicInstant { SystemClock.bootTime() }

    public var wallTime: Timestamp { SystemClock.civilTime() }

    @discardableResult
    public func schedule(
        after delay: Duration, _ action: @escaping @Sendable () -> Void
    ) -> any LoopTimer {
        UVTimer(core: core, identifier: core.object.schedule(after: delay, action))
    }

    public func post(_ action: @escaping @Sendable () -> Void) {
        if thread.isCurrent {
            core.object.soon(action)
        } else {
            inbox.add(.action(action))
        }
    }

    public func atEndOfTurn(_ action: @escaping @Sendable () -> Void) {
        core.object.atEndOfTurn(action)
    }

    // MARK: What can be seen from outside

    /// How long something that became ready within the last one to two seconds may have had to
    /// wait, in nanoseconds: the greatest of the turns' working times, the timers' lateness, and
    /// the time that the present turn has taken so far. From any thread; a loop that is stuck
    /// shows.
    public var lagNanoseconds: Int64 { statistics.lagNanoseconds(at: SystemClock.bootTime()) }

    /// What the loop has done so far. From any thread.
    public var counters: LoopCounters { statistics.counters }

    /// Whether the caller runs on the loop's thread.
    public var isCurrent: Bool { thread.isCurrent }

    /// The inside of the loop. Loop only.
    var onLoop: LoopCore { core.object }
}

/// One timer of a loop's queue.
private struct UVTimer: LoopTimer {
    let core: ThreadBound<LoopCore>
    let identifier: TimerQueue.Identifier

    func cancel() { core.object.cancel(identifier) }
}
