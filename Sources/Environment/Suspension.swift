import Synchronization

// How an actor of a loop waits for something without leaving the loop.
//
// A continuation of the standard library that is resumed after its task was suspended goes on in
// Swift's global pool first, and from there back to the actor's executor (Swift 6.3.1): two
// threads' hand-overs, 13 to 40 µs, and an order that no seed decides. Here the task waits in the
// queue of an executor of its own, a gate; whoever resumes it runs it from there, and it returns to
// the loop's queue. That costs well under a microsecond, and nothing leaves the thread.

/// The right to resume a suspended task, once. From the loop of the task.
public struct Resumption<Value: Sendable>: Sendable {
    fileprivate let gate: Gate<Value>

    /// Lets the task go on with `value`. A second call ends the process.
    public func resume(returning value: Value) {
        gate.open(with: value)
    }
}

extension Resumption where Value == Void {
    public func resume() {
        gate.open(with: ())
    }
}

extension NodeLoop {
    /// Suspends the caller, an actor on this loop, until the resumption that `body` is given is
    /// used.
    public func suspend<Value: Sendable>(
        _ body: (Resumption<Value>) -> Void
    ) async -> Value {
        let gate = Gate<Value>()
        body(Resumption(gate: gate))
        if let value = gate.earlyValue { return value }
        return await Passage(gate: gate).pass()
    }
}

/// An executor for one job, which waits until the gate is opened.
private final class Gate<Value: Sendable>: SerialExecutor {
    private enum State {
        case closed
        /// The task waits.
        case parked(UnownedJob)
        case open(Value)
    }

    private let state = Mutex(State.closed)

    /// The value, if the gate was opened before the task came to wait.
    var earlyValue: Value? {
        state.withLock { if case .open(let value) = $0 { value } else { nil } }
    }

    /// The value of an open gate.
    var value: Value {
        state.withLock { state in
            guard case .open(let value) = state else {
                preconditionFailure("a task passed a gate that is not open")
            }
            return value
        }
    }

    func open(with value: Value) {
        let parked = state.withLock { state -> UnownedJob? in
            defer { state = .open(value) }
            switch state {
            case .closed: return nil
            case .parked(let job): return job
            case .open: preconditionFailure("a task was resumed twice")
            }
        }
        parked?.runSynchronously(on: asUnownedSerialExecutor())
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let runsAtOnce = state.withLock { state -> Bool in
            switch state {
            case .closed:
                state = .parked(job)
                return false
            case .open:
                return true
            case .parked:
                preconditionFailure("two tasks wait at one gate")
            }
        }
        if runsAtOnce { job.runSynchronously(on: asUnownedSerialExecutor()) }
    }
}

/// Takes a task through a gate: its executor is the gate.
private actor Passage<Value: Sendable> {
    private nonisolated let gate: Gate<Value>
    nonisolated var unownedExecutor: UnownedSerialExecutor { gate.asUnownedSerialExecutor() }

    init(gate: Gate<Value>) {
        self.gate = gate
    }

    // Not inlined: the optimizer takes away a hop to an actor whose method does nothing there.
    @inline(never)
    func pass() -> Value { gate.value }
}
