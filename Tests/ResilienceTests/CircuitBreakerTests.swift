import Primitives
import Resilience
import Testing

private struct Rejected: Error {}

/// A breaker with a clock in milliseconds and the latest chance: every open time is its longest.
private struct Bench {
    var breaker: CircuitBreaker
    var milliseconds: Int64 = 0

    init(_ policy: BreakerPolicy) {
        breaker = CircuitBreaker(policy: policy, at: MonotonicInstant(nanoseconds: 0))
    }

    var now: MonotonicInstant { MonotonicInstant(nanoseconds: milliseconds * 1_000_000) }

    mutating func pass(_ duration: Int64) { milliseconds += duration }

    /// The token of an admitted call; nil when it was rejected.
    mutating func admit() -> CircuitBreaker.Token? {
        switch breaker.admit(at: now) {
        case .allowed(let token): token
        case .rejected: nil
        }
    }

    /// The token of a call that has to be admitted.
    mutating func take() throws -> CircuitBreaker.Token {
        guard let token = admit() else { throw Rejected() }
        return token
    }

    mutating func retryAfter() -> Duration? {
        switch breaker.admit(at: now) {
        case .allowed: nil
        case .rejected(let duration): duration
        }
    }

    @discardableResult
    mutating func record(
        _ token: CircuitBreaker.Token, _ outcome: CallOutcome
    ) -> [CircuitBreaker.Transition] {
        breaker.record(token, outcome, at: now, chance: .max)
    }

    /// Calls with these outcomes, and the causes of the transitions they led to.
    @discardableResult
    mutating func call(_ outcomes: CallOutcome...) -> [CircuitBreaker.Cause] {
        outcomes.flatMap { outcome in
            guard let token = admit() else { return [CircuitBreaker.Cause]() }
            return record(token, outcome).map(\.cause)
        }
    }
}

private func policy(
    window: Int = 4, min: Int = 4, failure: Int = 50, unknown: Int = 50, consecutive: Int = 100
) throws -> BreakerPolicy {
    try BreakerPolicy(
        windowCount: window, callCountMin: min, failurePercent: failure, unknownPercent: unknown,
        consecutiveFailureCount: consecutive, openDurationMin: .seconds(1),
        openDurationMax: .seconds(4), decayInterval: .seconds(10), probeCountMax: 2,
        probeSuccessCount: 2, probeLifetime: .seconds(5))
}

@Suite("A circuit breaker")
struct CircuitBreakerTests {
    @Test("stays closed below its thresholds, and business declines are successes")
    func closed() throws {
        var bench = Bench(try policy())
        for _ in 0..<20 { #expect(bench.call(.success, .success, .success, .failure) == []) }
        #expect(bench.breaker.stateName == .closed)
        #expect(bench.admit()?.isProbe == false)
    }

    @Test("opens at the failure rate, but not before it has seen enough calls")
    func failureRate() throws {
        var bench = Bench(try policy())
        #expect(bench.call(.failure, .failure, .success) == [])
        #expect(bench.call(.failure) == [.failureRate(percent: 75)])
        #expect(bench.breaker.stateName == .open)
        #expect(bench.retryAfter() == .seconds(1))
        bench.pass(999)
        #expect(bench.retryAfter() == .milliseconds(1))
    }

    @Test("forgets what has left the window")
    func slidingWindow() throws {
        var bench = Bench(try policy())
        bench.call(.failure, .success, .success, .success)
        // The failure has left when the next one comes: one of four, never two.
        for _ in 0..<10 { #expect(bench.call(.failure, .success, .success, .success) == []) }
        #expect(bench.call(.failure, .failure) == [.failureRate(percent: 50)])
    }

    @Test("unknown outcomes count as failures, and have a lower threshold of their own")
    func unknown() throws {
        var mixed = Bench(try policy(unknown: 100))
        #expect(
            mixed.call(.success, .success, .failure, .unknown) == [.failureRate(percent: 50)])
        var own = Bench(try policy(failure: 100, unknown: 25))
        #expect(
            own.call(.success, .success, .success, .unknown) == [.unknownRate(percent: 25)])
        var failures = Bench(try policy(failure: 100, unknown: 25))
        #expect(failures.call(.success, .success, .success, .failure) == [])
    }

    @Test("opens after failures in a row, whatever the window says")
    func consecutive() throws {
        var bench = Bench(try policy(window: 100, min: 100, consecutive: 3))
        #expect(bench.call(.failure, .unknown, .success, .failure, .failure) == [])
        #expect(bench.call(.unknown) == [.consecutiveFailures(count: 3)])
    }

    @Test("tries again with a few probes after the open time, and closes when enough succeed")
    func recovery() throws {
        var bench = Bench(try policy(min: 1))
        bench.call(.failure)
        bench.pass(1000)
        let first = try bench.take()
        #expect(first.isProbe)
        #expect(
            first.transition
                == CircuitBreaker.Transition(
                    from: .open, to: .halfOpen, cause: .openTimeOver, at: bench.now))
        bench.pass(10)
        let second = try bench.take()
        #expect(second.isProbe && second.transition == nil)
        #expect(bench.retryAfter() == .milliseconds(4990))
        #expect(bench.record(first, .success) == [])
        #expect(bench.record(first, .success) == [], "a token counts once")
        #expect(bench.breaker.stateName == .halfOpen)
        #expect(
            bench.record(second, .success) == [
                CircuitBreaker.Transition(
                    from: .halfOpen, to: .closed, cause: .probesSucceeded, at: bench.now)
            ])
        #expect(bench.admit()?.isProbe == false)
    }

    @Test("opens again for longer when a probe fails, up to the cap")
    func reopening() throws {
        for outcome in [CallOutcome.failure, .unknown] {
            var bench = Bench(try policy(min: 1))
            bench.call(.failure)
            for expected in [2, 4, 4, 4] {
                bench.pass(4000)
                #expect(bench.call(outcome) == [.probeFailed(outcome)])
                #expect(bench.retryAfter() == .seconds(expected))
            }
        }
    }

    @Test("a probe without an outcome loses its place, and its late outcome counts for nothing")
    func lostProbe() throws {
        var bench = Bench(try policy(min: 1))
        bench.call(.failure)
        bench.pass(1000)
        let lost = [try bench.take(), try bench.take()]
        #expect(bench.admit() == nil)
        bench.pass(5000)
        let fresh = try bench.take()
        for token in lost { #expect(bench.record(token, .failure) == []) }
        #expect(bench.breaker.stateName == .halfOpen)
        bench.record(fresh, .success)
        #expect(bench.call(.success) == [.probesSucceeded])
    }

    @Test("outcomes of calls from before a transition are ignored")
    func staleOutcomes() throws {
        var bench = Bench(try policy(min: 1))
        let early = [try bench.take(), try bench.take()]
        bench.call(.failure)
        #expect(bench.record(early[0], .success) == [])
        #expect(bench.breaker.stateName == .open)
        bench.pass(1000)
        _ = bench.admit()
        #expect(bench.record(early[1], .failure) == [])
        #expect(bench.breaker.stateName == .halfOpen)
    }

    @Test("the open time shrinks again with the length of the recovery")
    func decay() throws {
        func openTime(afterRecovery milliseconds: Int64) throws -> Duration? {
            var bench = Bench(try policy(min: 1))
            bench.call(.failure)
            for _ in 0..<2 {
                bench.pass(4000)
                bench.call(.failure)
            }
            #expect(bench.breaker.openingCount == 3)
            bench.pass(4000)
            #expect(bench.call(.success, .success) == [.probesSucceeded])
            bench.pass(milliseconds)
            bench.call(.failure)
            return bench.retryAfter()
        }
        #expect(try openTime(afterRecovery: 0) == .seconds(4))
        #expect(try openTime(afterRecovery: 19_999) == .seconds(4))
        #expect(try openTime(afterRecovery: 20_000) == .seconds(2))
        #expect(try openTime(afterRecovery: 30_000) == .seconds(1))
        #expect(try openTime(afterRecovery: 1_000_000) == .seconds(1))
    }

    @Test("a person can hold it open or closed, and let it go")
    func forced() throws {
        var bench = Bench(try policy(min: 1))
        let early = try bench.take()
        #expect(bench.breaker.force(.open, at: bench.now).map(\.to) == [.forcedOpen])
        #expect(bench.breaker.force(.open, at: bench.now) == [])
        #expect(bench.retryAfter() == .seconds(4))
        bench.pass(1_000_000)
        #expect(bench.admit() == nil)
        #expect(bench.record(early, .failure) == [])
        #expect(bench.breaker.force(.closed, at: bench.now).map(\.from) == [.forcedOpen])
        for _ in 0..<50 { #expect(bench.call(.failure, .unknown) == []) }
        let late = try bench.take()
        #expect(
            bench.breaker.release(at: bench.now) == [
                CircuitBreaker.Transition(
                    from: .forcedClosed, to: .closed, cause: .ordered, at: bench.now)
            ])
        #expect(bench.breaker.release(at: bench.now) == [])
        #expect(bench.record(late, .failure) == [])
        #expect(bench.call(.failure) == [.failureRate(percent: 100)])
        #expect(bench.breaker.openingCount == 1)
    }

    @Test("a policy that makes no sense is refused by the name of its fault")
    func policies() throws {
        #expect(throws: BreakerPolicy.Fault.windowCount) { try BreakerPolicy(windowCount: 0) }
        #expect(throws: BreakerPolicy.Fault.windowCount) { try BreakerPolicy(windowCount: 1025) }
        #expect(throws: BreakerPolicy.Fault.callCountMin) {
            try BreakerPolicy(windowCount: 4, callCountMin: 5)
        }
        #expect(throws: BreakerPolicy.Fault.failurePercent) {
            try BreakerPolicy(failurePercent: 101)
        }
        #expect(throws: BreakerPolicy.Fault.unknownPercent) {
            try BreakerPolicy(unknownPercent: 0)
        }
        #expect(throws: BreakerPolicy.Fault.consecutiveFailureCount) {
            try BreakerPolicy(consecutiveFailureCount: 0)
        }
        #expect(throws: BreakerPolicy.Fault.openDuration) {
            try BreakerPolicy(openDurationMin: .seconds(2), openDurationMax: .seconds(1))
        }
        #expect(throws: BreakerPolicy.Fault.decayInterval) {
            try BreakerPolicy(decayInterval: .zero)
        }
        #expect(throws: BreakerPolicy.Fault.probeCountMax) {
            try BreakerPolicy(probeCountMax: 0)
        }
        #expect(throws: BreakerPolicy.Fault.probeSuccessCount) {
            try BreakerPolicy(probeSuccessCount: 65)
        }
        #expect(throws: BreakerPolicy.Fault.probeLifetime) {
            try BreakerPolicy(probeLifetime: .seconds(-1))
        }
        #expect(throws: Never.self) { try BreakerPolicy() }
    }

    @Test("open times lie in the upper half of their bound, and never wrap")
    func openTimes() throws {
        let policy = try policy()
        for count in [0, 1, 2, 3, 32, 64, 1000, Int.max] {
            let bound = [1, 2, 4][min(count, 2)]
            #expect(
                policy.openDuration(openingCount: count, chance: 0)
                    == .milliseconds(bound * 500))
            #expect(policy.openDuration(openingCount: count, chance: .max) == .seconds(bound))
        }
    }
}
