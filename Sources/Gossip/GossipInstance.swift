import HeapModule
public import Primitives

// One member's part in the gossip of the cluster, as a value: events in, directives out, no I/O.
// SWIM (Das, Gupta and Motivala, 2002) with Lifeguard (Dadgar, Phillips and Currey, 2017).
//
// What it knows of another member:
//
//                 a probe fails, or            the suspicion's
//                 somebody says so             time is over
//      alive ──────────────────────▶ suspect ───────────────▶ dead ──▶ tried for ever, never
//        ▲  ▲                          │                       │       removed: that is the
//        │  └── refutes (incarnation + 1) ─────────────────────┤       meta group's to decide
//        └───────── a new boot ──────────────── left ◀─────────┘
//
//  from            event                                        to        function
//  --------------  -------------------------------------------  --------  ------------------
//  unknown         record of it, from itself or in an exchange  as said   admit
//  alive           own probe failed                             suspect   failProbe
//  alive           claim: suspect, same or newer incarnation    suspect   merge
//  alive, suspect  claim: dead, in an exchange                  suspect   merge (hearsay)
//  suspect         claim: suspect, by somebody else             suspect,  confirm
//                                                               sooner
//  suspect         its time is over                             dead      onSuspicionsDue
//  alive, suspect  claim: dead, same or newer incarnation       dead      merge
//  not left        claim: left, same or newer incarnation       left      merge
//  any             claim: alive, newer incarnation              alive     merge
//  this member     claim: not alive, own or newer incarnation   alive,    refute
//                                                               inc + 1
//  any             forget                                       unknown   forget
//
// One probe of a circle (`Circle.Probe`):
//
//  from            event                              to        function
//  --------------  ---------------------------------  --------  ------------------------
//  idle            probe interval over                direct    beginProbe
//  direct          answered                           idle      onAcknowledgement
//  direct          probe timeout over                 indirect  askHelpers
//  indirect        answered, by it or by a helper     idle      onAcknowledgement
//  indirect        transport reached it               idle      onTransportProbe
//  indirect        probe interval over                idle      failProbe
//
// Its verdicts are hints for placement and routing. Who belongs to the cluster the meta group
// decides: the shell tells with `introduce` and `forget`.
//
// The files: Probing, Suspicion and Merging are the two tables above, Dissemination is what goes
// out with what, AntiEntropy compares whole tables, Bridges joins the regions.

/// SWIM with Lifeguard for one member.
public struct GossipInstance: Sendable {
    /// Where this member stands itself.
    public enum Phase: Hashable, Sendable {
        /// Answers and listens; nobody was asked to be joined.
        case started
        /// Asks seeds until one of them has answered.
        case joining(nextAttempt: MonotonicInstant)
        case joined
        /// Says that it leaves.
        case leaving(until: MonotonicInstant)
        case gone
    }

    /// What an observer of the membership hears.
    public enum Event: Hashable, Sendable {
        case memberAlive(MemberID, incarnation: Incarnation)
        case memberSuspect(MemberID, by: MemberID)
        case memberDead(MemberID)
        case memberLeft(MemberID)
        /// Its profile changed.
        case memberUpdated(MemberID)
    }

    /// A ping over a connection opened for it, beside the helpers' pings: what is broken may be
    /// no more than the link that is there.
    public struct TransportProbe: Hashable, Sendable {
        public let member: MemberID
        public let sequence: UInt64

        public init(member: MemberID, sequence: UInt64) {
            self.member = member
            self.sequence = sequence
        }
    }

    /// What the shell has to do.
    public enum Directive: Hashable, Sendable {
        case send(Message, to: Destination)
        /// Then call `onTransportProbe`; an answer that never comes is as good as a failure.
        case openTransportProbe(TransportProbe, to: Destination)
        case event(Event)
    }

    /// A ping in the place of another member.
    struct Relay: Sendable {
        enum State: Sendable {
            case waiting(negativeAt: MonotonicInstant)
            /// Has said that nothing came; an answer is still passed on.
            case negative
        }

        let sequence: UInt64
        let target: MemberID
        let requester: MemberID
        let requestSequence: UInt64
        var state: State
        let expires: MonotonicInstant
    }

    /// A removed member's id, and until when its news is thrown away.
    struct Tombstone: Sendable {
        let member: MemberID
        let expires: MonotonicInstant
    }

    public let cluster: ClusterID
    public let id: MemberID
    public let options: GossipOptions
    public internal(set) var phase = Phase.started
    public internal(set) var health: LocalHealth
    public internal(set) var receptions = ReceptionCounts()

    /// Dense, in no order that means anything; this member is the first.
    var members: [Member]
    /// Where in `members` each is.
    var memberIndex: MemberIndex
    /// The same ids in rising order, for digests and for choosing bridges.
    var sortedIDs: [MemberID]
    /// By `Scope.rawValue`.
    var circles: [Circle]
    var suspicionTimers = Heap<SuspicionTimer>()
    var relays: [Relay] = []
    /// The oldest first.
    var tombstones: [Tombstone] = []
    var seeds: [String] = []
    var random: SeededRandom
    var nextSequence: UInt64
    var reconnectAt: MonotonicInstant
    /// The newest ping to a dead member of this region, and of another one, by `Scope.rawValue`.
    var reconnectSequences: [UInt64?] = [nil, nil]
    /// Members of the region that are up, this one included.
    var regionUpCount = 1
    /// Members of the whole cluster that are up, this one included.
    public internal(set) var upCount = 1
    /// A member came, went or changed its region since the bridges were chosen.
    var isBridgeChoiceStale = true
    var bridgeChoiceAt: MonotonicInstant
    public internal(set) var isBridge = false
    /// It would be a bridge if there were another region: of all that are dead, too, it tries those
    /// of other regions, or the halves of two regions would never meet again.
    var standsForRegion = false
    var exchangeWindowStart: MonotonicInstant
    var exchangeAnswerCount = 0
    /// When an exchange was last begun because a dead member was heard: one a second is enough.
    var lastRevivalExchange: MonotonicInstant?

    /// A member that knows nobody. `profile.version` is the incarnation that it begins with, above
    /// all of earlier boots; one that is too low is found out and raised.
    public init(
        cluster: ClusterID, id: MemberID, profile: Profile, options: GossipOptions,
        seed: UInt64, now: MonotonicInstant
    ) {
        precondition(profile.isValid, "\(id) has a profile beyond its bounds")
        self.cluster = cluster
        self.id = id
        self.options = options
        health = LocalHealth(isEnabled: options.lifeguard.hasLocalHealth)
        members = [Member(id: id, incarnation: profile.version, state: .alive, profile: profile)]
        memberIndex = MemberIndex(seed: ~seed)
        memberIndex.insert(0, in: members)
        sortedIDs = [id]
        var random = SeededRandom(seed: seed)
        // A late answer to the boot before must not match.
        nextSequence = UInt64.random(in: 1..<1 << 32, using: &random)
        // Members that start together must not act together.
        circles = Scope.allCases.map { scope in
            let options = options.circle(scope)
            return Circle(
                scope: scope, isActive: scope == .region,
                probeAt: now + Self.part(of: options.probeInterval, using: &random),
                exchangeAt: now + Self.part(of: options.exchangeInterval, using: &random))
        }
        reconnectAt = now + Self.part(of: options.reconnectInterval, using: &random)
        bridgeChoiceAt = now
        exchangeWindowStart = now
        self.random = random
    }

    /// This member as it presents itself.
    public var myself: Member { members[0] }
    public var incarnation: Incarnation { members[0].incarnation }
    public var memberCount: Int { members.count }

    public func member(_ id: MemberID) -> Member? {
        place(of: id).map { members[$0] }
    }

    /// Where in `members` it is; nil when it is not known.
    func place(of id: MemberID) -> Int? { memberIndex.place(of: id, in: members) }

    /// All known members by rising id, this one and the dead among them.
    public var membersByID: [Member] {
        sortedIDs.compactMap { member($0) }
    }

    /// The highest version of the node's protocols that all members that are up can speak.
    public var commonProtocolVersion: UInt16 {
        members.lazy.filter(\.isUp).map(\.profile.metadata.protocolVersion).min()
            ?? myself.profile.metadata.protocolVersion
    }

    /// How many subjects wait to be gossiped in a circle.
    public func newsCount(_ scope: Scope) -> Int { circles[scope.rawValue].news.count }

    /// When `onTick` wants to be called next; nil when nothing will ever be due.
    public var nextDeadline: MonotonicInstant? {
        if case .gone = phase { return nil }
        var deadline = reconnectAt
        for index in circles.indices {
            if let due = circles[index].nextDeadline { deadline = min(deadline, due) }
        }
        if let timer = suspicionTimers.min { deadline = min(deadline, timer.deadline) }
        for relay in relays {
            switch relay.state {
            case .waiting(let negativeAt): deadline = min(deadline, negativeAt)
            case .negative: deadline = min(deadline, relay.expires)
            }
        }
        switch phase {
        case .joining(let nextAttempt): deadline = min(deadline, nextAttempt)
        case .leaving(let until): deadline = min(deadline, until)
        case .started, .joined, .gone: break
        }
        return deadline
    }

    /// Does what is due. After a loop was held up this comes before what was received meanwhile, so
    /// that the delay is seen.
    public mutating func onTick(now: MonotonicInstant, _ directives: inout [Directive]) {
        if let due = nextDeadline, now - due > options.lagTolerance {
            onLoopLag(now - due, now: now)
        }
        switch phase {
        case .gone: return
        case .leaving(let until) where until <= now:
            phase = .gone
            return
        case .joining(let nextAttempt) where nextAttempt <= now:
            askSeeds(now: now, &directives)
        case .started, .joining, .joined, .leaving: break
        }
        chooseBridges(now: now)
        onRelaysDue(now: now, &directives)
        for scope in Scope.allCases where circles[scope.rawValue].isActive {
            onProbeDue(scope, now: now, &directives)
        }
        // After the probes: one that failed may be the confirmation that ends a suspicion.
        onSuspicionsDue(now: now, &directives)
        for scope in Scope.allCases where circles[scope.rawValue].isActive {
            onGossipDue(scope, now: now, &directives)
            onExchangeDue(scope, now: now, &directives)
        }
        onReconnectDue(now: now, &directives)
    }

    /// The loop was held up for so long. What others may have said meanwhile is not read yet, so
    /// the time does not count against them, and this member doubts itself.
    private mutating func onLoopLag(_ lag: Duration, now: MonotonicInstant) {
        guard options.lifeguard.hasLagAllowance, lag > options.lagTolerance else { return }
        let interval = options.region.probeInterval.wholeNanoseconds
        let missedCount = lag.wholeNanoseconds / max(1, interval)
        health.worsen(by: 1 + Int(min(missedCount, Int64(GossipLimits.healthScoreMax))))
        for index in circles.indices { circles[index].postpone(by: lag) }
        postponeSuspicions(by: lag, now: now)
    }

    /// Begins to look for the cluster at these addresses.
    public mutating func join(
        seeds: [String], now: MonotonicInstant, _ directives: inout [Directive]
    ) {
        self.seeds = seeds.filter {
            Profile.isVisible($0, byteCountMax: Profile.addressByteCountMax)
                && $0 != myself.profile.address
        }
        self.seeds = Array(self.seeds.prefix(GossipLimits.seedCountMax))
        guard !self.seeds.isEmpty else { return }
        askSeeds(now: now, &directives)
    }

    /// Says goodbye, so that nobody looks for this member: it did not fail.
    public mutating func leave(now: MonotonicInstant, _ directives: inout [Directive]) {
        switch phase {
        case .leaving, .gone: return
        case .started, .joining, .joined: break
        }
        phase = .leaving(until: now + options.leaveDuration)
        members[0].become(.left(since: now))
        for index in circles.indices { circles[index].probe = .idle }
        spread(0, hasProfile: false, now: now)
    }

    /// Load, breakers or versions of this node changed.
    public mutating func onMetadata(_ metadata: Metadata, now: MonotonicInstant) {
        precondition(metadata.isValid, "\(id) has metadata beyond its bounds")
        let profile = members[0].profile
        guard metadata != profile.metadata, profile.version < GossipLimits.incarnationMax else {
            return
        }
        members[0].profile = profile.with(version: profile.version + 1, metadata: metadata)
        if metadata.region != profile.metadata.region { rebuildCircles(now: now) }
        spread(0, hasProfile: true, now: now)
    }

    /// A random part of a duration, and never nothing: what is put off is not due now.
    static func part(of duration: Duration, using random: inout SeededRandom) -> Duration {
        .nanoseconds(Int64.random(in: 1...max(1, duration.wholeNanoseconds), using: &random))
    }

    mutating func sequence() -> UInt64 {
        defer { nextSequence += 1 }
        return nextSequence
    }
}
