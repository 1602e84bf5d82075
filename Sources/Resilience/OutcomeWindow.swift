import Primitives

/// Which of a link's calls its breaker looks at.
public enum BreakerWindow: Hashable, Sendable {
    /// The last so many calls, 1 to 1024: a ring of one byte each per link.
    case calls(Int)
    /// The calls of the latest stretch of time, in 2 to 64 buckets of 1 ms to one hour each:
    /// 32 bytes a bucket per link, however many calls there are.
    case time(bucketCount: Int, bucketWidth: Duration)
}

/// How many calls there were, and what became of them.
struct OutcomeTally: AdditiveArithmetic, Sendable {
    var count = 0
    var failureCount = 0
    var unknownCount = 0
    var slowCount = 0

    static let zero = OutcomeTally()

    static func + (left: OutcomeTally, right: OutcomeTally) -> OutcomeTally {
        OutcomeTally(
            count: left.count + right.count,
            failureCount: left.failureCount + right.failureCount,
            unknownCount: left.unknownCount + right.unknownCount,
            slowCount: left.slowCount + right.slowCount)
    }

    static func - (left: OutcomeTally, right: OutcomeTally) -> OutcomeTally {
        OutcomeTally(
            count: left.count - right.count,
            failureCount: left.failureCount - right.failureCount,
            unknownCount: left.unknownCount - right.unknownCount,
            slowCount: left.slowCount - right.slowCount)
    }
}

/// The outcomes of a link that its breaker judges by, with their counts kept along.
struct OutcomeWindow: Sendable {
    private enum Store: Sendable {
        case calls(OutcomeRing)
        case time(TimeBuckets<OutcomeTally>)
    }

    private var store: Store
    /// How many of the latest outcomes in a row were no success, however long ago they were.
    private(set) var consecutiveCount = 0

    init(_ window: BreakerWindow, at now: MonotonicInstant) {
        switch window {
        case .calls(let capacity):
            store = .calls(OutcomeRing(capacity: capacity))
        case .time(let count, let width):
            store = .time(TimeBuckets(count: count, width: width, at: now))
        }
    }

    var tally: OutcomeTally {
        switch store {
        case .calls(let ring): ring.tally
        case .time(let buckets): buckets.total
        }
    }

    mutating func append(_ outcome: CallOutcome, isSlow: Bool, at now: MonotonicInstant) {
        // The store is written in place, not copied out of its case and back: `take` leaves an
        // empty ring behind, which owns no memory.
        switch take() {
        case .calls(var ring):
            ring.append(OutcomeRing.Entry(outcome, isSlow: isSlow))
            store = .calls(ring)
        case .time(var buckets):
            buckets.add(OutcomeRing.Entry(outcome, isSlow: isSlow).tally, at: now)
            store = .time(buckets)
        }
        switch outcome {
        case .success: consecutiveCount = 0
        // Bounded by the policy's largest threshold, where the breaker opens.
        case .failure, .unknown: consecutiveCount += 1
        }
    }

    mutating func clear() {
        switch take() {
        case .calls(var ring):
            ring.clear()
            store = .calls(ring)
        case .time(var buckets):
            buckets.clear()
            store = .time(buckets)
        }
        consecutiveCount = 0
    }

    private mutating func take() -> Store {
        defer { store = .calls(OutcomeRing(capacity: 1)) }
        return store
    }
}

/// The last outcomes, a ring of a fixed size.
struct OutcomeRing: Sendable {
    /// An outcome in one byte.
    struct Entry: Sendable {
        private let bits: UInt8

        init(_ outcome: CallOutcome, isSlow: Bool) {
            let code: UInt8 =
                switch outcome {
                case .success: 0
                case .failure: 1
                case .unknown: 2
                }
            bits = code | (isSlow ? 4 : 0)
        }

        var tally: OutcomeTally {
            OutcomeTally(
                count: 1, failureCount: bits & 3 == 1 ? 1 : 0, unknownCount: bits & 3 == 2 ? 1 : 0,
                slowCount: bits & 4 == 4 ? 1 : 0)
        }
    }

    private var entries: [Entry] = []
    private let capacity: Int
    private var next = 0
    private(set) var tally = OutcomeTally.zero

    init(capacity: Int) {
        self.capacity = capacity
    }

    mutating func append(_ entry: Entry) {
        if entries.count < capacity {
            entries.append(entry)
        } else {
            tally -= entries[next].tally
            entries[next] = entry
            next = (next + 1) % capacity
        }
        tally += entry.tally
    }

    mutating func clear() {
        entries.removeAll(keepingCapacity: true)
        next = 0
        tally = .zero
    }
}
