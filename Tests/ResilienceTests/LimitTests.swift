import Primitives
import Resilience
import Testing

@Suite("Backoff")
struct BackoffTests {
    @Test("bounds double up to the cap and begin anew after a success")
    func bounds() throws {
        var backoff = try #require(Backoff(base: .milliseconds(100), cap: .seconds(1)))
        let waits = (0..<6).map { _ in backoff.next(chance: .max) }
        #expect(waits == [100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
        #expect(backoff.next(chance: 0) == .zero)
        backoff.reset()
        #expect(backoff.attemptCount == 0)
        #expect(backoff.next(chance: .max) == .milliseconds(100))
        #expect(backoff.next(chance: 1 << 63) == .milliseconds(100))
    }

    @Test("waits are spread over the whole bound, and it never wraps")
    func spread() throws {
        var random = SeededRandom(seed: 6)
        var backoff = try #require(Backoff(base: .milliseconds(1), cap: .seconds(86_400)))
        for _ in 0..<200 { _ = backoff.next(chance: random.next()) }
        var quarters = [0, 0, 0, 0]
        for _ in 0..<4000 {
            let wait = backoff.next(chance: random.next())
            #expect(wait >= .zero && wait <= .seconds(86_400))
            quarters[Int(min(3, wait.wholeNanoseconds / 21_600_000_000_000))] += 1
        }
        #expect(quarters.allSatisfy { (850...1150).contains($0) })
    }

    @Test("a base or cap out of bounds is refused")
    func refused() {
        #expect(Backoff(base: .zero, cap: .seconds(1)) == nil)
        #expect(Backoff(base: .seconds(2), cap: .seconds(1)) == nil)
        #expect(Backoff(base: .seconds(2), cap: .seconds(86_401)) == nil)
        #expect(Backoff(base: .seconds(-1), cap: .seconds(1)) == nil)
    }
}

@Suite("A token bucket")
struct TokenBucketTests {
    private func instant(_ milliseconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
    }

    @Test("gives what it holds, then one token an interval")
    func transcript() throws {
        var bucket = try #require(
            TokenBucket(capacity: 3, interval: .milliseconds(100), at: instant(0)))
        #expect(bucket.take(2, at: instant(0)) == .granted)
        #expect(bucket.available(at: instant(0)) == 1)
        #expect(bucket.take(2, at: instant(0)) == .rejected(retryAfter: .milliseconds(100)))
        #expect(bucket.take(at: instant(0)) == .granted)
        #expect(bucket.take(at: instant(40)) == .rejected(retryAfter: .milliseconds(60)))
        #expect(bucket.available(at: instant(99)) == 0)
        #expect(bucket.take(at: instant(100)) == .granted)
        #expect(bucket.available(at: instant(10_000)) == 3)
        #expect(bucket.take(3, at: instant(10_000)) == .granted)
        #expect(bucket.take(0, at: instant(10_000)) == .granted)
        #expect(bucket.take(4, at: instant(20_000)) == .impossible)
        #expect(bucket.take(-1, at: instant(20_000)) == .impossible)
    }

    @Test("a clock that stands still or is read late gives nothing away")
    func clock() throws {
        var bucket = try #require(
            TokenBucket(capacity: 2, interval: .seconds(1), at: instant(5000)))
        #expect(bucket.take(2, at: instant(5000)) == .granted)
        #expect(bucket.take(at: instant(1000)) == .rejected(retryAfter: .seconds(5)))
        #expect(bucket.available(at: instant(1000)) == 0)
    }

    @Test("bounds out of reason are refused")
    func refused() {
        for (capacity, interval): (Int, Duration) in [
            (0, .seconds(1)), (-1, .seconds(1)), (1_000_001, .nanoseconds(1)), (1, .zero),
            (1, .seconds(3601)), (721, .seconds(3600)),
        ] {
            #expect(TokenBucket(capacity: capacity, interval: interval, at: instant(0)) == nil)
        }
        #expect(TokenBucket(capacity: 720, interval: .seconds(3600), at: instant(0)) != nil)
    }
}

@Suite("A sliding window and a retry budget")
struct WindowLimitTests {
    private func instant(_ milliseconds: Int64) -> MonotonicInstant {
        MonotonicInstant(milliseconds: milliseconds)
    }

    @Test("a sliding window says when enough of it has left")
    func slidingWindow() throws {
        var limiter = try #require(
            SlidingWindowLimit(limit: 5, window: .seconds(1), at: instant(0)))
        #expect(limiter.take(2, at: instant(50)) == .granted)
        #expect(limiter.take(3, at: instant(950)) == .granted)
        #expect(limiter.take(1, at: instant(1049)) == .rejected(retryAfter: .milliseconds(51)))
        #expect(limiter.take(3, at: instant(1049)) == .rejected(retryAfter: .milliseconds(951)))
        #expect(limiter.take(6, at: instant(1049)) == .impossible)
        #expect(limiter.take(-1, at: instant(1049)) == .impossible)
        #expect(limiter.take(0, at: instant(1049)) == .granted)
        #expect(limiter.take(2, at: instant(1100)) == .granted)
        #expect(limiter.take(1, at: instant(60)) == .rejected(retryAfter: .milliseconds(1940)))
        #expect(limiter.available(at: instant(1_000_000_000)) == 5)
        #expect(SlidingWindowLimit(limit: 0, window: .seconds(1), at: instant(0)) == nil)
        #expect(SlidingWindowLimit(limit: 1, window: .milliseconds(1), at: instant(0)) == nil)
        #expect(
            SlidingWindowLimit(limit: 1, window: .seconds(1), bucketCount: 65, at: instant(0))
                == nil)
    }

    @Test("instants at the ends of the clock neither trap nor grant too much")
    func ends() throws {
        for end in [Int64.min, .max] {
            let now = MonotonicInstant(nanoseconds: end)
            var limiter = try #require(
                SlidingWindowLimit(limit: 1, window: .seconds(1), at: instant(0)))
            #expect(limiter.take(at: now) == .granted)
            #expect(limiter.take(at: now) != .granted)
            var budget = try #require(RetryBudget(at: now))
            #expect(budget.take(at: now) == true)
            #expect(budget.available(at: instant(0)) >= 9)
        }
    }

    @Test("a retry budget gives its minimum without calls, and a share of them")
    func retryBudget() throws {
        var budget = try #require(RetryBudget(percent: 20, minimumPerSecond: 0, at: instant(0)))
        #expect(budget.take(at: instant(0)) == false)
        for _ in 0..<9 { budget.recordCall(at: instant(0)) }
        #expect(budget.take(at: instant(5000)) == true)
        #expect(budget.take(at: instant(5000)) == false)
        budget.recordCall(at: instant(5000))
        #expect(budget.take(at: instant(9999)) == true)
        #expect(budget.available(at: instant(10_000)) == 0)
        var quiet = try #require(RetryBudget(percent: 0, minimumPerSecond: 1, at: instant(0)))
        #expect((0..<20).count { _ in quiet.take(at: instant(0)) } == 10)
        #expect(RetryBudget(percent: 21, at: instant(0)) == nil)
        #expect(RetryBudget(minimumPerSecond: -1, at: instant(0)) == nil)
    }
}
