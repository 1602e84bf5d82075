public import Primitives

// The life of a breaker around one processor link.
//
//             a threshold is passed              the open time is over
//   closed ─────────────────────────▶ open ────────────────────────▶ halfOpen
//     ▲                                ▲                                │  │
//     │                                └──── a probe fails ─────────────┘  │
//     └───────────────────────── enough probes succeed ────────────────────┘
//
//  from              input                            to            function
//  ----------------  -------------------------------  ------------  -------------
//  closed            outcome, thresholds kept         closed        recordClosed
//  closed            outcome, a threshold passed      open          recordClosed
//  open              admit before the open time ends  open          admit
//  open              admit after it                   halfOpen      admit
//  halfOpen          admit with a free place          halfOpen      admit
//  halfOpen          probe succeeded, more wanted     halfOpen      recordProbe
//  halfOpen          probe succeeded, enough          closed        recordProbe
//  halfOpen          probe failed or unknown          open          recordProbe
//  any               force(open)                      forcedOpen    force
//  any               force(closed)                    forcedClosed  force
//  forced…           release                          closed        release
//
// An outcome belongs to the state in which its call was admitted: the outcome of a call from before
// a transition is ignored. A business decline is a success, for the processor did its work.

/// What became of a call, as far as the health of the link is concerned.
public enum CallOutcome: Hashable, Sendable {
    /// An answer came, also one that says no.
    case success
    /// The call failed for certain: refused, broken, answered with a fault of the processor.
    case failure
    /// Nobody knows: no answer in time. Counts as a failure, and has a threshold of its own.
    case unknown
}

/// Stops calls to a link that does not work, and tries it again with a few.
public struct CircuitBreaker: Sendable {
    /// The right to make one call, to be given back with its outcome.
    public struct Token: Hashable, Sendable {
        /// Counts the breaker's transitions.
        fileprivate let generation: UInt64
        /// Counts the breaker's calls.
        fileprivate let number: UInt64
        /// True when the breaker looks closely at this call: it is half open.
        public let isProbe: Bool
        /// The transition that admitting caused: the first probe makes an open breaker half open.
        public let transition: Transition?
    }

    /// The answer to a wish to call.
    public enum Admission: Hashable, Sendable {
        case allowed(Token)
        /// Try again no sooner than this.
        case rejected(retryAfter: Duration)
    }

    /// A state without what it holds.
    public enum StateName: Hashable, Sendable {
        case closed, open, halfOpen, forcedOpen, forcedClosed
    }

    /// Why a breaker changed its state.
    public enum Cause: Hashable, Sendable {
        /// So many per cent of the window failed or are unknown.
        case failureRate(percent: Int)
        /// So many per cent of the window are unknown.
        case unknownRate(percent: Int)
        /// So many calls in a row failed or are unknown.
        case consecutiveFailures(count: Int)
        case openTimeOver
        case probesSucceeded
        case probeFailed(CallOutcome)
        /// A person's word.
        case ordered
    }

    /// One change of state, with its cause.
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

    /// The state that a person can order.
    public enum ForcedState: Hashable, Sendable {
        case open, closed
    }

    private struct Probe: Sendable {
        let number: UInt64
        let expires: MonotonicInstant
    }

    private enum State: Sendable {
        case closed(OutcomeWindow, since: MonotonicInstant)
        case open(until: MonotonicInstant)
        case halfOpen(probes: [Probe], successCount: Int)
        case forcedOpen
        case forcedClosed
    }

    public let policy: BreakerPolicy
    private var state: State
    private var generation: UInt64 = 0
    private var callCount: UInt64 = 0
    /// How often the breaker opened without a long enough recovery in between: the exponent.
    public private(set) var openingCount = 0

    /// A closed breaker that has seen nothing.
    public init(policy: BreakerPolicy, at now: MonotonicInstant) {
        self.policy = policy
        state = .closed(OutcomeWindow(capacity: policy.windowCount), since: now)
    }

    /// Where the breaker stands. An open one says so until somebody asks to call.
    public var stateName: StateName {
        switch state {
        case .closed: .closed
        case .open: .open
        case .halfOpen: .halfOpen
        case .forcedOpen: .forcedOpen
        case .forcedClosed: .forcedClosed
        }
    }

    /// May a call be made now?
    public mutating func admit(at now: MonotonicInstant) -> Admission {
        switch state {
        case .closed, .forcedClosed:
            return .allowed(token(isProbe: false))
        case .forcedOpen:
            return .rejected(retryAfter: policy.openDurationMax)
        case .open(let until):
            guard now >= until else { return .rejected(retryAfter: until - now) }
            let transition = move(
                to: .halfOpen(probes: [], successCount: 0), because: .openTimeOver, at: now)
            return .allowed(probe(beside: [], successCount: 0, transition, at: now))
        case .halfOpen(let probes, let successCount):
            // A probe whose outcome never came loses its place, so that no caller can block it.
            let alive = probes.filter { $0.expires > now }
            guard alive.count < policy.probeCountMax else {
                let first = alive.map(\.expires).min() ?? now
                return .rejected(retryAfter: first - now)
            }
            return .allowed(probe(beside: alive, successCount: successCount, nil, at: now))
        }
    }

    /// Gives a token back. `chance` is a random word, used when the breaker opens.
    public mutating func record(
        _ token: Token, _ outcome: CallOutcome, at now: MonotonicInstant, chance: UInt64
    ) -> [Transition] {
        guard token.generation == generation else { return [] }
        switch state {
        case .closed(let window, let since):
            return recordClosed(outcome, window, since, at: now, chance: chance)
        case .halfOpen(let probes, let successCount):
            return recordProbe(token, outcome, probes, successCount, at: now, chance: chance)
        case .open, .forcedOpen, .forcedClosed:
            return []
        }
    }

    /// Holds the breaker open or closed until it is released.
    public mutating func force(_ forced: ForcedState, at now: MonotonicInstant) -> [Transition] {
        switch (forced, state) {
        case (.open, .forcedOpen), (.closed, .forcedClosed): []
        case (.open, _): [move(to: .forcedOpen, because: .ordered, at: now)]
        case (.closed, _): [move(to: .forcedClosed, because: .ordered, at: now)]
        }
    }

    /// Lets a forced breaker decide by itself again: closed, with nothing remembered.
    public mutating func release(at now: MonotonicInstant) -> [Transition] {
        switch state {
        case .closed, .open, .halfOpen:
            return []
        case .forcedOpen, .forcedClosed:
            openingCount = 0
            return [move(to: closed(since: now), because: .ordered, at: now)]
        }
    }

    private mutating func recordClosed(
        _ outcome: CallOutcome, _ window: OutcomeWindow, _ since: MonotonicInstant,
        at now: MonotonicInstant, chance: UInt64
    ) -> [Transition] {
        var window = window
        window.append(outcome)
        guard let cause = policy.trips(window) else {
            state = .closed(window, since: since)
            return []
        }
        // Each stretch of recovery takes one opening back.
        let recovered = (now - since).wholeNanoseconds / policy.decayInterval.wholeNanoseconds
        openingCount -= Int(min(Int64(openingCount), max(0, recovered)))
        return [open(because: cause, at: now, chance: chance)]
    }

    private mutating func recordProbe(
        _ token: Token, _ outcome: CallOutcome, _ probes: [Probe], _ successCount: Int,
        at now: MonotonicInstant, chance: UInt64
    ) -> [Transition] {
        guard let index = probes.firstIndex(where: { $0.number == token.number }) else { return [] }
        switch outcome {
        case .failure, .unknown:
            return [open(because: .probeFailed(outcome), at: now, chance: chance)]
        case .success:
            guard successCount + 1 < policy.probeSuccessCount else {
                return [move(to: closed(since: now), because: .probesSucceeded, at: now)]
            }
            var probes = probes
            probes.remove(at: index)
            state = .halfOpen(probes: probes, successCount: successCount + 1)
            return []
        }
    }

    private mutating func open(
        because cause: Cause, at now: MonotonicInstant, chance: UInt64
    ) -> Transition {
        let duration = policy.openDuration(openingCount: openingCount, chance: chance)
        openingCount = min(openingCount + 1, BreakerPolicy.openingCountMax)
        return move(to: .open(until: now + duration), because: cause, at: now)
    }

    private func closed(since now: MonotonicInstant) -> State {
        .closed(OutcomeWindow(capacity: policy.windowCount), since: now)
    }

    private mutating func move(
        to next: State, because cause: Cause, at now: MonotonicInstant
    ) -> Transition {
        let from = stateName
        state = next
        generation += 1
        return Transition(from: from, to: stateName, cause: cause, at: now)
    }

    private mutating func probe(
        beside probes: [Probe], successCount: Int, _ transition: Transition?,
        at now: MonotonicInstant
    ) -> Token {
        let token = token(isProbe: true, transition)
        let probe = Probe(number: token.number, expires: now + policy.probeLifetime)
        state = .halfOpen(probes: probes + [probe], successCount: successCount)
        return token
    }

    private mutating func token(isProbe: Bool, _ transition: Transition? = nil) -> Token {
        defer { callCount += 1 }
        return Token(
            generation: generation, number: callCount, isProbe: isProbe, transition: transition)
    }
}
