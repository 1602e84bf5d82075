public import Primitives

/// Why a run ended badly.
public enum WorldFailure: Error, Sendable, CustomStringConvertible {
    /// A job left the simulated loops.
    case jobEscaped(EscapedJob)
    /// The machine's clock or its chance was asked, in place of the world's.
    case machineAsked(MachineCall)
    /// More steps than the parameters allow, in all or within one instant.
    case stepLimit(steps: UInt64, elapsed: Duration)
    /// A check of the scenario failed.
    case violated(String, elapsed: Duration)

    public var description: String {
        switch self {
        case .jobEscaped(let job): return job.description
        case .machineAsked(let call): return call.description
        case .stepLimit(let steps, let elapsed):
            return "gave up after \(steps) steps, \(elapsed) into the run"
        case .violated(let text, let elapsed): return "\(text), \(elapsed) into the run"
        }
    }
}

/// A seeded world: one thread, virtual time, processes with loops, disks and a network.
///
/// A step runs one event that is due, or one piece of ready work of one loop. Among what could run
/// at an instant the seed chooses, and within a loop it is first in, first out, as the production
/// loop is. Time passes only when nothing is ready. So a seed and the code give one history, which
/// `traceHash` sums up.
//
// Proof of `Sendable`: a world is made, used and ended on the one thread that `simulate` starts.
// Every way in, the loops' included, passes `requireThread`, which traps on any other thread.
//
// `@exclusivity(unchecked)`: each step looks some ten times at what it reads and writes, and the
// checks at run time were three per cent of a world's instructions. None of these properties is
// held by reference while other code runs.
public final class World: @unchecked Sendable {
    public let seed: UInt64
    public let parameters: WorldParameters
    /// Nanoseconds since the run began.
    @exclusivity(unchecked) public private(set) var elapsedNanoseconds: Int64 = 0
    @exclusivity(unchecked) public private(set) var stepCount: UInt64 = 0
    /// The first failure; the run does not go on after it.
    @exclusivity(unchecked) public private(set) var failure: WorldFailure?
    /// Processes in the order of their making.
    public private(set) var processes: [SimulatedProcess] = []
    /// Chance for the scenario: when to break what.
    public var random: SeededRandom
    /// The network of all processes.
    public let fabric: NetworkFabric

    @exclusivity(unchecked) private var scheduling: SeededRandom
    @exclusivity(unchecked) private var events: EventQueue
    @exclusivity(unchecked) private var ready: [SimulatedLoop] = []
    @exclusivity(unchecked) private var trace = TraceHash()
    @exclusivity(unchecked) private var stepsThisInstant: UInt64 = 0
    private var loopCount = 0
    /// The loop whose work is running.
    @exclusivity(unchecked) private(set) var currentLoop: SimulatedLoop?

    init(seed: UInt64, parameters: WorldParameters) {
        self.seed = seed
        self.parameters = parameters
        random = SeededRandom(seed: derivedSeed(seed, "scenario"))
        scheduling = SeededRandom(seed: derivedSeed(seed, "scheduling"))
        events = EventQueue(seed: derivedSeed(seed, "ties"))
        fabric = NetworkFabric(random: SeededRandom(seed: derivedSeed(seed, "network")))
        fabric.world = self
    }

    /// The time since the run began.
    public var elapsed: Duration { .nanoseconds(elapsedNanoseconds) }

    /// A hash over every step and note so far: equal for equal histories.
    public var traceHash: UInt64 { trace.value }

    /// A process of this name, on a machine of its own with an empty disk. Its name is its host
    /// name on the network.
    public func addProcess(_ name: String) -> SimulatedProcess {
        requireThread()
        precondition(!processes.contains { $0.name == name }, "two processes named \(name)")
        let process = SimulatedProcess(world: self, name: name, identifier: processes.count + 1)
        processes.append(process)
        return process
    }

    /// The process of this name, or nil.
    public func process(named name: String) -> SimulatedProcess? {
        processes.first { $0.name == name }
    }

    /// Runs `action`, a part of the scenario, once `delay` has passed.
    public func schedule(after delay: Duration, _ action: @escaping () -> Void) {
        requireThread()
        let delayNanoseconds = max(0, delay.wholeNanoseconds)
        schedule(.scenario, subject: 0, afterNanoseconds: delayNanoseconds, action)
    }

    /// A line of the scenario's story; part of the trace.
    public func note(_ text: @autoclosure () -> String) {
        requireThread()
        let text = text()
        trace.mix(UInt64(bitPattern: elapsedNanoseconds))
        trace.mix(text)
        printLine(.note, text)
    }

    /// Ends the run as a failure, unless it has failed before.
    public func fail(_ text: String) {
        requireThread()
        end(.violated(text, elapsed: elapsed))
    }

    // MARK: Running

    /// Runs until `time` since the beginning has passed.
    public func run(until time: Duration) throws(WorldFailure) {
        let limit = time.wholeNanoseconds
        while try step(limitNanoseconds: limit) {}
        elapsedNanoseconds = max(elapsedNanoseconds, limit)
    }

    /// Runs for `duration` from now.
    public func run(for duration: Duration) throws(WorldFailure) {
        try run(until: elapsed + duration)
    }

    /// Runs until nothing is left to do, or `limit` since the beginning has passed.
    public func runUntilIdle(limit: Duration = .seconds(86_400)) throws(WorldFailure) {
        while try step(limitNanoseconds: limit.wholeNanoseconds) {}
    }

    /// Runs until `condition` holds, which is asked after every step. Returns false when `limit`
    /// since the beginning has passed, or nothing is left to do, before it does.
    public func run(
        limit: Duration, until condition: () -> Bool
    ) throws(WorldFailure) -> Bool {
        while !condition() {
            guard try step(limitNanoseconds: limit.wholeNanoseconds) else { return condition() }
        }
        return true
    }

    /// Runs one step; false when there is none.
    public func step() throws(WorldFailure) -> Bool {
        try step(limitNanoseconds: .max)
    }

    private func step(limitNanoseconds: Int64) throws(WorldFailure) -> Bool {
        requireThread()
        precondition(currentLoop == nil, "a step within a step")
        if let failure { throw failure }
        let nextTime = events.nextTime()
        let isEventDue = nextTime.map { $0 <= elapsedNanoseconds } ?? false
        let choiceCount = ready.count + (isEventDue ? 1 : 0)
        if choiceCount == 0 {
            guard let nextTime, nextTime <= limitNanoseconds else { return false }
            elapsedNanoseconds = nextTime
            stepsThisInstant = 0
            runEvent()
        } else {
            let choice =
                choiceCount == 1 ? 0 : Int(scheduling.next() % UInt64(choiceCount))
            if choice < ready.count { run(ready[choice]) } else { runEvent() }
        }
        stepCount += 1
        stepsThisInstant += 1
        if stepCount >= parameters.stepLimit || stepsThisInstant >= parameters.stepLimitPerInstant {
            end(.stepLimit(steps: stepCount, elapsed: elapsed))
        }
        if let failure { throw failure }
        return true
    }

    private func runEvent() {
        guard let event = events.removeNext(), let action = event.take() else { return }
        record(event.kind, subject: event.subject)
        action()
    }

    private func run(_ loop: SimulatedLoop) {
        currentLoop = loop
        loop.runNext()
        currentLoop = nil
        updateReadiness(of: loop)
    }

    // MARK: For the parts of the world

    func requireThread() {
        precondition(isOnThread, "the simulated world was called from a thread that is not its own")
    }

    func makeRandom(_ label: String) -> SeededRandom {
        SeededRandom(seed: derivedSeed(seed, label))
    }

    func nextLoopIdentifier() -> Int {
        loopCount += 1
        return loopCount
    }

    @discardableResult
    func schedule(
        _ kind: StepKind, subject: Int, afterNanoseconds delay: Int64, isOfProcess: Bool = false,
        _ action: @escaping () -> Void
    ) -> Event {
        let (time, overflow) = elapsedNanoseconds.addingReportingOverflow(max(0, delay))
        return schedule(
            kind, subject: subject, atNanoseconds: overflow ? .max : time, isOfProcess: isOfProcess,
            action)
    }

    @discardableResult
    func schedule(
        _ kind: StepKind, subject: Int, atNanoseconds time: Int64, isOfProcess: Bool = false,
        _ action: @escaping () -> Void
    ) -> Event {
        let event = Event(kind: kind, subject: subject, isOfProcess: isOfProcess, action: action)
        events.insert(event, at: max(time, elapsedNanoseconds))
        return event
    }

    /// Puts the loop among those that the next step chooses from, or takes it out.
    func updateReadiness(of loop: SimulatedLoop) {
        switch (loop.readyIndex, loop.isReady) {
        case (nil, true):
            loop.readyIndex = ready.count
            ready.append(loop)
        case (let index?, false):
            loop.readyIndex = nil
            let last = ready.removeLast()
            if last !== loop {
                ready[index] = last
                last.readyIndex = index
            }
        case (nil, false), (.some, true):
            break
        }
    }

    /// Adds a step, or a fact about one, to the trace.
    func record(_ kind: StepKind, subject: Int, value: Int = 0) {
        trace.mix(UInt64(bitPattern: elapsedNanoseconds))
        trace.mix(UInt64(kind.rawValue) << 56 ^ UInt64(subject) << 40 ^ UInt64(value))
        if parameters.onTraceLine != nil { printLine(kind, "\(subject) \(value)") }
    }

    private func printLine(_ kind: StepKind, _ text: String) {
        parameters.onTraceLine?("\(stepCount) \(elapsedNanoseconds) \(kind) \(text)")
    }

    func end(_ failure: WorldFailure) {
        if self.failure == nil { self.failure = failure }
    }

    /// Drops what is left. Actions of processes are leaked on purpose: they hold continuations of
    /// tasks that will never go on, and which cannot be freed, and the continuation's destruction
    /// would be reported as a misuse.
    func tearDown() {
        for event in events.removeAll() where event.isOfProcess {
            if let action = event.take() { leak(action) }
        }
        fabric.tearDown()
        for process in processes { process.tearDown() }
        processes = []
        ready = []
    }

    func leak(_ action: @escaping () -> Void) {
        _ = Unmanaged.passRetained(LeakedAction(action))
    }
}

private final class LeakedAction {
    private let action: () -> Void

    init(_ action: @escaping () -> Void) {
        self.action = action
    }
}
