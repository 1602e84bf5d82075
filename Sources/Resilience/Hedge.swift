public import Primitives

/// A request that moves nothing, so that asking twice is as good as asking once: a look-up of a
/// rate, a status query, a read of a replica. A type that says so of itself promises it.
///
/// No message that carries an attempt, a capture, a refund or a reversal may ever say so.
public protocol IdempotentRead: Sendable {}

/// Asks again when the first answer is late, and takes whichever comes first ("The Tail at Scale",
/// Dean and Barroso, 2013). It exists for reads only: `Hedge<Authorization>` does not compile.
///
/// The second copy leaves once the first has taken longer than most do, so that few are sent; and
/// each is taken from a budget, so that a slow link is not asked twice as much.
public struct Hedge<Read: IdempotentRead>: Sendable {
    /// After which quantile of the latencies the second copy leaves, in thousandths: 500 to 999.
    public let quantilePerMille: Int
    /// The second copy never leaves earlier, 1 ms to one hour.
    public let delayMin: Duration
    private var latencies = LatencyHistogram()
    private var budget: RetryBudget

    /// Below so many answers the quantile says nothing, and nothing is hedged.
    package static var answerCountMin: Int { 100 }

    /// Nil for values out of bounds; `percent` of the reads at most are hedged, 1 to 20.
    public init?(
        quantilePerMille: Int = 950, delayMin: Duration = .milliseconds(1), percent: Int = 5,
        at now: MonotonicInstant
    ) {
        guard (500...999).contains(quantilePerMille), delayMin >= .milliseconds(1),
            delayMin <= .seconds(3600), percent >= 1,
            let budget = RetryBudget(percent: percent, minimumPerSecond: 0, at: now)
        else { return nil }
        self.quantilePerMille = quantilePerMille
        self.delayMin = delayMin
        self.budget = budget
    }

    /// A read leaves. After which time a second copy may follow; nil when none will.
    public mutating func begin(_ read: Read, at now: MonotonicInstant) -> Duration? {
        budget.recordCall(at: now)
        guard latencies.count >= UInt32(Self.answerCountMin),
            let delay = latencies.quantile(perMille: quantilePerMille)
        else { return nil }
        return max(delay, delayMin)
    }

    /// The delay is over and no answer has come: may the second copy leave?
    public mutating func mayRepeat(_ read: Read, at now: MonotonicInstant) -> Bool {
        budget.take(at: now)
    }

    /// The first answer came so long after the first copy left.
    public mutating func end(after latency: Duration) {
        latencies.add(latency)
    }
}
