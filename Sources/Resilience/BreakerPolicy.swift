import Primitives

/// When a breaker opens, for how long, and what closes it again.
public struct BreakerPolicy: Hashable, Sendable {
    /// How many of the last outcomes are looked at, 1 to 1024: a ring of one byte each per link.
    public let windowCount: Int
    /// How many outcomes the rates need, 1 to `windowCount`.
    public let callCountMin: Int
    /// Opens when at least so many per cent of the window failed or are unknown, 1 to 100.
    public let failurePercent: Int
    /// Opens when at least so many per cent of the window are unknown, 1 to 100. Unknown outcomes
    /// cost a reversal each, so a link may bear fewer of them.
    public let unknownPercent: Int
    /// Opens when so many calls in a row failed or are unknown, whatever the window says; 1 or
    /// more.
    public let consecutiveFailureCount: Int
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

    /// Which value of a policy makes no sense.
    public enum Fault: Error, Hashable, Sendable {
        case windowCount, callCountMin, failurePercent, unknownPercent, consecutiveFailureCount
        case openDuration, decayInterval, probeCountMax, probeSuccessCount, probeLifetime
    }

    /// After so many openings in a row the open time has long reached its cap.
    static let openingCountMax = 32

    private static let durationMax = Duration.seconds(86_400)

    public init(
        windowCount: Int = 100, callCountMin: Int = 20, failurePercent: Int = 50,
        unknownPercent: Int = 30, consecutiveFailureCount: Int = 10,
        openDurationMin: Duration = .seconds(1), openDurationMax: Duration = .seconds(60),
        decayInterval: Duration = .seconds(60), probeCountMax: Int = 3,
        probeSuccessCount: Int = 3, probeLifetime: Duration = .seconds(30)
    ) throws(Fault) {
        let durations = Duration.milliseconds(1)...Self.durationMax
        guard (1...1024).contains(windowCount) else { throw .windowCount }
        guard (1...windowCount).contains(callCountMin) else { throw .callCountMin }
        guard (1...100).contains(failurePercent) else { throw .failurePercent }
        guard (1...100).contains(unknownPercent) else { throw .unknownPercent }
        guard consecutiveFailureCount >= 1 else { throw .consecutiveFailureCount }
        guard durations.contains(openDurationMin), durations.contains(openDurationMax),
            openDurationMin <= openDurationMax
        else { throw .openDuration }
        guard durations.contains(decayInterval) else { throw .decayInterval }
        guard (1...64).contains(probeCountMax) else { throw .probeCountMax }
        guard (1...64).contains(probeSuccessCount) else { throw .probeSuccessCount }
        guard durations.contains(probeLifetime) else { throw .probeLifetime }
        self.windowCount = windowCount
        self.callCountMin = callCountMin
        self.failurePercent = failurePercent
        self.unknownPercent = unknownPercent
        self.consecutiveFailureCount = consecutiveFailureCount
        self.openDurationMin = openDurationMin
        self.openDurationMax = openDurationMax
        self.decayInterval = decayInterval
        self.probeCountMax = probeCountMax
        self.probeSuccessCount = probeSuccessCount
        self.probeLifetime = probeLifetime
    }

    /// Why the window asks for opening, or nil.
    func trips(_ window: OutcomeWindow) -> CircuitBreaker.Cause? {
        if window.consecutiveCount >= consecutiveFailureCount {
            return .consecutiveFailures(count: window.consecutiveCount)
        }
        guard window.count >= callCountMin else { return nil }
        let failed = (window.failureCount + window.unknownCount) * 100
        if failed >= failurePercent * window.count {
            return .failureRate(percent: failed / window.count)
        }
        let unknown = window.unknownCount * 100
        if unknown >= unknownPercent * window.count {
            return .unknownRate(percent: unknown / window.count)
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
