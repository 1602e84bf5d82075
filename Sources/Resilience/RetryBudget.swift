public import Primitives

/// How many calls may be retries: a share of the calls of the last ten seconds, and a few a second
/// besides so that a quiet caller may retry at all (Finagle's `RetryBudget`).
///
/// A count of tries per call multiplies the load of a link that fails; a budget adds at most its
/// share. It is for calls that may be repeated: reads, advices, connections, never an attempt.
public struct RetryBudget: Sendable {
    private struct Use: AdditiveArithmetic, Sendable {
        var calls = 0
        var retries = 0

        static let zero = Use()

        static func + (left: Use, right: Use) -> Use {
            Use(calls: left.calls + right.calls, retries: left.retries + right.retries)
        }

        static func - (left: Use, right: Use) -> Use {
            Use(calls: left.calls - right.calls, retries: left.retries - right.retries)
        }
    }

    /// Retries per hundred calls, 0 to 20.
    public let percent: Int
    /// Retries a second that need no calls, 0 to 1000.
    public let minimumPerSecond: Int
    private var uses: TimeBuckets<Use>

    /// Ten buckets of a second.
    package static let windowSecondCount = 10

    /// Nil for a share or a minimum out of bounds.
    public init?(percent: Int = 10, minimumPerSecond: Int = 1, at now: MonotonicInstant) {
        guard (0...20).contains(percent), (0...1000).contains(minimumPerSecond) else { return nil }
        self.percent = percent
        self.minimumPerSecond = minimumPerSecond
        uses = TimeBuckets(count: Self.windowSecondCount, width: .seconds(1), at: now)
    }

    /// A call is made that is no retry.
    public mutating func recordCall(at now: MonotonicInstant) {
        uses.add(Use(calls: 1), at: now)
    }

    /// How many retries may still be made.
    public mutating func available(at now: MonotonicInstant) -> Int {
        uses.advance(to: now)
        let earned = uses.total.calls * percent / 100
        return max(0, minimumPerSecond * Self.windowSecondCount + earned - uses.total.retries)
    }

    /// Takes leave for one retry; false when the budget is spent.
    public mutating func take(at now: MonotonicInstant) -> Bool {
        guard available(at: now) > 0 else { return false }
        uses.add(Use(retries: 1), at: now)
        return true
    }
}
