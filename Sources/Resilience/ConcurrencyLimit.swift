public import Primitives

// How many calls a link takes at a time, found out from how long they take: Gradient2 of Netflix's
// concurrency-limits (Gradient2Limit.java), fed by windows (WindowedLimit.java), with the decrease
// of its AIMDLimit when a call of the window was not answered.
//
//   gradient = clamp(tolerance · long / short, 1/2, 1)
//   limit'   = limit · (1 − s) + (gradient · limit + queue) · s       s = 1/5, queue = 4
//   limit'   = limit · 9/10                                           after an unanswered call
//
// `short` is the mean of the window, `long` its exponential mean over about 600 windows. A limit
// that is not half used is not moved, for nothing was learnt.
//
// Envoy's gradient measures the latency of an idle link instead, by cutting concurrency to 3 for 50
// calls every minute. On a link that authorizes payments each call cut off is a sale, so we take
// the one that measures without refusing. What it costs: a link that gets slower very slowly takes
// its baseline along, so that `max` must be what the processor's contract allows.
//
// Numbers are integers with 16 binary places: a limit of up to 10,000 needs 30 bits, and a latency
// of an hour in nanoseconds, shifted, 58. So every node and every replay computes the same.

/// Limits the calls in flight on a link, and learns the limit.
public struct ConcurrencyLimit: Sendable {
    /// The right to one place, to be given back once.
    public struct Place: Hashable, Sendable {
        let beganAt: MonotonicInstant
    }

    /// What became of a call.
    public enum End: Hashable, Sendable {
        case answered
        /// No answer in time: the link is overloaded, or gone.
        case unanswered
        /// It was never made, or ended early for a reason that is not the link's.
        case ignored
    }

    /// The window whose end moves the limit.
    private struct Window: Sendable {
        var began: MonotonicInstant
        var sum: Int64 = 0
        var count: Int64 = 0
        var inFlightMax = 0
        var isDropped = false
    }

    public let min: Int
    public let max: Int
    /// So much longer than the baseline, in per cent, is still no queue.
    public let tolerancePercent: Int
    private let windowDuration: Duration
    /// With 16 binary places.
    private var estimate: Int64
    /// Nanoseconds; nil before the first window.
    private var baseline: Int64?
    private var windowCount: Int64 = 0
    private var window: Window
    public private(set) var inFlightCount = 0

    private static let one: Int64 = 1 << 16
    private static let queue: Int64 = 4 << 16
    /// A window with fewer answers says little.
    private static let answerCountMin: Int64 = 10
    /// So many windows are averaged plainly before the exponential mean begins.
    private static let warmUpCount: Int64 = 10
    /// Over so many windows the past fades to 1/e².
    private static let longWindowCount: Int64 = 600
    /// What took longer counts as an hour, so that no sum overflows: 2^20 of them fit.
    private static let latencyMax: Int64 = 3_600_000_000_000

    /// Nil unless 1 ≤ `min` ≤ `initial` ≤ `max` ≤ 10,000, the tolerance is 100 to 200, and the
    /// window 100 ms to one minute. Equal bounds make a plain bulkhead.
    public init?(
        min: Int = 10, initial: Int = 20, max: Int = 200, tolerancePercent: Int = 150,
        window: Duration = .seconds(1), at now: MonotonicInstant
    ) {
        guard 1 <= min, min <= initial, initial <= max, max <= 10_000,
            (100...200).contains(tolerancePercent), window >= .milliseconds(100),
            window <= .seconds(60)
        else { return nil }
        self.min = min
        self.max = max
        self.tolerancePercent = tolerancePercent
        windowDuration = window
        estimate = Int64(initial) << 16
        self.window = Window(began: now)
    }

    /// How many calls may be in flight.
    public var limit: Int { Int(estimate >> 16) }

    /// The limit with its fraction, in 1/65,536.
    package var fineLimit: Int64 { estimate }

    /// Takes a place; nil when all are taken.
    public mutating func begin(at now: MonotonicInstant) -> Place? {
        guard inFlightCount < limit else { return nil }
        inFlightCount += 1
        window.inFlightMax = Swift.max(window.inFlightMax, inFlightCount)
        return Place(beganAt: now)
    }

    /// Gives a place back.
    public mutating func end(_ place: Place, _ end: End, at now: MonotonicInstant) {
        inFlightCount = Swift.max(0, inFlightCount - 1)
        switch end {
        case .ignored:
            return
        case .unanswered:
            window.isDropped = true
        case .answered:
            let latency = (now - place.beganAt).wholeNanoseconds
            // A million answers a window are more than `max` places can give in a minute's worth
            // of microseconds; what is beyond would only repeat the mean.
            if window.count < 1 << 20 {
                window.sum += Swift.min(Swift.max(1, latency), Self.latencyMax)
                window.count += 1
            }
        }
        if now - window.began >= windowDuration { close(at: now) }
    }

    private mutating func close(at now: MonotonicInstant) {
        let closed = window
        window = Window(began: now, inFlightMax: inFlightCount)
        if closed.isDropped {
            estimate = clamped(estimate * 9 / 10)
            return
        }
        guard closed.count >= Self.answerCountMin else { return }
        let short = closed.sum / closed.count
        let long = updateBaseline(short)
        // The link is not asked for what it could do: there is nothing to learn.
        guard (Int64(closed.inFlightMax) * 2) << 16 >= estimate else { return }
        // The tolerance is applied before the shift, and what is above one is cut off: otherwise an
        // hour would need 66 bits.
        let tolerated = Swift.min(long * Int64(tolerancePercent) / 100, short)
        let gradient = Swift.max(Self.one / 2, (tolerated << 16) / short)
        let wanted = ((estimate * gradient) >> 16) + Self.queue
        estimate = clamped((estimate * 4 + wanted) / 5)
    }

    /// Takes the window's mean into the baseline, and gives the baseline to compare it with.
    private mutating func updateBaseline(_ short: Int64) -> Int64 {
        let old = baseline ?? short
        windowCount = Swift.min(windowCount + 1, Self.warmUpCount + 1)
        let step =
            windowCount <= Self.warmUpCount
            ? (short - old) / windowCount : (short - old) * 2 / (Self.longWindowCount + 1)
        let long = old + step
        // After a long stretch of load the baseline is far too high; it is brought down by steps.
        baseline = long > short * 2 ? long * 9 / 10 : long
        return long
    }

    private func clamped(_ value: Int64) -> Int64 {
        Swift.min(Swift.max(value, Int64(min) << 16), Int64(max) << 16)
    }
}
