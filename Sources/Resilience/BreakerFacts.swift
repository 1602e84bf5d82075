public import Primitives

/// What became of a call, as far as the health of the link is concerned.
public enum CallOutcome: Hashable, Sendable {
    /// An answer came, also one that says no.
    case success
    /// The call failed for certain: refused, broken, answered with a fault of the processor.
    case failure
    /// Nobody knows: no answer in time. Counts as a failure, and has a threshold of its own.
    case unknown
}

/// Who gave an order: a name for the audit, 1 to 64 visible ASCII characters, so that nothing can
/// be smuggled into a log line.
public struct OperatorName: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    public init?(_ text: String) {
        guard text.isName(byteCountMax: 64) else { return nil }
        self.text = text
    }

    public var description: String { text }
}

extension String {
    /// True for 1 to `byteCountMax` visible ASCII characters.
    func isName(byteCountMax: Int) -> Bool {
        (1...byteCountMax).contains(utf8.count) && utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}

extension CircuitBreaker {
    /// A state without what it holds.
    public enum StateName: Hashable, Sendable, CaseIterable {
        case closed, open, halfOpen, forcedOpen, forcedClosed, metricsOnly, disabled
    }

    /// What a person can order in place of the breaker's own judgement.
    public enum Mode: Hashable, Sendable {
        /// Nothing is admitted.
        case open
        /// Everything is admitted: the link is known to work. It counts as a healthy one.
        case closed
        /// Everything is admitted; the breaker says when it would have opened.
        case metricsOnly
        /// Everything is admitted, and the link is one without a breaker: it is left out where
        /// breakers are counted.
        case disabled
    }

    /// A person's word.
    public struct Order: Hashable, Sendable {
        public let mode: Mode
        public let by: OperatorName
        /// When the breaker decides by itself again; nil: not before it is released.
        public let until: MonotonicInstant?

        public init(_ mode: Mode, by name: OperatorName, until: MonotonicInstant? = nil) {
            self.mode = mode
            by = name
            self.until = until
        }
    }

    /// What in a window asks for opening.
    public enum Trip: Hashable, Sendable {
        /// So many per cent of the window failed or are unknown.
        case failureRate(percent: Int)
        /// So many per cent of the window are unknown.
        case unknownRate(percent: Int)
        /// So many per cent of the window were slow.
        case slowRate(percent: Int)
        /// So many calls in a row failed or are unknown.
        case consecutiveFailures(count: Int)
    }

    /// Why a breaker changed its state.
    public enum Cause: Hashable, Sendable {
        case tripped(Trip)
        /// It would have opened, and is only watching: the state stays.
        case wouldTrip(Trip)
        case openTimeOver
        case halfOpenTimeOver
        case probesSucceeded
        case probeFailed(CallOutcome)
        /// A probe succeeded, but took so long.
        case probeSlow(Duration)
        case ordered(Order)
        /// The time of an order is over.
        case orderExpired(Order)
        case released(Order, by: OperatorName)
    }

    /// One change of state, with its cause: what metrics count and the audit keeps.
    public struct Transition: Hashable, Sendable {
        public let from: StateName
        public let to: StateName
        public let cause: Cause
        public let at: MonotonicInstant

        public init(from: StateName, to: StateName, cause: Cause, at: MonotonicInstant) {
            self.from = from
            self.to = to
            self.cause = cause
            self.at = at
        }
    }

    /// The right to make one call, to be given back with its outcome.
    public struct Token: Hashable, Sendable {
        /// Counts the breaker's transitions.
        let generation: UInt64
        /// Counts the breaker's calls.
        let number: UInt64
        /// From when the call's length is measured.
        let admittedAt: MonotonicInstant
        /// True when the breaker looks closely at this call: it is half open.
        public let isProbe: Bool
    }

    /// Why a call may not be made.
    public enum Rejection: Hashable, Sendable {
        /// The open time has so long to go.
        case open(retryAfter: Duration)
        /// Every probe's place is taken; the first lapses after this time.
        case probesUnderWay(retryAfter: Duration)
        /// The cluster's places are handed out by the link's owner: ask it for a lease.
        case probeLeaseNeeded
        /// The link has just recovered, and this call is not in the share that it gets yet.
        case slowStart
        /// A person's word, and how long it holds; nil: without end.
        case forcedOpen(retryAfter: Duration?)

        /// Try again no sooner than this; nil when time alone says nothing.
        public var retryAfter: Duration? {
            switch self {
            case .open(let duration), .probesUnderWay(let duration): duration
            case .forcedOpen(let duration): duration
            case .slowStart: .zero
            case .probeLeaseNeeded: nil
            }
        }
    }

    /// The answer to a wish to call.
    public enum Admission: Hashable, Sendable {
        case allowed(Token)
        case rejected(Rejection)
    }
}
