public import Primitives

// The places for probes of one link, over the whole cluster.
//
//   node                                       owner of the link (one in the cluster)
//   ────                                       ──────────────────────────────────────
//   half open: leaseWanted(at:) = n
//   asked at t ──────── holder, n ───────────▶ ask(…): a row (holder, places, lapses)
//   lease until t + lifetime ◀── grant ─────── places, number, lifetime
//   accept(lease); probes that live within it
//   giveBackLease(at:) ── number ────────────▶ giveBack(…)
//
// No clock is shared. The owner counts the lifetime from when it grants, which is later than when
// the node asked, from where the node counts; and it keeps the row 1 % longer, which is more than
// two clocks can differ by (`Liveness` declares 0.5 % at most). A new owner does not know what the
// one before it granted, so that it grants nothing for one lifetime.

/// Places that a node may use for its probes.
public struct ProbeLease: Hashable, Sendable {
    /// How many probes may be under way at a time.
    public let placeCount: Int
    /// Every probe has to be over by then, on the node's own clock.
    public let until: MonotonicInstant
    /// To be named when the places are given back.
    public let number: ProbeTable.Number

    /// What a grant is worth to the node that asked for it at `askedAt`.
    public init(_ grant: ProbeTable.Grant, askedAt: MonotonicInstant) {
        placeCount = grant.placeCount
        until = askedAt + grant.lifetime
        number = grant.number
    }
}

/// Hands out a link's places for probes: never more than there are, whoever asks.
public struct ProbeTable: Sendable {
    /// Who asks: a node in one of its lives, for after a restart it no longer knows which of its
    /// probes are under way.
    public struct Holder: Hashable, Sendable {
        public let member: MemberID
        /// Differs from that of every other life of the member.
        public let life: UInt64

        public init(member: MemberID, life: UInt64) {
            self.member = member
            self.life = life
        }
    }

    /// Rises with each grant, also from one owner to the next.
    public struct Number: Hashable, Comparable, Sendable {
        /// The term of the shard whose leader owns the link.
        public let term: Term
        public let count: UInt64

        public init(term: Term, count: UInt64) {
            self.term = term
            self.count = count
        }

        public static func < (left: Number, right: Number) -> Bool {
            (left.term, left.count) < (right.term, right.count)
        }
    }

    /// Places and for how long, as they travel to the node.
    public struct Grant: Hashable, Sendable {
        public let placeCount: Int
        public let lifetime: Duration
        public let number: Number

        public init(placeCount: Int, lifetime: Duration, number: Number) {
            self.placeCount = placeCount
            self.lifetime = lifetime
            self.number = number
        }
    }

    /// The answer to a wish for places.
    public enum Answer: Hashable, Sendable {
        case granted(Grant)
        /// None is free; the first lapses after this time.
        case taken(retryAfter: Duration)
        /// A count below one.
        case impossible
    }

    private struct Row: Sendable {
        let holder: Holder
        let placeCount: Int
        let lapses: MonotonicInstant
        let number: Number
    }

    /// How many probes may be under way in the cluster, 1 to 64.
    public let placeCount: Int
    /// How long a grant is good for. A probe lives within it: longer than a probe's lifetime.
    public let lifetime: Duration
    private let quietUntil: MonotonicInstant
    /// At most `placeCount` rows, for each has a place.
    private var rows: [Row] = []
    private let term: Term
    private var grantCount: UInt64 = 0

    /// The table of an owner in `term`, which is higher than that of every owner before. Nil unless
    /// there are 1 to 64 places and the lifetime is 1 ms to one day. Grants nothing before one
    /// lifetime, and its margin, has passed.
    public init?(placeCount: Int, lifetime: Duration, term: Term, at now: MonotonicInstant) {
        guard (1...64).contains(placeCount), lifetime >= .milliseconds(1),
            lifetime <= BreakerPolicy.durationMax
        else { return nil }
        self.placeCount = placeCount
        self.lifetime = lifetime
        self.term = term
        quietUntil = now + Self.kept(lifetime)
    }

    /// How long a row outlives its grant at the owner.
    private static func kept(_ lifetime: Duration) -> Duration {
        .nanoseconds(lifetime.wholeNanoseconds + lifetime.wholeNanoseconds / 100 + 1)
    }

    /// Places that somebody may be using.
    public func takenCount(at now: MonotonicInstant) -> Int {
        rows.reduce(0) { $0 + ($1.lapses > now ? $1.placeCount : 0) }
    }

    /// Wants `count` places, and gets as many of them as are free. Whoever holds places and asks
    /// again gets its own anew, and more if there are; probes of before count among them.
    public mutating func ask(
        _ holder: Holder, for count: Int, at now: MonotonicInstant
    ) -> Answer {
        guard count >= 1 else { return .impossible }
        guard now >= quietUntil else { return .taken(retryAfter: quietUntil - now) }
        rows.removeAll { $0.lapses <= now }
        let index = rows.firstIndex { $0.holder == holder }
        let held = index.map { rows[$0].placeCount } ?? 0
        let free = placeCount - takenCount(at: now) + held
        let granted = min(count, free)
        guard granted >= 1 else {
            let first = rows.map(\.lapses).min() ?? now
            return .taken(retryAfter: first - now)
        }
        grantCount += 1
        // A smaller wish does not free places while an older grant of them may be in use.
        let number = Number(term: term, count: grantCount)
        let row = Row(
            holder: holder, placeCount: max(held, granted), lapses: now + Self.kept(lifetime),
            number: number)
        if let index { rows[index] = row } else { rows.append(row) }
        return .granted(Grant(placeCount: granted, lifetime: lifetime, number: number))
    }

    /// A holder says that none of its probes is under way and that it will begin none under the
    /// grant of this number. A word that was overtaken by a later grant changes nothing.
    public mutating func giveBack(_ holder: Holder, number: Number) {
        rows.removeAll { $0.holder == holder && $0.number == number }
    }
}
