public import Primitives

/// Lets the same news through once in a while, and counts what it holds back.
///
/// A peer that is away is tried every second, and its log should not be.
public struct NewsThrottle<Key: Hashable & Sendable>: Sendable {
    private struct Past: Sendable {
        var toldAt: MonotonicInstant
        var heldBackCount: Int
    }

    private let interval: Duration
    private var past: [Key: Past] = [:]

    /// - Precondition: there are few keys: they are kept for ever.
    public init(interval: Duration) {
        self.interval = interval
    }

    /// How many like it were held back since the last that was told; nil when this one is to be
    /// held back too.
    public mutating func admit(_ key: Key, at now: MonotonicInstant) -> Int? {
        if let found = past[key], now - found.toldAt < interval {
            past[key]!.heldBackCount += 1
            return nil
        }
        let count = past[key]?.heldBackCount ?? 0
        past[key] = Past(toldAt: now, heldBackCount: 0)
        return count
    }
}
