public import Primitives

// The life of a breaker around one processor link.
//
//             a threshold is passed              the open time is over
//   closed ─────────────────────────▶ open ────────────────────────▶ halfOpen
//     ▲                                ▲                                │  │
//     │                                └─ a probe fails, or is slow, ───┘  │
//     │                                   or the time is over              │
//     └───────────────────────── enough probes succeed ────────────────────┘
//
//  from         input                                to            function
//  -----------  -----------------------------------  ------------  ------------
//  closed       outcome, thresholds kept             closed        recordClosed
//  closed       outcome, a threshold passed          open          recordClosed
//  closed       admit                                closed        decide
//  open         admit before the open time ends      open          decide
//  open         time, after it                       halfOpen      pass
//  halfOpen     admit with a free place              halfOpen      admitProbe
//  halfOpen     probe succeeded, more wanted         halfOpen      recordProbe
//  halfOpen     probe succeeded, enough              closed        recordProbe
//  halfOpen     probe failed, unknown or slow        open          recordProbe
//  halfOpen     time, too long after its first       open          pass
//               probe
//  any          a lease of the cluster's places      the same      accept
//  any          an order                             held          hold
//  held         time, after the order's end          closed        pass
//  held         release                              closed        release
//  metricsOnly  outcome, a threshold passed          metricsOnly   recordWatched
//
// `held` shows as forcedOpen, forcedClosed, metricsOnly or disabled. A wish to call and an outcome
// first let time pass, and time causes at most one transition: a shell that sets a timer for
// `nextInstant` and calls `advance` sees transitions when they are due, another with the next call.
//
// An outcome belongs to the state in which its call was admitted: the outcome of a call from before
// a transition is ignored. A business decline is a success, for the processor did its work.
//
// A link that comes back from open, or from being held open, gets its calls back in a growing share
// if the policy has a slow start; a threshold passed meanwhile opens it like any other.

/// Stops calls to a link that does not work, and tries it again with a few.
public struct CircuitBreaker: Sendable {
    private struct Probe: Sendable {
        let token: Token
        let expires: MonotonicInstant
    }

    private struct HalfOpen: Sendable {
        var successCount = 0
        /// Probes that were made in this stretch, cancelled ones not counted.
        var probeCount = 0
        /// When the breaker opens again; set by the first probe, so that a link without calls is
        /// not judged by its silence.
        var deadline: MonotonicInstant?
    }

    private enum State: Sendable {
        case closed(since: MonotonicInstant, isRecovering: Bool)
        case open(until: MonotonicInstant)
        case halfOpen(HalfOpen)
        case held(Order)
    }

    public let policy: BreakerPolicy
    private var state: State
    /// What closed and metricsOnly judge by. It stands beside the state so that it can be written
    /// in place, and is empty in all others.
    private var window: OutcomeWindow
    /// Probes under way, at most `probeCountMax`. They outlive the half-open stretch that admitted
    /// them: when one probe opens the breaker again the others are still on the link, and the next
    /// stretch has so many places fewer.
    private var probes: [Probe] = []
    /// The cluster's places that this breaker may use.
    var lease: ProbeLease?
    /// The number of the last lease given back: its grant, told again, is worth nothing.
    var lastGivenBack: ProbeTable.Number?
    private var generation: UInt64 = 0
    private var callCount: UInt64 = 0
    /// How often the breaker opened without a long enough recovery in between: the exponent.
    public private(set) var openingCount = 0

    /// A closed breaker that has seen nothing.
    public init(policy: BreakerPolicy, at now: MonotonicInstant) {
        self.policy = policy
        window = OutcomeWindow(policy.window, at: now)
        state = .closed(since: now, isRecovering: false)
    }

    // MARK: What it says

    /// Where the breaker stands; what time alone has changed shows with the next input.
    public var stateName: StateName {
        switch state {
        case .closed: .closed
        case .open: .open
        case .halfOpen: .halfOpen
        case .held(let order): order.mode.stateName
        }
    }

    /// When time will change the state if nothing else does.
    public var nextInstant: MonotonicInstant? {
        switch state {
        case .closed: nil
        case .open(let until): until
        case .halfOpen(let halfOpen): halfOpen.deadline
        case .held(let order): order.until
        }
    }

    /// True when a call might be admitted now; changes nothing.
    public func mayAdmit(at now: MonotonicInstant) -> Bool {
        var trial = self
        switch trial.admit(at: now, chance: 0).admission {
        case .allowed: return true
        case .rejected: return false
        }
    }

    /// How many of a thousand ordinary calls are admitted, for whoever spreads calls over links.
    public func share(at now: MonotonicInstant) -> Int {
        switch state {
        case .closed(let since, let isRecovering):
            return isRecovering ? policy.share(after: now - since) : 1000
        case .open, .halfOpen:
            return 0
        case .held(let order):
            switch order.mode {
            case .open: return 0
            case .closed, .metricsOnly, .disabled: return 1000
            }
        }
    }

    /// How many probes are on the link.
    public func probeCount(at now: MonotonicInstant) -> Int {
        probes.count { $0.expires > now }
    }

    // MARK: Time and calls

    /// Lets time pass. `chance` is a random word, used when the breaker opens again.
    public mutating func advance(to now: MonotonicInstant, chance: UInt64) -> Transition? {
        pass(to: now, chance: { chance })
    }

    /// May a call be made now? `chance` is a random word, drawn at most once, and only where the
    /// answer depends on it: in a slow start, or when a half-open breaker opens again.
    public mutating func admit(
        at now: MonotonicInstant, chance: @autoclosure () -> UInt64
    ) -> (admission: Admission, transition: Transition?) {
        let transition = pass(to: now, chance: chance)
        return (decide(at: now, chance: chance), transition)
    }

    /// Leave to call in spite of an open or half-open breaker, for a rule that stands above it
    /// (`EjectionRule`); nil where a person has said no, or where none is needed. The outcome may
    /// be recorded and teaches nothing: the breaker keeps to its probes.
    public mutating func overrule(at now: MonotonicInstant) -> Token? {
        switch state {
        case .open, .halfOpen: token(isProbe: false, at: now)
        case .closed, .held: nil
        }
    }

    /// Gives a token back. `chance` is a random word, used when the breaker opens.
    public mutating func record(
        _ token: Token, _ outcome: CallOutcome, at now: MonotonicInstant, chance: UInt64
    ) -> Transition? {
        let hadPlace = freePlace(of: token, at: now)
        if let transition = pass(to: now, chance: { chance }) { return transition }
        guard token.generation == generation else { return nil }
        let elapsed = now - token.admittedAt
        switch state {
        case .closed(let since, _):
            return recordClosed(outcome, elapsed, since: since, at: now, chance: chance)
        case .halfOpen(let halfOpen):
            // Without its place it has lapsed, was told before, or was no probe.
            guard hadPlace else { return nil }
            return recordProbe(outcome, elapsed, halfOpen, at: now, chance: chance)
        case .held(let order):
            switch order.mode {
            case .metricsOnly: return recordWatched(outcome, elapsed, at: now)
            case .open, .closed, .disabled: return nil
            }
        case .open:
            return nil
        }
    }

    /// Gives a token back whose call was never made.
    public mutating func cancel(_ token: Token, at now: MonotonicInstant) {
        guard freePlace(of: token, at: now), token.generation == generation,
            case .halfOpen(var halfOpen) = state
        else { return }
        halfOpen.probeCount -= 1
        // Without a probe the stretch's time has not begun.
        if halfOpen.probeCount == 0 { halfOpen.deadline = nil }
        state = .halfOpen(halfOpen)
    }

    // MARK: Orders

    /// Does as a person says until the order ends or is released. Each order is a transition, also
    /// one that repeats the last, so that the audit has who gave it.
    public mutating func hold(_ order: Order, at now: MonotonicInstant) -> Transition {
        move(to: .held(order), because: .ordered(order), at: now)
    }

    /// Lets a held breaker decide by itself again: closed, with nothing remembered.
    public mutating func release(
        by name: OperatorName, at now: MonotonicInstant
    ) -> Transition? {
        switch state {
        case .closed, .open, .halfOpen: nil
        case .held(let order): end(order, because: .released(order, by: name), at: now)
        }
    }

    private mutating func end(
        _ order: Order, because cause: Cause, at now: MonotonicInstant
    ) -> Transition {
        openingCount = 0
        let closed = State.closed(since: now, isRecovering: order.mode == .open)
        return move(to: closed, because: cause, at: now)
    }

    // MARK: Deciding

    private mutating func pass(
        to now: MonotonicInstant, chance: () -> UInt64
    ) -> Transition? {
        guard let due = nextInstant, now >= due else { return nil }
        switch state {
        case .closed:
            return nil
        case .open:
            return move(to: .halfOpen(HalfOpen()), because: .openTimeOver, at: now)
        case .halfOpen:
            return open(because: .halfOpenTimeOver, at: now, chance: chance())
        case .held(let order):
            return end(order, because: .orderExpired(order), at: now)
        }
    }

    private mutating func decide(at now: MonotonicInstant, chance: () -> UInt64) -> Admission {
        switch state {
        case .closed(let since, let isRecovering):
            let share = isRecovering ? policy.share(after: now - since) : 1000
            guard share >= 1000 || chance().scaled(to: 999) < share else {
                return .rejected(.slowStart)
            }
            return .allowed(token(isProbe: false, at: now))
        case .open(let until):
            return .rejected(.open(retryAfter: until - now))
        case .halfOpen(let halfOpen):
            return admitProbe(halfOpen, at: now)
        case .held(let order):
            switch order.mode {
            case .open:
                return .rejected(.forcedOpen(retryAfter: order.until.map { $0 - now }))
            case .closed, .metricsOnly, .disabled:
                return .allowed(token(isProbe: false, at: now))
            }
        }
    }

    private mutating func admitProbe(_ old: HalfOpen, at now: MonotonicInstant) -> Admission {
        let expires = now + policy.probeLifetime
        var placeCount = policy.probeCountMax
        if policy.probePlaces == .cluster {
            // A probe lives wholly within the lease, so that its place is nobody else's meanwhile.
            guard let lease, lease.until >= expires else {
                return .rejected(.probeLeaseNeeded)
            }
            placeCount = min(placeCount, lease.placeCount)
        }
        // A probe whose outcome has not come loses its place, so that no caller can block it.
        probes.removeAll { $0.expires <= now }
        guard probes.count < placeCount else {
            let first = probes.map(\.expires).min() ?? now
            return .rejected(.probesUnderWay(retryAfter: first - now))
        }
        let token = token(isProbe: true, at: now)
        probes.append(Probe(token: token, expires: expires))
        var halfOpen = old
        halfOpen.probeCount += 1
        halfOpen.deadline = halfOpen.deadline ?? (now + policy.halfOpenDurationMax)
        state = .halfOpen(halfOpen)
        return .allowed(token)
    }

    private mutating func recordClosed(
        _ outcome: CallOutcome, _ elapsed: Duration, since: MonotonicInstant,
        at now: MonotonicInstant, chance: UInt64
    ) -> Transition? {
        window.append(outcome, isSlow: elapsed >= policy.slowCallDuration, at: now)
        guard let trip = policy.trips(window) else { return nil }
        // Each stretch of recovery takes one opening back.
        let recovered = (now - since).wholeNanoseconds / policy.decayInterval.wholeNanoseconds
        openingCount -= Int(min(Int64(openingCount), max(0, recovered)))
        return open(because: .tripped(trip), at: now, chance: chance)
    }

    private mutating func recordWatched(
        _ outcome: CallOutcome, _ elapsed: Duration, at now: MonotonicInstant
    ) -> Transition? {
        window.append(outcome, isSlow: elapsed >= policy.slowCallDuration, at: now)
        guard let trip = policy.trips(window) else { return nil }
        // Begins to watch anew, so that one bad stretch is told once.
        window.clear()
        return Transition(from: .metricsOnly, to: .metricsOnly, cause: .wouldTrip(trip), at: now)
    }

    private mutating func recordProbe(
        _ outcome: CallOutcome, _ elapsed: Duration, _ old: HalfOpen,
        at now: MonotonicInstant, chance: UInt64
    ) -> Transition? {
        switch outcome {
        case .failure, .unknown:
            return open(because: .probeFailed(outcome), at: now, chance: chance)
        case .success:
            guard elapsed < policy.slowCallDuration else {
                return open(because: .probeSlow(elapsed), at: now, chance: chance)
            }
            var halfOpen = old
            halfOpen.successCount += 1
            guard halfOpen.successCount < policy.probeSuccessCount else {
                let closed = State.closed(since: now, isRecovering: true)
                return move(to: closed, because: .probesSucceeded, at: now)
            }
            state = .halfOpen(halfOpen)
            return nil
        }
    }

    // MARK: Moving

    /// True when the token is a probe that still had its place.
    private mutating func freePlace(of token: Token, at now: MonotonicInstant) -> Bool {
        guard token.isProbe, let index = probes.firstIndex(where: { $0.token == token }) else {
            return false
        }
        return probes.remove(at: index).expires > now
    }

    private mutating func open(
        because cause: Cause, at now: MonotonicInstant, chance: UInt64
    ) -> Transition {
        let duration = policy.openDuration(openingCount: openingCount, chance: chance)
        openingCount = min(openingCount + 1, BreakerPolicy.openingCountMax)
        return move(to: .open(until: now + duration), because: cause, at: now)
    }

    private mutating func move(
        to next: State, because cause: Cause, at now: MonotonicInstant
    ) -> Transition {
        let from = stateName
        state = next
        window.clear()
        generation += 1
        return Transition(from: from, to: stateName, cause: cause, at: now)
    }

    private mutating func token(isProbe: Bool, at now: MonotonicInstant) -> Token {
        defer { callCount += 1 }
        return Token(
            generation: generation, number: callCount, admittedAt: now, isProbe: isProbe)
    }
}

extension CircuitBreaker.Mode {
    fileprivate var stateName: CircuitBreaker.StateName {
        switch self {
        case .open: .forcedOpen
        case .closed: .forcedClosed
        case .metricsOnly: .metricsOnly
        case .disabled: .disabled
        }
    }
}
