public import Primitives

// The bytes of a message, version 1. A link carries many messages in a frame with a checksum of its
// own; this form is what stands in it. New bodies get new tags; old tags never change.

extension Message: BinaryCodable {
    private static let version: UInt8 = 1

    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.writeFixed(cluster.rawValue)
        writer.writeFixed(group.rawValue)
        writer.writeVarint(from.rawValue)
        writer.writeVarint(to.rawValue)
        writer.writeVarint(term)
        body.encode(to: &writer)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let version = try reader.readByte()
        guard version == Self.version else {
            throw .unsupportedVersion(found: UInt64(version), offset: reader.offset - 1)
        }
        cluster = ClusterID(try reader.readFixed(UInt64.self))
        group = GroupID(try reader.readFixed(UInt32.self))
        from = MemberID(try reader.readVarint())
        to = MemberID(try reader.readVarint())
        term = try reader.readVarint()
        body = try Body(from: &reader)
    }
}

extension Message.Body {
    private enum Tag: UInt8 {
        case preVote = 1
        case preVoteReply, vote, voteReply, append, appendReply, heartbeat, heartbeatReply
        case staleTerm, timeoutNow, readIndex, readIndexReply, snapshotOffer, snapshotChunk
        case snapshotReply, release, releaseReply, recovering
    }

    fileprivate func encode(to writer: inout ByteWriter) {
        switch self {
        case .preVote(let candidacy):
            writer.write(Tag.preVote.rawValue)
            writer.write(candidacy)
        case .preVoteReply(let isGranted):
            writer.write(Tag.preVoteReply.rawValue)
            writer.write(isGranted)
        case .vote(let candidacy):
            writer.write(Tag.vote.rawValue)
            writer.write(candidacy)
        case .voteReply(let isGranted):
            writer.write(Tag.voteReply.rawValue)
            writer.write(isGranted)
        case .append(let append):
            writer.write(Tag.append.rawValue)
            writer.write(append)
        case .appendReply(let reply):
            writer.write(Tag.appendReply.rawValue)
            writer.write(reply)
        case .heartbeat(let commitIndex, let round):
            writer.write(Tag.heartbeat.rawValue)
            writer.writeVarint(commitIndex)
            writer.writeVarint(round)
        case .heartbeatReply(let reply):
            writer.write(Tag.heartbeatReply.rawValue)
            writer.writeVarint(reply.round)
            writer.writeOptional(reply.promise) { $0.writeVarint($1) }
            writer.writeVarint(reply.commitIndex)
        case .staleTerm:
            writer.write(Tag.staleTerm.rawValue)
        case .timeoutNow:
            writer.write(Tag.timeoutNow.rawValue)
        case .readIndex(let context):
            writer.write(Tag.readIndex.rawValue)
            writer.write(context)
        case .readIndexReply(let context, let index):
            writer.write(Tag.readIndexReply.rawValue)
            writer.write(context)
            writer.writeOptional(index) { $0.writeVarint($1) }
        case .snapshotOffer(let descriptor):
            writer.write(Tag.snapshotOffer.rawValue)
            writer.write(descriptor)
        case .snapshotChunk(let chunk):
            writer.write(Tag.snapshotChunk.rawValue)
            writer.writeVarint(chunk.id)
            writer.writeVarint(chunk.offset)
            writer.write(chunk.bytes)
        case .snapshotReply(let id, let storedByteCount):
            writer.write(Tag.snapshotReply.rawValue)
            writer.writeVarint(id)
            writer.writeVarint(storedByteCount)
        case .release(let ledTerm):
            writer.write(Tag.release.rawValue)
            writer.writeVarint(ledTerm)
        case .releaseReply(let ledTerm):
            writer.write(Tag.releaseReply.rawValue)
            writer.writeVarint(ledTerm)
        case .recovering(let notice):
            writer.write(Tag.recovering.rawValue)
            notice.last.encode(to: &writer)
            writer.writeVarint(notice.goal)
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        guard let tag = Tag(rawValue: try reader.readByte()) else {
            throw .invalid(what: "message", offset: start)
        }
        switch tag {
        case .preVote: self = .preVote(try reader.read())
        case .preVoteReply: self = .preVoteReply(isGranted: try reader.readBool())
        case .vote: self = .vote(try reader.read())
        case .voteReply: self = .voteReply(isGranted: try reader.readBool())
        case .append: self = .append(try reader.read())
        case .appendReply: self = .appendReply(try reader.read())
        case .heartbeat:
            self = .heartbeat(
                commitIndex: try reader.readVarint(), round: try reader.readVarint())
        case .heartbeatReply:
            self = .heartbeatReply(
                Message.HeartbeatReply(
                    round: try reader.readVarint(), promise: try reader.readOptionalVarint(),
                    commitIndex: try reader.readVarint()))
        case .staleTerm: self = .staleTerm
        case .timeoutNow: self = .timeoutNow
        case .readIndex: self = .readIndex(try reader.read())
        case .readIndexReply:
            self = .readIndexReply(try reader.read(), index: try reader.readOptionalVarint())
        case .snapshotOffer: self = .snapshotOffer(try reader.read())
        case .snapshotChunk:
            self = .snapshotChunk(
                Message.SnapshotChunk(
                    id: try reader.readVarint(), offset: try reader.readVarint(),
                    bytes: try reader.readBytes()))
        case .snapshotReply:
            self = .snapshotReply(
                id: try reader.readVarint(), storedByteCount: try reader.readVarint())
        case .release: self = .release(ledTerm: try reader.readVarint())
        case .releaseReply: self = .releaseReply(ledTerm: try reader.readVarint())
        case .recovering:
            self = .recovering(
                Message.Recovery(
                    last: try LogPosition(from: &reader), goal: try reader.readVarint()))
        }
    }
}

extension ByteReader {
    fileprivate mutating func readOptionalVarint() throws(DecodingError) -> UInt64? {
        try readBool() ? try readVarint() : nil
    }
}

extension LogPosition {
    fileprivate func encode(to writer: inout ByteWriter) {
        writer.writeVarint(index)
        writer.writeVarint(term)
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingError) {
        self.init(index: try reader.readVarint(), term: try reader.readVarint())
    }
}

extension Message.Candidacy: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        last.encode(to: &writer)
        writer.write(isTransfer)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        last = try LogPosition(from: &reader)
        isTransfer = try reader.readBool()
    }
}

extension Message.Append: BinaryCodable {
    /// Beside the kind of an entry: it is sealed, and the key's id follows.
    private static let isSealed: UInt8 = 0x80

    /// The entries follow each other, so that their indexes need not be written.
    public func encode(to writer: inout ByteWriter) {
        previous.encode(to: &writer)
        writer.writeVarint(commitIndex)
        writer.writeArray(entries) { writer, entry in
            writer.writeVarint(entry.term)
            if entry.keyID == 0 {
                writer.write(entry.kind.rawValue)
            } else {
                writer.write(entry.kind.rawValue | Self.isSealed)
                writer.writeFixed(entry.keyID)
            }
            writer.write(entry.payload)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        previous = try LogPosition(from: &reader)
        commitIndex = try reader.readVarint()
        var index = previous.index
        entries = try reader.readArray { (reader: inout ByteReader) throws(DecodingError) in
            let term = try reader.readVarint()
            let start = reader.offset
            let tag = try reader.readByte()
            guard let kind = LogEntry.Kind(rawValue: tag & ~Self.isSealed) else {
                throw .invalid(what: "kind of entry", offset: start)
            }
            let isSealed = tag & Self.isSealed != 0
            let keyID = isSealed ? try reader.readFixed(UInt32.self) : 0
            guard !isSealed || keyID != 0 && kind == .command else {
                throw .invalid(what: "seal of an entry", offset: start)
            }
            guard index < Options.counterMax else {
                throw .invalid(what: "index", offset: start)
            }
            index += 1
            return LogEntry(
                index: index, term: term, kind: kind, keyID: keyID,
                payload: try reader.readBytes())
        }
    }
}

extension Message.AppendReply: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch outcome {
        case .stored(let index):
            writer.write(true)
            writer.writeVarint(index)
        case .mismatch(let previous, let hint):
            writer.write(false)
            writer.writeVarint(previous)
            hint.encode(to: &writer)
        }
        writer.writeVarint(commitIndex)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        if try reader.readBool() {
            outcome = .stored(through: try reader.readVarint())
        } else {
            outcome = .mismatch(
                previous: try reader.readVarint(), hint: try LogPosition(from: &reader))
        }
        commitIndex = try reader.readVarint()
    }
}

extension Message.ReadContext: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeFixed(life)
        writer.writeVarint(number)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        life = try reader.readFixed(UInt64.self)
        number = try reader.readVarint()
    }
}

extension SnapshotDescriptor: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeFixed(id)
        position.encode(to: &writer)
        writer.write(configuration)
        writer.writeVarint(byteCount)
        writer.writeFixed(checksum)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        id = try reader.readFixed(UInt64.self)
        position = try LogPosition(from: &reader)
        configuration = try reader.read()
        byteCount = try reader.readVarint()
        checksum = try reader.readFixed(UInt32.self)
    }
}
