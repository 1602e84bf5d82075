import Primitives

/// When a breaker opens, for how long, and what closes it again.
public struct BreakerPolicy: Hashable, Sendable {
    /// Whether the places of probes are the node's own, or handed out for the whole cluster by the
    /// link's one `ProbeTable`.
    public enum ProbePlaces: Hashable, Sendable {
        case node, cluster
    }

    /// How a link that has recovered gets its calls back: a share of them that grows evenly from
    /// `percentMin` to all over `duration` (Envoy's slow start, with an aggression of 1).
    public struct SlowStart: Hashable, Sendable {
        /// 1 ms to one day.
        public let duration: Duration
        /// 1 to 100.
        public let percentMin: Int

        public init(duration: Duration, percentMin: Int = 10) {
            self.duration = duration
            self.percentMin = percentMin
        }
    }

    /// Which outcomes are looked at.
    public let window: BreakerWindow
    /// How many outcomes the rates need: 1 to the window's count, or to a million in a window of
    /// time.
    public let callCountMin: Int
    /// Opens when at least so many per cent of the window failed or are unknown, 1 to 100.
    public let failurePercent: Int
    /// Opens when at least so many per cent of the window are unknown, 1 to 100. Unknown outcomes
    /// cost a reversal each, so a link may bear fewer of them.
    public let unknownPercent: Int
    /// Opens when so many calls in a row failed or are unknown, whatever the window says; 1 or
    /// more.
    public let consecutiveFailureCount: Int
    /// A call that took at least so long is slow, whatever its outcome.
    public let slowCallDuration: Duration
    /// Opens when at least so many per cent of the window were slow, 1 to 100.
    public let slowPercent: Int
    /// The first open time; doubled at each opening that follows.
    public let openDurationMin: Duration
    /// The longest open time, up to one day.
    public let openDurationMax: Duration
    /// How long a closed stretch takes one doubling back.
    public let decayInterval: Duration
    /// How many probes may be under way at a time, 1 to 64.
    public let probeCountMax: Int
    /// How many probes must succeed, 1 to 64.
    public let probeSuccessCount: Int
    /// After which time a probe without an outcome loses its place.
    public let probeLifetime: Duration
    public let probePlaces: ProbePlaces
    /// How long after its first probe a half-open breaker that has not closed opens again.
    public let halfOpenDurationMax: Duration
    /// Nil: a link that has recovered gets all of its calls at once.
    public let slowStart: SlowStart?

    /// Which value of a policy makes no sense.
    public enum Fault: Error, Hashable, Sendable {
        case window, callCountMin, failurePercent, unknownPercent, consecutiveFailureCount
        case slowCallDuration, slowPercent
        case openDuration, decayInterval, probeCountMax, probeSuccessCount, probeLifetime
        case halfOpenDurationMax, slowStart
    }

    /// After so many openings in a row the open time has long reached its cap.
    static let openingCountMax = 32
    /// Every duration of a policy is at most a day: what is longer is for a person to order.
    static let durationMax = Duration.seconds(86_400)

    /// A slow call is by default one of 60 s, and opens only when all are: the defaults of
    /// resilience4j, which no link with a shorter timer ever meets.
    public init(
        window: BreakerWindow = .calls(100), callCountMin: Int = 20, failurePercent: Int = 50,
        unknownPercent: Int = 30, consecutiveFailureCount: Int = 10,
        slowCallDuration: Duration = .seconds(60), slowPercent: Int = 100,
        openDurationMin: Duration = .seconds(1), openDurationMax: Duration = .seconds(60),
        decayInterval: Duration = .seconds(60), probeCountMax: Int = 3,
        probeSuccessCount: Int = 3, probeLifetime: Duration = .seconds(30),
        probePlaces: ProbePlaces = .node, halfOpenDurationMax: Duration = .seconds(86_400),
        slowStart: SlowStart? = nil
    ) throws(Fault) {
        let durations = Duration.milliseconds(1)...Self.durationMax
        guard let callCountBound = window.callCountBound else { throw .window }
        guard (1...callCountBound).contains(callCountMin) else { throw .callCountMin }
        guard (1...100).contains(failurePercent) else { throw .failurePercent }
        guard (1...100).contains(unknownPercent) else { throw .unknownPercent }
        guard consecutiveFailureCount >= 1 else { throw .consecutiveFailureCount }
        guard durations.contains(slowCallDuration) else { throw .slowCallDuration }
        guard (1...100).contains(slowPercent) else { throw .slowPercent }
        guard durations.contains(openDurationMin), durations.contains(openDurationMax),
            openDurationMin <= openDurationMax
        else { throw .openDuration }
        guard durations.contains(decayInterval) else { throw .decayInterval }
        guard (1...64).contains(probeCountMax) else { throw .probeCountMax }
        guard (1...64).contains(probeSuccessCount) else { throw .probeSuccessCount }
        guard durations.contains(probeLifetime) else { throw .probeLifetime }
        guard durations.contains(halfOpenDurationMax) else { throw .halfOpenDurationMax }
        if let slowStart {
            guard durations.contains(slowStart.duration), (1...100).contains(slowStart.percentMin)
            else { throw .slowStart }
        }
        self.window = window
        self.callCountMin = callCountMin
        self.failurePercent = failurePercent
        self.unknownPercent = unknownPercent
        self.consecutiveFailureCount = consecutiveFailureCount
        self.slowCallDuration = slowCallDuration
        self.slowPercent = slowPercent
        self.openDurationMin = openDurationMin
        self.openDurationMax = openDurationMax
        self.decayInterval = decayInterval
        self.probeCountMax = probeCountMax
        self.probeSuccessCount = probeSuccessCount
        self.probeLifetime = probeLifetime
        self.probePlaces = probePlaces
        self.halfOpenDurationMax = halfOpenDurationMax
        self.slowStart = slowStart
    }

    /// Why the window asks for opening, or nil.
    func trips(_ window: OutcomeWindow) -> CircuitBreaker.Trip? {
        if window.consecutiveCount >= consecutiveFailureCount {
            return .consecutiveFailures(count: window.consecutiveCount)
        }
        let tally = window.tally
        guard tally.count >= callCountMin else { return nil }
        let failed = (tally.failureCount + tally.unknownCount) * 100
        if failed >= failurePercent * tally.count {
            return .failureRate(percent: failed / tally.count)
        }
        let unknown = tally.unknownCount * 100
        if unknown >= unknownPercent * tally.count {
            return .unknownRate(percent: unknown / tally.count)
        }
        let slow = tally.slowCount * 100
        if slow >= slowPercent * tally.count {
            return .slowRate(percent: slow / tally.count)
        }
        return nil
    }

    /// The open time after so many openings: doubled each time up to the cap, then spread over its
    /// upper half by `chance`, so that many nodes do not return at once and none at once.
    public func openDuration(openingCount: Int, chance: UInt64) -> Duration {
        let whole = openDurationMin.doubled(openingCount, max: openDurationMax).wholeNanoseconds
        let half = whole / 2
        return .nanoseconds(half + chance.scaled(to: whole - half))
    }

    /// How many of a thousand calls a link gets so long after it recovered, 1 to 1000.
    func share(after elapsed: Duration) -> Int {
        guard let slowStart else { return 1000 }
        let least = Int64(slowStart.percentMin * 10)
        let span = slowStart.duration.wholeNanoseconds
        // A day in nanoseconds times a thousand is 8.64e16: no overflow.
        let passed = max(0, min(elapsed.wholeNanoseconds, span))
        return Int(least + (1000 - least) * passed / span)
    }
}

extension BreakerWindow {
    /// How many calls a rate may be asked to wait for; nil for a window out of its bounds.
    fileprivate var callCountBound: Int? {
        switch self {
        case .calls(let count):
            return (1...1024).contains(count) ? count : nil
        case .time(let count, let width):
            let widths = Duration.milliseconds(1)...Duration.seconds(3600)
            return (2...64).contains(count) && widths.contains(width) ? 1_000_000 : nil
        }
    }
}

extension Duration {
    /// The duration doubled `count` times, or `max` when that is less. Never overflows.
    func doubled(_ count: Int, max limit: Duration) -> Duration {
        let limitNanoseconds = limit.wholeNanoseconds
        var nanoseconds = min(wholeNanoseconds, limitNanoseconds)
        for _ in 0..<Swift.max(0, Swift.min(count, 63)) {
            guard nanoseconds <= limitNanoseconds / 2 else { return limit }
            nanoseconds *= 2
        }
        return .nanoseconds(nanoseconds)
    }
}

extension UInt64 {
    /// A random word as a number from 0 to `limit`, each about equally likely.
    func scaled(to limit: Int64) -> Int64 {
        Int64(multipliedFullWidth(by: UInt64(limit) + 1).high)
    }
}
