import Primitives
import Resilience
import Testing

/// Each limit against all that ever happened, kept in a list.
@Suite("Limits against naive models")
struct LimitModelTests {
    @Test("a token bucket fills step by step")
    func tokenBucket() {
        runStrings("token bucket", count: 200_000) { seed, random in
            let capacity = Int.random(in: 1...20, using: &random)
            let interval = Int64.random(in: 1...50, using: &random)
            var now: Int64 = 0
            var bucket = TokenBucket(
                capacity: capacity, interval: .nanoseconds(interval),
                at: MonotonicInstant(nanoseconds: now))!
            // In nanoseconds of refill, so that the model is exact.
            var level = Int64(capacity) * interval
            let count = Int.random(in: 20...40, using: &random)
            for event in 0..<count {
                let pause = Int64.random(in: 0...(interval * 3), using: &random)
                now += pause
                level = min(level + pause, Int64(capacity) * interval)
                let instant = MonotonicInstant(nanoseconds: now)
                let wish = Int.random(in: -1...(capacity + 1), using: &random)
                let wanted = Int64(wish) * interval
                try require(
                    bucket.available(at: instant), is: Int(level / interval), "available",
                    seed: seed, event: event)
                let expected: RateGrant =
                    if wish < 0 || wish > capacity {
                        .impossible
                    } else if level >= wanted {
                        .granted
                    } else {
                        .rejected(retryAfter: .nanoseconds(wanted - level))
                    }
                if expected == .granted { level -= wanted }
                try require(
                    bucket.take(wish, at: instant), is: expected, "grant", seed: seed,
                    event: event)
            }
            return count
        }
    }

    @Test("a sliding window never lets more than its limit into any window, and few less")
    func slidingWindow() {
        runStrings("sliding window", count: 200_000) { seed, random in
            let limit = Int.random(in: 1...12, using: &random)
            let bucketCount = Int.random(in: 2...10, using: &random)
            let window = Int64.random(in: 1_000_000_000...3_000_000_000, using: &random)
            let width = Int64((Double(window) / Double(bucketCount)).rounded(.up))
            var now = Int64.random(in: -window...window, using: &random)
            var limiter = SlidingWindowLimit(
                limit: limit, window: .nanoseconds(window), bucketCount: bucketCount,
                at: MonotonicInstant(nanoseconds: now))!
            var taken: [(count: Int, bucket: Int64, at: Int64)] = []
            /// What counts at an instant: whole buckets.
            func sum(at instant: Int64) -> Int {
                let first = bucket(instant) - Int64(bucketCount)
                return taken.reduce(0) { $0 + ($1.bucket >= first ? $1.count : 0) }
            }
            func bucket(_ instant: Int64) -> Int64 {
                Int64((Double(instant) / Double(width)).rounded(.down))
            }
            let count = Int.random(in: 20...40, using: &random)
            for event in 0..<count {
                now += Int64.random(in: 0...(window / 5), using: &random)
                let instant = MonotonicInstant(nanoseconds: now)
                let wish = Int.random(in: -1...(limit + 1), using: &random)
                let grant = limiter.take(wish, at: instant)
                if wish < 0 || wish > limit {
                    try require(grant, is: .impossible, "grant", seed: seed, event: event)
                    continue
                }
                var retry = now
                while sum(at: retry) + wish > limit { retry = (bucket(retry) + 1) * width }
                let expected: RateGrant =
                    retry == now ? .granted : .rejected(retryAfter: .nanoseconds(retry - now))
                try require(grant, is: expected, "grant", seed: seed, event: event)
                if grant == .granted { taken.append((wish, bucket(now), now)) }
                let exact = taken.reduce(0) { $0 + ($1.at > now - window ? $1.count : 0) }
                let wider = taken.reduce(0) {
                    $0 + ($1.at > now - window - 2 * width ? $1.count : 0)
                }
                guard exact <= limit, grant == .granted || wider + wish > limit else {
                    throw Mismatch(seed: seed, event: event, what: "\(exact) of \(limit)")
                }
            }
            return count
        }
    }

    @Test("a retry budget counts the calls and retries of ten seconds")
    func retryBudget() {
        var (granted, refused) = (0, 0)
        runStrings("retry budget", count: 200_000) { seed, random in
            let percent = Int.random(in: 0...20, using: &random)
            let minimum = Int.random(in: 0...1, using: &random)
            var now = Int64.random(in: -5_000_000_000...5_000_000_000, using: &random)
            var budget = RetryBudget(
                percent: percent, minimumPerSecond: minimum,
                at: MonotonicInstant(nanoseconds: now))!
            var (calls, retries): ([Int64], [Int64]) = ([], [])
            let count = Int.random(in: 20...60, using: &random)
            for event in 0..<count {
                let isFar = random.chance(1, in: 10)
                now += Int64.random(in: 0...(isFar ? 6_000_000_000 : 300_000_000), using: &random)
                let instant = MonotonicInstant(nanoseconds: now)
                let second = { (at: Int64) in (Double(at) / 1e9).rounded(.down) }
                if random.chance(3, in: 5) {
                    budget.recordCall(at: instant)
                    calls.append(now)
                    continue
                }
                let recent = { (list: [Int64]) in list.count { second(now) - second($0) < 10 } }
                let left = minimum * 10 + recent(calls) * percent / 100 - recent(retries)
                try require(
                    budget.available(at: instant), is: max(0, left), "available", seed: seed,
                    event: event)
                try require(
                    budget.take(at: instant), is: left > 0, "take", seed: seed, event: event)
                if left > 0 { retries.append(now) }
                (granted, refused) = (granted + (left > 0 ? 1 : 0), refused + (left > 0 ? 0 : 1))
            }
            return count
        }
        #expect(granted > 100_000 && refused > 100_000)
    }
}
