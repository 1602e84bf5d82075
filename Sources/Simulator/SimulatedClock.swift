import Primitives

/// A machine's clocks: a boot-time clock of its own origin and rate, and a wall clock that jumps.
struct SimulatedClock: Sendable {
    private let originNanoseconds: Int64
    private let driftPartsPerMillion: Int64
    private let wallStart: Timestamp
    /// How far civil time is off, in milliseconds.
    var wallOffsetMilliseconds: Int64 = 0

    /// Machines were booted within the last hundred days, and their clocks run wrong by no more
    /// than the world allows.
    init(parameters: WorldParameters, random: inout SeededRandom) {
        originNanoseconds = Int64.random(in: 0...8_640_000_000_000_000, using: &random)
        let drift = parameters.clockDriftPartsPerMillion
        driftPartsPerMillion = Int64.random(in: -drift...drift, using: &random)
        wallStart = parameters.wallStart
    }

    func localTime(at worldNanoseconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: originNanoseconds &+ scaled(worldNanoseconds))
    }

    func wallTime(at worldNanoseconds: Int64) -> Timestamp {
        wallStart.advanced(
            byMilliseconds: scaled(worldNanoseconds) / 1_000_000 &+ wallOffsetMilliseconds)
    }

    /// The first instant of the world at which the local clock is not before `instant`.
    func worldTime(reaching instant: MonotonicInstant) -> Int64 {
        let distance = Int128(instant.nanoseconds) - Int128(originNanoseconds)
        let estimate = distance * 1_000_000 / Int128(1_000_000 + driftPartsPerMillion)
        // Rounding costs less than two nanoseconds, and the far end of time is never reached.
        guard estimate > 2 else { return 0 }
        guard estimate < Int128(Int64.max / 2) else { return .max }
        var time = Int64(estimate) - 2
        while scaled(time) < distance { time += 1 }
        return time
    }

    private func scaled(_ nanoseconds: Int64) -> Int64 {
        let (millions, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return nanoseconds + millions * driftPartsPerMillion
            + rest * driftPartsPerMillion / 1_000_000
    }
}
