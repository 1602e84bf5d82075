import Primitives
import Raft

/// One state: which members, what is on its way between them, what was promised to clients, and
/// what is left of the bounds. All of it by numbers into the tables of the explorer.
struct ModelState {
    var members: SIMD4<UInt32> = .zero
    /// Numbers of messages, falling; 0 where there is none.
    var network: SIMD16<UInt16> = .zero
    var history: UInt32 = 0
    /// By `ModelBounds.Budget`.
    var left: SIMD16<UInt8> = .zero

    /// Room for what one event adds to a full network.
    static let networkCapacity = 16

    var networkCount: Int {
        var count = 0
        while count < Self.networkCapacity, network[count] != 0 { count += 1 }
        return count
    }

    mutating func add(_ number: UInt16) {
        var place = networkCount
        precondition(place < Self.networkCapacity, "more messages than a state has room for")
        while place > 0, network[place - 1] < number {
            network[place] = network[place - 1]
            place -= 1
        }
        network[place] = number
    }

    mutating func remove(at place: Int) {
        var place = place
        while place + 1 < Self.networkCapacity, network[place] != 0 {
            network[place] = network[place + 1]
            place += 1
        }
        network[place] = 0
    }

    mutating func use(_ budget: ModelBounds.Budget) -> Bool {
        guard left[budget.rawValue] > 0 else { return false }
        left[budget.rawValue] -= 1
        return true
    }
}

/// What has happened, as far as a promise hangs on it.
struct ModelHistory: Hashable {
    /// Who has led a term, by term; and whom each member has voted for, by member and term.
    var leaders: [UInt8]
    var votes: [[UInt8]]
    /// What is committed, and in which term each of it first was.
    var committed: [LogEntry] = []
    var committedIn: [Term] = []
    /// The configuration of the leader that committed last.
    var configuration: Configuration
    /// By the id of a read: 1 more than what was committed when it was asked for; 0 when it is
    /// answered or was never asked.
    var reads: [UInt8] = [0, 0, 0]

    init(_ bounds: ModelBounds) throws {
        leaders = Array(repeating: 0, count: Int(bounds.termMax) + 1)
        votes = Array(repeating: leaders, count: ModelBounds.memberCount)
        configuration = try bounds.configuration
    }

    func write(to writer: inout ModelWriter) {
        func renamed(_ member: UInt8) -> UInt64 {
            member == 0 ? 0 : UInt64(writer.renaming[Int(member) - 1]) + 1
        }
        for leader in leaders { writer.write(renamed(leader)) }
        let inOrder = votes.indices.sorted { writer.renaming[$0] < writer.renaming[$1] }
        for place in inOrder {
            writer.write(votes[place].reduce(0) { $0 << 4 | renamed($1) })
        }
        writer.write(committed)
        for term in committedIn { writer.write(term) }
        writer.write(set: configuration.voters)
        writer.write(set: configuration.outgoing)
        for read in reads { writer.write(UInt64(read)) }
    }
}

/// What the checks and the choice of events ask of a member, found out once.
struct ModelFacts {
    let term: Term
    let diskTerm: Term
    let diskVote: UInt8
    let isLeader: Bool
    let isServing: Bool
    let isFollower: Bool
    /// A follower that can ask its leader for a read.
    let mayAsk: Bool
    /// A follower's leader, whose alternatives it does not look at; nil when it has none.
    let heardLeader: MemberID?
    let hasLease: Bool
    let commitIndex: LogIndex
    let log: [LogEntry]
    /// The same for the same log.
    let logNumber: Int
    let disk: [LogEntry]
    /// What the member would stand for election with if it crashed now.
    let diskLast: LogPosition
    let diskConfiguration: Configuration
    /// What it would have to reach again if it started now.
    let diskRecovery: RecoveryGoal?
    let configuration: Configuration
    let writeCount: Int
    /// A snapshot is on its way to the disk.
    let isInstalling: Bool
    /// By place: whether the node gives the other one support, or has it from there.
    let given: [Bool]
    let received: [Bool]
    /// What is wrong with the member by itself.
    let fault: String?

    init(_ member: ModelMember, _ logNumber: Int) {
        let instance = member.instance
        self.logNumber = logNumber
        term = instance.hardState.term
        diskTerm = member.hardState.term
        diskVote = member.hardState.vote.map { UInt8($0.rawValue) } ?? 0
        isLeader = instance.isLeader
        isServing = instance.servingTerm != nil
        if case .follower(let follower) = instance.role {
            isFollower = true
            mayAsk = follower.leader != nil
            heardLeader = follower.heardAt == nil ? nil : follower.leader
        } else {
            isFollower = false
            mayAsk = false
            heardLeader = nil
        }
        hasLease = member.hasLease
        commitIndex = instance.commitIndex
        log = member.log
        disk = member.disk
        diskLast =
            disk.last.map { LogPosition(index: $0.index, term: $0.term) }
            ?? LogPosition(index: 0, term: 0)
        diskConfiguration = Self.last(member.entries) ?? member.pastConfiguration
        configuration = instance.configuration
        diskRecovery = member.readableHardState.recovery
        writeCount = member.writes.count
        isInstalling = member.writes.contains { write in
            if case .install = write { true } else { false }
        }
        let peers = (1...UInt64(ModelBounds.memberCount)).map(MemberID.init)
        given = peers.map { member.support.given(to: $0) != nil }
        received = peers.map { member.support.received(from: $0) != nil }
        fault = Self.fault(of: member, log)
    }

    private static func last(_ entries: [LogEntry]) -> Configuration? {
        guard let entry = entries.last(where: { $0.kind == .configuration }) else { return nil }
        return try? Configuration(encoded: entry.payload)
    }

    private static func fault(of member: ModelMember, _ log: [LogEntry]) -> String? {
        let instance = member.instance
        let durable = min(instance.commitIndex, instance.stableIndex)
        if member.writes.isEmpty, member.disk != log {
            return "a disk at rest that differs from the log"
        }
        if member.disk.prefix(Int(durable)) != log.prefix(Int(durable)) {
            return "a disk without what it takes for durable and committed"
        }
        if !log.starts(with: member.state)
            || instance.appliedIndex != LogIndex(member.state.count)
        {
            return "a state that is not what the log makes"
        }
        var before = member.founding
        for entry in log where entry.kind == .configuration {
            guard let next = try? Configuration(encoded: entry.payload) else {
                return "an unreadable configuration at \(entry.index)"
            }
            if !before.intersects(next) { return "\(next) follows \(before)" }
            before = next
        }
        if instance.configuration != before {
            return "\(instance.configuration) to count with, its log says \(before)"
        }
        return nil
    }
}

extension Configuration {
    /// True when no two quorums of the two are disjoint.
    func intersects(_ other: Configuration) -> Bool {
        let everybody = 1 << ModelBounds.memberCount
        return (0..<everybody).allSatisfy { set in
            let isSplit =
                hasQuorum { set >> Int($0.rawValue - 1) & 1 == 1 }
                && other.hasQuorum { set >> Int($0.rawValue - 1) & 1 == 0 }
            return !isSplit
        }
    }
}
