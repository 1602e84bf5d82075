import Primitives

/// Logarithms of small integers in fixed point: the same on every machine, with no library of the
/// system (Knuth, The Art of Computer Programming, §1.2.2, by repeated squaring).
enum Logarithm {
    private static let fractionBitCount = 16
    /// log2(10) in 65,536ths.
    static let binaryOfTen: Int64 = 217_706

    /// log2(`value`) in 65,536ths, rounded down; 0 for 0 and 1.
    static func binary(_ value: Int) -> Int64 {
        guard value > 1 else { return 0 }
        let whole = Int.bitWidth - 1 - value.leadingZeroBitCount
        // The mantissa in 1 ..< 2, with 31 bits behind the point.
        var mantissa = (UInt64(value) << UInt64(63 - whole)) >> 32
        var result = Int64(whole)
        for _ in 0..<fractionBitCount {
            mantissa = (mantissa * mantissa) >> 31
            result <<= 1
            if mantissa >= 1 << 32 {
                mantissa >>= 1
                result += 1
            }
        }
        return result
    }

    /// `factor` times log10(`value`), rounded up.
    static func decimalRoundedUp(_ value: Int, times factor: Int) -> Int {
        let scaled = Int64(factor) * binary(value)
        return Int((scaled + binaryOfTen - 1) / binaryOfTen)
    }

    /// `duration` times log10(`value`), and at least `duration`.
    static func scale(_ duration: Duration, byDecimalOf value: Int) -> Duration {
        scale(duration, max(binary(value), binaryOfTen), over: binaryOfTen)
    }

    /// `duration` times log(`value`) / log(`base`); the whole of it when the base is 1.
    static func scale(_ duration: Duration, by value: Int, over base: Int) -> Duration {
        let divisor = binary(base)
        return divisor == 0 ? duration : scale(duration, binary(value), over: divisor)
    }

    private static func scale(
        _ duration: Duration, _ numerator: Int64, over denominator: Int64
    ) -> Duration {
        // Wide enough: 2^41 nanoseconds (half an hour) times 2^22.
        let (high, low) = duration.wholeNanoseconds.multipliedFullWidth(by: numerator)
        let isInRange = high.magnitude < denominator.magnitude / 2
        guard isInRange else { return duration }
        return .nanoseconds(denominator.dividingFullWidth((high, low)).quotient)
    }
}
