import Primitives
import Raft
import Testing

/// A group in which anything may happen at any time, with what must be true after each event.
struct FuzzWorld {
    /// What one member has said of itself before.
    private struct Past {
        var hardState = HardState()
        var commitIndex: LogIndex = 0
        var appliedIndex: LogIndex = 0
    }

    var group = ScriptedGroup()
    var random: SeededRandom
    /// False once something was forged: safety is promised to those who keep to the protocol.
    let isGenuine: Bool
    private var pasts: [MemberID: Past] = [:]
    private var leaders: [Term: MemberID] = [:]
    /// What was committed, by index less one: the same for everybody, for ever.
    private var committed: [LogEntry] = []
    private(set) var servedCount = 0
    private(set) var leaseCount = 0

    /// Members that are in the group at first, and others that may be added.
    private static let voters: [UInt64] = [1, 2, 3]
    private static let others: [UInt64] = [4, 5]

    init(seed: UInt64, isGenuine: Bool) throws {
        random = SeededRandom(seed: seed)
        self.isGenuine = isGenuine
        group.isQuiet = true
        group.options = Options(
            appendByteCountMax: 32, appendCountMax: 3, inflightCountMax: 3,
            inflightByteCountMax: 64, uncommittedByteCountMax: 200,
            retainedByteCountMax: random.next() % 2 == 0 ? 0 : 1000, promotionLagMax: 3,
            snapshotChunkByteCount: 40)
        let configuration = try Configuration(voters: Self.voters.map { MemberID($0) })
        for id in Self.voters + Self.others {
            group.add(MemberID(id), disk: ScriptedMember.Disk(configuration: configuration))
        }
    }

    private mutating func chance(_ part: Int, in whole: Int) -> Bool {
        Int.random(in: 0..<whole, using: &random) < part
    }

    private mutating func someone() -> MemberID {
        MemberID(UInt64.random(in: 1...5, using: &random))
    }

    // MARK: What happens

    mutating func step() {
        let id = someone()
        switch Int.random(in: 0..<40, using: &random) {
        case 0..<14: deliverSomething()
        case 14..<20: _ = group.persist(id, countMax: chance(1, in: 2) ? 1 : .max)
        case 20..<24: _ = group.apply(id)
        case 24, 25:
            group.advance(.milliseconds(Int.random(in: 0...400, using: &random)), group.order)
        case 26..<29: stepLeader(id)
        case 29: group.run(id) { $0.read(id: 1, $1, &$2) }
        case 30: if chance(1, in: 4) { group.run(id) { $0.onElectionTimeout($1, &$2) } }
        case 31: changeSupport(id)
        case 32, 33: stepSnapshot(id)
        case 34: if chance(1, in: 5) { restart(id) }
        case 35: group.network.shuffle(using: &random)
        case 36: if !group.network.isEmpty { group.network.removeFirst() }
        case 37: if let first = group.network.first { group.network.append(first) }
        default: compact(id)
        }
        // A network that is full loses what has waited longest.
        if group.network.count > 60 { group.network.removeFirst(20) }
        group.output = []
        check()
    }

    private mutating func deliverSomething() {
        guard !group.network.isEmpty else { return }
        let place = chance(2, in: 3) ? 0 : Int.random(in: group.network.indices, using: &random)
        let message = group.network.remove(at: place)
        group.deliver(message)
    }

    private mutating func stepLeader(_ id: MemberID) {
        let target = someone()
        let size = Int.random(in: 1...40, using: &random)
        switch Int.random(in: 0..<12, using: &random) {
        case 0: group.run(id) { try? $0.transferLeadership(to: target, $1, &$2) }
        case 1: group.run(id) { $0.prefer([target], $1, &$2) }
        case 2, 3:
            let changes: [Configuration.Change] = [
                .addLearner(target), .promote(target), .demote(target), .remove(target),
            ]
            let change = changes[Int.random(in: changes.indices, using: &random)]
            group.run(id) { _ = try? $0.change([change], $1, &$2) }
        default:
            let payload = [UInt8](
                repeating: UInt8.random(in: 0...255, using: &random), count: size)
            group.run(id) {
                _ = try? $0.propose([payload], expectedTerm: $0.hardState.term, $1, &$2)
            }
        }
    }

    /// A node supports another one for a time, or no more. Before it takes its support away, the
    /// time is over for the one that relied on it.
    private mutating func changeSupport(_ id: MemberID) {
        let peer = someone()
        guard peer != id, let member = group.members[id], member.isUp else { return }
        let epoch = (group.members[peer]?.starts ?? 1)
        guard member.support.given(to: peer) != nil, chance(1, in: 2) else {
            let until = group.now + .milliseconds(Int.random(in: 0...3000, using: &random))
            // An older epoch that is still supported ends first.
            if let given = member.support.given(to: peer), given != epoch { return }
            guard group.members[peer]?.isUp == true else { return }
            group.members[id]?.support.setGiven(epoch, to: peer)
            let before = group.members[peer]?.support.received(from: id)?.until ?? until
            group.members[peer]?.support.setReceived(
                SupportTable.Received(epoch: epoch, until: max(before, until)), from: id)
            group.wake(id)
            group.wake(peer)
            return
        }
        if let received = group.members[peer]?.support.received(from: id) {
            guard received.until < group.now else { return }
            group.members[peer]?.support.setReceived(nil, from: id)
            group.wake(peer)
        }
        group.members[id]?.support.setGiven(nil, to: peer)
        group.wake(id)
    }

    private mutating func stepSnapshot(_ id: MemberID) {
        if let number = group.members[id]?.installing {
            group.members[id]?.installing = nil
            if chance(1, in: 4) {
                group.run(id) { $0.onSnapshotRejected(id: number, &$2) }
            } else {
                group.install(number, at: id)
            }
            return
        }
        guard let instance = group.members[id]?.instance, instance.isLeader,
            let peer = group.order.randomElement(using: &random), peer != id
        else { return }
        if chance(1, in: 6) {
            group.run(id) { instance, _, _ in instance.onSnapshotUnavailable(for: peer) }
            return
        }
        let index = instance.appliedIndex
        let entry = instance.entries(from: index, through: index).first
        let term = entry?.term ?? group.members[id]?.disk.base.term ?? 0
        let descriptor = SnapshotDescriptor(
            id: id.rawValue << 32 | index, position: LogPosition(index: index, term: term),
            configuration: instance.configuration(at: index), byteCount: 100, checksum: 0)
        group.run(id) { $0.onSnapshotPrepared(descriptor, for: peer, &$2) }
    }

    private mutating func compact(_ id: MemberID) {
        guard let instance = group.members[id]?.instance, group.members[id]?.isUp == true else {
            return
        }
        group.compact(id, through: LogIndex.random(in: 0...instance.lastIndex, using: &random))
    }

    private mutating func restart(_ id: MemberID) {
        group.crash(id)
        // However many disks lose entries: nobody is elected without what is committed.
        if let last = group.members[id]?.disk.entries.last?.index, chance(1, in: 4) {
            let index = last - LogIndex(chance(1, in: 2) ? 0 : 1)
            group.members[id]?.disk.damage(at: index)
        }
        try? group.restart(id)
        guard let member = group.members[id] else { return }
        pasts[id] = Past(
            hardState: member.disk.hardState, commitIndex: member.instance.commitIndex,
            appliedIndex: member.instance.appliedIndex)
        if let past = pasts[id] { #expect(past.commitIndex == past.appliedIndex) }
    }

    // MARK: What must be true

    mutating func check() {
        for id in group.order {
            guard let instance = group.members[id]?.instance else { continue }
            let past = pasts[id] ?? Past()
            #expect(instance.commitIndex >= past.commitIndex, "\(id): commit goes back")
            #expect(instance.appliedIndex >= past.appliedIndex, "\(id): applied goes back")
            #expect(instance.commitIndex <= instance.lastIndex, "\(id): commit beyond the log")
            #expect(instance.stableIndex <= instance.lastIndex, "\(id): stable beyond the log")
            #expect(instance.appliedIndex <= instance.commitIndex, "\(id): applied, uncommitted")
            #expect(instance.hardState.term >= past.hardState.term, "\(id): term goes back")
            if instance.hardState.term == past.hardState.term, let vote = past.hardState.vote {
                #expect(instance.hardState.vote == vote, "\(id): votes twice in one term")
            }
            pasts[id] = Past(
                hardState: instance.hardState, commitIndex: instance.commitIndex,
                appliedIndex: instance.appliedIndex)
            if isGenuine { checkSafety(id, instance) }
        }
        if isGenuine { checkLeases() }
    }

    private mutating func checkSafety(_ id: MemberID, _ instance: Instance) {
        if instance.isLeader {
            let term = instance.hardState.term
            #expect(leaders[term, default: id] == id, "two leaders of term \(term)")
            leaders[term] = id
            if instance.servingTerm != nil { servedCount += 1 }
        }
        for entry in instance.entries(from: 1, through: instance.commitIndex) {
            let place = Int(entry.index) - 1
            if place < committed.count {
                #expect(committed[place] == entry, "\(id): another entry \(entry.index)")
            } else if place == committed.count {
                committed.append(entry)
            }
        }
    }

    /// Who answers from a lease knows of everything that anybody knows to be committed.
    private mutating func checkLeases() {
        for id in group.order {
            guard let member = group.members[id], member.isUp,
                member.instance.leaseExpiry(group.moment(of: id)) != nil
            else { continue }
            leaseCount += 1
            #expect(
                Int(member.instance.commitIndex) >= committed.count, "\(id): a stale lease")
        }
    }
}
