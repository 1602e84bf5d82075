import CLibUV
import DequeModule
import Primitives

/// Something that is open on a loop and has to be told when the loop ends.
protocol LoopResident: AnyObject {
    /// Closes without waiting for anybody; the resident removes itself once it is closed.
    func loopWillStop()
}

/// What a loop's thread works with. Not `Sendable`: outside of its thread there is `UVLoop`.
///
/// One turn is, in this order:
///
///     wait for input ─▶ callbacks of streams ─▶ take the inbox ─▶ timers that are due
///       ▲                                                               │
///       │          ┌── until both are empty, or the budget is used ──┐  ▼
///       └──────────│ ready jobs, oldest first ─▶ end-of-turn actions │◀─┘
///                  └─────────────────────────────────────────────────┘
///
/// End-of-turn actions run oldest first. What they make ready runs in the same turn, after the last
/// of them; an action that they add runs after that. A turn that uses its budget up runs the
/// end-of-turn actions that it has, looks at the sockets without waiting, and goes on in the next
/// turn: neither input nor what was gathered waits for a queue that never becomes empty.
@safe final class LoopCore {
    /// Jobs and actions of one turn: about a millisecond of ordinary ones, so that a socket is
    /// looked at that often under any load.
    static let workPerTurn = 1024

    /// Turns that are granted after the last handle has closed, to the jobs that its end made
    /// ready. Longer chains are dropped with the loop.
    private static let lastTurns = 64

    /// What one read takes at most. One buffer serves all streams, as libuv reads and delivers one
    /// after the other.
    static let readBufferByteCount = 65_536

    let thread: ThreadIdentity
    let inbox: LoopInbox
    let statistics: LoopStatistics
    /// From here on nothing new is opened.
    private(set) var isStopping = false
    /// Owned: initialised by `init`, closed by `closeLoop`, freed by `deinit`.
    let loop: UnsafeMutablePointer<uv_loop_t>
    let readBuffer: UnsafeMutablePointer<CChar>

    private let async: UnsafeMutablePointer<uv_async_t>
    private let timer: UnsafeMutablePointer<uv_timer_t>
    private var isOpen = false
    private var ready = Deque<Ready>()
    private var endOfTurn: [() -> Void] = []
    private var timers = TimerQueue()
    /// What the libuv timer is set for; nil when it is not running.
    private var armedDeadline: MonotonicInstant?
    private var residents: [UInt64: any LoopResident] = [:]
    private var nextResident: UInt64 = 0

    private enum Ready {
        case job(UnownedJob)
        case action(() -> Void)
    }

    init(thread: ThreadIdentity, statistics: LoopStatistics) throws(SystemError) {
        self.thread = thread
        self.statistics = statistics
        unsafe loop = .allocate(capacity: 1)
        unsafe async = .allocate(capacity: 1)
        unsafe timer = .allocate(capacity: 1)
        unsafe readBuffer = .allocate(capacity: Self.readBufferByteCount)
        inbox = unsafe LoopInbox(waking: async)
        // From here on `deinit` frees what was allocated, also when this throws.
        var status = unsafe uv_loop_init(loop)
        guard status == 0 else { throw SystemError(operation: "uv_loop_init", status: status) }
        unsafe uv_loop_set_data(loop, Unmanaged.passUnretained(self).toOpaque())
        status = unsafe uv_async_init(loop, async, wasWoken)
        guard status == 0 else {
            unsafe uv_loop_close(loop)
            throw SystemError(operation: "uv_async_init", status: status)
        }
        unsafe uv_timer_init(loop, timer)
        isOpen = true
    }

    deinit {
        // A loop that was never started; a started one has closed itself on its thread.
        if isOpen { closeLoop() }
        unsafe loop.deallocate()
        unsafe async.deallocate()
        unsafe timer.deallocate()
        unsafe readBuffer.deallocate()
    }

    /// The core that a libuv loop belongs to. Valid inside libuv's callbacks, which run on the
    /// loop's thread while `run` holds the core.
    static func of(_ loop: UnsafeMutablePointer<uv_loop_t>?) -> LoopCore {
        guard let loop = unsafe loop, let data = unsafe uv_loop_get_data(loop) else {
            preconditionFailure("a callback came without its loop")
        }
        return unsafe Unmanaged<LoopCore>.fromOpaque(data).takeUnretainedValue()
    }

    /// Runs turns until a stop is asked for, then closes everything. Called once, by the thread.
    func run(on executor: UVLoop) {
        while true {
            poll()
            guard !takeInbox() else { break }
            runDueTimers()
            runReady(on: executor)
            statistics.turnEnded(at: SystemClock.bootTime())
        }
        shutDown(on: executor)
    }

    // MARK: What runs

    func enqueue(_ job: UnownedJob) { ready.append(.job(job)) }

    /// Runs `action` in this turn or the next, with nothing else on the stack.
    func soon(_ action: @escaping () -> Void) { ready.append(.action(action)) }

    func atEndOfTurn(_ action: @escaping () -> Void) { endOfTurn.append(action) }

    /// A loop that is stopping schedules nothing: the action never runs.
    func schedule(
        after delay: Duration, _ action: @escaping () -> Void
    ) -> TimerQueue.Identifier {
        guard !isStopping else { return timers.nextIdentifier }
        return timers.schedule(at: SystemClock.bootTime() + delay, action)
    }

    func cancel(_ timer: TimerQueue.Identifier) { timers.cancel(timer) }

    // MARK: What is open

    func add(_ resident: any LoopResident) -> UInt64 {
        precondition(!isStopping, "\(type(of: resident)) was opened on a stopping loop")
        nextResident += 1
        residents[nextResident] = resident
        return nextResident
    }

    func remove(resident: UInt64) { residents[resident] = nil }

    // MARK: Turns

    private func poll() {
        armTimer()
        let waits = ready.isEmpty && endOfTurn.isEmpty
        unsafe uv_run(loop, waits ? UV_RUN_ONCE : UV_RUN_NOWAIT)
        statistics.workBegan()
    }

    /// Returns whether a stop was asked for.
    private func takeInbox() -> Bool {
        let (work, isStopRequested) = inbox.take()
        for item in work {
            switch item {
            case .job(let job): ready.append(.job(job))
            case .action(let action): ready.append(.action(action))
            }
        }
        return isStopRequested
    }

    private func runDueTimers() {
        guard timers.count > 0 else { return }
        let now = SystemClock.bootTime()
        let limit = timers.nextIdentifier
        while let due = timers.popDue(at: now, before: limit) {
            statistics.timerFired(deadline: due.deadline, at: now)
            due.action()
        }
    }

    private func runReady(on executor: UVLoop) {
        var budget = Self.workPerTurn
        repeat {
            while budget > 0, let next = ready.popFirst() {
                run(next, on: executor)
                budget -= 1
            }
            let actions = endOfTurn
            endOfTurn = []
            for action in actions {
                action()
                statistics.actionRan()
            }
            budget -= actions.count
        } while budget > 0 && !(ready.isEmpty && endOfTurn.isEmpty)
    }

    private func run(_ ready: Ready, on executor: UVLoop) {
        switch ready {
        case .job(let job):
            // Each job is run once, as `popFirst` took it out, and its executor is this loop's.
            unsafe job.runSynchronously(on: executor.asUnownedSerialExecutor())
            statistics.jobRan()
        case .action(let action):
            action()
            statistics.actionRan()
        }
    }

    /// Sets the libuv timer if a deadline is earlier than what it is set for. When the earliest
    /// timer was cancelled it stays set: waking once for nothing is cheaper than setting it anew
    /// for every timeout that did not happen.
    private func armTimer() {
        guard let deadline = timers.nextDeadline() else { return }
        if let armedDeadline, armedDeadline <= deadline { return }
        // libuv counts whole milliseconds from its own, cached, idea of now. Rounding up keeps the
        // wake-up from coming before the deadline.
        unsafe uv_update_time(loop)
        let wait = max(0, (deadline - SystemClock.bootTime()).wholeNanoseconds)
        let milliseconds = UInt64(wait) / 1_000_000 + (wait % 1_000_000 == 0 ? 0 : 1)
        unsafe uv_timer_start(timer, timerExpired, milliseconds, 0)
        armedDeadline = deadline
    }

    fileprivate func timerHasExpired() {
        armedDeadline = nil
        // libuv runs timers before it waits: without this it would go on to wait for input while
        // the due timers wait for the turn.
        unsafe uv_stop(loop)
    }

    // MARK: The end

    private func shutDown(on executor: UVLoop) {
        isStopping = true
        timers.removeAll()
        // In the order of opening, so that the end of a loop is the same each time.
        for (_, resident) in residents.sorted(by: { $0.key < $1.key }) { resident.loopWillStop() }
        var turnsLeft = Self.lastTurns
        while !residents.isEmpty || turnsLeft > 0 && !(ready.isEmpty && endOfTurn.isEmpty) {
            if residents.isEmpty { turnsLeft -= 1 }
            poll()
            _ = takeInbox()
            runReady(on: executor)
            statistics.turnEnded(at: SystemClock.bootTime())
        }
        closeLoop()
        ready.removeAll()
        endOfTurn.removeAll()
    }

    private func closeLoop() {
        inbox.close()
        unsafe uv_close(clibuv_async_base(async), nil)
        unsafe uv_close(clibuv_timer_base(timer), nil)
        unsafe uv_run(loop, UV_RUN_DEFAULT)
        let status = unsafe uv_loop_close(loop)
        precondition(status == 0, "a handle outlived its loop: \(describe(status: status))")
        isOpen = false
    }
}

private func wasWoken(_ async: UnsafeMutablePointer<uv_async_t>?) {
    guard let async = unsafe async else { return }
    // The handle is open during its own callback, and belongs to the loop that calls.
    let core = unsafe LoopCore.of(uv_handle_get_loop(clibuv_async_base(async)))
    core.statistics.workBegan()
    core.statistics.wasWoken()
}

private func timerExpired(_ timer: UnsafeMutablePointer<uv_timer_t>?) {
    guard let timer = unsafe timer else { return }
    // As above.
    unsafe LoopCore.of(uv_handle_get_loop(clibuv_timer_base(timer))).timerHasExpired()
}
