import Primitives
import Resilience
import Testing

private struct RateLookUp: IdempotentRead {}

@Suite("Hedged reads and deadlines")
struct HedgeTests {
    private func instant(_ milliseconds: Int64) -> MonotonicInstant {
        MonotonicInstant(milliseconds: milliseconds)
    }

    @Test("nothing is hedged before the latencies are known, then after their quantile")
    func delay() throws {
        var hedge = try #require(
            Hedge<RateLookUp>(quantilePerMille: 900, percent: 10, at: instant(0)))
        for milliseconds in 1...99 { hedge.end(after: .milliseconds(milliseconds)) }
        #expect(hedge.begin(RateLookUp(), at: instant(0)) == nil)
        hedge.end(after: .milliseconds(100))
        let begun = hedge.begin(RateLookUp(), at: instant(0))
        let delay = try #require(begun)
        #expect(delay >= .milliseconds(90) && delay <= .milliseconds(90) * 9 / 8)
    }

    @Test("the quantile is at most an eighth too high, for random latencies of any size")
    func quantile() throws {
        var random = SeededRandom(seed: 21)
        for _ in 0..<200 {
            let scale = Int64(1) << Int64.random(in: 1...30, using: &random)
            let latencies = (0..<500).map { _ in Int64.random(in: 0...scale, using: &random) }
            var hedge = try #require(Hedge<RateLookUp>(quantilePerMille: 950, at: instant(0)))
            for latency in latencies { hedge.end(after: .microseconds(latency)) }
            let exact = latencies.sorted()[474]
            let begun = hedge.begin(RateLookUp(), at: instant(0))
            let found = try #require(begun)
            #expect(found > .microseconds(exact))
            #expect(found <= max(.milliseconds(1), .microseconds(exact + exact / 8 + 1)))
        }
        var longest = try #require(Hedge<RateLookUp>(at: instant(0)))
        for _ in 0..<20_000 { longest.end(after: .seconds(Int64.max)) }
        let highest = longest.begin(RateLookUp(), at: instant(0))
        #expect(highest == .microseconds(Int64(1) << 32))
        for _ in 0..<30_000 { longest.end(after: .milliseconds(-5)) }
        let faded = longest.begin(RateLookUp(), at: instant(0))
        #expect(faded == .milliseconds(1), "the past fades")
    }

    @Test("second copies are at most their share of the reads")
    func budget() throws {
        var hedge = try #require(Hedge<RateLookUp>(percent: 5, at: instant(0)))
        for _ in 0..<100 { hedge.end(after: .milliseconds(1)) }
        for _ in 0..<200 { _ = hedge.begin(RateLookUp(), at: instant(0)) }
        let copies = (0..<50).count { _ in hedge.mayRepeat(RateLookUp(), at: instant(0)) }
        #expect(copies == 10)
        #expect(Hedge<RateLookUp>(percent: 0, at: instant(0)) == nil)
        #expect(Hedge<RateLookUp>(percent: 21, at: instant(0)) == nil)
        #expect(Hedge<RateLookUp>(quantilePerMille: 1000, at: instant(0)) == nil)
        #expect(Hedge<RateLookUp>(delayMin: .zero, at: instant(0)) == nil)
    }

    @Test("a deadline leaves each hop less, and no hop too little to answer in")
    func deadline() {
        let deadline = CallDeadline(left: .seconds(60), limit: .seconds(25), at: instant(0))
        #expect(deadline.left(at: instant(5000)) == .seconds(20))
        func budget(at milliseconds: Int64) -> Duration? {
            deadline.budget(
                at: instant(milliseconds), reserve: .milliseconds(500), minimum: .seconds(2),
                limit: .seconds(10))
        }
        #expect(budget(at: 5000) == .seconds(10))
        #expect(budget(at: 20_000) == .milliseconds(4500))
        #expect(budget(at: 22_500) == .seconds(2))
        #expect(budget(at: 22_501) == nil)
        #expect(budget(at: 99_000) == nil)
        #expect(deadline.left(at: instant(99_000)) == .zero)
        let none = CallDeadline(left: .seconds(-3), limit: .seconds(25), at: instant(7))
        #expect(none.instant == instant(7))
        #expect(
            none.budget(at: instant(7), reserve: .zero, minimum: .zero, limit: .seconds(1)) == nil)
    }
}
