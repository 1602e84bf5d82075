public import Primitives

/// What a breaker stands for: a processor, and within it what can fail alone. Each part is 1 to 32
/// visible ASCII characters; `-` stands for all.
public struct LinkKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let processor: String
    public let region: String
    public let method: String
    public let currency: String

    public init?(
        processor: String, region: String = "-", method: String = "-", currency: String = "-"
    ) {
        let parts = [processor, region, method, currency]
        guard parts.allSatisfy({ $0.isName(byteCountMax: 32) }) else { return nil }
        self.processor = processor
        self.region = region
        self.method = method
        self.currency = currency
    }

    public static func < (left: LinkKey, right: LinkKey) -> Bool {
        (left.processor, left.region, left.method, left.currency)
            < (right.processor, right.region, right.method, right.currency)
    }

    public var description: String { "\(processor) \(region) \(method) \(currency)" }
}

/// The breakers of a processor: one for each combination of region, method and currency, and one
/// for them all.
///
/// A call needs leave of both. Its outcome goes to both, so that a fault of one combination opens
/// that alone while the others' successes keep the parent closed, and a fault of the whole opens
/// the parent before each combination has found out by itself.
public struct BreakerFamily: Sendable {
    /// The right to make one call, to be given back with its outcome.
    public struct Permit: Hashable, Sendable {
        let key: LinkKey
        let child: CircuitBreaker.Token?
        let parent: CircuitBreaker.Token
        /// True when one of the two looks closely at this call.
        public var isProbe: Bool { parent.isProbe || child?.isProbe == true }
    }

    /// The answer to a wish to call.
    public enum Admission: Hashable, Sendable {
        case allowed(Permit)
        /// By the combination's breaker, or the parent's.
        case rejected(CircuitBreaker.Rejection, byParent: Bool)
    }

    /// A transition and whose it is; nil is the parent.
    public struct Move: Hashable, Sendable {
        public let key: LinkKey?
        public let transition: CircuitBreaker.Transition

        init?(_ key: LinkKey?, _ transition: CircuitBreaker.Transition?) {
            guard let transition else { return nil }
            self.key = key
            self.transition = transition
        }
    }

    public private(set) var parent: CircuitBreaker
    private var children: [LinkKey: CircuitBreaker] = [:]
    private let childPolicy: BreakerPolicy
    /// How many combinations have a breaker of their own; the parent alone watches the rest.
    public let childCountMax: Int

    /// Nil unless there may be 1 to 1024 children: a few regions, methods and currencies.
    public init?(
        parent: BreakerPolicy, child: BreakerPolicy, childCountMax: Int = 256,
        at now: MonotonicInstant
    ) {
        guard (1...1024).contains(childCountMax) else { return nil }
        self.parent = CircuitBreaker(policy: parent, at: now)
        childPolicy = child
        self.childCountMax = childCountMax
    }

    /// The breaker of a combination; nil before its first call, and beyond `childCountMax`.
    public func child(_ key: LinkKey) -> CircuitBreaker? { children[key] }

    /// May a call be made now? The child is asked first: what it rejects takes no place of the
    /// parent's probes.
    public mutating func admit(
        _ key: LinkKey, at now: MonotonicInstant, chance: UInt64
    ) -> (admission: Admission, moves: [Move]) {
        if children[key] == nil, children.count < childCountMax {
            children[key] = CircuitBreaker(policy: childPolicy, at: now)
        }
        var moves: [Move] = []
        var childToken: CircuitBreaker.Token?
        if let (admission, transition) = children[key]?.admit(at: now, chance: chance) {
            if let move = Move(key, transition) { moves.append(move) }
            switch admission {
            case .rejected(let reason): return (.rejected(reason, byParent: false), moves)
            case .allowed(let token): childToken = token
            }
        }
        let (admission, transition) = parent.admit(at: now, chance: chance)
        if let move = Move(nil, transition) { moves.append(move) }
        switch admission {
        case .rejected(let reason):
            if let childToken { children[key]?.cancel(childToken, at: now) }
            return (.rejected(reason, byParent: true), moves)
        case .allowed(let token):
            return (.allowed(Permit(key: key, child: childToken, parent: token)), moves)
        }
    }

    /// Gives a permit back: what became of the call is news for both.
    public mutating func record(
        _ permit: Permit, _ outcome: CallOutcome, at now: MonotonicInstant, chance: UInt64
    ) -> [Move] {
        let child = permit.child.flatMap {
            children[permit.key]?.record($0, outcome, at: now, chance: chance)
        }
        let own = parent.record(permit.parent, outcome, at: now, chance: chance)
        return [Move(permit.key, child), Move(nil, own)].compactMap { $0 }
    }

    /// Gives a permit back whose call was never made.
    public mutating func cancel(_ permit: Permit, at now: MonotonicInstant) {
        if let child = permit.child { children[permit.key]?.cancel(child, at: now) }
        parent.cancel(permit.parent, at: now)
    }

    /// Does as a person says, with one combination or, without a key, with all of them at once.
    /// Nil for a combination that has no breaker.
    public mutating func hold(
        _ order: CircuitBreaker.Order, _ key: LinkKey?, at now: MonotonicInstant
    ) -> Move? {
        guard let key else { return Move(nil, parent.hold(order, at: now)) }
        return Move(key, children[key]?.hold(order, at: now))
    }

    /// Lets a held breaker decide by itself again.
    public mutating func release(
        _ key: LinkKey?, by name: OperatorName, at now: MonotonicInstant
    ) -> Move? {
        guard let key else { return Move(nil, parent.release(by: name, at: now)) }
        return Move(key, children[key]?.release(by: name, at: now))
    }

    /// All breakers by name, for a digest: the parent under the processor alone.
    public func states(of processor: LinkKey) -> [(key: LinkKey, state: CircuitBreaker.StateName)] {
        [(processor, parent.stateName)] + children.map { ($0.key, $0.value.stateName) }
    }
}
