import Primitives
import Raft

/// One member with its disk, its outstanding writes and its node's support: a part of a state.
///
/// Two that are written the same are one: many states share each, and what an event makes of one is
/// found out once.
struct ModelMember {
    /// What is handed to the disk and not yet there.
    enum Write {
        case log(token: UInt64, hardState: HardState?, entries: [LogEntry])
        /// The applied state, and the configuration there: the log on disk begins behind it.
        case checkpoint(state: [LogEntry], Configuration)
        case install(SnapshotDescriptor, state: [LogEntry])

        var token: UInt64? {
            switch self {
            case .log(let token, _, _): token
            case .checkpoint, .install: nil
            }
        }
    }

    enum Event: Hashable {
        case deliver(UInt16)
        /// It has heard of no leader for an election timeout when the message comes.
        case deliverLapsed(UInt16)
        case persisted
        /// It crashes, keeps as many of its outstanding writes, and starts again.
        case crash(keeping: UInt8)
        /// The same, and of the entries on its disk so many, from the end, are lost.
        case damage(keeping: UInt8, depth: UInt8)
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
        /// What is applied is written as the start of the log.
        case compact
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
    /// The disk: the state that the log begins behind, as the entries that made it, and the
    /// configuration there.
    var past: [LogEntry] = []
    var pastConfiguration: Configuration
    /// The configuration that the group began with.
    let founding: Configuration
    var hardState = HardState()
    var entries: [LogEntry] = []
    /// The first entry that cannot be read, until it is written anew.
    var damagedFrom: LogIndex?
    var writes: [Write] = []
    /// The state machine: what was applied.
    var state: [LogEntry] = []
    /// What has come of the snapshot that is on its way in.
    var received: [UInt8] = []
    var support = SupportTable()
    /// Times at which it was woken; each is later than the one before.
    var ticks: Int64 = 0

    static let cluster = ClusterID(7)
    static let group = GroupID(1)
    static let until = MonotonicInstant(nanoseconds: .max)

    init(_ place: Int, _ bounds: ModelBounds) throws {
        founding = try bounds.configuration
        pastConfiguration = founding
        instance = Instance(
            cluster: Self.cluster, group: Self.group, member: MemberID(UInt64(place) + 1),
            start: Instance.Start(configuration: pastConfiguration),
            options: bounds.options, seed: 1)
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
                writes.append(.log(token: token, hardState: hardState, entries: entries))
            case .send(let message): effects.sent.append(message)
            case .commit(let index):
                let first = LogIndex(state.count) + 1
                state += instance.entries(from: first, through: index)
                run(&effects) { $0.onApplied(through: index, $1, &$2) }
            case .readReady(let id, let index): effects.reads.append((id, index))
            case .readFailed(let id): effects.reads.append((id, nil))
            case .beginServing, .endServing, .leaderChanged, .configurationChanged,
                .transferAborted:
                break
            case .prepareSnapshot, .readSnapshot, .storeSnapshot, .discardSnapshot,
                .installSnapshot:
                handleSnapshot(directive, &effects)
            }
        }
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
            written(write, &effects)
        case .crash(let count): crash(keeping: Int(count), bounds, &effects)
        case .damage(let count, let depth):
            crash(keeping: Int(count), depth: Int(depth), bounds, &effects)
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
        case .compact: checkpoint(&effects)
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
        keeping count: Int, depth: Int = 0, _ bounds: ModelBounds, _ effects: inout Effects
    ) {
        for write in writes.prefix(count) { store(write) }
        if depth > 0 {
            effects.isNone = depth > entries.count
            guard !effects.isNone else { return }
            let index = entries[entries.count - depth].index
            damagedFrom = min(damagedFrom ?? index, index)
        }
        writes = []
        ticks = 0
        received = []
        // The state on disk is that of the last checkpoint.
        state = past
        for peer in (1...UInt64(ModelBounds.memberCount)).map(MemberID.init) {
            // Its node has a new epoch, for which nobody has promised support yet.
            support.setReceived(nil, from: peer)
        }
        let start = Instance.Start(
            hardState: readableHardState, base: pastPosition, configuration: pastConfiguration,
            entries: readableEntries, appliedIndex: pastPosition.index)
        instance = Instance(
            cluster: Self.cluster, group: Self.group, member: instance.member, start: start,
            options: bounds.options, seed: 1)
        run(&effects) { $0.onStart($1, &$2) }
    }

    /// The whole log: what it does not have any more is in the state.
    var log: [LogEntry] {
        state.prefix(Int(instance.firstIndex) - 1) + instance.entries(from: 1, through: .max)
    }

    /// The same of the disk.
    var disk: [LogEntry] { past + readableEntries }

    var hasLease: Bool {
        let moment = Moment(now: MonotonicInstant(nanoseconds: 0), support: support)
        return instance.leaseExpiry(moment) != nil
    }
}
