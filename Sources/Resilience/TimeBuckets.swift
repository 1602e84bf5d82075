import Primitives

/// A sum over the latest stretch of time, in a ring of buckets of equal width.
///
/// Bucket `n` holds what came from `n · width` to `(n + 1) · width` of the clock. The sum covers
/// the newest bucket, which is still filling, and those before it: a stretch of `count − 1` to
/// `count` widths. Memory is fixed, however much comes. What an earlier reading of the clock brings
/// is added to the newest bucket.
struct TimeBuckets<Value: AdditiveArithmetic & Sendable>: Sendable {
    /// Nanoseconds in a bucket.
    private let width: Int64
    private var ring: [Value]
    /// The number of the newest bucket.
    private var newest: Int64
    /// What all buckets hold together.
    private(set) var total = Value.zero

    /// `count` is 1 or more, `width` a nanosecond or more: the owner's bounds hold both.
    init(count: Int, width: Duration, at now: MonotonicInstant) {
        self.width = max(1, width.wholeNanoseconds)
        ring = Array(repeating: .zero, count: max(1, count))
        newest = now.nanoseconds.dividedDown(by: self.width)
    }

    /// Drops the buckets that have left.
    mutating func advance(to now: MonotonicInstant) {
        let number = now.nanoseconds.dividedDown(by: width)
        guard number > newest else { return }
        // Numbers are instants divided, so that their difference can overflow only at a width of
        // one nanosecond; what wraps is more than a ring.
        let (steps, isFar) = number.subtractingReportingOverflow(newest)
        if isFar || steps >= Int64(ring.count) {
            clear()
        } else {
            for step in 1...steps {
                let index = place(of: newest + step)
                total -= ring[index]
                ring[index] = .zero
            }
        }
        newest = number
    }

    mutating func add(_ value: Value, at now: MonotonicInstant) {
        advance(to: now)
        ring[place(of: newest)] += value
        total += value
    }

    mutating func clear() {
        for index in ring.indices { ring[index] = .zero }
        total = .zero
    }

    /// The first instant at which so much has left that `isEnough` says so of the sum of what has
    /// left; nil when not even all of it is enough.
    func instant(whenGone isEnough: (Value) -> Bool) -> MonotonicInstant? {
        var gone = Value.zero
        for age in (0..<Int64(ring.count)).reversed() {
            gone += ring[place(of: newest - age)]
            guard isEnough(gone) else { continue }
            let next = newest - age + Int64(ring.count)
            let (start, isFar) = next.multipliedReportingOverflow(by: width)
            return MonotonicInstant(nanoseconds: isFar ? .max : start)
        }
        return nil
    }

    private func place(of number: Int64) -> Int {
        let rest = Int(number % Int64(ring.count))
        return rest < 0 ? rest + ring.count : rest
    }
}

extension Int64 {
    /// The quotient rounded towards minus infinity.
    func dividedDown(by divisor: Int64) -> Int64 {
        let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? quotient - 1 : quotient
    }
}
