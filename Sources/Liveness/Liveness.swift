public import Primitives

// Who supports whom, among the nodes of a cluster; from it the leases of all groups derive. After
// the store liveness of CockroachDB, without its synchronized clocks: here every node measures
// durations on its own clock, and only their rates have to agree within a declared bound.
//
//   requester A                                                  supporter B
//   one write a round ──▶ heartbeat (epoch, round, duration) ──▶ promise recorded, or prolonged
//   lease until                                                       │
//   round sent + duration − margin ◀── supported (epoch, round) ◀─────┘
//
//   epoch raised, written ◀── outdated (epoch + 1) ◀── promise run out, withdrawn by a write
//
// The two sides are in `Liveness+requester.swift` and `Liveness+supporter.swift`, each with its
// transitions. A node is both, to each of its peers. It has one write on its way at a time, of all
// that is to be on disk; what changes meanwhile goes into the next one.
//
// What holds: if A reads `received(from: B).epoch == E`, and `lastSeen <= now < until` on its own
// clock just read, then B has (A, E) on disk, not withdrawn, now and since it answered.
//
//   1. `until` is the time at which A sent a heartbeat of epoch E, and the lease: the duration
//      without the margin of twice the declared rate error. B answered it, after (A, E) was on
//      disk.
//   2. B got that heartbeat later than A sent it. B does not even write a withdrawal before the
//      duration and a longest step (`stepMax`) have passed on its promise clock since. If B
//      restarted, it counted from its start, which is later still.
//   3. The promise clock leaves out what may be a jump; a jump that it cannot tell from a step is
//      at most `stepMax`. So the duration did pass on B's clock. (Two such jumps within one
//      promise are a clock beyond the declared bound.)
//   4. B's clock gains at most twice the declared error on A's: before the duration passed there,
//      the lease has passed here. If A's clock ran backwards, it is before `lastSeen`, and nothing
//      that A held counts any more.
//   5. A heartbeat of A under a later epoch is the only other way for B to leave (A, E). A has
//      forgotten all it received under E before it sends one.
//
// What is outside: a clock that stands still together with its node, or runs backwards by less
// than the time since it was last looked at. No node can see that by itself; the rates that peers
// measure show it after the fact.
//
// A heartbeat does not carry its sender's time: a requester remembers when it sent each round, and
// measures its peers' clocks by that and by the times in their replies; so no peer can forge it.

/// One node's part in it: events in, directives out.
public struct Liveness: Hashable, Sendable {
    /// What the shell has to do, in order.
    public enum Directive: Hashable, Sendable {
        /// Write and sync, also when nothing is new in it, then call `onPersisted` with the token.
        case persist(token: UInt64, DurableLiveness)
        /// To the message's `to`.
        case send(LivenessMessage)
        /// The epoch under which this node supported the member is over: wake the groups that the
        /// member leads.
        case supportWithdrawn(MemberID)
        /// The member's support of this node is gone: wake the groups that this node leads.
        case supportLost(MemberID)
        /// The member supports this node, or its clock has come to be trusted: wake the groups
        /// that this node leads.
        case supportGained(MemberID)
    }

    /// Why a list of peers was not taken.
    public enum PeersRefusal: Error, Hashable, Sendable {
        case tooManyPeers
    }

    /// This node's part as an asker.
    enum Asking: Hashable, Sendable {
        case stopped
        /// The write of a round is on its way; its heartbeats will speak under `epoch`.
        case writing(token: UInt64, epoch: SupportEpoch, began: MonotonicInstant)
        case resting(until: MonotonicInstant)
    }

    enum Disk: Hashable, Sendable {
        case idle
        case wanted
        case writing(isMoreWanted: Bool)
    }

    struct Round: Hashable, Sendable {
        let number: UInt64
        let sentAt: MonotonicInstant
        /// What was asked for in it counts no longer than this.
        let leaseEnd: MonotonicInstant
    }

    /// Peers of a node: every node is asked by every other, so that a cluster of 256 costs each one
    /// some 500 messages an interval, about what a per cent of a core answers.
    public static let peerCountMax = 256
    /// Peers, and those that went away and are still promised something.
    public static let rowCountMax = 2 * peerCountMax
    /// No count of starts and withdrawals comes near; sums of epochs below it do not overflow.
    public static let epochMax: SupportEpoch = 1 << 62
    /// How far a peer's word raises this node's epoch at once: further than restarts and
    /// withdrawals in a cluster's life, and so little that it takes a billion words to reach the
    /// end.
    static let epochLeapMax: SupportEpoch = 1 << 32
    /// Rounds that a reply may still come to: as many as fit a promise.
    static let roundCountMax = 16

    public let cluster: ClusterID
    public let member: MemberID
    public let options: Options
    /// What the readers see: up to date after each call.
    public internal(set) var table = SupportTable()
    /// The epoch that this node speaks under; on disk. Zero until the first round's write is done.
    public internal(set) var epoch: SupportEpoch = 0
    public internal(set) var receptionCounts = ReceptionCounts()

    /// The epoch of the first round, another one in each life of the node.
    var life: SupportEpoch?
    /// How long the next round will ask for, and after what time another one does.
    var supportDurationNanoseconds: Int64
    var heartbeatIntervalNanoseconds: Int64
    /// What the next round will speak under.
    var nextEpoch: SupportEpoch
    var floor: SupportEpoch
    var clock: PromiseClock
    var asking = Asking.stopped
    /// Rounds that replies may come to, by rising number.
    var rounds: [Round] = []
    var roundNumber: UInt64 = 0
    /// By rising member id.
    var peers: [Peer]
    var disk = Disk.idle
    var token: UInt64 = 0

    /// A node as its disk remembers it; `durable` is nil at the very first start. What was promised
    /// before binds from here on, each promise for its whole duration.
    public init(
        cluster: ClusterID, member: MemberID, durable: DurableLiveness?, options: Options,
        now: MonotonicInstant
    ) {
        precondition(options.problem == nil, "liveness options: \(options.problem!)")
        let durable = durable ?? DurableLiveness(epoch: 0)
        self.cluster = cluster
        self.member = member
        self.options = options
        supportDurationNanoseconds = options.supportDurationNanoseconds
        heartbeatIntervalNanoseconds = options.heartbeatIntervalNanoseconds
        nextEpoch = min(durable.epoch, Self.epochMax - 1) + 1
        floor = durable.floor
        let clock = PromiseClock(lastSeen: now)
        self.clock = clock
        peers = durable.rows.map { row in
            let promise: Promise =
                switch row.promise {
                case .withdrawn: .withdrawn(next: row.epoch)
                case .supporting(let durationNanoseconds):
                    .supporting(
                        epoch: row.epoch, durationNanoseconds: durationNanoseconds,
                        until: clock.now.advanced(byNanoseconds: durationNanoseconds)
                            .advanced(byNanoseconds: options.stepMaxNanoseconds))
                }
            return Peer(member: row.member, standing: .departing, promise: promise)
        }
        for index in peers.indices { publish(index) }
    }

    /// The newest reading of the clock that was passed in. A reader whose own reading is earlier
    /// must not count on what was received: the clock ran backwards.
    public var lastSeen: MonotonicInstant { clock.lastSeen }

    /// Begins: the own epoch is raised by the write of the first round, and nothing is said before.
    public mutating func onStart(now: MonotonicInstant, _ directives: inout [Directive]) {
        guard case .stopped = asking else { return }
        observe(now, &directives)
        beginRound()
        flush(&directives)
    }

    /// Looks at the clock, and does what is due. The shell calls it at `nextDeadline` and, so that
    /// a clock that ran backwards is noticed first, before it lets a reader count on the table.
    public mutating func onTick(now: MonotonicInstant, _ directives: inout [Directive]) {
        observe(now, &directives)
        guard life != nil else { return }
        for index in peers.indices {
            withdrawIfDue(index)
            lapseIfDue(index, &directives)
        }
        switch asking {
        case .stopped, .writing: break
        case .resting(let until): if now >= until { beginRound() }
        }
        flush(&directives)
    }

    /// The write of this token, and every earlier one, is on disk.
    public mutating func onPersisted(
        token: UInt64, now: MonotonicInstant, _ directives: inout [Directive]
    ) {
        guard case .writing(let isMoreWanted) = disk, token == self.token else {
            preconditionFailure("\(member) stored write \(token) of \(self.token), \(disk)")
        }
        observe(now, &directives)
        disk = isMoreWanted ? .wanted : .idle
        if case .writing(token, let epoch, let began) = asking {
            sendRound(epoch, began: began, &directives)
        }
        for index in peers.indices { promiseStored(index, token: token, &directives) }
        dropDeparted()
        flush(&directives)
    }

    /// A message came. `now` is read after it came, as promises count from it.
    public mutating func onMessage(
        _ message: LivenessMessage, now: MonotonicInstant, _ directives: inout [Directive]
    ) -> Reception {
        observe(now, &directives)
        let reception = receive(message, &directives)
        receptionCounts.note(reception)
        flush(&directives)
        return reception
    }

    /// How long peers are asked to support this node, and how often, from the next round on. The
    /// duration is no shorter than the interval, and no longer than 15 of them; the interval is
    /// that of the options where none is given.
    public mutating func setSupportDuration(
        _ duration: Duration, askedEvery interval: Duration? = nil
    ) {
        let nanoseconds = duration.wholeNanoseconds
        let every = interval?.wholeNanoseconds ?? options.heartbeatIntervalNanoseconds
        precondition(
            options.canAsk(forNanoseconds: nanoseconds, everyNanoseconds: every),
            "\(member) asks for \(duration) every \(interval ?? options.heartbeatInterval)")
        supportDurationNanoseconds = nanoseconds
        heartbeatIntervalNanoseconds = every
    }

    /// Who the peers are from now on; this node itself, and repetitions, do not count. One that
    /// went away is still supported until its promise has run out. Before `onStart` it is called
    /// once, so that what the disk holds of the peers finds its owners.
    public mutating func setPeers(
        _ members: [MemberID], now: MonotonicInstant, _ directives: inout [Directive]
    ) throws(PeersRefusal) {
        let wanted = members.filter { $0 != member }.sorted()
        var known: [Peer] = []
        var index = 0
        for member in wanted where member != known.last?.member {
            while index < peers.count, peers[index].member < member {
                known.append(peers[index].departed)
                index += 1
            }
            if index < peers.count, peers[index].member == member {
                known.append(peers[index].present)
                index += 1
            } else {
                let promise = Promise.withdrawn(next: max(floor, 1))
                known.append(Peer(member: member, standing: .present, promise: promise))
            }
        }
        known += peers[index...].map(\.departed)
        let presentCount = known.count { $0.standing == .present }
        guard presentCount <= Self.peerCountMax, known.count <= Self.rowCountMax else {
            throw .tooManyPeers
        }
        observe(now, &directives)
        for peer in peers where peer.isHeld && !wanted.contains(peer.member) {
            directives.append(.supportLost(peer.member))
        }
        peers = known
        for index in peers.indices { publish(index) }
        dropDeparted()
        flush(&directives)
    }

    /// When `onTick` is to be called at the latest; nil when a write has to end before anything is
    /// due.
    public var nextDeadline: MonotonicInstant? {
        guard life != nil else { return nil }
        var deadline: MonotonicInstant?
        func note(_ instant: MonotonicInstant) {
            deadline = min(deadline ?? instant, instant)
        }
        if case .resting(let until) = asking { note(until) }
        for peer in peers {
            if case .supporting(_, _, let until) = peer.promise {
                note(clock.deadline(of: until))
                // A step that is too long does not count: look twice within the longest.
                note(lastSeen.advanced(byNanoseconds: options.stepMaxNanoseconds / 2))
            }
            if case .held(_, let until) = peer.support { note(until) }
        }
        return deadline
    }

    /// What never changes is left out, and the table, which follows from the rest.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(epoch)
        hasher.combine(life)
        hasher.combine(nextEpoch)
        hasher.combine(floor)
        hasher.combine(clock)
        hasher.combine(asking)
        hasher.combine(rounds)
        hasher.combine(roundNumber)
        hasher.combine(peers)
        hasher.combine(disk)
        hasher.combine(token)
    }
}
