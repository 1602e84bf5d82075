import Environment
package import Primitives
import Synchronization

/// What a loop has done since it started.
public struct LoopCounters: Hashable, Sendable {
    /// Turns: one wait for input, and what it made ready.
    public let turns: UInt64
    /// Times that another thread woke the loop.
    public let wakeups: UInt64
    /// Jobs of actors and tasks that were run.
    public let jobs: UInt64
    /// Posted and end-of-turn actions that were run.
    public let actions: UInt64
    /// Timers that fired.
    public let timers: UInt64
}

/// The counters and the lag of a loop: written by its thread, read by any.
final class LoopStatistics: Sendable {
    private let turns = Atomic<UInt64>(0)
    private let wakeups = Atomic<UInt64>(0)
    private let jobs = Atomic<UInt64>(0)
    private let actions = Atomic<UInt64>(0)
    private let timers = Atomic<UInt64>(0)
    /// When the present turn's work began, on the boot-time clock; 0 while the loop waits.
    private let turnStartNanoseconds = Atomic<Int64>(0)
    private let lag = Mutex(LagMeter())

    var counters: LoopCounters {
        LoopCounters(
            turns: turns.load(ordering: .relaxed), wakeups: wakeups.load(ordering: .relaxed),
            jobs: jobs.load(ordering: .relaxed), actions: actions.load(ordering: .relaxed),
            timers: timers.load(ordering: .relaxed))
    }

    func lagNanoseconds(at now: MonotonicInstant) -> Int64 {
        let start = turnStartNanoseconds.load(ordering: .relaxed)
        let ongoing = start == 0 ? 0 : max(0, now.nanoseconds - start)
        return max(ongoing, lag.withLock { $0.reading(at: now) })
    }

    // Loop thread only: with one writer, a load and a store make an increment.

    /// Something has come out of the wait: from here on, whatever else arrives has to wait for us.
    func workBegan() {
        guard turnStartNanoseconds.load(ordering: .relaxed) == 0 else { return }
        turnStartNanoseconds.store(SystemClock.bootTime().nanoseconds, ordering: .relaxed)
    }

    func turnEnded(at now: MonotonicInstant) {
        let start = turnStartNanoseconds.load(ordering: .relaxed)
        turnStartNanoseconds.store(0, ordering: .relaxed)
        if start != 0 { lag.withLock { $0.record(now.nanoseconds - start, at: now) } }
        add(1, to: turns)
    }

    func timerFired(deadline: MonotonicInstant, at now: MonotonicInstant) {
        lag.withLock { $0.record((now - deadline).wholeNanoseconds, at: now) }
        add(1, to: timers)
    }

    func wasWoken() { add(1, to: wakeups) }
    func jobRan() { add(1, to: jobs) }
    func actionRan() { add(1, to: actions) }

    private func add(_ count: UInt64, to counter: borrowing Atomic<UInt64>) {
        counter.store(counter.load(ordering: .relaxed) &+ count, ordering: .relaxed)
    }
}

/// The greatest lag of this window of time and the one before.
package struct LagMeter {
    /// Long enough for a reader that looks once a second, short enough to forget a past stall.
    package static let windowNanoseconds: Int64 = 1_000_000_000

    private var window: Int64 = 0
    private var present: Int64 = 0
    private var previous: Int64 = 0

    package init() {}

    package mutating func record(_ lagNanoseconds: Int64, at now: MonotonicInstant) {
        advance(to: now)
        present = max(present, lagNanoseconds)
    }

    package mutating func reading(at now: MonotonicInstant) -> Int64 {
        advance(to: now)
        return max(present, previous)
    }

    private mutating func advance(to now: MonotonicInstant) {
        let reached = now.nanoseconds / Self.windowNanoseconds
        guard reached > window else { return }
        previous = reached == window + 1 ? present : 0
        present = 0
        window = reached
    }
}
