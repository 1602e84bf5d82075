public import Primitives
public import Topology

/// What came of a request to change the topology.
public enum TopologyReply: Hashable, Sendable {
    /// It is so now; the topology then.
    case done(Topology)
    case refused(TopologyRefusal)
    /// Nobody who could decide answered in time: it may have been done, and may be asked again.
    case unavailable
}

extension TopologyReply: BinaryCodable {
    private enum Tag {
        static let done: UInt8 = 0
        static let refused: UInt8 = 1
        static let unavailable: UInt8 = 2
    }

    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .done(let topology):
            writer.write(Tag.done)
            writer.write(topology)
        case .refused(let refusal):
            writer.write(Tag.refused)
            writer.write(refusal)
        case .unavailable:
            writer.write(Tag.unavailable)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case Tag.done: self = .done(try reader.read())
        case Tag.refused: self = .refused(try reader.read())
        case Tag.unavailable: self = .unavailable
        default: throw .invalid(what: "reply of the topology", offset: start)
        }
    }
}
