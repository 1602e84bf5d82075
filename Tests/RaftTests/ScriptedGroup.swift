import Primitives
import Raft
import ScriptKit

/// A few members of one group, with a network and disks that a script moves by hand.
///
/// Everything that the instances ask for is done only when a command says so: messages wait in
/// `network` until they are delivered or dropped, writes until they are persisted, and commits
/// until they are applied. `stabilize` does all of it until nothing is left.
struct ScriptedGroup {
    static let cluster = ClusterID(7)
    static let group = GroupID(1)

    var members: [MemberID: ScriptedMember] = [:]
    var network: [Message] = []
    var now = MonotonicInstant(nanoseconds: 0)
    var options = Options()
    var nextReadID: UInt64 = 1
    /// What the state machine had applied at each snapshot, by its id.
    var snapshots: [UInt64: [ScriptedMember.Applied]] = [:]
    var output: [String] = []
    /// Whether what the instances say is printed.
    var isQuiet = false

    var order: [MemberID] { members.keys.sorted() }

    mutating func say(_ text: @autoclosure () -> String) {
        if !isQuiet { output.append(text()) }
    }

    func moment(of id: MemberID) -> Moment {
        Moment(
            now: now + (members[id]?.clockAhead ?? .zero),
            support: members[id]?.support ?? SupportTable())
    }

    // MARK: Lives

    mutating func add(_ id: MemberID, disk: ScriptedMember.Disk, starts: UInt64 = 1) {
        let start = Instance.Start(
            hardState: disk.hardState, base: disk.base, configuration: disk.configuration,
            entries: disk.entries, appliedIndex: disk.appliedIndex)
        let instance = Instance(
            cluster: Self.cluster, group: Self.group, member: id, start: start, options: options,
            seed: id.rawValue &* 1000 &+ starts)
        let old = members[id]
        var member = ScriptedMember(instance: instance, disk: disk)
        member.starts = starts
        member.committed = disk.appliedIndex
        member.applied = (old?.applied ?? []).filter { $0.index <= disk.appliedIndex }
        member.support = old?.support ?? SupportTable()
        member.clockAhead = old?.clockAhead ?? .zero
        members[id] = member
        run(id) { instance, moment, directives in instance.onStart(moment, &directives) }
    }

    mutating func crash(_ id: MemberID) {
        members[id]?.isUp = false
        members[id]?.writes = []
        members[id]?.chores = []
        members[id]?.installing = nil
    }

    mutating func restart(_ id: MemberID) throws {
        guard let member = members[id] else { return }
        // Its node has a new epoch, for which nobody has promised support yet.
        for peer in order { members[id]?.support.setReceived(nil, from: peer) }
        add(id, disk: member.disk, starts: member.starts + 1)
    }

    mutating func compact(_ id: MemberID, through index: LogIndex) {
        let moment = moment(of: id)
        guard var member = members[id] else { return }
        let base = member.instance.compact(through: index, moment)
        if base.index > member.disk.base.index {
            member.disk.base = base
            member.disk.configuration = member.instance.configuration(at: base.index)
            member.disk.entries.removeAll { $0.index <= base.index }
        }
        members[id] = member
        say("\(id.rawValue) compacts through \(base.index)")
    }

    // MARK: Running an instance

    mutating func run(
        _ id: MemberID, _ body: (inout Instance, Moment, inout [Directive]) throws -> Void
    ) rethrows {
        guard var instance = members[id]?.instance, members[id]?.isUp == true else { return }
        var directives: [Directive] = []
        try body(&instance, moment(of: id), &directives)
        members[id]?.instance = instance
        for directive in directives { perform(directive, by: id) }
    }

    mutating func perform(_ directive: Directive, by id: MemberID) {
        let name = id.rawValue
        switch directive {
        case .persist(let token, let hardState, let entries):
            members[id]?.writes.append(
                ScriptedMember.Write(token: token, hardState: hardState, entries: entries))
            let parts =
                [hardState.map(ScriptText.describe)].compactMap { $0 }
                + (entries.isEmpty ? [] : [ScriptText.describe(entries)])
            say("\(name) writes \(parts.joined(separator: "; "))")
        case .send(let message):
            network.append(message)
            say(ScriptText.describe(message))
        case .commit(let index):
            members[id]?.committed = index
            say("\(name) commits through \(index)")
        case .beginServing(let term): say("\(name) serves term \(term)")
        case .endServing(let term): say("\(name) serves term \(term) no more")
        case .leaderChanged(let leader, let term):
            say("\(name) knows \(leader.map { "\($0.rawValue)" } ?? "nobody") as leader of \(term)")
        case .configurationChanged(let configuration): say("\(name) has members \(configuration)")
        case .readReady(let read, let index): say("\(name) may read \(read) at \(index)")
        case .readFailed(let read): say("\(name) may not read \(read)")
        case .transferAborted(let target): say("\(name) gave up handing over to \(target.rawValue)")
        case .prepareSnapshot(let peer): say("\(name) needs a snapshot for \(peer.rawValue)")
        case .readSnapshot, .storeSnapshot:
            if members[id]?.isBusy == true {
                members[id]?.chores.append(directive)
            } else {
                moveChunk(directive, by: id)
            }
        case .discardSnapshot(let snapshot): say("\(name) discards snapshot \(snapshot)")
        case .installSnapshot(let descriptor):
            members[id]?.installing = descriptor.id
            say("\(name) is to install snapshot \(descriptor.id)")
        }
    }

    private mutating func moveChunk(_ directive: Directive, by id: MemberID) {
        let name = id.rawValue
        switch directive {
        case .readSnapshot(let peer, let snapshot, let offset, let byteCount):
            say("\(name) reads snapshot \(snapshot) at \(offset) for \(peer.rawValue)")
            run(id) { instance, _, directives in
                instance.onSnapshotRead(
                    for: peer, id: snapshot, offset: offset,
                    bytes: [UInt8](repeating: 0, count: byteCount), &directives)
            }
        case .storeSnapshot(let snapshot, let offset, let bytes):
            say("\(name) stores snapshot \(snapshot) at \(offset)")
            run(id) { instance, _, directives in
                instance.onSnapshotStored(
                    id: snapshot, byteCount: UInt64(bytes.count), &directives)
            }
        default: break
        }
    }

    // MARK: Moving things

    mutating func deliver(_ message: Message, at receiver: MemberID? = nil) {
        let id = receiver ?? message.to
        var reception = Reception.taken
        guard members[id]?.isUp == true else { return say("\(id.rawValue) is down") }
        run(id) { instance, moment, directives in
            reception = instance.onMessage(message, moment, &directives)
        }
        if let text = ScriptText.describe(reception) {
            say("\(id.rawValue) \(text) (\(ScriptText.describe(message.body)))")
        }
    }

    /// Delivers, once, what is on its way now and matches.
    mutating func deliver(countMax: Int = .max, where matches: (Message) -> Bool) -> Int {
        let ready = Array(network.filter(matches).prefix(countMax))
        for message in ready {
            if let place = network.firstIndex(of: message) { network.remove(at: place) }
            deliver(message)
        }
        return ready.count
    }

    mutating func persist(_ id: MemberID, countMax: Int = .max) -> Int {
        let ready = (members[id]?.writes ?? []).prefix(countMax)
        for write in ready {
            members[id]?.writes.removeFirst()
            members[id]?.disk.write(write.hardState, write.entries)
            run(id) { instance, moment, directives in
                instance.onPersisted(token: write.token, moment, &directives)
            }
        }
        return ready.count
    }

    mutating func apply(_ id: MemberID) -> Bool {
        guard let member = members[id], member.committed > member.instance.appliedIndex else {
            return false
        }
        let first = member.instance.appliedIndex + 1
        for entry in member.instance.entries(from: first, through: member.committed)
        where entry.kind == .command {
            let payload = String(decoding: entry.payload, as: UTF8.self)
            members[id]?.applied.append(
                ScriptedMember.Applied(index: entry.index, payload: payload))
        }
        members[id]?.disk.appliedIndex = member.committed
        run(id) { instance, moment, directives in
            instance.onApplied(through: member.committed, moment, &directives)
        }
        return true
    }

    /// Persists, applies and delivers among `ids` until nothing is left.
    mutating func stabilize(_ ids: [MemberID]) {
        for _ in 0..<200 {
            var isBusy = false
            for id in ids where members[id]?.isUp == true {
                if persist(id) > 0 { isBusy = true }
                if apply(id) { isBusy = true }
            }
            let delivered = deliver { ids.contains($0.from) && ids.contains($0.to) }
            guard isBusy || delivered > 0 else { return }
        }
        say("not stable after 200 rounds")
    }

    /// Lets time pass, without delivering anything. As the shell does, it wakes whoever has
    /// something to wait for that is due, and nobody else.
    mutating func advance(_ duration: Duration, _ ids: [MemberID]) {
        now = now + duration
        for id in ids {
            run(id) { instance, moment, directives in
                guard let deadline = instance.nextDeadline, moment.now >= deadline else { return }
                instance.onTick(moment, &directives)
            }
        }
    }

    /// The node's support has changed.
    mutating func wake(_ id: MemberID) {
        run(id) { instance, moment, directives in instance.onTick(moment, &directives) }
    }
}
