import Primitives
import Raft

// What somebody who sees everything holds the instances against, at each event.
//
//   election safety       at most one leader in a term                            leads
//   leader completeness   a new leader has every committed entry                  leads
//   one vote a term       over all lives of a voter, on the disk and in words     stored, said
//   committed is durable  a first commit is on the disks of a quorum, or was      committed
//                         and whoever has lost it knows that
//   state machine safety  everybody commits the same entry at an index            committed
//   equal states          everybody's state is the same after the same index      applied
//   lease safety          nobody holds a lease when another begins to serve       beganServing

struct CoreChecks {
    private struct Committed {
        let term: Term
        let payloadDigest: UInt64
        var stateDigest: UInt64?
    }

    private struct Ballot: Hashable {
        let group: UInt32
        let voter: MemberID
        let term: Term
    }

    private struct LedTerm: Hashable {
        let group: Int
        let term: Term
    }

    private(set) var violations: [String] = []
    /// What was refused, which between honest members may happen only after a broken promise.
    private(set) var refusals: [String] = []
    /// By group; the first is index 1.
    private var logs: [[Committed]]
    private var leaders: [LedTerm: MemberID] = [:]
    private var votes: [Ballot: MemberID] = [:]

    init(groupCount: Int) {
        logs = [[Committed]](repeating: [], count: groupCount)
    }

    mutating func violate(_ text: String) {
        if violations.count < 10 { violations.append(text) }
    }

    mutating func note(_ refusal: String) {
        if refusals.count < 10 { refusals.append(refusal) }
    }

    func committedCount(_ group: Int) -> Int { logs[group].count }

    // MARK: Votes

    mutating func said(_ message: Message) {
        let choice: MemberID
        switch message.body {
        case .voteReply(isGranted: true): choice = message.to
        // Whoever asks for votes has voted for itself.
        case .vote: choice = message.from
        default: return
        }
        let ballot = Ballot(
            group: message.group.rawValue, voter: message.from, term: message.term)
        if let before = votes[ballot], before != choice {
            violate(
                "one vote a term: \(message.from) voted for \(before) and \(choice) in term "
                    + "\(message.term) of \(message.group)")
        }
        votes[ballot] = choice
    }

    mutating func stored(_ new: HardState, over old: HardState) {
        if new.term < old.term {
            violate("one vote a term: term \(old.term) on disk became \(new.term)")
        }
        if new.term == old.term, let vote = old.vote, new.vote != vote {
            violate("one vote a term: the vote for \(vote) in term \(new.term) was changed on disk")
        }
    }

    // MARK: Leaders

    mutating func leads(_ node: CoreNode, _ group: Int, _ term: Term) {
        let key = LedTerm(group: group, term: term)
        if let before = leaders[key], before != node.id {
            violate("election safety: \(before) and \(node.id) lead term \(term) of g\(group)")
        }
        leaders[key] = node.id
        let instance = node.replicas[group].instance
        for (place, entry) in logs[group].enumerated() {
            let index = LogIndex(place + 1)
            guard index >= instance.firstIndex else { continue }
            let found = instance.entries(from: index, through: index).first?.term
            if found != entry.term {
                violate(
                    "leader completeness: \(node.id) leads term \(term) of g\(group) without "
                        + "committed entry \(index)")
                return
            }
        }
    }

    /// Somebody begins to serve a term; `other`, another member, must not hold a lease.
    mutating func beganServing(
        _ server: CoreNode, _ group: Int, _ term: Term, other: CoreNode, _ moment: Moment
    ) {
        guard !other.replicas.isEmpty else { return }
        let instance = other.replicas[group].instance
        // A paused node's lease counts as well: it will look at its clock when it goes on.
        guard instance.hardState.term < term, instance.leaseExpiry(moment) != nil else { return }
        violate(
            "lease safety: \(other.id) holds a lease of term \(instance.hardState.term) of "
                + "g\(group) while \(server.id) serves term \(term)")
    }

    // MARK: Commits

    mutating func committed(_ nodes: [CoreNode], _ group: Int, _ entry: LogEntry) {
        var digest: UInt64 = UInt64(entry.kind.rawValue)
        for byte in entry.payload { digest = (digest ^ UInt64(byte)) &* 1_099_511_628_211 }
        let place = Int(entry.index) - 1
        if place < logs[group].count {
            let known = logs[group][place]
            if known.term != entry.term || known.payloadDigest != digest {
                violate(
                    "state machine safety: entry \(entry.index) of g\(group) is of term "
                        + "\(known.term) and of term \(entry.term)")
            }
            return
        }
        guard place == logs[group].count else {
            return violate("entry \(entry.index) of g\(group) was committed before its predecessor")
        }
        logs[group].append(Committed(term: entry.term, payloadDigest: digest))
        checkDurable(nodes, group, entry)
    }

    /// A quorum of the configuration that counted has the entry on disk: that of the member that
    /// leads the newest term, which may have gone on to the next one when a follower is first to
    /// say that the entry is committed.
    private mutating func checkDurable(_ nodes: [CoreNode], _ group: Int, _ entry: LogEntry) {
        var leader: Int?
        var newest: Term = 0
        for place in nodes.indices where !nodes[place].replicas.isEmpty {
            guard nodes[place].replicas[group].instance.isLeader else { continue }
            let term = nodes[place].replicas[group].instance.hardState.term
            if leader == nil || term > newest { (leader, newest) = (place, term) }
        }
        guard let leader else { return }
        func isDurable(_ configuration: Configuration) -> Bool {
            configuration.hasQuorum { voter in
                let disk = nodes[Int(voter.rawValue) - 1].disks[group]
                return disk.holds(entry.index, of: entry.term)
                    || disk.owes(entry.index, of: entry.term)
            }
        }
        if !isDurable(nodes[leader].replicas[group].instance.configuration),
            !isDurable(nodes[leader].replicas[group].instance.configuration(at: entry.index)),
            !isDurable(nodes[leader].replicas[group].instance.configuration(at: entry.index - 1))
        {
            violate(
                "committed is durable: entry \(entry.index) of g\(group) is not on the disks of a "
                    + "quorum")
        }
    }

    mutating func applied(_ node: CoreNode, _ group: Int) {
        // Only what is looked at is taken: a whole replica costs a score of references.
        let index = Int(node.replicas[group].appliedIndex) - 1
        let digest = node.replicas[group].machine.digest
        guard index >= 0, index < logs[group].count else { return }
        if let known = logs[group][index].stateDigest {
            if known != digest {
                violate(
                    "equal states: \(node.id) differs at \(index + 1) of g\(group)")
            }
        } else {
            logs[group][index].stateDigest = digest
        }
    }
}

/// Covers every message and fault of a run.
struct CoreTrace {
    private(set) var hash: UInt64 = 14_695_981_039_346_656_037
    var onLine: ((String) -> Void)?

    private mutating func mix(_ word: UInt64) {
        hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
    }

    mutating func mix(_ time: Int64, _ message: Message) {
        mix(UInt64(bitPattern: time))
        mix(message.from.rawValue << 32 | message.to.rawValue)
        mix(message.term << 8 | UInt64(message.group.rawValue))
        if case .append(let append) = message.body {
            mix(append.previous.index)
            mix(UInt64(append.entries.count))
        }
        onLine?(
            "\(time / 1000) µs \(message.group) \(message.from) → \(message.to) "
                + "t\(message.term) \(message.body)")
    }

    mutating func mix(_ time: Int64, _ fault: String) {
        mix(UInt64(bitPattern: time))
        for byte in fault.utf8 { mix(UInt64(byte)) }
        onLine?("\(time / 1000) µs *** \(fault)")
    }

    mutating func mix(_ time: Int64, _ index: LogIndex) {
        mix(UInt64(bitPattern: time) ^ index)
        onLine?("\(time / 1000) µs *** members change with entry \(index)")
    }
}
