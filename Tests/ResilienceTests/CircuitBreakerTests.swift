import Primitives
import Resilience
import Testing

private struct Rejected: Error {}

/// A breaker with a clock in milliseconds and the latest chance: every open time is its longest.
private struct Bench {
    var breaker: CircuitBreaker
    var milliseconds: Int64 = 0

    init(_ policy: BreakerPolicy) {
        breaker = CircuitBreaker(policy: policy, at: MonotonicInstant(milliseconds: 0))
    }

    var now: MonotonicInstant { MonotonicInstant(milliseconds: milliseconds) }

    mutating func pass(_ duration: Int64) { milliseconds += duration }

    /// The token of an admitted call; nil when it was rejected.
    mutating func admit(chance: UInt64 = 0) -> CircuitBreaker.Token? {
        switch breaker.admit(at: now, chance: chance).admission {
        case .allowed(let token): token
        case .rejected: nil
        }
    }

    /// The token of a call that has to be admitted.
    mutating func take() throws -> CircuitBreaker.Token {
        guard let token = admit() else { throw Rejected() }
        return token
    }

    mutating func rejection(chance: UInt64 = 0) -> CircuitBreaker.Rejection? {
        switch breaker.admit(at: now, chance: chance).admission {
        case .allowed: nil
        case .rejected(let reason): reason
        }
    }

    mutating func retryAfter() -> Duration? { rejection()?.retryAfter }

    @discardableResult
    mutating func record(
        _ token: CircuitBreaker.Token, _ outcome: CallOutcome
    ) -> CircuitBreaker.Transition? {
        breaker.record(token, outcome, at: now, chance: .max)
    }

    /// Calls with these outcomes, and the causes of the transitions they led to.
    @discardableResult
    mutating func call(_ outcomes: CallOutcome...) -> [CircuitBreaker.Cause] {
        outcomes.compactMap { outcome in
            admit().flatMap { record($0, outcome) }.map(\.cause)
        }
    }

    /// A call that takes so long.
    @discardableResult
    mutating func call(
        _ outcome: CallOutcome, taking duration: Int64
    ) throws -> CircuitBreaker.Cause? {
        let token = try take()
        pass(duration)
        return record(token, outcome)?.cause
    }
}

private func policy(
    window: BreakerWindow = .calls(4), min: Int = 4, failure: Int = 50, unknown: Int = 50,
    consecutive: Int = 100, slow: Int = 100, places: BreakerPolicy.ProbePlaces = .node,
    halfOpenMax: Duration = .seconds(3600), slowStart: BreakerPolicy.SlowStart? = nil
) throws -> BreakerPolicy {
    try BreakerPolicy(
        window: window, callCountMin: min, failurePercent: failure, unknownPercent: unknown,
        consecutiveFailureCount: consecutive, slowCallDuration: .seconds(2), slowPercent: slow,
        openDurationMin: .seconds(1),
        openDurationMax: .seconds(4), decayInterval: .seconds(10), probeCountMax: 2,
        probeSuccessCount: 2, probeLifetime: .seconds(5), probePlaces: places,
        halfOpenDurationMax: halfOpenMax, slowStart: slowStart)
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
        #expect(bench.call(.failure) == [.tripped(.failureRate(percent: 75))])
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
        #expect(bench.call(.failure, .failure) == [.tripped(.failureRate(percent: 50))])
    }

    @Test("unknown outcomes count as failures, and have a lower threshold of their own")
    func unknown() throws {
        var mixed = Bench(try policy(unknown: 100))
        #expect(
            mixed.call(.success, .success, .failure, .unknown) == [
                .tripped(.failureRate(percent: 50))
            ])
        var own = Bench(try policy(failure: 100, unknown: 25))
        #expect(
            own.call(.success, .success, .success, .unknown) == [
                .tripped(.unknownRate(percent: 25))
            ])
        var failures = Bench(try policy(failure: 100, unknown: 25))
        #expect(failures.call(.success, .success, .success, .failure) == [])
    }

    @Test("opens after failures in a row, whatever the window says")
    func consecutive() throws {
        var bench = Bench(try policy(window: .calls(100), min: 100, consecutive: 3))
        #expect(bench.call(.failure, .unknown, .success, .failure, .failure) == [])
        #expect(bench.call(.unknown) == [.tripped(.consecutiveFailures(count: 3))])
    }

    @Test("tries again with a few probes after the open time, and closes when enough succeed")
    func recovery() throws {
        var bench = Bench(try policy(min: 1))
        bench.call(.failure)
        bench.pass(1000)
        let (admission, transition) = bench.breaker.admit(at: bench.now, chance: 0)
        guard case .allowed(let first) = admission else { throw Rejected() }
        #expect(first.isProbe)
        #expect(
            transition
                == CircuitBreaker.Transition(
                    from: .open, to: .halfOpen, cause: .openTimeOver, at: bench.now))
        bench.pass(10)
        let second = try bench.take()
        #expect(second.isProbe)
        #expect(bench.retryAfter() == .milliseconds(4990))
        #expect(bench.record(first, .success) == nil)
        #expect(bench.record(first, .success) == nil, "a token counts once")
        #expect(bench.breaker.stateName == .halfOpen)
        #expect(
            bench.record(second, .success)
                == CircuitBreaker.Transition(
                    from: .halfOpen, to: .closed, cause: .probesSucceeded, at: bench.now))
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
        for token in lost { #expect(bench.record(token, .failure) == nil) }
        #expect(bench.breaker.stateName == .halfOpen)
        bench.record(fresh, .success)
        #expect(bench.call(.success) == [.probesSucceeded])
    }

    @Test("outcomes of calls from before a transition are ignored")
    func staleOutcomes() throws {
        var bench = Bench(try policy(min: 1))
        let early = [try bench.take(), try bench.take()]
        bench.call(.failure)
        #expect(bench.record(early[0], .success) == nil)
        #expect(bench.breaker.stateName == .open)
        bench.pass(1000)
        _ = bench.admit()
        #expect(bench.record(early[1], .failure) == nil)
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

    @Test("opens at the rate of slow calls, whatever their outcome")
    func slowCalls() throws {
        var bench = Bench(try policy(unknown: 100, slow: 50))
        #expect(try bench.call(.success, taking: 1999) == nil)
        #expect(try bench.call(.success, taking: 2000) == nil)
        #expect(try bench.call(.success, taking: 0) == nil)
        #expect(try bench.call(.failure, taking: 2500) == .tripped(.slowRate(percent: 50)))
        bench.pass(1000)
        #expect(try bench.call(.success, taking: 2000) == .probeSlow(.seconds(2)))
        #expect(bench.breaker.stateName == .open)
    }

    @Test("a window of time forgets by buckets, and keeps a run of failures")
    func timeWindow() throws {
        var bench = Bench(
            try policy(
                window: .time(bucketCount: 4, bucketWidth: .milliseconds(100)), min: 4,
                consecutive: 5))
        #expect(bench.call(.failure, .failure, .success) == [])
        bench.pass(399)
        #expect(bench.call(.success, .failure) == [.tripped(.failureRate(percent: 50))])
        bench = Bench(bench.breaker.policy)
        #expect(bench.call(.failure, .failure, .failure) == [])
        bench.pass(400)
        #expect(bench.call(.failure) == [], "three have left, and one is not enough")
        bench.pass(10_000)
        #expect(bench.call(.failure) == [.tripped(.consecutiveFailures(count: 5))])
    }

    @Test("moves by time alone when it is told of it, at the instant that it names")
    func automatic() throws {
        var bench = Bench(try policy(min: 1, halfOpenMax: .seconds(8)))
        #expect(bench.breaker.nextInstant == nil)
        bench.call(.failure)
        #expect(bench.breaker.nextInstant == MonotonicInstant(milliseconds: 1000))
        bench.pass(999)
        #expect(bench.breaker.advance(to: bench.now, chance: 0) == nil)
        #expect(!bench.breaker.mayAdmit(at: bench.now))
        bench.pass(1)
        #expect(bench.breaker.mayAdmit(at: bench.now))
        #expect(bench.breaker.stateName == .open, "looking changes nothing")
        #expect(bench.breaker.advance(to: bench.now, chance: 0)?.to == .halfOpen)
        // Its silence is not held against a link: the time begins with the first probe made.
        #expect(bench.breaker.nextInstant == nil)
        bench.breaker.cancel(try bench.take(), at: bench.now)
        #expect(bench.breaker.nextInstant == nil)
        bench.pass(100_000)
        bench.call(.success)
        bench.pass(8000)
        let transition = bench.breaker.advance(to: bench.now, chance: .max)
        #expect(transition?.cause == .halfOpenTimeOver)
        #expect(bench.retryAfter() == .seconds(2), "an opening like any other")
    }

    @Test("probes of an earlier stretch keep their places while they are on the link")
    func probesOutliveTheirStretch() throws {
        var bench = Bench(try policy(min: 1))
        bench.call(.failure)
        bench.pass(1000)
        let slow = try bench.take()
        #expect(bench.call(.failure) == [.probeFailed(.failure)])
        bench.pass(2000)
        let fresh = try bench.take()
        #expect(bench.breaker.probeCount(at: bench.now) == 2)
        #expect(bench.rejection() == .probesUnderWay(retryAfter: .seconds(3)))
        #expect(bench.record(slow, .failure) == nil, "its stretch is over")
        #expect(bench.breaker.stateName == .halfOpen)
        let third = try bench.take()
        bench.record(fresh, .success)
        #expect(bench.record(third, .success)?.to == .closed)
    }

    @Test("uses the cluster's places only, within the lease, and gives them back")
    func leasedProbes() throws {
        var bench = Bench(try policy(min: 1, places: .cluster))
        #expect(bench.breaker.leaseWanted(at: bench.now) == 0)
        bench.call(.failure)
        bench.pass(1000)
        #expect(bench.rejection() == .probeLeaseNeeded)
        #expect(bench.breaker.leaseWanted(at: bench.now) == 2)
        let grant = ProbeTable.Grant(
            placeCount: 1, lifetime: .seconds(9), number: .init(term: 1, count: 4))
        bench.breaker.accept(ProbeLease(grant, askedAt: bench.now))
        #expect(bench.breaker.leaseWanted(at: bench.now) == 0)
        let probe = try bench.take()
        #expect(bench.rejection() == .probesUnderWay(retryAfter: .seconds(5)))
        bench.record(probe, .success)
        #expect(bench.breaker.giveBackLease(at: bench.now) == nil, "still of use")
        // A probe of 5 s has no room in what is left.
        bench.pass(4001)
        #expect(bench.rejection() == .probeLeaseNeeded)
        let next = ProbeTable.Grant(
            placeCount: 2, lifetime: .seconds(9), number: .init(term: 1, count: 5))
        bench.breaker.accept(ProbeLease(next, askedAt: bench.now))
        #expect(bench.call(.failure) == [.probeFailed(.failure)])
        #expect(bench.breaker.giveBackLease(at: bench.now) == next.number)
        #expect(bench.breaker.giveBackLease(at: bench.now) == nil)
        bench.pass(2000)
        bench.breaker.accept(ProbeLease(next, askedAt: bench.now))
        #expect(bench.rejection() == .probeLeaseNeeded, "its grant came twice")
    }

    @Test("a link that has recovered gets its calls back in a growing share")
    func slowStart() throws {
        let start = BreakerPolicy.SlowStart(duration: .seconds(10), percentMin: 20)
        var bench = Bench(try policy(min: 1, slowStart: start))
        #expect(bench.breaker.share(at: bench.now) == 1000, "nothing to recover from")
        bench.call(.failure)
        #expect(bench.breaker.share(at: bench.now) == 0)
        bench.pass(1000)
        #expect(bench.call(.success, .success) == [.probesSucceeded])
        for (milliseconds, share): (Int64, Int) in [(0, 200), (5000, 600), (4999, 999), (1, 1000)] {
            bench.pass(milliseconds)
            #expect(bench.breaker.share(at: bench.now) == share)
            #expect((bench.rejection(chance: .max) == .slowStart) == (share < 1000))
            #expect(bench.admit(chance: UInt64.max / 1000 * UInt64(share - 1)) != nil)
        }
        bench.call(.failure)
        #expect(bench.breaker.stateName == .open)
    }

    @Test("lets a call through in spite of itself when it is overruled, and learns nothing of it")
    func overruled() throws {
        var bench = Bench(try policy(min: 1))
        #expect(bench.breaker.overrule(at: bench.now) == nil)
        bench.call(.failure)
        let overruled = bench.breaker.overrule(at: bench.now)
        let token = try #require(overruled)
        #expect(!token.isProbe)
        #expect(bench.record(token, .failure) == nil)
        #expect(bench.breaker.openingCount == 1)
        _ = bench.breaker.hold(.init(.open, by: day), at: bench.now)
        #expect(bench.breaker.overrule(at: bench.now) == nil)
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
