import Primitives

/// The clock that promises to others are measured on: this node's own, without what may have been
/// a jump.
///
/// A step counts when it is short. One that is too long may be a pause, or a jump forward, and one
/// backward is a jump: neither counts at all, so that a promise lasts longer, never shorter. (To
/// count a long step as the longest believed one would take that much off every promise with each
/// jump.) A jump forward that hides in a short step is not seen; it takes off no more than the
/// longest believed step, which is why each promise is kept for so much longer than asked.
struct PromiseClock: Hashable, Sendable {
    /// A point on this clock, in nanoseconds since the node started.
    struct Instant: Hashable, Comparable, Sendable {
        let nanoseconds: Int64

        static func < (left: Instant, right: Instant) -> Bool {
            left.nanoseconds < right.nanoseconds
        }

        /// Saturates.
        func advanced(byNanoseconds delta: Int64) -> Instant {
            let (sum, overflow) = nanoseconds.addingReportingOverflow(delta)
            return Instant(nanoseconds: overflow ? .max : sum)
        }
    }

    enum Step: Hashable, Sendable {
        /// Short enough to be believed.
        case counted
        /// Too long to be believed.
        case skipped
        /// The clock ran backwards.
        case backward
    }

    /// The newest reading of the node's own clock.
    private(set) var lastSeen: MonotonicInstant
    private(set) var now = Instant(nanoseconds: 0)

    init(lastSeen: MonotonicInstant) {
        self.lastSeen = lastSeen
    }

    mutating func step(to instant: MonotonicInstant, stepMaxNanoseconds: Int64) -> Step {
        let last = lastSeen
        lastSeen = instant
        guard instant >= last else { return .backward }
        let (step, overflow) = instant.nanoseconds.subtractingReportingOverflow(last.nanoseconds)
        guard !overflow, step <= stepMaxNanoseconds else { return .skipped }
        now = now.advanced(byNanoseconds: step)
        return .counted
    }

    /// When the node's own clock will have reached `instant` of this one, if it does not jump.
    func deadline(of instant: Instant) -> MonotonicInstant {
        lastSeen.advanced(byNanoseconds: max(0, instant.nanoseconds - now.nanoseconds))
    }
}

extension MonotonicInstant {
    /// Saturates, so that a deadline never wraps into the past.
    func advanced(byNanoseconds delta: Int64) -> MonotonicInstant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(delta)
        return MonotonicInstant(nanoseconds: overflow ? (delta < 0 ? .min : .max) : sum)
    }
}
