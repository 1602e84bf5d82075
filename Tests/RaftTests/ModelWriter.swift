import Primitives
import Raft

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
        write(optional: hardState.recovery?.index)
        write(hardState.recovery?.term ?? 0)
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
        case .snapshotOffer(let descriptor):
            write(UInt64(21))
            write(descriptor)
        case .snapshotChunk(let chunk):
            write(UInt64(22))
            write(snapshot: chunk.id)
            write(chunk.offset << 32 | UInt64(chunk.bytes.count))
        case .snapshotReply(let id, let storedByteCount):
            write(UInt64(23))
            write(snapshot: id)
            write(storedByteCount)
        case .recovering(let notice):
            write(UInt64(24))
            write(notice.last)
            write(notice.goal)
        }
    }

    mutating func write(_ descriptor: SnapshotDescriptor) {
        write(snapshot: descriptor.id)
        write(descriptor.byteCount)
    }

    mutating func write(snapshot id: UInt64) {
        let name = SnapshotName(id: id)
        write(MemberID(UInt64(name.maker) + 1))
        write(name.position)
        write(UInt64(name.checksum))
    }

    /// Parts in an order of their own, so that the order in which they came does not matter.
    mutating func write(unordered parts: [[UInt64]]) {
        write(UInt64(parts.count))
        for part in parts.sorted(by: { $0.lexicographicallyPrecedes($1) }) { words += part }
    }
}
