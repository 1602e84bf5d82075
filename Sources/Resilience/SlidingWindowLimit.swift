public import Primitives

/// The answer to a wish for some of a limited rate.
public enum RateGrant: Hashable, Sendable {
    case granted
    /// Too little is left; there will be enough after this time if nobody else takes any.
    case rejected(retryAfter: Duration)
    /// More than there can ever be, or a negative count.
    case impossible
}

/// Limits how much happens in any stretch of time of a given length.
///
/// Of the three known ways, an exact log holds an instant per event, so that memory grows with the
/// limit; two buckets with a weight assume that the older was filled evenly, and let nearly twice
/// the limit through when it was not. This is the third: a ring of buckets, of which one more is
/// counted than the window is long. Never does more than the limit fall into any window, memory is
/// fixed, and the error is on the strict side: what is one bucket older than the window may still
/// count.
public struct SlidingWindowLimit: Sendable {
    /// At most so much in any window, 1 to 1,000,000.
    public let limit: Int
    public let window: Duration
    private var uses: TimeBuckets<Int>

    /// Nil unless the limit is 1 to 1,000,000, the window one second to one day, and there are
    /// 2 to 64 buckets; the window is cut up evenly, and a bucket rounded up to a nanosecond.
    public init?(limit: Int, window: Duration, bucketCount: Int = 10, at now: MonotonicInstant) {
        guard (1...1_000_000).contains(limit), (2...64).contains(bucketCount),
            window >= .seconds(1), window <= .seconds(86_400)
        else { return nil }
        self.limit = limit
        self.window = window
        let whole = window.wholeNanoseconds
        let width = (whole + Int64(bucketCount) - 1) / Int64(bucketCount)
        uses = TimeBuckets(count: bucketCount + 1, width: .nanoseconds(width), at: now)
    }

    /// How much may be taken now.
    public mutating func available(at now: MonotonicInstant) -> Int {
        uses.advance(to: now)
        return limit - uses.total
    }

    /// Takes `count`, all or none.
    public mutating func take(_ count: Int = 1, at now: MonotonicInstant) -> RateGrant {
        guard (0...limit).contains(count) else { return .impossible }
        let excess = count - available(at: now)
        guard excess > 0 else {
            uses.add(count, at: now)
            return .granted
        }
        let instant = uses.instant { $0 >= excess } ?? now
        return .rejected(retryAfter: max(.zero, instant - now))
    }
}
