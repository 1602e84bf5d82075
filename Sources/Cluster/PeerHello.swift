public import Primitives

// What is said first on a link, by both sides, and what a node hears that has no business there.
//
//   dialler ── hello ──▶ listener       the certificate says which machine it is, the hello which
//           ◀── hello ──                disk: a member id is a data folder's
//           ◀── refusal ─               it has departed, or nobody knows it
//
//   dialler ── ask (join) ─▶ listener   a node without a seat asks for one, and nothing else

/// Who speaks, and how much it knows.
package struct PeerHello: Hashable, Sendable {
    package let cluster: ClusterID
    package let member: MemberID
    /// The epoch of its topology: whoever knows a newer one tells it.
    package let topologyEpoch: UInt64

    package init(cluster: ClusterID, member: MemberID, topologyEpoch: UInt64) {
        self.cluster = cluster
        self.member = member
        self.topologyEpoch = topologyEpoch
    }
}

/// Why a node is not a peer.
public enum PeerRefusal: Hashable, Sendable {
    case otherCluster
    /// The topology has no such member, or not under this name: it may learn of it.
    case unknownMember
    /// It was removed, or its name has another disk since.
    case departed(successor: MemberID?)
}

extension PeerRefusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .otherCluster: "it belongs to another cluster"
        case .unknownMember: "the peer knows no such member"
        case .departed(nil): "it was removed from the cluster"
        case .departed(let successor?):
            "another data folder took its place, as \(successor)"
        }
    }
}

extension PeerHello: BinaryCodable {
    private static let version: UInt8 = 1

    package func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.writeFixed(cluster.rawValue)
        writer.writeVarint(member.rawValue)
        writer.writeVarint(topologyEpoch)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        let version = try reader.readByte()
        guard version == Self.version else {
            throw .unsupportedVersion(found: UInt64(version), offset: start)
        }
        cluster = ClusterID(try reader.readFixed(UInt64.self))
        member = MemberID(try reader.readVarint())
        topologyEpoch = try reader.readVarint()
    }
}

extension PeerRefusal: BinaryCodable {
    private enum Tag {
        static let otherCluster: UInt8 = 0
        static let unknownMember: UInt8 = 1
        static let departed: UInt8 = 2
    }

    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .otherCluster: writer.write(Tag.otherCluster)
        case .unknownMember: writer.write(Tag.unknownMember)
        case .departed(let successor):
            writer.write(Tag.departed)
            writer.writeOptional(successor) { $0.writeVarint($1.rawValue) }
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case Tag.otherCluster: self = .otherCluster
        case Tag.unknownMember: self = .unknownMember
        case Tag.departed:
            self = .departed(
                successor: try reader.readOptional { (reader) throws(DecodingError) in
                    MemberID(try reader.readVarint())
                })
        default: throw .invalid(what: "refusal", offset: start)
        }
    }
}
