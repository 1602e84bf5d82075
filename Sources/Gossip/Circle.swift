import Primitives

/// The two circles that a member may speak in.
public enum Scope: Int, CaseIterable, Hashable, Sendable {
    /// All members of its own region.
    case region = 0
    /// For a bridge only: the bridges of the other regions.
    case bridges = 1
}

/// One circle of members: whom it probes next and how far the probe is, what news waits, and when
/// what is due.
struct Circle: Sendable {
    /// One probe, from the ping to the judgement (SWIM §3).
    enum Probe: Sendable {
        case idle
        /// The ping is out.
        case direct(ProbeTarget)
        /// It was not answered in time: helpers and the transport try.
        case indirect(ProbeTarget, helpers: [MemberID], negativeCount: Int)
    }

    struct ProbeTarget: Sendable {
        let member: MemberID
        let sequence: UInt64
        /// Until then the direct ping alone is waited for.
        var directUntil: MonotonicInstant
        /// Until then anything counts that says it is there.
        var until: MonotonicInstant
    }

    let scope: Scope
    /// False for the circle of bridges in a member that is none, or in a cluster of one region.
    var isActive: Bool
    /// In the order of this round, shuffled anew for the next: each is met once a round, so that
    /// the time to detection is bounded (SWIM §4.3). Dead members stay, and are passed over.
    var order: [MemberID] = []
    var cursor = 0
    var probe = Probe.idle
    var news = NewsQueue()
    var probeAt: MonotonicInstant
    /// Nil while there is no news.
    var gossipAt: MonotonicInstant?
    var exchangeAt: MonotonicInstant

    /// Puts a new member at a random place, so that a crowd of new ones is not met in a row.
    mutating func insert(_ member: MemberID, using random: inout SeededRandom) {
        let place = Int.random(in: 0...order.count, using: &random)
        order.insert(member, at: place)
        if place < cursor { cursor += 1 }
    }

    /// Takes out a member, which stands at `place` of the table if it is still there.
    mutating func remove(_ member: MemberID, at place: Int?) {
        if let place { news.remove(place) }
        if case .some(let target) = probe.target, target.member == member { probe = .idle }
        guard let turn = order.firstIndex(of: member) else { return }
        order.remove(at: turn)
        if turn < cursor { cursor -= 1 }
    }

    /// The member whose turn it is; nil at the end of the round.
    mutating func next() -> MemberID? {
        guard cursor < order.count else { return nil }
        defer { cursor += 1 }
        return order[cursor]
    }

    mutating func beginRound(using random: inout SeededRandom) {
        order.shuffle(using: &random)
        cursor = 0
    }

    mutating func postpone(by duration: Duration) {
        probeAt = probeAt + duration
        switch probe {
        case .idle: break
        case .direct(let target): probe = .direct(target.postponed(by: duration))
        case .indirect(let target, let helpers, let negativeCount):
            probe = .indirect(
                target.postponed(by: duration), helpers: helpers, negativeCount: negativeCount)
        }
    }

    /// When something is to be done here.
    var nextDeadline: MonotonicInstant? {
        guard isActive else { return nil }
        var deadline = min(probeAt, exchangeAt)
        if let gossipAt { deadline = min(deadline, gossipAt) }
        switch probe {
        case .idle: return deadline
        case .direct(let target): return min(deadline, target.directUntil)
        case .indirect(let target, _, _): return min(deadline, target.until)
        }
    }
}

extension Circle.Probe {
    var target: Circle.ProbeTarget? {
        switch self {
        case .idle: nil
        case .direct(let target), .indirect(let target, _, _): target
        }
    }
}

extension Circle.ProbeTarget {
    func postponed(by duration: Duration) -> Self {
        var target = self
        target.directUntil = directUntil + duration
        target.until = until + duration
        return target
    }
}
