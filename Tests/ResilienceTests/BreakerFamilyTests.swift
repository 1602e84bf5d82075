import Primitives
import Resilience
import Testing

private let keys = ["eur", "usd", "jpy"].map {
    LinkKey(processor: "north", region: "eu", method: "card", currency: $0)!
}

@Suite("The breakers of a processor")
struct BreakerFamilyTests {
    private let now = MonotonicInstant(milliseconds: 0)

    private func family(childCountMax: Int = 2) throws -> BreakerFamily {
        try #require(
            BreakerFamily(
                parent: try BreakerPolicy(
                    window: .calls(10), callCountMin: 10, openDurationMin: .seconds(9)),
                child: try BreakerPolicy(window: .calls(2), callCountMin: 2, probeCountMax: 1),
                childCountMax: childCountMax, at: now))
    }

    private func call(
        _ family: inout BreakerFamily, _ key: LinkKey, _ outcome: CallOutcome
    ) -> [BreakerFamily.Move] {
        switch family.admit(key, at: now, chance: 0).admission {
        case .allowed(let permit): family.record(permit, outcome, at: now, chance: .max)
        case .rejected: []
        }
    }

    @Test("a fault of one combination opens that alone, and one of many opens the parent")
    func rollUp() throws {
        var family = try family()
        for _ in 0..<4 { _ = call(&family, keys[1], .success) }
        #expect(call(&family, keys[0], .failure) == [])
        #expect(call(&family, keys[0], .failure).map(\.key) == [keys[0]])
        guard
            case .rejected(.open, byParent: false) =
                family.admit(keys[0], at: now, chance: 0).admission
        else {
            Issue.record("an open child admits")
            return
        }
        #expect(family.parent.stateName == .closed)
        // The third combination has no breaker of its own; the parent sees its calls all the same.
        for _ in 0..<3 { #expect(call(&family, keys[2], .unknown) == []) }
        #expect(family.child(keys[2]) == nil)
        let moves = call(&family, keys[2], .success)
        #expect(moves.map(\.key) == [nil])
        #expect(moves.map(\.transition.cause) == [.tripped(.failureRate(percent: 50))])
        guard
            case .rejected(.open, byParent: true) =
                family.admit(keys[1], at: now, chance: 0).admission
        else {
            Issue.record("an open parent admits")
            return
        }
    }

    @Test("what the parent rejects costs the child no place")
    func placeGivenBack() throws {
        var family = try family()
        for _ in 0..<2 { _ = call(&family, keys[0], .failure) }
        let order = CircuitBreaker.Order(.open, by: day)
        #expect(family.hold(order, nil, at: now)?.transition.to == .forcedOpen)
        #expect(family.hold(order, keys[1], at: now) == nil, "no such child")
        let later = MonotonicInstant(milliseconds: 1000)
        let (admission, moves) = family.admit(keys[0], at: later, chance: 0)
        #expect(admission == .rejected(.forcedOpen(retryAfter: nil), byParent: true))
        #expect(moves.map(\.transition.to) == [.halfOpen])
        #expect(family.child(keys[0])?.probeCount(at: later) == 0)
        #expect(family.child(keys[0])?.nextInstant == nil)
        #expect(family.release(nil, by: night, at: later)?.key == nil)
        guard case .allowed(let permit) = family.admit(keys[0], at: later, chance: 0).admission
        else {
            Issue.record("a probe is rejected")
            return
        }
        #expect(permit.isProbe)
        family.cancel(permit, at: later)
        #expect(family.child(keys[0])?.probeCount(at: later) == 0)
    }

    @Test("does what two models one above the other do, in 50,000 strings of events")
    func sameAsModel() {
        runStrings("breaker family", count: 50_000, firstSeed: 9_000_000) { seed, random in
            let (above, below) = (try randomPolicy(&random), try randomPolicy(&random))
            var time: Int64 = 0
            var family = BreakerFamily(
                parent: above, child: below, at: MonotonicInstant(nanoseconds: 0))!
            var parent = NaiveBreaker(policy: above, at: 0)
            var children: [LinkKey: NaiveBreaker] = [:]
            var open: [(permit: BreakerFamily.Permit, key: LinkKey, child: Int, parent: Int)] = []
            let count = Int.random(in: 20...60, using: &random)
            for event in 0..<count {
                time += Int64.random(in: 0...8_000_000, using: &random)
                let instant = MonotonicInstant(nanoseconds: time)
                let chance = random.next()
                if !open.isEmpty, random.chance(1, in: 2) {
                    let index = Int.random(in: 0..<open.count, using: &random)
                    let call = open.remove(at: index)
                    let outcome = outcomes.randomElement(using: &random)!
                    let found = family.record(call.permit, outcome, at: instant, chance: chance)
                    let wanted = [
                        children[call.key]!.record(call.child, outcome, time, chance),
                        parent.record(call.parent, outcome, time, chance),
                    ].compactMap { $0?.to }
                    try require(
                        found.map(\.transition.to), is: wanted, "moves", seed: seed, event: event)
                    continue
                }
                let key = keys.randomElement(using: &random)!
                if children[key] == nil { children[key] = NaiveBreaker(policy: below, at: time) }
                let found = family.admit(key, at: instant, chance: chance).admission
                let own = children[key]!.admit(time, chance).0
                guard case .call(let child) = own else {
                    guard case .rejected(let reason, byParent: false) = found else {
                        throw Mismatch(seed: seed, event: event, what: "\(found), not \(own)")
                    }
                    try require(.rejected(reason), is: own, "child", seed: seed, event: event)
                    continue
                }
                switch parent.admit(time, chance).0 {
                case .call(let number):
                    guard case .allowed(let permit) = found else {
                        throw Mismatch(seed: seed, event: event, what: "\(found)")
                    }
                    open.append((permit, key, child, number))
                case .rejected(let reason):
                    children[key]!.cancel(child, time)
                    try require(
                        found, is: .rejected(reason, byParent: true), "parent", seed: seed,
                        event: event)
                }
            }
            return count
        }
    }
}
