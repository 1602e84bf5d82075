// Nothing of it is used here. Of two modules that have a C header, the one that is loaded first
// owns what is in it, and with this import that is the C library, before Dispatch (Swift 6.3.1):
// whoever names `timespec` has to import the one who owns it.
import Synchronization

// How an actor of a loop waits for something without leaving the loop.
//
// A continuation of the standard library that is resumed after its task was suspended goes on in
// Swift's global pool first, and from there back to the actor's executor (Swift 6.3.1): two
// threads' hand-overs, 13 to 40 µs, and an order that no seed decides. Here the task waits in the
// queue of an executor of its own, a gate; whoever resumes it runs it from there, and it returns to
// the loop's queue. That costs well under a microsecond, and nothing leaves the thread.
//
//   closed ── the task comes ──▶ parked ── open ──▶ open, and the task runs
//      └───── open ──▶ open ── the task comes, or asks before ──▶ it goes on

/// The right to resume a suspended task, once. On the loop of the task.
public struct Resumption<Value: Sendable>: Sendable {
    @usableFromInline let gate: ValueGate<Value>

    @inlinable
    init(gate: ValueGate<Value>) {
        self.gate = gate
    }

    /// Lets the task go on with `value`. A second call ends the process.
    @inlinable
    public func resume(returning value: Value) {
        gate.open(with: value)
    }
}

extension Resumption where Value == Void {
    @inlinable
    public func resume() {
        gate.open(with: ())
    }
}

extension NodeLoop {
    /// Suspends the caller, an actor on this loop, until the resumption that `body` is given is
    /// used. From elsewhere it ends the process.
    @inlinable
    public func suspend<Value: Sendable>(
        _ body: (Resumption<Value>) -> Void
    ) async -> Value {
        checkIsolated()
        let gate = ValueGate<Value>()
        body(Resumption(gate: gate))
        if !gate.isOpen { await Passage(gate: gate).pass() }
        return gate.value
    }
}

/// An executor for one job, which waits until the gate is opened.
//
// Proof of `Sendable`: the task comes from its loop's thread, where it was begun, and a resumption
// is used there; nobody else has the gate.
@usableFromInline
class Gate: SerialExecutor, @unchecked Sendable {
    private enum State {
        case closed
        /// The task waits.
        case parked(UnownedJob)
        case open
    }

    private var state = State.closed

    @usableFromInline
    init() {}

    @usableFromInline
    var isOpen: Bool {
        if case .open = state { true } else { false }
    }

    @usableFromInline
    func open() {
        let before = state
        state = .open
        switch before {
        case .closed: break
        case .parked(let job): job.runSynchronously(on: asUnownedSerialExecutor())
        case .open: preconditionFailure("a task was resumed twice")
        }
    }

    @usableFromInline
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        switch state {
        case .closed: state = .parked(job)
        case .open: job.runSynchronously(on: asUnownedSerialExecutor())
        case .parked: preconditionFailure("two tasks wait at one gate")
        }
    }
}

/// A gate with what its task is to go on with.
//
// Proof of `Sendable`: as of `Gate`.
@usableFromInline
final class ValueGate<Value: Sendable>: Gate, @unchecked Sendable {
    @usableFromInline var given: Value?

    @inlinable
    override init() {
        super.init()
    }

    /// The value of an open gate.
    @inlinable
    var value: Value {
        guard let given else { preconditionFailure("a task passed a gate that is not open") }
        return given
    }

    @inlinable
    func open(with value: Value) {
        precondition(!isOpen, "a task was resumed twice")
        given = value
        open()
    }
}

/// Takes a task through a gate: its executor is the gate.
@usableFromInline
actor Passage {
    private nonisolated let gate: Gate
    @usableFromInline
    nonisolated var unownedExecutor: UnownedSerialExecutor { gate.asUnownedSerialExecutor() }

    @usableFromInline
    init(gate: Gate) {
        self.gate = gate
    }

    // Not inlined: the optimizer takes away a hop to an actor whose method does nothing there.
    @inline(never) @usableFromInline
    func pass() {
        precondition(gate.isOpen, "a task passed a gate that is not open")
    }
}
