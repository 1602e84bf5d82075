package import PeerWire
package import Primitives
import Raft
package import Topology

// What nodes say to each other, one frame each.
//
//   kind       payload
//   ---------  -----------------------------------------------------------------
//   groups     Raft messages, each with its length in front (`GroupBatch`)
//   liveness   one LivenessMessage
//   gossip     one message of the gossip, with cluster, sender and version in it
//   ask        what the group's entity reads; the header has id, group and budget
//   answer     one byte that says which, then the answer's bytes or the leader's id
//   hello      one PeerHello, the first frame of each side
//   refusal    one PeerRefusal, in the place of a hello
//   topology   one Topology, to whoever knows only an older one

/// What one node says to another.
package enum PeerMessage: Hashable, Sendable {
    case groups([UInt8])
    case liveness([UInt8])
    case gossip([UInt8])
    case ask(PeerAsk)
    case answer(UInt64, AskAnswer)
    case hello(PeerHello)
    case refusal(PeerRefusal)
    case topology(Topology)
}

/// One ask on its way.
package struct PeerAsk: Hashable, Sendable {
    /// Names the ask on its link; never 0.
    package let id: UInt64
    package let group: GroupID
    /// How long the asker waits from now.
    package let budget: Duration
    package let payload: [UInt8]

    package init(id: UInt64, group: GroupID, budget: Duration, payload: [UInt8]) {
        self.id = id
        self.group = group
        self.budget = budget
        self.payload = payload
    }
}

extension PeerFrameHeader.Kind {
    fileprivate static let groups = Self(rawValue: 1)
    fileprivate static let liveness = Self(rawValue: 2)
    fileprivate static let ask = Self(rawValue: 3)
    fileprivate static let answer = Self(rawValue: 4)
    fileprivate static let gossip = Self(rawValue: 5)
    fileprivate static let hello = Self(rawValue: 6)
    fileprivate static let refusal = Self(rawValue: 7)
    fileprivate static let topology = Self(rawValue: 8)
}

extension PeerMessage {
    private enum Tag {
        static let answer: UInt8 = 0
        static let moved: UInt8 = 1
        static let overloaded: UInt8 = 2
    }

    /// The frame's bytes.
    package func frame() throws(PeerFrameError) -> [UInt8] {
        switch self {
        case .groups(let bytes):
            return try Self.frame(PeerFrameHeader(kind: .groups), bytes)
        case .liveness(let bytes):
            return try Self.frame(PeerFrameHeader(kind: .liveness), bytes)
        case .gossip(let bytes):
            return try Self.frame(PeerFrameHeader(kind: .gossip), bytes)
        case .hello(let hello):
            return try Self.frame(PeerFrameHeader(kind: .hello), hello.encoded)
        case .refusal(let refusal):
            return try Self.frame(PeerFrameHeader(kind: .refusal), refusal.encoded)
        case .topology(let topology):
            return try Self.frame(PeerFrameHeader(kind: .topology), topology.encoded)
        case .ask(let ask):
            let header = PeerFrameHeader(
                kind: .ask, requestID: ask.id, group: ask.group, budget: ask.budget)
            return try Self.frame(header, ask.payload)
        case .answer(let id, let answer):
            var writer = PeerFrameWriter()
            switch answer {
            case .answer(let bytes):
                writer.payload.write(Tag.answer)
                writer.payload.writeRaw(bytes)
            case .moved(let leader):
                writer.payload.write(Tag.moved)
                writer.payload.writeOptional(leader) { $0.writeVarint($1.rawValue) }
            case .overloaded:
                writer.payload.write(Tag.overloaded)
            }
            return try writer.finish(PeerFrameHeader(kind: .answer, requestID: id))
        }
    }

    private static func frame(
        _ header: PeerFrameHeader, _ payload: [UInt8]
    ) throws(PeerFrameError) -> [UInt8] {
        var writer = PeerFrameWriter(capacity: payload.count)
        writer.payload.writeRaw(payload)
        return try writer.finish(header)
    }

    /// Reads a frame. A kind that a later version may know is refused like any other mistake.
    package init(_ frame: PeerFrame) throws(DecodingError) {
        switch frame.header.kind {
        case .groups:
            self = .groups(Array(frame.payload))
        case .liveness:
            self = .liveness(Array(frame.payload))
        case .gossip:
            self = .gossip(Array(frame.payload))
        case .hello:
            self = .hello(try PeerHello(encoded: Array(frame.payload)))
        case .refusal:
            self = .refusal(try PeerRefusal(encoded: Array(frame.payload)))
        case .topology:
            self = .topology(try Topology(encoded: Array(frame.payload)))
        case .ask:
            guard let budget = frame.header.budget, frame.header.requestID != 0 else {
                throw .invalid(what: "ask", offset: 0)
            }
            self = .ask(
                PeerAsk(
                    id: frame.header.requestID, group: frame.header.group, budget: budget,
                    payload: Array(frame.payload)))
        case .answer:
            self = .answer(frame.header.requestID, try Self.answer(frame.payload))
        default:
            throw .invalid(what: "kind of frame", offset: 3)
        }
    }

    private static func answer(
        _ payload: ArraySlice<UInt8>
    ) throws(DecodingError) -> AskAnswer {
        var reader = ByteReader(payload)
        switch try reader.readByte() {
        case Tag.answer:
            return .answer(Array(payload.dropFirst()))
        case Tag.moved:
            let leader = try reader.readOptional { (reader) throws(DecodingError) in
                MemberID(try reader.readVarint())
            }
            try reader.finish()
            return .moved(to: leader)
        case Tag.overloaded:
            try reader.finish()
            return .overloaded
        default:
            throw .invalid(what: "answer", offset: 0)
        }
    }
}

/// Raft messages to one peer, of any groups, in the frame that takes them there.
struct GroupBatch {
    private var writer = PeerFrameWriter(capacity: 512)

    /// Beyond it the batch is sent before the turn ends: the largest message (an entry of 1 MiB,
    /// or as much of small ones) still fits the frame behind it.
    private static let byteCountMax = 1 << 20

    var isFull: Bool { writer.payloadByteCount >= Self.byteCountMax }

    mutating func append(_ message: Message) {
        writer.payload.writeCounted { message.encode(to: &$0) }
    }

    consuming func frame() throws(PeerFrameError) -> [UInt8] {
        try writer.finish(PeerFrameHeader(kind: .groups))
    }

    /// Reads a batch; what stands before a mistake is handed out.
    static func forEach(
        in bytes: [UInt8], _ body: (Message) -> Void
    ) throws(DecodingError) {
        var reader = ByteReader(bytes)
        while reader.remainingCount > 0 {
            var content = ByteReader(try reader.readCounted())
            let message = try Message(from: &content)
            try content.finish()
            body(message)
        }
    }
}
