import DequeModule
public import Environment

/// A thread for blocking work, in the world: each work takes a seeded while, in order, and is done
/// at one instant; its completion follows on the loop. A crash may fall between the two.
//
// Proof of `Sendable`: used on the world's thread only; `submit` checks it.
public final class SimulatedWorker: BlockingWorker, @unchecked Sendable {
    /// Does the work and gives what is to run on the loop with its result.
    private typealias Submission = () -> () -> Void

    private let world: World
    private let process: SimulatedProcess
    private let loop: SimulatedLoop
    private var waiting = Deque<Submission>()
    private var isBusy = false
    private var isAlive = true
    /// Completions come in the order of the work.
    private var lastCompletionNanoseconds: Int64 = 0

    init(incarnation: Incarnation) {
        process = incarnation.process
        world = process.world
        loop = incarnation.loop
    }

    public func submit<Output: Sendable>(
        _ work: @escaping @Sendable () -> Output,
        then completion: @escaping @Sendable (Output) -> Void
    ) {
        world.requireThread()
        let submission: Submission = {
            let output = work()
            return { completion(output) }
        }
        guard isAlive else { return world.leak { _ = submission } }
        waiting.append(submission)
        if !isBusy { takeUp() }
    }

    private func takeUp() {
        guard isAlive, !waiting.isEmpty else { return }
        isBusy = true
        wait(world.parameters.workLatency.draw(&process.random))
    }

    private func wait(_ nanoseconds: Int64) {
        world.schedule(.work, subject: loop.identifier, afterNanoseconds: nanoseconds) { [self] in
            guard isAlive else { return }
            if process.isPaused { return process.onResume { self.wait(0) } }
            let stall = process.remainingWorkerStallNanoseconds
            if stall > 0 { return wait(stall) }
            perform()
        }
    }

    private func perform() {
        guard let submission = waiting.popFirst() else { return }
        let completion = submission()
        isBusy = false
        // The work may have ended the process itself.
        guard isAlive else { return world.leak(completion) }
        let latency = world.parameters.completionLatency.draw(&process.random)
        lastCompletionNanoseconds = max(
            lastCompletionNanoseconds, world.elapsedNanoseconds + latency)
        world.schedule(
            .completion, subject: loop.identifier, atNanoseconds: lastCompletionNanoseconds,
            isOfProcess: true
        ) { [loop] in
            loop.push(.completion, completion)
        }
        takeUp()
    }

    func die() {
        isAlive = false
        for submission in waiting { world.leak { _ = submission } }
        waiting = []
    }
}
