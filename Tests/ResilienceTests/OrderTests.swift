import Primitives
import Resilience
import Testing

@Suite("A breaker under orders")
struct OrderTests {
    private typealias Order = CircuitBreaker.Order

    private func instant(_ milliseconds: Int64) -> MonotonicInstant {
        MonotonicInstant(milliseconds: milliseconds)
    }

    /// Opens at the first failure.
    private func breaker() throws -> CircuitBreaker {
        CircuitBreaker(
            policy: try BreakerPolicy(
                window: .calls(4), callCountMin: 1, openDurationMin: .seconds(1),
                openDurationMax: .seconds(4), slowStart: .init(duration: .seconds(10))),
            at: instant(0))
    }

    private func call(
        _ breaker: inout CircuitBreaker, _ outcome: CallOutcome, at now: MonotonicInstant
    ) -> CircuitBreaker.Transition? {
        switch breaker.admit(at: now, chance: 0).admission {
        case .allowed(let token): breaker.record(token, outcome, at: now, chance: .max)
        case .rejected: nil
        }
    }

    @Test("held open admits nothing until the order ends, and then begins slowly")
    func heldOpen() throws {
        var breaker = try breaker()
        let order = Order(.open, by: night, until: instant(60_000))
        #expect(
            breaker.hold(order, at: instant(10))
                == .init(from: .closed, to: .forcedOpen, cause: .ordered(order), at: instant(10)))
        #expect(
            breaker.admit(at: instant(59_999), chance: 0).admission
                == .rejected(.forcedOpen(retryAfter: .milliseconds(1))))
        #expect(breaker.nextInstant == instant(60_000))
        #expect(
            breaker.advance(to: instant(60_000), chance: 0)
                == .init(
                    from: .forcedOpen, to: .closed, cause: .orderExpired(order),
                    at: instant(60_000)))
        #expect(breaker.share(at: instant(60_000)) == 100)
    }

    @Test("without an end it holds until it is released, and each order is a fact of its own")
    func released() throws {
        var breaker = try breaker()
        let (first, second) = (Order(.open, by: night), Order(.open, by: day))
        _ = breaker.hold(first, at: instant(1))
        #expect(
            breaker.hold(second, at: instant(2))
                == .init(
                    from: .forcedOpen, to: .forcedOpen, cause: .ordered(second), at: instant(2)))
        #expect(
            breaker.admit(at: instant(1_000_000_000), chance: 0).admission
                == .rejected(.forcedOpen(retryAfter: nil)))
        #expect(
            breaker.release(by: night, at: instant(3))?.cause == .released(second, by: night))
        #expect(breaker.release(by: night, at: instant(3)) == nil)
        #expect(breaker.stateName == .closed)
    }

    @Test(
        "held closed or disabled it admits all and counts nothing",
        arguments: [CircuitBreaker.Mode.closed, .disabled])
    func admitsAll(mode: CircuitBreaker.Mode) throws {
        var breaker = try breaker()
        _ = call(&breaker, .failure, at: instant(0))
        #expect(breaker.stateName == .open)
        _ = breaker.hold(Order(mode, by: day), at: instant(0))
        for _ in 0..<50 { #expect(call(&breaker, .unknown, at: instant(1)) == nil) }
        guard case .allowed(let early) = breaker.admit(at: instant(1), chance: .max).admission
        else { throw Mismatch(seed: 0, event: 0, what: "rejected") }
        _ = breaker.release(by: day, at: instant(2))
        #expect(breaker.share(at: instant(2)) == 1000, "its calls never stopped")
        #expect(breaker.record(early, .failure, at: instant(2), chance: 0) == nil)
        #expect(call(&breaker, .failure, at: instant(2))?.to == .open)
        #expect(breaker.openingCount == 1, "openings of before are forgotten")
    }

    @Test("metrics-only says once what it would have done, and begins anew")
    func metricsOnly() throws {
        var breaker = try breaker()
        _ = breaker.hold(Order(.metricsOnly, by: day), at: instant(0))
        #expect(
            call(&breaker, .failure, at: instant(5))
                == .init(
                    from: .metricsOnly, to: .metricsOnly,
                    cause: .wouldTrip(.failureRate(percent: 100)), at: instant(5)))
        #expect(call(&breaker, .success, at: instant(6)) == nil)
        #expect(
            call(&breaker, .unknown, at: instant(7))?.cause
                == .wouldTrip(.failureRate(percent: 50)))
        #expect(breaker.openingCount == 0)
    }

    @Test("an operator's name cannot smuggle anything into a log")
    func names() {
        #expect(OperatorName("anna@desk-3")?.description == "anna@desk-3")
        for text in ["", "two words", "line\n", "ümlaut", String(repeating: "a", count: 65)] {
            #expect(OperatorName(text) == nil)
        }
    }
}
