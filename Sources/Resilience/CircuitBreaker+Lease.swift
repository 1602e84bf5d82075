public import Primitives

// What a breaker has to do with the link's `ProbeTable` where the places for probes are the
// cluster's.

extension CircuitBreaker {
    /// How many places the breaker would ask the link's owner for; 0 when it needs none.
    public func leaseWanted(at now: MonotonicInstant) -> Int {
        guard policy.probePlaces == .cluster, stateName == .halfOpen else { return 0 }
        let isCovered = lease.map { $0.until >= now + policy.probeLifetime } ?? false
        return isCovered ? 0 : policy.probeCountMax
    }

    /// Takes places that the link's owner handed out; the newest grant counts.
    public mutating func accept(_ new: ProbeLease) {
        guard lastGivenBack.map({ new.number > $0 }) ?? true,
            lease.map({ new.number > $0.number }) ?? true
        else { return }
        lease = new
    }

    /// The number of a lease that is no longer needed, for `ProbeTable.giveBack`: the breaker is
    /// not half open, and none of its probes is on the link. Nil when there is none.
    public mutating func giveBackLease(at now: MonotonicInstant) -> ProbeTable.Number? {
        guard let old = lease, stateName != .halfOpen, probeCount(at: now) == 0 else { return nil }
        lastGivenBack = old.number
        lease = nil
        return old.number
    }
}
