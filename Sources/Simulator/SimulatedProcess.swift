public import Environment
import Primitives

/// How a process comes to its end.
public enum CrashKind: Hashable, Sendable {
    /// The process dies and its machine stays: what was written stays in the page cache, and peers
    /// are told by the system.
    case kill
    /// The machine loses its power: unsynced writes are in doubt, and peers may hear nothing.
    case powerLoss
}

/// A program on a machine of its own. The machine's disk and clocks outlive the program, which
/// lives in one incarnation after another.
//
// Proof of `Sendable`: used on the world's thread only; what mutates checks it.
public final class SimulatedProcess: CustomStringConvertible, @unchecked Sendable {
    private enum State {
        case neverStarted
        case running(Incarnation)
        /// Dead, on a machine that still answers for it.
        case killed
        /// The machine is off.
        case withoutPower
    }

    public let name: String
    public let world: World
    public let disk: SimulatedDisk
    /// What incarnations said when they halted, oldest first.
    public private(set) var haltReasons: [String] = []
    public private(set) var crashCount = 0
    public private(set) var isPaused = false
    let identifier: Int
    var clock: SimulatedClock
    private var state = State.neverStarted
    private var boot: ((Incarnation) -> Void)?
    private var incarnationCount = 0
    private var pauseCount = 0
    private var workersStallUntilNanoseconds: Int64 = 0
    private var actionsOnResume: [() -> Void] = []
    var random: SeededRandom

    init(world: World, name: String, identifier: Int) {
        self.world = world
        self.name = name
        self.identifier = identifier
        random = world.makeRandom("process \(name)")
        clock = SimulatedClock(parameters: world.parameters, random: &random)
        disk = SimulatedDisk(random: world.makeRandom("disk \(name)"))
    }

    public var description: String { name }

    /// The incarnation that runs now, if one does.
    public var incarnation: Incarnation? {
        if case .running(let incarnation) = state { return incarnation }
        return nil
    }

    var isMachineUp: Bool {
        switch state {
        case .running, .killed, .neverStarted: return true
        case .withoutPower: return false
        }
    }

    /// Starts the process: `boot` runs on the loop of the first incarnation, and again on that of
    /// every later one. It makes the program out of what the incarnation offers.
    public func start(_ boot: @escaping (Incarnation) -> Void) {
        world.requireThread()
        precondition(incarnation == nil, "\(name) is running")
        self.boot = boot
        startIncarnation()
    }

    /// Starts a new incarnation on the same disk, ending a running one by `crash` first.
    public func restart(_ crash: CrashKind = .powerLoss) {
        world.requireThread()
        if incarnation != nil { self.crash(crash) }
        startIncarnation()
    }

    /// Ends the process where it stands. Nothing that it had queued or awaited ever happens.
    public func crash(_ kind: CrashKind = .powerLoss) {
        world.requireThread()
        guard let incarnation else {
            if kind == .powerLoss, isMachineUp {
                state = .withoutPower
                disk.losePower()
            }
            return
        }
        state = kind == .kill ? .killed : .withoutPower
        crashCount += 1
        world.record(.process, subject: identifier, value: kind == .kill ? 1 : 2)
        incarnation.die(kind)
        if kind == .powerLoss { disk.losePower() }
        resume()
    }

    /// Stops the program for `duration`, as a stopped or starved process: its system goes on taking
    /// bytes, its timers come late.
    public func pause(for duration: Duration) {
        world.requireThread()
        guard let incarnation, duration > .zero else { return }
        isPaused = true
        pauseCount += 1
        world.updateReadiness(of: incarnation.loop)
        let pause = pauseCount
        world.schedule(
            .process, subject: identifier, afterNanoseconds: duration.wholeNanoseconds
        ) { [self] in
            if isPaused, pauseCount == pause { resume() }
        }
    }

    /// Ends a pause.
    public func resume() {
        world.requireThread()
        guard isPaused else { return }
        isPaused = false
        if let incarnation { world.updateReadiness(of: incarnation.loop) }
        let actions = actionsOnResume
        actionsOnResume = []
        for action in actions { action() }
    }

    /// Work that workers take up or finish in the next `duration` ends only afterwards: a disk that
    /// does not answer.
    public func stallWorkers(for duration: Duration) {
        world.requireThread()
        let until = world.elapsedNanoseconds + duration.wholeNanoseconds
        workersStallUntilNanoseconds = max(workersStallUntilNanoseconds, until)
    }

    /// Sets the machine's wall clock forward, or back when negative.
    public func jumpWallClock(by duration: Duration) {
        world.requireThread()
        clock.wallOffsetMilliseconds += duration.wholeMilliseconds
    }

    // MARK: For the parts of the world

    var remainingWorkerStallNanoseconds: Int64 {
        max(0, workersStallUntilNanoseconds - world.elapsedNanoseconds)
    }

    func onResume(_ action: @escaping () -> Void) {
        actionsOnResume.append(action)
    }

    func halted(_ reason: String) {
        haltReasons.append(reason)
        world.note("\(name) halts: \(reason)")
        crash(.kill)
    }

    func tearDown() {
        incarnation?.die(.powerLoss)
        state = .withoutPower
        boot = nil
        actionsOnResume = []
        disk.erase()
    }

    private func startIncarnation() {
        guard let boot else { preconditionFailure("\(name) was never started") }
        precondition(incarnation == nil, "\(name) is running")
        incarnationCount += 1
        let incarnation = Incarnation(process: self, number: incarnationCount)
        state = .running(incarnation)
        incarnation.loop.push(.process) { boot(incarnation) }
    }
}

/// One life of a process, and what the world offers it.
//
// Proof of `Sendable`: used on the world's thread only, as its process is.
public final class Incarnation: @unchecked Sendable {
    public let process: SimulatedProcess
    /// 1 for the first.
    public let number: Int
    public let loop: SimulatedLoop
    public let random: SimulatedRandom
    public private(set) lazy var network = SimulatedNetwork(incarnation: self)
    public private(set) lazy var files = SimulatedFileSystem(incarnation: self)
    public private(set) lazy var halt: any NodeHalt = SimulatedHalt(incarnation: self)
    private(set) var isAlive = true
    private var workers: [SimulatedWorker] = []

    init(process: SimulatedProcess, number: Int) {
        self.process = process
        self.number = number
        loop = SimulatedLoop(process: process, incarnation: number)
        random = SimulatedRandom(
            process.world.makeRandom("random \(process.name) \(number)"))
    }

    /// A new worker of this process.
    public func makeWorker() -> SimulatedWorker {
        let worker = SimulatedWorker(incarnation: self)
        workers.append(worker)
        return worker
    }

    func die(_ kind: CrashKind) {
        guard isAlive else { return }
        isAlive = false
        loop.die()
        for worker in workers { worker.die() }
        workers = []
        network.die(kind)
    }
}

private struct SimulatedHalt: NodeHalt {
    let incarnation: Incarnation

    func halt(_ reason: String) {
        if incarnation.isAlive { incarnation.process.halted(reason) }
    }
}
