import Primitives
import Resilience
import Testing

/// A random policy whose numbers are small, so that a short string meets every row of the table.
func randomPolicy(_ random: inout SeededRandom) throws -> BreakerPolicy {
    let windowCount = Int.random(in: 1...8, using: &random)
    let isTimed = random.chance(1, in: 2)
    let slowStart =
        random.chance(1, in: 2)
        ? BreakerPolicy.SlowStart(
            duration: .milliseconds(Int.random(in: 1...60, using: &random)),
            percentMin: Int.random(in: 1...100, using: &random)) : nil
    return try BreakerPolicy(
        window: isTimed
            ? .time(
                bucketCount: Int.random(in: 2...6, using: &random),
                bucketWidth: .milliseconds(Int.random(in: 1...20, using: &random)))
            : .calls(windowCount),
        callCountMin: Int.random(in: 1...windowCount, using: &random),
        failurePercent: Int.random(in: 20...100, using: &random),
        unknownPercent: Int.random(in: 10...100, using: &random),
        consecutiveFailureCount: Int.random(in: 2...8, using: &random),
        slowCallDuration: .milliseconds(Int.random(in: 3...60, using: &random)),
        slowPercent: Int.random(in: 20...100, using: &random),
        openDurationMin: .milliseconds(Int.random(in: 1...10, using: &random)),
        openDurationMax: .milliseconds(Int.random(in: 10...80, using: &random)),
        decayInterval: .milliseconds(Int.random(in: 5...100, using: &random)),
        probeCountMax: Int.random(in: 1...3, using: &random),
        probeSuccessCount: Int.random(in: 1...3, using: &random),
        probeLifetime: .milliseconds(Int.random(in: 1...30, using: &random)),
        probePlaces: random.chance(1, in: 3) ? .cluster : .node,
        halfOpenDurationMax: .milliseconds(Int.random(in: 5...80, using: &random)),
        slowStart: slowStart)
}

let outcomes: [CallOutcome] = [.success, .success, .success, .failure, .unknown]
let night = OperatorName("night-shift")!
let day = OperatorName("day-shift")!

/// One string of events, given to a breaker and to its model.
struct BreakerRun {
    let seed: UInt64
    let policy: BreakerPolicy
    var breaker: CircuitBreaker
    var model: NaiveBreaker
    var now: Int64
    var open: [(token: CircuitBreaker.Token, number: Int)] = []
    /// Probes on the link, as whoever made them sees it.
    var grantCount: UInt64 = 1
    var probes: [(number: Int, admitted: MonotonicInstant)] = []

    init(seed: UInt64, _ random: inout SeededRandom) throws {
        self.seed = seed
        policy = try randomPolicy(&random)
        // Also clocks that read less than zero.
        now = Int64.random(in: -50_000_000...50_000_000, using: &random)
        breaker = CircuitBreaker(policy: policy, at: MonotonicInstant(nanoseconds: now))
        model = NaiveBreaker(policy: policy, at: now)
    }

    var instant: MonotonicInstant { MonotonicInstant(nanoseconds: now) }

    /// Gives the number of events, and counts the transitions in `seen`.
    mutating func run(_ random: inout SeededRandom, _ seen: inout [Row: Int]) throws -> Int {
        let count = Int.random(in: 20...60, using: &random)
        for event in 0..<count {
            let isFar = random.chance(1, in: 12)
            now += Int64.random(in: 0...(isFar ? 60_000_000 : 4_000_000), using: &random)
            let before = breaker.stateName
            let (found, wanted) = try step(event, &random)
            try check(found, wanted, before, event)
            if let found { seen[Row(found), default: 0] += 1 }
        }
        return count
    }

    /// One event; the transitions of both.
    private mutating func step(
        _ event: Int, _ random: inout SeededRandom
    ) throws -> (CircuitBreaker.Transition?, NaiveBreaker.Move?) {
        let chance = random.next()
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<42:
            return try admit(event, chance)
        case 42..<82:
            guard let index = open.indices.randomElement(using: &random) else {
                return try admit(event, chance)
            }
            let (token, number) = open[index]
            // Now and then an outcome is told twice.
            if random.chance(9, in: 10) { open.remove(at: index) }
            probes.removeAll { $0.number == number }
            let outcome = outcomes.randomElement(using: &random)!
            return (
                breaker.record(token, outcome, at: instant, chance: chance),
                model.record(number, outcome, now, chance)
            )
        case 82..<86:
            return (breaker.advance(to: instant, chance: chance), model.pass(now, chance))
        case 86..<88:
            guard let call = open.randomElement(using: &random) else { return (nil, nil) }
            probes.removeAll { $0.number == call.number }
            breaker.cancel(call.token, at: instant)
            model.cancel(call.number, now)
            return (nil, nil)
        case 88..<92:
            accept(&random)
            return (nil, nil)
        case 92..<93:
            let number = breaker.giveBackLease(at: instant)?.count
            try require(
                number, is: model.giveBackLease(now), "lease given back", seed: seed, event: event)
            return (nil, nil)
        case 93..<94:
            let (token, number) = (breaker.overrule(at: instant), model.overrule(now))
            try require(token != nil, is: number != nil, "overrule", seed: seed, event: event)
            if let token, let number { open.append((token, number)) }
            return (nil, nil)
        case 94..<97:
            return hold(&random)
        default:
            return (breaker.release(by: night, at: instant), model.release(night, now))
        }
    }

    private mutating func admit(
        _ event: Int, _ chance: UInt64
    ) throws -> (CircuitBreaker.Transition?, NaiveBreaker.Move?) {
        let may = breaker.mayAdmit(at: instant)
        let (admission, transition) = breaker.admit(at: instant, chance: chance)
        let (answer, move) = model.admit(now, chance)
        switch admission {
        case .allowed(let token):
            guard case .call(let number) = answer else {
                throw Mismatch(seed: seed, event: event, what: "admitted, not \(answer)")
            }
            try require(
                token.isProbe, is: model.calls[number].isProbe, "probe", seed: seed, event: event)
            if open.count < 8 { open.append((token, number)) }
            if token.isProbe { probes.append((number, instant)) }
            try require(may, is: true, "mayAdmit", seed: seed, event: event)
        case .rejected(let reason):
            try require(.rejected(reason), is: answer, "rejection", seed: seed, event: event)
            try require(may, is: reason == .slowStart, "mayAdmit", seed: seed, event: event)
        }
        return (transition, move)
    }

    private mutating func accept(_ random: inout SeededRandom) {
        let places = Int.random(in: 1...3, using: &random)
        let lifetime = Int64.random(in: 1_000_000...60_000_000, using: &random)
        // Now and then a grant is told again, or late.
        if random.chance(4, in: 5) { grantCount += 1 }
        let grant = ProbeTable.Grant(
            placeCount: places, lifetime: .nanoseconds(lifetime),
            number: .init(term: 1, count: grantCount))
        breaker.accept(ProbeLease(grant, askedAt: instant))
        model.accept(places: places, until: now + lifetime, number: grantCount)
    }

    private mutating func hold(
        _ random: inout SeededRandom
    ) -> (CircuitBreaker.Transition?, NaiveBreaker.Move?) {
        let modes: [CircuitBreaker.Mode] = [
            .open, .closed, .metricsOnly, .metricsOnly, .disabled,
        ]
        let end = now + Int64.random(in: 0...40_000_000, using: &random)
        let order = CircuitBreaker.Order(
            modes.randomElement(using: &random)!, by: day,
            until: random.chance(2, in: 3) ? MonotonicInstant(nanoseconds: end) : nil)
        return (breaker.hold(order, at: instant), model.hold(order, now))
    }

    private mutating func check(
        _ found: CircuitBreaker.Transition?, _ wanted: NaiveBreaker.Move?,
        _ before: CircuitBreaker.StateName, _ event: Int
    ) throws(Mismatch) {
        let move = found.map { NaiveBreaker.Move(from: $0.from, to: $0.to, cause: $0.cause) }
        try require(move, is: wanted, "transition", seed: seed, event: event)
        try require(breaker.stateName, is: model.mode, "state", seed: seed, event: event)
        try require(
            breaker.share(at: instant), is: model.share(now), "share", seed: seed, event: event)
        if let found {
            try require(found.from, is: before, "from", seed: seed, event: event)
            try require(found.at, is: instant, "at", seed: seed, event: event)
        } else {
            try require(before, is: breaker.stateName, "silent move", seed: seed, event: event)
        }
        try checkProperties(event)
    }

    /// What holds of every breaker, whatever the model says.
    private mutating func checkProperties(_ event: Int) throws(Mismatch) {
        if !probes.isEmpty {
            let (now, lifetime) = (instant, policy.probeLifetime)
            probes.removeAll { now >= $0.admitted + lifetime }
            guard probes.count <= policy.probeCountMax,
                breaker.probeCount(at: now) == probes.count
            else {
                throw Mismatch(seed: seed, event: event, what: "\(probes.count) under way")
            }
        }
        // Open never lasts longer than the policy's longest time, nor shorter than half its least.
        guard breaker.stateName == .open, let until = breaker.nextInstant else { return }
        let rest = until - MonotonicInstant(nanoseconds: model.epochStart)
        guard rest <= policy.openDurationMax, rest * 2 + .nanoseconds(1) >= policy.openDurationMin
        else { throw Mismatch(seed: seed, event: event, what: "open for \(rest)") }
    }
}

/// A row of the table: a transition without its numbers and names.
struct Row: Hashable, CustomStringConvertible {
    let from: CircuitBreaker.StateName
    let to: CircuitBreaker.StateName
    let why: String

    init(_ transition: CircuitBreaker.Transition) {
        from = transition.from
        to = transition.to
        why =
            switch transition.cause {
            case .tripped(let trip): trip.name
            case .wouldTrip(let trip): "would " + trip.name
            case .openTimeOver: "open time over"
            case .halfOpenTimeOver: "half-open time over"
            case .probesSucceeded: "probes succeeded"
            case .probeFailed: "probe failed"
            case .probeSlow: "probe slow"
            case .ordered: "ordered"
            case .orderExpired: "order expired"
            case .released: "released"
            }
    }

    var description: String { "\(from) → \(to): \(why)" }
}

extension CircuitBreaker.Trip {
    var name: String {
        switch self {
        case .failureRate: "failure rate"
        case .unknownRate: "unknown rate"
        case .slowRate: "slow rate"
        case .consecutiveFailures: "in a row"
        }
    }
}

@Suite("A circuit breaker against a naive model")
struct BreakerModelTests {
    @Test("does the same in 300,000 strings of events")
    func sameAsModel() {
        var seen: [Row: Int] = [:]
        runStrings("breaker", count: 300_000) { seed, random in
            var run = try BreakerRun(seed: seed, &random)
            return try run.run(&random, &seen)
        }
        for line in seen.map({ "    \($0): \($1)" }).sorted() { print(line) }
        // Of closed 4 that trip, of open 1, of half-open 4; from each of 7 states an order to 4;
        // from 4 held ones an end by time and one by word; and 4 of what would have been.
        #expect(seen.count == 4 + 1 + 4 + 7 * 4 + 2 * 4 + 4)
        #expect(seen.values.allSatisfy { $0 > 20 })
    }
}
