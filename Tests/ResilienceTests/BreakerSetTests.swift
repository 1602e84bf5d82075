import Primitives
import Resilience
import Testing

@Suite("How many links may be shut out")
struct EjectionRuleTests {
    private typealias Candidate = EjectionRule.Candidate

    private func open(until milliseconds: Int64, openings: Int = 1) -> Candidate {
        Candidate(
            state: .open, opensUntil: MonotonicInstant(milliseconds: milliseconds),
            openingCount: openings)
    }

    @Test("beyond the share the most hopeful are called in spite of their breakers")
    func order() throws {
        let rule = try #require(EjectionRule(ejectedPercentMax: 50))
        let closed = Candidate(state: .closed)
        #expect(rule.overruled([open(until: 9), closed, closed]) == [])
        #expect(rule.overruled([open(until: 9), open(until: 8), closed]) == [1])
        #expect(
            rule.overruled([open(until: 9), open(until: 8), Candidate(state: .halfOpen), closed])
                == [2])
        #expect(
            rule.overruled([open(until: 9, openings: 5), open(until: 9, openings: 2)]) == [1])
    }

    @Test("the only link stays protected, and a person's word stays")
    func bounds() throws {
        let rule = try #require(EjectionRule(ejectedPercentMax: 0))
        #expect(rule.overruled([open(until: 9)]) == [])
        #expect(rule.overruled([]) == [])
        let held = Candidate(state: .forcedOpen)
        #expect(rule.overruled([held, held, open(until: 1)]) == [2])
        let strict = try #require(EjectionRule(ejectedPercentMax: 50, ejectedCountMin: 0))
        #expect(strict.overruled([open(until: 9)]) == [0])
        let disabled = Candidate(state: .disabled)
        #expect(strict.overruled([open(until: 9), disabled]) == [0], "disabled is not counted")
        #expect(EjectionRule(ejectedPercentMax: 101) == nil)
        #expect(EjectionRule(ejectedPercentMax: 50, ejectedCountMin: -1) == nil)
    }

    @Test("never leaves more shut out than allowed, unless a person did, in 50,000 random sets")
    func property() throws {
        var random = SeededRandom(seed: 12)
        for _ in 0..<50_000 {
            let candidates = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                Candidate(
                    state: CircuitBreaker.StateName.allCases.randomElement(using: &random)!,
                    opensUntil: MonotonicInstant(
                        nanoseconds: Int64.random(in: 0...3, using: &random)))
            }
            let rule = EjectionRule(
                ejectedPercentMax: Int.random(in: 0...100, using: &random),
                ejectedCountMin: Int.random(in: 0...2, using: &random))!
            let overruled = rule.overruled(candidates)
            let counted = candidates.count { $0.state != .disabled }
            let ejected = candidates.count { $0.state.isEjected }
            let forced = candidates.count { $0.state == .forcedOpen }
            let allowed = max(
                rule.ejectedCountMin, Int(Double(counted * rule.ejectedPercentMax) / 100))
            let left = ejected - overruled.count
            let isMinimal = overruled.isEmpty || left == max(allowed, forced)
            guard left <= max(allowed, forced), isMinimal, Set(overruled).count == overruled.count,
                overruled.allSatisfy({ candidates[$0].state.isEjected })
            else {
                Issue.record("\(rule) leaves \(left) of \(candidates)")
                return
            }
        }
    }
}

@Suite("What nodes tell each other about their breakers")
struct BreakerNewsTests {
    private let now = MonotonicInstant(milliseconds: 0)
    private let key = LinkKey(processor: "north", currency: "eur")!

    private func openBreaker() throws -> CircuitBreaker {
        var breaker = CircuitBreaker(
            policy: try BreakerPolicy(callCountMin: 1, openDurationMin: .seconds(9)), at: now)
        if case .allowed(let token) = breaker.admit(at: now, chance: 0).admission {
            _ = breaker.record(token, .failure, at: now, chance: .max)
        }
        return breaker
    }

    @Test("a notice is eight bytes, and its bytes are pinned")
    func bytes() throws {
        let notice = BreakerNotice(key, try openBreaker(), at: now)
        #expect(notice.state == .open && notice.retryAfter == .seconds(9))
        let check = BreakerNotice.fingerprint(of: key)
        let head = (0..<4).map { UInt8(truncatingIfNeeded: check >> (8 * UInt32($0))) }
        #expect(notice.bytes == head + [1, 1, 0x84, 0x03])
        #expect(try BreakerNotice(notice.bytes) == notice)
    }

    @Test("other bytes are refused by name")
    func hostile() throws {
        let bytes = BreakerNotice(key, try openBreaker(), at: now).bytes
        for count in 0..<8 {
            #expect(throws: DecodingError.self) { try BreakerNotice(Array(bytes.prefix(count))) }
        }
        #expect(throws: DecodingError.trailing(offset: 8)) { try BreakerNotice(bytes + [0]) }
        var state = bytes
        state[4] = 7
        #expect(throws: DecodingError.invalid(what: "breaker state", offset: 4)) {
            try BreakerNotice(state)
        }
        var version = bytes
        version[5] = 2
        #expect(throws: DecodingError.unsupportedVersion(found: 2, offset: 5)) {
            try BreakerNotice(version)
        }
    }

    @Test("a summary depends on the states, and not on their order")
    func summary() throws {
        let other = try #require(LinkKey(processor: "south"))
        let first = BreakerSummary([(key, .open), (other, .halfOpen)])
        #expect(first == BreakerSummary([(other, .halfOpen), (key, .open)]))
        #expect(first.openCount == 1 && first.halfOpenCount == 1)
        #expect(
            first.fingerprint != BreakerSummary([(key, .halfOpen), (other, .open)]).fingerprint)
    }

    @Test("peers advise against a link, and what this node saw or was ordered stands above them")
    func advice() throws {
        var advice = try #require(PeerAdvice(peerCountMin: 2, lifetime: .seconds(30)))
        let notice = BreakerNotice(key, try openBreaker(), at: now)
        advice.hear(notice, from: MemberID(1), at: now)
        advice.hear(notice, from: MemberID(1), at: now)
        #expect(!advice.advisesAgainst(.closed, at: now), "one peer, however often")
        advice.hear(notice, from: MemberID(2), at: now)
        #expect(advice.advisesAgainst(.closed, at: now))
        for state in [CircuitBreaker.StateName.forcedClosed, .metricsOnly, .disabled] {
            #expect(!advice.advisesAgainst(state, at: now))
        }
        #expect(!advice.advisesAgainst(.closed, at: MonotonicInstant(milliseconds: 30_000)))
        var seen = advice
        seen.sawSuccess(at: now)
        #expect(!seen.advisesAgainst(.closed, at: now))
        let breaker = CircuitBreaker(policy: try BreakerPolicy(), at: now)
        advice.hear(BreakerNotice(key, breaker, at: now), from: MemberID(2), at: now)
        #expect(!advice.advisesAgainst(.closed, at: now), "it has closed")
        for peer in 0..<UInt64(1000) { advice.hear(notice, from: MemberID(peer), at: now) }
        #expect(PeerAdvice(peerCountMin: 65) == nil && PeerAdvice(lifetime: .zero) == nil)
    }

    @Test("a link's name is short and visible")
    func names() {
        #expect(key.description == "north - - eur")
        #expect(LinkKey(processor: "") == nil && LinkKey(processor: "a b") == nil)
        #expect(LinkKey(processor: String(repeating: "a", count: 33)) == nil)
    }
}
