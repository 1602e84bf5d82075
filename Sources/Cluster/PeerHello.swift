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
    /// What tells the member's data folder from a copy of it.
    package let token: UInt64
    /// How its cluster began: CRC-32C.
    package let foundingChecksum: UInt32
    /// The epoch of its topology: whoever knows a newer one tells it.
    package let topologyEpoch: UInt64
    /// `Sealer.fingerprint`: members of one jurisdiction open what the others have sealed. 0 for
    /// who seals nothing.
    package let sealerFingerprint: UInt64

    package init(
        cluster: ClusterID, member: MemberID, token: UInt64, foundingChecksum: UInt32,
        topologyEpoch: UInt64, sealerFingerprint: UInt64 = 0
    ) {
        self.cluster = cluster
        self.member = member
        self.token = token
        self.foundingChecksum = foundingChecksum
        self.topologyEpoch = topologyEpoch
        self.sealerFingerprint = sealerFingerprint
    }
}

/// Why a node is not a peer.
public enum PeerRefusal: Hashable, Sendable {
    case otherCluster
    /// Its file has founders, shards or replicas that the other nodes' files have not.
    case otherFounding
    /// It is in the same jurisdiction, and its vault has another master key.
    case otherKey
    /// Another data folder has the member's place: this one is a copy of it from before.
    case copiedFolder
    /// The topology has no such member, or not under this name: it may learn of it.
    case unknownMember
    /// It was removed, or its name has another disk since.
    case departed(successor: MemberID?)
}

extension PeerRefusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .otherCluster: "it belongs to another cluster"
        case .otherFounding:
            "its file says otherwise how the cluster begins: founders, shards, replicas"
        case .otherKey:
            "the master key of its vault is not the one that the others of its jurisdiction have"
        case .copiedFolder:
            "another data folder has its place in the cluster"
        case .unknownMember: "the peer knows no such member"
        case .departed(nil): "it was removed from the cluster"
        case .departed(let successor?):
            "another data folder took its place, as \(successor)"
        }
    }
}

extension PeerHello: BinaryCodable {
    private static let version: UInt8 = 2

    package func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.writeFixed(cluster.rawValue)
        writer.writeVarint(member.rawValue)
        writer.writeFixed(token)
        writer.writeFixed(foundingChecksum)
        writer.writeVarint(topologyEpoch)
        writer.writeFixed(sealerFingerprint)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        let version = try reader.readByte()
        guard version == Self.version else {
            throw .unsupportedVersion(found: UInt64(version), offset: start)
        }
        cluster = ClusterID(try reader.readFixed(UInt64.self))
        member = MemberID(try reader.readVarint())
        token = try reader.readFixed(UInt64.self)
        foundingChecksum = try reader.readFixed(UInt32.self)
        topologyEpoch = try reader.readVarint()
        sealerFingerprint = try reader.readFixed(UInt64.self)
    }
}

extension PeerRefusal: BinaryCodable {
    private enum Tag {
        static let otherCluster: UInt8 = 0
        static let unknownMember: UInt8 = 1
        static let departed: UInt8 = 2
        static let otherFounding: UInt8 = 3
        static let copiedFolder: UInt8 = 4
        static let otherKey: UInt8 = 5
    }

    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .otherCluster: writer.write(Tag.otherCluster)
        case .unknownMember: writer.write(Tag.unknownMember)
        case .otherFounding: writer.write(Tag.otherFounding)
        case .copiedFolder: writer.write(Tag.copiedFolder)
        case .otherKey: writer.write(Tag.otherKey)
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
        case Tag.otherFounding: self = .otherFounding
        case Tag.copiedFolder: self = .copiedFolder
        case Tag.otherKey: self = .otherKey
        case Tag.departed:
            self = .departed(
                successor: try reader.readOptional { (reader) throws(DecodingError) in
                    MemberID(try reader.readVarint())
                })
        default: throw .invalid(what: "refusal", offset: start)
        }
    }
}
