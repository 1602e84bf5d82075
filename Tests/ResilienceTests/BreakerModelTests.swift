import Primitives
import Resilience
import Testing

/// What a breaker should do, written as plainly as can be: it keeps every outcome and every probe
/// for ever, and looks at all of them each time.
private struct NaiveBreaker {
    struct Call {
        let epoch: Int
        let admitted: Int64
        let isProbe: Bool
        var isSpent = false
    }

    let policy: BreakerPolicy
    var mode = CircuitBreaker.StateName.closed
    var epoch = 0
    var epochStart: Int64 = 0
    var openUntil: Int64 = 0
    var openings = 0
    var outcomes: [CallOutcome] = []
    var calls: [Call] = []
    var probeSuccesses = 0

    mutating func enter(_ next: CircuitBreaker.StateName, _ now: Int64) {
        mode = next
        epoch += 1
        epochStart = now
        outcomes = []
        probeSuccesses = 0
    }

    /// The call's number, or the nanoseconds to wait.
    mutating func admit(_ now: Int64) -> (call: Int?, wait: Int64) {
        if mode == .forcedOpen { return (nil, policy.openDurationMax.wholeNanoseconds) }
        if mode == .open {
            if now < openUntil { return (nil, openUntil - now) }
            enter(.halfOpen, now)
        }
        if mode == .halfOpen {
            let waits = calls.filter { $0.epoch == epoch && !$0.isSpent }
                .map { $0.admitted + policy.probeLifetime.wholeNanoseconds - now }
                .filter { $0 > 0 }
            if waits.count >= policy.probeCountMax { return (nil, waits.min()!) }
            // The places of probes that took too long are given to others for good.
            for index in calls.indices where calls[index].epoch == epoch {
                let age = now - calls[index].admitted
                if age >= policy.probeLifetime.wholeNanoseconds { calls[index].isSpent = true }
            }
        }
        calls.append(Call(epoch: epoch, admitted: now, isProbe: mode == .halfOpen))
        return (calls.count - 1, 0)
    }

    mutating func record(_ number: Int, _ outcome: CallOutcome, _ now: Int64, _ chance: UInt64) {
        guard calls[number].epoch == epoch else { return }
        if mode == .halfOpen {
            if calls[number].isSpent { return }
            calls[number].isSpent = true
            if outcome != .success {
                open(now, chance)
            } else {
                probeSuccesses += 1
                if probeSuccesses == policy.probeSuccessCount { enter(.closed, now) }
            }
        } else if mode == .closed {
            outcomes.append(outcome)
            if shouldOpen {
                let recovered = (now - epochStart) / policy.decayInterval.wholeNanoseconds
                openings = max(0, openings - Int(recovered))
                open(now, chance)
            }
        }
    }

    private var shouldOpen: Bool {
        let window = outcomes.suffix(policy.windowCount)
        let run = window.reversed().prefix { $0 != .success }.count
        let bad = window.count { $0 != .success }
        let unknown = window.count { $0 == .unknown }
        let isEnough = window.count >= policy.callCountMin
        return run >= policy.consecutiveFailureCount
            || (isEnough
                && Double(bad) / Double(window.count) * 100 + 1e-9
                    >= Double(policy.failurePercent))
            || (isEnough
                && Double(unknown) / Double(window.count) * 100 + 1e-9
                    >= Double(policy.unknownPercent))
    }

    private mutating func open(_ now: Int64, _ chance: UInt64) {
        openUntil =
            now + policy.openDuration(openingCount: openings, chance: chance).wholeNanoseconds
        openings += 1
        enter(.open, now)
    }
}

@Suite("A circuit breaker against a naive model")
struct BreakerModelTests {
    @Test("does the same over 200,000 random events", arguments: [UInt64(1), 2, 3, 4])
    func sameAsModel(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var visited: Set<CircuitBreaker.StateName> = []
        var transitions = 0
        for _ in 0..<50 {
            let window = Int.random(in: 1...20, using: &random)
            let policy = try BreakerPolicy(
                windowCount: window, callCountMin: Int.random(in: 1...window, using: &random),
                failurePercent: Int.random(in: 20...100, using: &random),
                unknownPercent: Int.random(in: 10...100, using: &random),
                consecutiveFailureCount: Int.random(in: 2...24, using: &random),
                openDurationMin: .milliseconds(Int.random(in: 1...50, using: &random)),
                openDurationMax: .milliseconds(Int.random(in: 50...500, using: &random)),
                decayInterval: .milliseconds(Int.random(in: 20...500, using: &random)),
                probeCountMax: Int.random(in: 1...4, using: &random),
                probeSuccessCount: Int.random(in: 1...5, using: &random),
                probeLifetime: .milliseconds(Int.random(in: 1...100, using: &random)))
            transitions += try run(policy, events: 1000, &random, &visited)
        }
        #expect(visited.count == 5)
        #expect(transitions > 500)
    }

    private func run(
        _ policy: BreakerPolicy, events: Int, _ random: inout SeededRandom,
        _ visited: inout Set<CircuitBreaker.StateName>
    ) throws -> Int {
        var now: Int64 = 0
        var instant: MonotonicInstant { MonotonicInstant(nanoseconds: now) }
        var breaker = CircuitBreaker(policy: policy, at: instant)
        var model = NaiveBreaker(policy: policy)
        var open: [(CircuitBreaker.Token, Int)] = []
        var transitions = 0
        for event in 0..<events {
            now += Int64.random(in: 0...5_000_000, using: &random)
            let before = breaker.stateName
            switch Int.random(in: 0..<1000, using: &random) {
            case 0..<500:
                let expected = model.admit(now)
                switch breaker.admit(at: instant) {
                case .allowed(let token):
                    let number = try #require(expected.call, "event \(event)")
                    #expect(token.isProbe == model.calls[number].isProbe)
                    #expect((token.transition != nil) == (before != breaker.stateName))
                    if open.count < 8 { open.append((token, number)) }
                case .rejected(let wait):
                    #expect(expected.call == nil && wait.wholeNanoseconds == expected.wait)
                }
            case 500..<980:
                guard let index = open.indices.randomElement(using: &random) else { continue }
                let (token, number) = open[index]
                if random.chance(9, in: 10) { open.remove(at: index) }
                let outcomes: [CallOutcome] = [.success, .success, .success, .failure, .unknown]
                let outcome = outcomes.randomElement(using: &random)!
                let chance = random.next()
                let moved = breaker.record(token, outcome, at: instant, chance: chance)
                model.record(number, outcome, now, chance)
                #expect(moved.isEmpty == (before == breaker.stateName))
                #expect(moved.allSatisfy { $0.from == before && $0.to == breaker.stateName })
                transitions += moved.count
            case 980:
                _ = breaker.force(.open, at: instant)
                if model.mode != .forcedOpen { model.enter(.forcedOpen, now) }
            case 981:
                _ = breaker.force(.closed, at: instant)
                if model.mode != .forcedClosed { model.enter(.forcedClosed, now) }
            default:
                _ = breaker.release(at: instant)
                if model.mode == .forcedOpen || model.mode == .forcedClosed {
                    model.openings = 0
                    model.enter(.closed, now)
                }
            }
            visited.insert(breaker.stateName)
            guard breaker.stateName == model.mode else {
                Issue.record("event \(event): \(breaker.stateName), not \(model.mode)")
                return transitions
            }
        }
        return transitions
    }
}
