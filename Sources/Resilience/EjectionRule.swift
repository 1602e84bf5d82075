public import Primitives

/// How many of the links that serve the same purpose may be shut out by their breakers.
///
/// When breakers open everywhere, the fault is more likely on our side or of the world than of
/// every link, and a link that works badly serves better than none (Envoy's
/// `max_ejection_percent` and panic threshold).
public struct EjectionRule: Hashable, Sendable {
    /// A link as the rule sees it.
    public struct Candidate: Hashable, Sendable {
        public let state: CircuitBreaker.StateName
        /// When an open breaker tries again.
        public let opensUntil: MonotonicInstant?
        public let openingCount: Int

        public init(
            state: CircuitBreaker.StateName, opensUntil: MonotonicInstant? = nil,
            openingCount: Int = 0
        ) {
            self.state = state
            self.opensUntil = opensUntil
            self.openingCount = openingCount
        }

        public init(_ breaker: CircuitBreaker) {
            let state = breaker.stateName
            self.init(
                state: state, opensUntil: state == .open ? breaker.nextInstant : nil,
                openingCount: breaker.openingCount)
        }
    }

    /// At most so many per cent of the links are shut out, 0 to 100.
    public let ejectedPercentMax: Int
    /// But so many may always be, 0 to 64: by default one, so that the only link of a merchant is
    /// still protected, for each unknown outcome on it costs a reversal.
    public let ejectedCountMin: Int

    public init?(ejectedPercentMax: Int, ejectedCountMin: Int = 1) {
        guard (0...100).contains(ejectedPercentMax), (0...64).contains(ejectedCountMin) else {
            return nil
        }
        self.ejectedPercentMax = ejectedPercentMax
        self.ejectedCountMin = ejectedCountMin
    }

    /// Which candidates are to be called in spite of their breakers, by index, the most hopeful
    /// first: half-open ones, then those that try again soonest, then those that opened least.
    ///
    /// What a person holds open counts as shut out and stays so. Disabled breakers are not counted.
    public func overruled(_ candidates: [Candidate]) -> [Int] {
        let counted = candidates.count { $0.state != .disabled }
        let ejected = candidates.count { $0.state.isEjected }
        let allowed = max(ejectedCountMin, counted * ejectedPercentMax / 100)
        guard ejected > allowed else { return [] }
        let hopeful = candidates.indices.filter {
            candidates[$0].state.isEjected && candidates[$0].state != .forcedOpen
        }
        let ordered = hopeful.sorted { order(candidates[$0], $0) < order(candidates[$1], $1) }
        return Array(ordered.prefix(ejected - allowed))
    }

    private func order(_ candidate: Candidate, _ index: Int) -> (Int, Int64, Int, Int) {
        (
            candidate.state == .halfOpen ? 0 : 1, candidate.opensUntil?.nanoseconds ?? .min,
            candidate.openingCount, index
        )
    }
}

extension CircuitBreaker.StateName {
    /// True when ordinary calls are not admitted.
    public var isEjected: Bool {
        switch self {
        case .open, .halfOpen, .forcedOpen: true
        case .closed, .forcedClosed, .metricsOnly, .disabled: false
        }
    }
}
