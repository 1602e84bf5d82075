import Primitives

/// How long calls took, for quantiles: one counter for each eighth of a power of two of
/// microseconds, so that a quantile is at most an eighth too high, in 1.2 kB.
///
/// The past fades: at every `fadeCount` calls all counters are halved.
struct LatencyHistogram: Sendable {
    /// 2³² microseconds are 71 minutes; what took longer counts as that.
    private static let exponentMax = 32
    /// Enough for a 99.9th percentile, few enough that a link's bad hour is forgotten.
    private static let fadeCount: UInt32 = 8192

    private var counts: [UInt32]
    private(set) var count: UInt32 = 0

    init() {
        counts = Array(repeating: 0, count: (Self.exponentMax - 2) * 8)
    }

    mutating func add(_ latency: Duration) {
        counts[Self.index(of: latency.wholeNanoseconds / 1000)] += 1
        count += 1
        guard count >= Self.fadeCount else { return }
        count = 0
        for index in counts.indices {
            counts[index] /= 2
            count += counts[index]
        }
    }

    /// The time within which so many of a thousand calls were over, rounded up to a counter's end;
    /// nil without calls.
    func quantile(perMille: Int) -> Duration? {
        guard count > 0 else { return nil }
        let rank = max(1, (UInt64(count) * UInt64(max(0, perMille)) + 999) / 1000)
        var seen: UInt64 = 0
        for index in counts.indices {
            seen += UInt64(counts[index])
            if seen >= rank { return .microseconds(Self.end(of: index)) }
        }
        return .microseconds(Self.end(of: counts.count - 1))
    }

    /// Values below 8 have a counter each; above, three bits behind the leading one choose it.
    private static func index(of microseconds: Int64) -> Int {
        let value = min(max(0, microseconds), Int64(1) << exponentMax - 1)
        guard value >= 8 else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        return (exponent - 2) * 8 + Int((value >> (exponent - 3)) & 7)
    }

    /// The highest value that the counter holds, and one more.
    private static func end(of index: Int) -> Int64 {
        guard index >= 8 else { return Int64(index) + 1 }
        let exponent = index / 8 + 2
        return Int64(8 + index % 8 + 1) << (exponent - 3)
    }
}
