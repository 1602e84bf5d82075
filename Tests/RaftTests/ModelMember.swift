import Primitives
import Raft

/// One member with its disk, its outstanding writes and its node's support: a part of a state.
///
/// Two that are written the same are one: many states share each, and what an event makes of one is
/// found out once.
struct ModelMember {
    struct Write {
        let token: UInt64
        let hardState: HardState?
        let entries: [LogEntry]
    }

    enum Event: Hashable {
        case deliver(UInt16)
        /// It has heard of no leader for an election timeout when the message comes.
        case deliverLapsed(UInt16)
        case persisted
        /// It crashes, keeps as many of its outstanding writes, and starts again.
        case crash(keeping: UInt8)
        /// An election timeout, and everybody would vote for it.
        case stand
        case electionTimeout
        case propose(UInt8)
        case change(UInt8)
        case transfer(to: UInt8)
        case read(UInt8)
        case loseReceived(from: UInt8)
        case loseGiven(to: UInt8)
        case heartbeat
        case silence
    }

    /// What an event leads to outside of the member.
    struct Effects {
        var sent: [Message] = []
        var reads: [(id: UInt64, index: LogIndex?)] = []
        var offence: String?
        /// The event is none: it was refused, or changed nothing.
        var isNone = false
    }

    var instance: Instance
    var hardState = HardState()
    var entries: [LogEntry] = []
    var applied: LogIndex = 0
    var writes: [Write] = []
    var support = SupportTable()
    /// Times at which it was woken; each is later than the one before.
    var ticks: Int64 = 0

    static let cluster = ClusterID(7)
    static let group = GroupID(1)
    static let until = MonotonicInstant(nanoseconds: .max)
    /// All else happens at 0, so that no timer runs out by itself.
    static let options = Options(
        electionTimeout: .seconds(1000), heartbeatInterval: .milliseconds(1))

    init(_ place: Int, _ bounds: ModelBounds) throws {
        instance = Instance(
            cluster: Self.cluster, group: Self.group, member: MemberID(UInt64(place) + 1),
            start: Instance.Start(configuration: try bounds.configuration),
            options: Self.options, seed: 1)
        for peer in 0..<ModelBounds.memberCount where bounds.hasSupport && peer != place {
            let peer = MemberID(UInt64(peer) + 1)
            support.setGiven(1, to: peer)
            support.setReceived(.init(epoch: 1, until: Self.until), from: peer)
        }
        var effects = Effects()
        run(&effects) { $0.onStart($1, &$2) }
    }

    // MARK: Events

    mutating func run(
        at nanoseconds: Int64 = 0, _ effects: inout Effects,
        _ body: (inout Instance, Moment, inout [Directive]) -> Void
    ) {
        var directives: [Directive] = []
        let moment = Moment(now: MonotonicInstant(nanoseconds: nanoseconds), support: support)
        body(&instance, moment, &directives)
        for directive in directives {
            switch directive {
            case .persist(let token, let hardState, let entries):
                writes.append(Write(token: token, hardState: hardState, entries: entries))
            case .send(let message): effects.sent.append(message)
            case .commit(let index):
                applied = index
                run(&effects) { $0.onApplied(through: index, $1, &$2) }
            case .readReady(let id, let index): effects.reads.append((id, index))
            case .readFailed(let id): effects.reads.append((id, nil))
            case .beginServing, .endServing, .leaderChanged, .configurationChanged,
                .transferAborted:
                break
            case .prepareSnapshot, .readSnapshot, .storeSnapshot, .discardSnapshot,
                .installSnapshot:
                preconditionFailure("a snapshot in the model")
            }
        }
    }

    private mutating func store(_ write: Write) {
        hardState = write.hardState ?? hardState
        guard let first = write.entries.first else { return }
        entries.removeAll { $0.index >= first.index }
        entries += write.entries
    }

    mutating func act(
        _ event: Event, _ bounds: ModelBounds, message: (UInt16) -> Message
    ) -> Effects {
        var effects = Effects()
        switch event {
        case .deliver(let number): receive(message(number), &effects)
        case .deliverLapsed(let number):
            var lost = Effects()
            run(&lost) { $0.onElectionTimeout($1, &$2) }
            receive(message(number), &effects)
        case .persisted:
            let write = writes.removeFirst()
            store(write)
            run(&effects) { $0.onPersisted(token: write.token, $1, &$2) }
        case .crash(let count): crash(keeping: Int(count), bounds, &effects)
        case .stand: stand(&effects)
        case .electionTimeout: run(&effects) { $0.onElectionTimeout($1, &$2) }
        case .propose(let payload):
            let term = instance.hardState.term
            run(&effects) { [payload = [payload]] instance, moment, directives in
                _ = try? instance.propose(
                    [payload], expectedTerm: term, moment, &directives)
            }
        case .change(let place):
            let last = instance.last
            run(&effects) { _ = try? $0.change(bounds.changes[Int(place)], $1, &$2) }
            effects.isNone = instance.last == last
        case .transfer(let peer):
            var isRefused = false
            run(&effects) { instance, moment, directives in
                let target = MemberID(UInt64(peer) + 1)
                do {
                    try instance.transferLeadership(to: target, moment, &directives)
                } catch { isRefused = true }
            }
            effects.isNone = isRefused
        case .read(let id): run(&effects) { $0.read(id: UInt64(id), $1, &$2) }
        case .loseReceived(let peer):
            support.setReceived(nil, from: MemberID(UInt64(peer) + 1))
        case .loseGiven(let peer):
            support.setGiven(nil, to: MemberID(UInt64(peer) + 1))
            run(&effects) { $0.onTick($1, &$2) }
        case .heartbeat:
            ticks += 1
            run(at: ticks * 2_000_000, &effects) { $0.onTick($1, &$2) }
            effects.isNone = effects.sent.isEmpty
        case .silence:
            ticks += 1
            run(at: ticks * 4_000_000_000_000, &effects) { $0.onTick($1, &$2) }
        }
        return effects
    }

    private mutating func receive(_ message: Message, _ effects: inout Effects) {
        var reception = Reception.taken
        run(&effects) { reception = $0.onMessage(message, $1, &$2) }
        // Nobody here breaks the protocol.
        if case .refused(let offence) = reception { effects.offence = offence.rawValue }
    }

    /// More than pre-votes allow: whoever could get a quorum of them has one.
    private mutating func stand(_ effects: inout Effects) {
        var lost = Effects()
        let term = instance.hardState.term
        run(&lost) { $0.onElectionTimeout($1, &$2) }
        for voter in instance.configuration.members where voter != instance.member {
            guard case .preCandidate = instance.role else { break }
            let message = Message(
                cluster: Self.cluster, group: Self.group, from: voter, to: instance.member,
                term: term + 1, body: .preVoteReply(isGranted: true))
            run(&effects) { _ = $0.onMessage(message, $1, &$2) }
        }
        effects.isNone = instance.hardState.term == term
    }

    private mutating func crash(
        keeping count: Int, _ bounds: ModelBounds, _ effects: inout Effects
    ) {
        for write in writes.prefix(count) { store(write) }
        writes = []
        ticks = 0
        // A write may have taken away what was applied by nobody but a disk that is ahead.
        applied = bounds.remembersApplied ? applied : 0
        for peer in (1...UInt64(ModelBounds.memberCount)).map(MemberID.init) {
            // Its node has a new epoch, for which nobody has promised support yet.
            support.setReceived(nil, from: peer)
        }
        let start = Instance.Start(
            hardState: hardState, configuration: instance.configuration(at: 0), entries: entries,
            appliedIndex: applied)
        instance = Instance(
            cluster: Self.cluster, group: Self.group, member: instance.member, start: start,
            options: Self.options, seed: 1)
        run(&effects) { $0.onStart($1, &$2) }
    }

    var log: [LogEntry] { instance.entries(from: 1, through: .max) }

    var hasLease: Bool {
        let moment = Moment(now: MonotonicInstant(nanoseconds: 0), support: support)
        return instance.leaseExpiry(moment) != nil
    }
}

// MARK: - Written down

extension ModelMember {
    /// Everything that decides what the member may do later. Left out: chance and deadlines, as
    /// time stands still; names of lives and writes; what follows from the rest.
    func write(to writer: inout ModelWriter) {
        writer.write(instance.member)
        write(instance.role, to: &writer)
        writer.write(instance.hardState)
        writer.write(
            instance.commitIndex << 48 | instance.appliedIndex << 32
                | instance.stableIndex << 16 | instance.deliveredCommit)
        writer.write(log)
        writer.write(instance.endedTerm)
        writer.write(optional: instance.release?.ledTerm)
        writer.write(set: instance.release?.members ?? [])
        let writing = instance.writing
        precondition(writing.inFlight.map(\.token) == writes.map(\.token))
        for write in writing.inFlight {
            writer.write(optional: write.lastIndex)
            writer.write(write.generation == writing.generation)
        }
        let first = writing.nextToken - UInt64(writes.count)
        // They leave in order, so that one waits for those before it too.
        var last: UInt64 = 0
        writer.write(
            unordered: writing.held.map { held in
                var part = ModelWriter(writer.renaming)
                last = max(last, held.token)
                part.write(last - first)
                part.write(held.message)
                return part.words
            })
        writer.write(hardState)
        writer.write(entries)
        writer.write(UInt64(writes.count))
        for write in writes {
            writer.write(write.hardState)
            writer.write(write.entries)
        }
        var given: UInt64 = 0
        var received: UInt64 = 0
        for peer in (1...UInt64(ModelBounds.memberCount)).map(MemberID.init) {
            if support.given(to: peer) != nil { given |= 1 << writer.name(peer) }
            if support.received(from: peer) != nil { received |= 1 << writer.name(peer) }
        }
        writer.write(given << 32 | received)
        writer.write(UInt64(ticks))
    }

    private func write(_ role: Role, to writer: inout ModelWriter) {
        switch role {
        case .follower(let follower):
            writer.write(UInt64(1))
            writer.write(follower.leader)
            writer.write(follower.heardAt != nil)
        case .preCandidate(let poll), .candidate(let poll):
            if case .candidate = role { writer.write(UInt64(2)) } else { writer.write(UInt64(3)) }
            writer.write(set: poll.granted)
            writer.write(set: poll.refused)
            let first = instance.writing.nextToken - UInt64(writes.count)
            writer.write(optional: poll.ownVoteToken.map { $0 >= first ? $0 - first : 99 })
        case .leader(let leader): write(leader, to: &writer)
        case .stopped: writer.write(UInt64(5))
        }
    }

    private func write(_ leader: Leader, to writer: inout ModelWriter) {
        writer.write(UInt64(4))
        switch leader.phase {
        case .opening: writer.write(UInt64(1))
        case .serving: writer.write(UInt64(2))
        case .draining: writer.write(UInt64(3))
        case .transferring(let target, _, let isAsked):
            writer.write(isAsked ? UInt64(4) : 5)
            writer.write(target)
        }
        writer.write(leader.noOperationIndex)
        writer.write(leader.round)
        writer.write(leader.isLeaseForfeited)
        writer.write(leader.heartbeatAt != nil)
        writer.write(leader.quorumCheckAt != nil)
        writer.write(
            unordered: leader.progress.map { peer in
                var part = ModelWriter(writer.renaming)
                part.write(peer.member)
                switch peer.state {
                case .probe(let isWaiting): part.write(isWaiting ? UInt64(1) : 2)
                case .replicate: part.write(UInt64(3))
                case .snapshot: preconditionFailure("a snapshot in the model")
                }
                part.write(
                    peer.match << 48 | peer.next << 32 | peer.toldCommit << 16
                        | peer.knownCommit)
                part.write(optional: peer.promise)
                part.write(peer.round)
                part.write(peer.heardAt != nil)
                part.write(peer.isOverdue)
                return part.words
            })
        writer.write(UInt64(leader.reads.count))
        for read in leader.reads {
            guard case .own(let id) = read.reader else {
                preconditionFailure("a read of another member in the model")
            }
            writer.write(id << 32 | read.index << 16 | read.round)
        }
    }
}
