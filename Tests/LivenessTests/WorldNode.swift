import Liveness
import Primitives

/// A node of the seeded world: what is in memory, on disk, and the clock that it looks at.
struct WorldNode {
    /// A write on its way, and when it will be done.
    struct Write {
        let token: UInt64
        let durable: DurableLiveness
        let doneAt: Int64
    }

    /// Nil while it is down.
    var liveness: Liveness?
    var disk: DurableLiveness?
    var write: Write?
    /// In real time; what the node does waits for it.
    var pausedUntil: Int64 = 0
    var downUntil: Int64 = 0
    var stalledUntil: Int64 = 0
    var jumpAllowedAt: Int64 = 0
    /// When it has something to do by itself.
    var due: Int64 = 0
    /// The clock: its reading at a moment of real time, and how fast it runs from there.
    private var clockBase: Int64
    private var realBase: Int64 = 0
    private var ratePartsPerMillion: Int64

    init(clock: Int64, ratePartsPerMillion: Int64) {
        clockBase = clock
        self.ratePartsPerMillion = ratePartsPerMillion
    }

    /// The node's own clock.
    func now(_ real: Int64) -> MonotonicInstant {
        let passed = real - realBase
        return MonotonicInstant(
            nanoseconds: clockBase + passed + passed / 1000 * ratePartsPerMillion / 1000)
    }

    /// When the clock will read `instant`, a little late.
    func real(of instant: MonotonicInstant, after real: Int64) -> Int64 {
        let rest = instant.nanoseconds - now(real).nanoseconds
        guard rest > 0 else { return real }
        return real + rest - rest / 1000 * ratePartsPerMillion / 1000 + rest / 10_000 + 1000
    }

    mutating func setRate(_ partsPerMillion: Int64, at real: Int64) {
        clockBase = now(real).nanoseconds
        realBase = real
        ratePartsPerMillion = partsPerMillion
    }

    mutating func jump(_ nanoseconds: Int64) {
        clockBase += nanoseconds
    }
}
