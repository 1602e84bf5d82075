import Primitives
import Raft

/// Names as scripts have them.
enum ScriptText {
    static func describe(_ entry: LogEntry) -> String {
        let what: String
        switch entry.kind {
        case .noOperation: what = "no-op"
        case .command:
            let count = entry.payload.count
            what =
                String(decoding: entry.payload.prefix(20), as: UTF8.self)
                + (count > 20 ? "… (\(count) bytes)" : "")
        case .configuration:
            what = (try? Configuration(encoded: entry.payload)).map { "\($0)" } ?? "?"
        }
        return "\(entry.index)/\(entry.term) \(what)"
    }

    static func describe(_ position: LogPosition) -> String { "\(position.index)/\(position.term)" }

    static func describe(_ entries: [LogEntry]) -> String {
        entries.isEmpty ? "nothing" : entries.map(describe).joined(separator: ", ")
    }

    static func describe(_ message: Message) -> String {
        "\(message.from.rawValue) → \(message.to.rawValue) term \(message.term): "
            + describe(message.body)
    }

    static func describe(_ body: Message.Body) -> String {
        switch body {
        case .preVote(let candidacy):
            "would you vote? log \(describe(candidacy.last))"
        case .preVoteReply(let isGranted):
            isGranted ? "would vote" : "would not vote"
        case .vote(let candidacy):
            "vote? log \(describe(candidacy.last))" + (candidacy.isTransfer ? ", by transfer" : "")
        case .voteReply(let isGranted):
            isGranted ? "vote granted" : "vote refused"
        case .append(let append):
            "append \(describe(append.entries)) behind \(describe(append.previous)), "
                + "commit \(append.commitIndex)"
        case .appendReply(let reply):
            describe(reply)
        case .heartbeat(let commitIndex, let round):
            "heartbeat, commit \(commitIndex)" + (round > 0 ? ", round \(round)" : "")
        case .heartbeatReply(let reply):
            "heartbeat answer" + (reply.promise.map { ", promised under epoch \($0)" } ?? "")
                + ", commit \(reply.commitIndex)"
                + (reply.round > 0 ? ", round \(reply.round)" : "")
        case .staleTerm: "your term is over"
        case .timeoutNow: "stand for election now"
        case .readIndex(let context): "read \(context.number)?"
        case .readIndexReply(let context, let index):
            "read \(context.number) " + (index.map { "at \($0)" } ?? "refused")
        case .snapshotOffer(let descriptor):
            "offer snapshot \(descriptor.id) at \(describe(descriptor.position)), "
                + "\(descriptor.byteCount) bytes, \(descriptor.configuration)"
        case .snapshotChunk(let chunk):
            "chunk of snapshot \(chunk.id) at \(chunk.offset), \(chunk.bytes.count) bytes"
        case .snapshotReply(let id, let storedByteCount):
            "\(storedByteCount) bytes of snapshot \(id) are stored"
        case .release(let ledTerm): "does not lead term \(ledTerm) any more"
        case .releaseReply(let ledTerm): "knows that term \(ledTerm) is over"
        case .recovering(let notice):
            "recovers through \(notice.goal), log \(describe(notice.last))"
        }
    }

    private static func describe(_ reply: Message.AppendReply) -> String {
        switch reply.outcome {
        case .stored(let index):
            "stored through \(index), commit \(reply.commitIndex)"
        case .mismatch(let previous, let hint):
            "no match at \(previous), perhaps at \(describe(hint)), commit \(reply.commitIndex)"
        }
    }

    static func describe(_ hardState: HardState) -> String {
        "term \(hardState.term)" + (hardState.vote.map { ", vote \($0.rawValue)" } ?? "")
            + (hardState.promise.map {
                ", promise to \($0.leader.rawValue) of term \($0.term) under epoch \($0.epoch)"
            } ?? "")
            + (hardState.recovery.map { ", recovers through \($0.index)/\($0.term)" } ?? "")
    }

    static func describe(_ reception: Reception) -> String? {
        switch reception {
        case .taken: nil
        case .ignored(let why): "ignored: \(why.rawValue)"
        case .refused(let why): "refused: \(why.rawValue)"
        }
    }

    static func describe(_ instance: Instance) -> String {
        let role =
            switch instance.role {
            case .follower:
                "follower" + (instance.knownLeader.map { " of \($0.rawValue)" } ?? "")
            case .preCandidate: "pre-candidate"
            case .candidate: "candidate"
            case .leader(let leader):
                switch leader.phase {
                case .opening: "leader, opening"
                case .serving: "leader, serving"
                case .transferring(let target, _, _): "leader, handing over to \(target.rawValue)"
                case .draining: "leader, draining"
                }
            case .stopped: "stopped"
            }
        return "\(role), \(describe(instance.hardState)), log \(instance.firstIndex)"
            + "..\(instance.lastIndex), stable \(instance.stableIndex), "
            + "commit \(instance.commitIndex), applied \(instance.appliedIndex), "
            + "members \(instance.configuration)"
    }
}
