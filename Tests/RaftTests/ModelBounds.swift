import Primitives
import Raft

/// What one exploration may do, and how often. Every bound is a count that is used up, so that the
/// number of states is finite and the frontier can be exhausted.
struct ModelBounds: Sendable {
    /// What is used up.
    enum Budget: Int, CaseIterable, Sendable {
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
        /// Checkpoints, after each of which a log lets go of what it covers.
        case compactions
        /// Crashes after which one of the last entries on the disk, and so what lies behind it,
        /// cannot be read any more.
        case damages
    }

    /// What is never delivered, where it has no part in what is looked for.
    enum Lost: Hashable, Sendable {
        case heartbeats
        case releases
    }

    /// Where the exploration begins.
    enum Beginning: Sendable {
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
    /// Entries of one append.
    var appendCountMax = 4096
    /// Bytes of a snapshot in one message; an entry takes 11 and its payload.
    var chunkByteCount = 4096
    /// Followers compact as well as leaders.
    var followersCompact = false
    /// Followers are asked for reads, which they send on to their leader.
    var followersRead = false
    var changes: [[Configuration.Change]] = []
    /// Renamings of the members under which nothing of this changes; the identity first.
    var symmetries: [[Int]] = [[0, 1, 2]]
    /// Who may stand for election; nil for everybody.
    var candidates: [Int] = [0, 1, 2]

    static let memberCount = 3
    static let all = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    static let followers = [[0, 1, 2], [0, 2, 1]]

    /// No timer runs out by itself, as all but a few things happen at 0; and what a log has to
    /// keep for followers is nothing, so that any of them may need a snapshot.
    var options: Options {
        Options(
            electionTimeout: .seconds(1000), heartbeatInterval: .milliseconds(1),
            appendCountMax: appendCountMax, retainedByteCountMax: -1,
            snapshotChunkByteCount: chunkByteCount)
    }

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
