import Primitives
import Raft

/// What one exploration may do, and how often. Every bound is a count that is used up, so that the
/// number of states is finite and the frontier can be exhausted.
struct ModelBounds {
    /// What is used up.
    enum Budget: Int, CaseIterable {
        /// Deliveries of a message that stays on its way.
        case duplicates
        case crashes
        case proposals
        case changes
        case transfers
        case reads
        /// Support that ends at its receiver, and then at its giver.
        case withdrawals
        /// Intervals after which a leader speaks again.
        case heartbeats
        /// Election timeouts without answers that a leader lives through.
        case silences
    }

    /// What is never delivered, where it has no part in what is looked for.
    enum Lost: Hashable {
        case heartbeats
        case releases
    }

    /// Where the exploration begins.
    enum Beginning {
        /// Nobody has said anything.
        case blank
        /// Member 1 leads term 1, and everybody knows everything.
        case led
    }

    var name: String
    var beginning = Beginning.blank
    var voters: [UInt64] = [1, 2, 3]
    var learners: [UInt64] = []
    var termMax: Term = 2
    /// Messages in flight between two events; of more, any may be lost.
    var networkCountMax = 2
    var counts: [Budget: UInt8] = [:]
    var lost: [Lost] = [.heartbeats, .releases]
    /// Pre-votes are messages like others; otherwise any member may stand at any time, which is
    /// more than pre-votes allow.
    var hasPreVotes = false
    /// Every node supports every other one in the beginning.
    var hasSupport = false
    /// Takes the giver's side away first: what `Liveness` never does.
    var breaksSupport = false
    /// The state machine's disk is as far as it has applied; otherwise it remembers nothing.
    var remembersApplied = false
    var changes: [[Configuration.Change]] = []
    /// Renamings of the members under which nothing of this changes; the identity first.
    var symmetries: [[Int]] = [[0, 1, 2]]
    /// Who may stand for election; nil for everybody.
    var candidates: [Int] = [0, 1, 2]

    static let memberCount = 3
    static let all = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    static let followers = [[0, 1, 2], [0, 2, 1]]

    var configuration: Configuration {
        get throws {
            try Configuration(
                voters: voters.map(MemberID.init), learners: learners.map(MemberID.init))
        }
    }

    var description: String {
        let used = Budget.allCases.compactMap { budget in
            counts[budget].map { "\($0) \(budget)" }
        }
        return ["terms to \(termMax)", "\(networkCountMax) in flight"].joined(separator: ", ")
            + (used.isEmpty ? "" : ", " + used.joined(separator: ", "))
    }
}

/// 128 bits that stand for a state or a part of it.
struct ModelHash: Hashable {
    var low: UInt64
    var high: UInt64

    init(_ words: [UInt64]) {
        var low: UInt64 = 0x243F_6A88_85A3_08D3
        var high: UInt64 = 0x1319_8A2E_0370_7344
        for word in words {
            low = (low ^ word) &* 0x9E37_79B9_7F4A_7C15
            low ^= low >> 29
            high = (high &+ word) &* 0xD6E8_FEB8_6659_FD93
            high ^= high >> 32
        }
        self.low = Self.mix(low ^ UInt64(words.count))
        self.high = Self.mix(high &+ 0xA409_3822_299F_31D0)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    static func += (left: inout ModelHash, right: ModelHash) {
        left.low &+= right.low
        left.high &+= right.high
    }

    static func < (left: ModelHash, right: ModelHash) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

/// Writes what matters of a state as words, with the members renamed.
struct ModelWriter {
    let renaming: [Int]
    private(set) var words: [UInt64] = []

    init(_ renaming: [Int]) {
        self.renaming = renaming
    }

    func name(_ member: MemberID?) -> UInt64 {
        member.map { UInt64(renaming[Int($0.rawValue) - 1]) + 1 } ?? 0
    }

    mutating func write(_ value: UInt64) { words.append(value) }
    mutating func write(_ value: Bool) { words.append(value ? 1 : 0) }
    mutating func write(_ member: MemberID?) { words.append(name(member)) }

    mutating func write(optional value: UInt64?) { words.append(value.map { $0 + 1 } ?? 0) }

    /// In an order that does not depend on the names.
    mutating func write(set members: [MemberID]) {
        words.append(members.reduce(0) { $0 | 1 << name($1) })
    }

    mutating func write(_ position: LogPosition) {
        words.append(position.index)
        words.append(position.term)
    }

    mutating func write(_ hardState: HardState?) {
        guard let hardState else { return write(UInt64(0)) }
        write(hardState.term + 1)
        write(hardState.vote)
        write(hardState.promise?.leader)
        write(hardState.promise?.term ?? 0)
        write(hardState.promise?.epoch ?? 0)
    }

    mutating func write(_ entries: [LogEntry]) {
        write(UInt64(entries.count))
        for entry in entries {
            write(entry.index << 32 | entry.term << 8 | UInt64(entry.kind.rawValue))
            switch entry.kind {
            case .noOperation: break
            case .command: write(UInt64(entry.payload[0]))
            case .configuration:
                // An instance has read it before.
                guard let configuration = try? Configuration(encoded: entry.payload) else {
                    preconditionFailure("an unreadable configuration")
                }
                write(set: configuration.voters)
                write(set: configuration.outgoing)
                write(set: configuration.learners)
                write(set: configuration.demoting)
            }
        }
    }

    mutating func write(_ message: Message) {
        write(message.from)
        write(message.to)
        write(message.term)
        switch message.body {
        case .preVote(let candidacy), .vote(let candidacy):
            if case .vote = message.body { write(UInt64(1)) } else { write(UInt64(2)) }
            write(candidacy.last)
            write(candidacy.isTransfer)
        case .preVoteReply(let isGranted): write(3 << 1 | (isGranted ? 1 : 0))
        case .voteReply(let isGranted): write(4 << 1 | (isGranted ? 1 : 0))
        case .append(let append):
            write(UInt64(10))
            write(append.previous)
            write(append.entries)
            write(append.commitIndex)
        case .appendReply(let reply):
            switch reply.outcome {
            case .stored(let index):
                write(UInt64(11))
                write(index)
            case .mismatch(let previous, let hint):
                write(UInt64(12))
                write(previous)
                write(hint)
            }
            write(reply.commitIndex)
        case .heartbeat(let commitIndex, let round):
            write(UInt64(13))
            write(commitIndex)
            write(round)
        case .heartbeatReply(let reply):
            write(UInt64(14))
            write(reply.round)
            write(optional: reply.promise)
            write(reply.commitIndex)
        case .staleTerm: write(UInt64(15))
        case .timeoutNow: write(UInt64(16))
        case .release(let ledTerm):
            write(UInt64(17))
            write(ledTerm)
        case .releaseReply(let ledTerm):
            write(UInt64(18))
            write(ledTerm)
        case .readIndex(let context):
            write(UInt64(19))
            write(context.number)
        case .readIndexReply(let context, let index):
            write(UInt64(20))
            write(context.number)
            write(optional: index)
        case .snapshotOffer, .snapshotChunk, .snapshotReply:
            // No log is compacted here.
            preconditionFailure("a snapshot in the model")
        }
    }

    /// Parts in an order of their own, so that the order in which they came does not matter.
    mutating func write(unordered parts: [[UInt64]]) {
        write(UInt64(parts.count))
        for part in parts.sorted(by: { $0.lexicographicallyPrecedes($1) }) { words += part }
    }
}
