import Primitives

/// How long to wait between tries: exponential, capped, with full jitter ("Exponential Backoff And
/// Jitter", Brooker, 2015).
public struct Backoff: Hashable, Sendable {
    /// The bound of the first wait.
    public let base: Duration
    /// The bound of every wait.
    public let cap: Duration
    /// How many waits were handed out since the last success.
    public private(set) var attemptCount = 0

    /// Nil unless 1 ms ≤ `base` ≤ `cap` ≤ one day.
    public init?(base: Duration, cap: Duration) {
        guard base >= .milliseconds(1), base <= cap, cap <= .seconds(86_400) else { return nil }
        self.base = base
        self.cap = cap
    }

    /// The next wait, from nothing to the bound; the bound doubles. `chance` is a random word.
    public mutating func next(chance: UInt64) -> Duration {
        let bound = base.doubled(attemptCount, max: cap).wholeNanoseconds
        // Beyond 63 doublings every base of a millisecond has reached a cap of a day.
        attemptCount = min(attemptCount + 1, 63)
        return .nanoseconds(chance.scaled(to: bound))
    }

    /// Begins anew after a success.
    public mutating func reset() {
        attemptCount = 0
    }
}
