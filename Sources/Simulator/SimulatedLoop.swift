import DequeModule
public import Environment
public import Primitives

/// A process's loop in the world: a queue of ready work.
///
/// Belongs to one incarnation of a process. After a crash it takes nothing more and what it had is
/// dropped, so the old incarnation's tasks stay suspended for ever, as those of a dead process.
//
// Proof of `Sendable`: used on the world's thread only, which every entry checks.
public final class SimulatedLoop: NodeLoop, CustomStringConvertible, @unchecked Sendable {
    private enum Work {
        case job(UnownedJob)
        case action(StepKind, () -> Void)
    }

    let identifier: Int
    let world: World
    let process: SimulatedProcess
    private let name: String
    // As in `World`: looked at several times a step, and never held by reference meanwhile.
    @exclusivity(unchecked) private var work = Deque<Work>()
    @exclusivity(unchecked) private var endOfTurnActions: [() -> Void] = []
    @exclusivity(unchecked) private(set) var isAlive = true
    /// Where the world's list of ready loops has this one.
    @exclusivity(unchecked) var readyIndex: Int?

    init(process: SimulatedProcess, incarnation: Int) {
        self.process = process
        world = process.world
        identifier = world.nextLoopIdentifier()
        name = "\(process.name)#\(incarnation)"
    }

    public var description: String { name }

    public var now: MonotonicInstant {
        world.requireThread()
        return process.clock.localTime(at: world.elapsedNanoseconds)
    }

    public var wallTime: Timestamp {
        world.requireThread()
        return process.clock.wallTime(at: world.elapsedNanoseconds)
    }

    @discardableResult
    public func schedule(
        after delay: Duration, _ action: @escaping @Sendable () -> Void
    ) -> any LoopTimer {
        let timer = SimulatedTimer(action)
        guard isAlive else {
            world.leak(action)
            timer.cancel()
            return timer
        }
        let time = process.clock.worldTime(reaching: now + max(delay, .zero))
        timer.event = world.schedule(
            .timer, subject: identifier, atNanoseconds: time, isOfProcess: true
        ) { [self] in
            push(.timer) { timer.fire() }
        }
        return timer
    }

    public func post(_ action: @escaping @Sendable () -> Void) {
        push(.action, action)
    }

    public func atEndOfTurn(_ action: @escaping @Sendable () -> Void) {
        requireIsolated()
        addEndOfTurn(action)
    }

    /// Starts a task of `actor`, which must live on this loop, as soon as the loop comes to it.
    ///
    /// How a task gets to an actor without touching the global pool (Swift 6.3.1, measured): `Task
    /// { … }` is enqueued on the actor's executor at once if its closure is isolated to the actor,
    /// which it is when it is written in the actor's isolation and uses the isolated parameter or
    /// `self`. One that uses nothing of the actor, or only a copy made by a capture list, goes to
    /// the pool, and so does one that is written outside. `Task.immediate` runs to its first
    /// suspension on the spot. Awaits between actors of one loop stay on it. A continuation that is
    /// resumed after its task was suspended passes through the pool, which the world redirects to
    /// the loop unless `escapes` is `.failRun`. Task groups (their `addTask`, and the wait at their
    /// end even when they are empty), `async let`, `for await` over an `AsyncStream`, `Task.value`
    /// and `Task.yield` all pass through the pool, whatever the caller's isolation, and end the
    /// run.
    public func start<Target: Actor>(
        _ actor: Target, _ operation: @escaping @Sendable (isolated Target) async -> Void
    ) {
        post {
            actor.assumeIsolated { isolated in
                _ = Task {
                    _ = isolated
                    await operation(isolated)
                }
            }
        }
    }

    // MARK: SerialExecutor

    public func enqueue(_ job: consuming ExecutorJob) {
        world.requireThread()
        adopt(UnownedJob(job))
    }

    public func isIsolatingCurrentContext() -> Bool? {
        world.isOnThread && world.currentLoop === self
    }

    public func checkIsolated() {
        requireIsolated()
    }

    // MARK: For the parts of the world

    var isReady: Bool {
        isAlive && !process.isPaused && !(work.isEmpty && endOfTurnActions.isEmpty)
    }

    func requireIsolated() {
        precondition(
            world.isOnThread && world.currentLoop === self,
            "\(name) was expected to be the running loop")
    }

    /// Queues a job; a dead loop's jobs never run, and their tasks are never freed.
    func adopt(_ job: UnownedJob) {
        guard isAlive else { return }
        work.append(.job(job))
        world.updateReadiness(of: self)
    }

    func push(_ kind: StepKind, _ action: @escaping () -> Void) {
        world.requireThread()
        guard isAlive else { return world.leak(action) }
        work.append(.action(kind, action))
        world.updateReadiness(of: self)
    }

    func addEndOfTurn(_ action: @escaping () -> Void) {
        guard isAlive else { return world.leak(action) }
        endOfTurnActions.append(action)
        world.updateReadiness(of: self)
    }

    /// Runs one piece of work or, when none is left, the actions at the end of the turn, together:
    /// what they make ready belongs to the next turn.
    func runNext() {
        switch work.popFirst() {
        case .job(let job)?:
            world.record(.job, subject: identifier)
            job.runSynchronously(on: asUnownedSerialExecutor())
        case .action(let kind, let action)?:
            world.record(kind, subject: identifier)
            action()
        case nil:
            let actions = endOfTurnActions
            endOfTurnActions = []
            world.record(.endOfTurn, subject: identifier, value: actions.count)
            for action in actions {
                if isAlive { action() } else { world.leak(action) }
            }
        }
    }

    func die() {
        isAlive = false
        for case .action(_, let action) in work { world.leak(action) }
        for action in endOfTurnActions { world.leak(action) }
        work = []
        endOfTurnActions = []
        world.updateReadiness(of: self)
    }
}

/// A timer of a simulated loop.
//
// Proof of `Sendable`: used on the world's thread only, as its loop is.
private final class SimulatedTimer: LoopTimer, @unchecked Sendable {
    var event: Event?
    private var action: (@Sendable () -> Void)?

    init(_ action: @escaping @Sendable () -> Void) {
        self.action = action
    }

    func cancel() {
        action = nil
        event?.cancel()
        event = nil
    }

    func fire() {
        event = nil
        guard let action else { return }
        self.action = nil
        action()
    }
}
