import Primitives
import Resilience
import Testing

/// Gradient2 in floating point, each window's answers kept in a list.
private struct NaiveGradient {
    let min: Double
    let max: Double
    let tolerance: Double
    let window: Int64
    var limit: Double
    var long: Double?
    var windows = 0.0
    var began: Int64
    var answers: [Int64] = []
    var isDropped = false
    var inFlight = 0
    var inFlightMax = 0

    /// Where the next window's end would be decided by the last bit of a fraction.
    func isOnEdge(_ found: Double) -> Bool {
        found != limit && abs(limit - limit.rounded()) < 0.01
    }

    mutating func close(_ now: Int64) {
        defer { (began, answers, isDropped, inFlightMax) = (now, [], false, inFlight) }
        if isDropped {
            limit = Swift.max(min, limit * 0.9)
            return
        }
        guard answers.count >= 10 else { return }
        let short = Double(answers.reduce(0, +)) / Double(answers.count)
        windows += 1
        let old = long ?? short
        let new = windows <= 10 ? old + (short - old) / windows : old + (short - old) * 2 / 601
        long = new > short * 2 ? new * 0.9 : new
        guard Double(inFlightMax) * 2 >= limit else { return }
        let gradient = Swift.max(0.5, Swift.min(1, tolerance * new / short))
        let next = limit * 0.8 + (limit * gradient + 4) * 0.2
        limit = Swift.max(min, Swift.min(max, next))
    }
}

@Suite("An adaptive limit of concurrency")
struct ConcurrencyLimitTests {
    @Test("agrees with floating point to a hundredth in 100,000 strings of windows")
    func sameAsModel() {
        var skipped = 0
        runStrings("concurrency limit", count: 100_000) { seed, random in
            let least = Int.random(in: 1...10, using: &random)
            let most = Int.random(in: 10...60, using: &random)
            let initial = Int.random(in: Swift.max(least, 10)...most, using: &random)
            let tolerance = Int.random(in: 100...200, using: &random)
            let window = Int64.random(in: 100...1000, using: &random) * 1_000_000
            var now: Int64 = 0
            var limiter = ConcurrencyLimit(
                min: least, initial: initial, max: most, tolerancePercent: tolerance,
                window: .nanoseconds(window), at: MonotonicInstant(nanoseconds: now))!
            var model = NaiveGradient(
                min: Double(least), max: Double(most), tolerance: Double(tolerance) / 100,
                window: window, limit: Double(initial), began: now)
            var places: [(ConcurrencyLimit.Place, Int64)] = []
            let base = Int64.random(in: 5...100, using: &random) * 1_000_000
            var events = 0
            let roundCount = Int.random(in: 2...5, using: &random)
            for _ in 0..<roundCount {
                // A burst of calls, and their ends after a latency that changes by rounds.
                let burst = Int.random(in: 5...15, using: &random)
                for _ in 0..<burst {
                    now += Int64.random(in: 0...1_000_000, using: &random)
                    events += 1
                    let place = limiter.begin(at: MonotonicInstant(nanoseconds: now))
                    let isFree = model.inFlight < Int(model.limit + 1e-3)
                    try require(place != nil, is: isFree, "place", seed: seed, event: events)
                    guard let place else { continue }
                    model.inFlight += 1
                    model.inFlightMax = Swift.max(model.inFlightMax, model.inFlight)
                    places.append((place, now))
                }
                now += base * Int64.random(in: 1...5, using: &random)
                while let (place, began) = places.popLast() {
                    now += Int64.random(in: 0...2_000_000, using: &random)
                    if places.isEmpty { now += window }
                    events += 1
                    let ends: [ConcurrencyLimit.End] = [.answered, .ignored, .unanswered]
                    let end =
                        random.chance(98, in: 100) ? ends[0] : ends.randomElement(using: &random)!
                    limiter.end(place, end, at: MonotonicInstant(nanoseconds: now))
                    model.inFlight -= 1
                    if end == .answered { model.answers.append(now - began) }
                    if end == .unanswered { model.isDropped = true }
                    if end != .ignored, now - model.began >= window { model.close(now) }
                    let found = Double(limiter.fineLimit) / 65_536
                    guard abs(found - model.limit) < 0.01 else {
                        throw Mismatch(
                            seed: seed, event: events, what: "\(found), not \(model.limit)")
                    }
                }
                if model.isOnEdge(Double(limiter.fineLimit) / 65_536) {
                    skipped += 1
                    break
                }
            }
            return Swift.max(events, 20)
        }
        print("    \(skipped) strings ended early, on an edge")
        #expect(skipped < 10_000)
    }

    private func settled(latency: (Int) -> Int64, rounds: Int) -> ConcurrencyLimit {
        var now: Int64 = 0
        var limiter = ConcurrencyLimit(at: MonotonicInstant(nanoseconds: now))!
        for _ in 0..<rounds {
            var places: [ConcurrencyLimit.Place] = []
            while let place = limiter.begin(at: MonotonicInstant(nanoseconds: now)) {
                places.append(place)
            }
            now += latency(places.count) * 1_000_000
            for place in places {
                limiter.end(place, .answered, at: MonotonicInstant(nanoseconds: now))
            }
            now += 1_000_000_000
            if let place = limiter.begin(at: MonotonicInstant(nanoseconds: now)) {
                limiter.end(place, .ignored, at: MonotonicInstant(nanoseconds: now))
            }
        }
        return limiter
    }

    @Test("grows while latency stays, and stops where a queue begins")
    func behaviour() {
        #expect(settled(latency: { _ in 100 }, rounds: 400).limit == 200, "no queue: the maximum")
        // A link that takes 40 at a time: beyond, each call waits for its turn.
        let queueing = settled(latency: { 100 * Int64(max(40, $0)) / 40 }, rounds: 200).limit
        #expect((40...100).contains(queueing), "\(queueing)")
    }

    @Test("falls when calls are not answered, and never below its minimum")
    func unanswered() throws {
        var now: Int64 = 0
        var limiter = try #require(
            ConcurrencyLimit(min: 3, initial: 20, at: MonotonicInstant(nanoseconds: now)))
        var limits: [Int] = []
        for _ in 0..<30 {
            let begun = limiter.begin(at: MonotonicInstant(nanoseconds: now))
            let place = try #require(begun)
            now += 10_000_000_000
            limiter.end(place, .unanswered, at: MonotonicInstant(nanoseconds: now))
            limits.append(limiter.limit)
        }
        #expect(limits.prefix(3) == [18, 16, 14])
        #expect(limits.last == 3)
        #expect(limiter.inFlightCount == 0)
    }

    @Test("equal bounds are a bulkhead, and a limit that is not used is not moved")
    func bulkhead() throws {
        let now = MonotonicInstant(nanoseconds: 0)
        var limiter = try #require(ConcurrencyLimit(min: 2, initial: 2, max: 2, at: now))
        let places = (0..<3).map { _ in limiter.begin(at: now) }
        #expect(places.map { $0 != nil } == [true, true, false])
        let first = try #require(places[0])
        limiter.end(first, .unanswered, at: MonotonicInstant(nanoseconds: 5_000_000_000))
        #expect(limiter.limit == 2 && limiter.inFlightCount == 1)
        for (least, initial, most, tolerance, window): (Int, Int, Int, Int, Duration) in [
            (0, 1, 2, 150, .seconds(1)), (3, 2, 4, 150, .seconds(1)), (1, 5, 4, 150, .seconds(1)),
            (1, 1, 10_001, 150, .seconds(1)), (1, 1, 2, 99, .seconds(1)), (1, 1, 2, 150, .zero),
        ] {
            #expect(
                ConcurrencyLimit(
                    min: least, initial: initial, max: most, tolerancePercent: tolerance,
                    window: window, at: now) == nil)
        }
    }
}
