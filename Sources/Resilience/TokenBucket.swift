public import Primitives

/// Limits a rate: a bucket of `capacity` tokens that gains one every `interval`.
///
/// Kept as the one instant at which the bucket would be full (the "virtual scheduling" form of the
/// generic cell rate algorithm, ITU-T I.371), so that it needs no timer and loses no fraction.
public struct TokenBucket: Hashable, Sendable {
    /// Tokens that may be taken at once, 1 to 1,000,000.
    public let capacity: Int
    /// The time that one token takes.
    public let interval: Duration
    private let intervalNanoseconds: Int64
    private var fullAt: MonotonicInstant

    /// A full bucket. Nil unless the capacity is 1 to 1,000,000, the interval 1 ns to one hour, and
    /// an empty bucket is full again within 30 days: what is beyond is a mistake in a file.
    public init?(capacity: Int, interval: Duration, at now: MonotonicInstant) {
        guard (1...1_000_000).contains(capacity), interval >= .nanoseconds(1),
            interval <= .seconds(3600), interval * capacity <= .seconds(30 * 86_400)
        else { return nil }
        self.capacity = capacity
        self.interval = interval
        intervalNanoseconds = interval.wholeNanoseconds
        fullAt = now
    }

    /// Whole tokens in the bucket.
    public func available(at now: MonotonicInstant) -> Int {
        let missing = max(0, (fullAt - now).wholeNanoseconds)
        let (whole, rest) = missing.quotientAndRemainder(dividingBy: intervalNanoseconds)
        return max(0, capacity - Int(whole) - (rest > 0 ? 1 : 0))
    }

    /// Takes `count` tokens, all or none.
    public mutating func take(_ count: Int = 1, at now: MonotonicInstant) -> RateGrant {
        guard (0...capacity).contains(count) else { return .impossible }
        let span = intervalNanoseconds * Int64(capacity)
        let next = max(fullAt, now) + .nanoseconds(intervalNanoseconds * Int64(count))
        let excess = (next - now).wholeNanoseconds - span
        guard excess <= 0 else { return .rejected(retryAfter: .nanoseconds(excess)) }
        fullAt = next
        return .granted
    }
}
