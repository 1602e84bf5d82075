public import Primitives

/// Until when a call has to be answered, passed from hop to hop.
///
/// Clocks of nodes differ, so that what travels is the time that is left, as in gRPC's
/// `grpc-timeout`; each hop pins it to its own clock when the request arrives. The time on the wire
/// is lost, so a hop keeps a reserve for it and for its own work.
public struct CallDeadline: Hashable, Sendable {
    public let instant: MonotonicInstant

    /// A call that begins now, or came in with so much time left. More than `limit` is cut: a
    /// caller cannot hold a place for longer than the house allows. Less than nothing is nothing.
    public init(left: Duration, limit: Duration, at now: MonotonicInstant) {
        instant = now + max(.zero, min(left, limit))
    }

    /// The time that is left; never negative.
    public func left(at now: MonotonicInstant) -> Duration {
        max(.zero, instant - now)
    }

    /// What the next hop may take: the time that is left without `reserve`, at most `limit`. Nil
    /// when that is less than `minimum`, in which the hop could not answer: the call is then not
    /// made, which is a definite answer, instead of one whose outcome nobody will know.
    public func budget(
        at now: MonotonicInstant, reserve: Duration, minimum: Duration, limit: Duration
    ) -> Duration? {
        let budget = min(left(at: now) - max(.zero, reserve), limit)
        return budget >= max(minimum, .nanoseconds(1)) ? budget : nil
    }
}
