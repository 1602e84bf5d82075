import Primitives
import Raft
import ScriptKit

extension Message.Body {
    /// The word that scripts have for the kind of message.
    var scriptName: String {
        switch self {
        case .preVote: "pre-vote"
        case .preVoteReply: "pre-vote-answer"
        case .vote: "vote"
        case .voteReply: "vote-answer"
        case .append: "append"
        case .appendReply: "append-answer"
        case .heartbeat: "heartbeat"
        case .heartbeatReply: "heartbeat-answer"
        case .staleTerm: "stale-term"
        case .timeoutNow: "timeout-now"
        case .readIndex: "read"
        case .readIndexReply: "read-answer"
        case .snapshotOffer: "offer"
        case .snapshotChunk: "chunk"
        case .snapshotReply: "offer-answer"
        case .release: "release"
        case .releaseReply: "release-answer"
        case .recovering: "recovering"
        }
    }
}

extension ScriptedGroup {
    /// A message that nobody has sent: `forge append to=2 from=1 term=3 previous=(5,2)
    /// terms=(3,3) commit=9`, and so on.
    func forged(_ command: ScriptCommand) throws -> Message {
        let term: Term = try command.integer("term", default: 1)
        let cluster: UInt64 = try command.integer("cluster", default: Self.cluster.rawValue)
        let group: UInt32 = try command.integer("group", default: Self.group.rawValue)
        return Message(
            cluster: ClusterID(cluster), group: GroupID(group),
            from: MemberID(try command.integer("from")), to: MemberID(try command.integer("to")),
            term: term, body: try forgedBody(command, term))
    }

    private func position(
        _ command: ScriptCommand, _ key: String, _ fallback: [UInt64]
    ) throws -> LogPosition {
        let parts: [UInt64] = try command.integers(key, default: fallback)
        return LogPosition(index: parts[0], term: parts.count > 1 ? parts[1] : 0)
    }

    private func voters(
        _ command: ScriptCommand, _ key: String = "voters", default fallback: [UInt64]
    ) throws -> [MemberID] {
        let numbers: [UInt64] = try command.integers(key, default: fallback)
        return numbers.map { MemberID($0) }
    }

    private func forgedBody(_ command: ScriptCommand, _ term: Term) throws -> Message.Body {
        let index: LogIndex = try command.integer("index", default: 1)
        let isGranted = !command.hasFlag("refused")
        switch try command.positional(0) {
        case "vote", "pre-vote":
            let candidacy = Message.Candidacy(
                last: try position(command, "log", [9, term - 1]),
                isTransfer: command.hasFlag("transfer"))
            return try command.positional(0) == "vote" ? .vote(candidacy) : .preVote(candidacy)
        case "vote-answer": return .voteReply(isGranted: isGranted)
        case "pre-vote-answer": return .preVoteReply(isGranted: isGranted)
        case "append": return .append(try forgedAppend(command, term))
        case "append-answer":
            return .appendReply(
                Message.AppendReply(
                    outcome: command.has("previous")
                        ? .mismatch(
                            previous: try position(command, "previous", [0]).index,
                            hint: try position(command, "hint", [0, 0]))
                        : .stored(through: index),
                    commitIndex: try command.integer("commit", default: 0)))
        case "heartbeat":
            return .heartbeat(
                commitIndex: try command.integer("commit", default: 0),
                round: try command.integer("round", default: 0))
        case "heartbeat-answer":
            return .heartbeatReply(
                Message.HeartbeatReply(
                    round: try command.integer("round", default: 0),
                    promise: command.has("promise") ? try command.integer("promise") : nil,
                    commitIndex: try command.integer("commit", default: 0)))
        case "timeout-now": return .timeoutNow
        case "stale-term": return .staleTerm
        case "release": return .release(ledTerm: try command.integer("led", default: term))
        case "release-answer":
            return .releaseReply(ledTerm: try command.integer("led", default: term))
        case "recovering":
            return .recovering(
                Message.Recovery(
                    last: try position(command, "log", [0, 0]),
                    goal: try command.integer("goal", default: 1)))
        case "read": return .readIndex(Message.ReadContext(life: 1, number: index))
        case "offer":
            return .snapshotOffer(
                SnapshotDescriptor(
                    id: try command.integer("id", default: 1),
                    position: try position(command, "position", [0, 0]),
                    configuration: try Configuration(
                        voters: try voters(command, default: [1, 2, 3]),
                        outgoing: try voters(command, "outgoing", default: [])),
                    byteCount: try command.integer("bytes", default: 1), checksum: 0))
        case "read-answer":
            return .readIndexReply(
                Message.ReadContext(life: 1, number: index), index: index)
        case "chunk":
            return .snapshotChunk(
                Message.SnapshotChunk(
                    id: try command.integer("id", default: 1),
                    offset: try command.integer("offset", default: 0),
                    bytes: [UInt8](repeating: 0, count: try command.integer("bytes", default: 1))))
        case "offer-answer":
            return .snapshotReply(
                id: try command.integer("id", default: 1),
                storedByteCount: try command.integer("stored", default: 0))
        default:
            throw command.error("nothing of the kind can be forged")
        }
    }

    private func forgedAppend(_ command: ScriptCommand, _ term: Term) throws -> Message.Append {
        let previous = try position(command, "previous", [0, 0])
        let terms: [Term] = try command.integers("terms", default: [])
        let size: Int = try command.integer("bytes", default: 1)
        let first: LogIndex = try command.integer("first", default: previous.index &+ 1)
        let voters = try voters(command, default: [])
        let isConfiguration = command.hasFlag("configuration") || !voters.isEmpty
        var entries: [LogEntry] = []
        for (place, entryTerm) in terms.enumerated() {
            entries.append(
                LogEntry(
                    index: first &+ LogIndex(place), term: entryTerm,
                    kind: isConfiguration ? .configuration : .command,
                    payload: voters.isEmpty
                        ? [UInt8](repeating: UInt8(ascii: "z"), count: size)
                        : try Configuration(voters: voters).encoded))
        }
        return Message.Append(
            previous: previous, entries: entries,
            commitIndex: try command.integer("commit", default: 0))
    }
}
