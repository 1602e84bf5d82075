public import Primitives

// A node of the cluster, from its admission to its end.
//
//                 drained              left
//    active ────────────────▶ draining ─────┐
//      │  ◀──────────────────    │          ▼
//      │        resumed          └──────▶ leaving ── no replica is on it ──▶ departed (removed)
//      └──────────────── left ──────────────▲
//    any ── another disk came under its name ──▶ departed (replaced)
//
// What has departed never comes back under the same id.

/// Whether a node carries load.
public enum NodeStanding: UInt8, Hashable, Sendable, CaseIterable {
    case active = 0
    /// It leads nothing, and keeps its replicas.
    case draining = 1
    /// Its replicas go elsewhere, and then so does it.
    case leaving = 2
}

extension NodeStanding: CustomStringConvertible {
    public var description: String {
        switch self {
        case .active: "active"
        case .draining: "draining"
        case .leaving: "leaving"
        }
    }
}

/// What a node says of itself when it joins.
public struct NodeProfile: Hashable, Sendable {
    /// Unique in the cluster, and in the node's certificate, as is the region.
    public let name: String
    public let region: String
    /// What fails together within a region; empty where nobody has said.
    public let zone: String
    /// Whose law holds where it stands: the same for all nodes of a region.
    public let jurisdiction: String
    /// Where its peers reach it: host and port.
    public let address: String
    /// Where merchants reach it: the beginning of a URL; empty where nobody has said.
    public let url: String

    public init(
        name: String, region: String, zone: String, jurisdiction: String = "", address: String,
        url: String = ""
    ) {
        self.name = name
        self.region = region
        self.zone = zone
        self.jurisdiction = jurisdiction
        self.address = address
        self.url = url
    }

    /// The longest name, region, zone or jurisdiction in bytes: that of a DNS label.
    public static let nameByteCountMax = 63
    /// The longest address in bytes: that of a DNS name, and a port.
    public static let addressByteCountMax = 262
    /// The longest URL in bytes: an address behind `https://`, and a short path.
    public static let urlByteCountMax = 512

    /// False for what no configuration can hold; a peer may say anything.
    var isSound: Bool {
        (1...Self.nameByteCountMax).contains(name.utf8.count)
            && (1...Self.nameByteCountMax).contains(region.utf8.count)
            && zone.utf8.count <= Self.nameByteCountMax
            && jurisdiction.utf8.count <= Self.nameByteCountMax
            && (1...Self.addressByteCountMax).contains(address.utf8.count)
            && url.utf8.count <= Self.urlByteCountMax
            && url.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}

/// A node that is in the cluster.
public struct NodeRecord: Hashable, Sendable {
    /// Given by the cluster, to this data folder and to no other, ever.
    public let id: MemberID
    public internal(set) var profile: NodeProfile
    public internal(set) var standing: NodeStanding
    /// Drawn by the node when it joined: whoever asks again with it gets the same id.
    public internal(set) var token: UInt64

    public init(
        id: MemberID, profile: NodeProfile, standing: NodeStanding = .active, token: UInt64 = 0
    ) {
        self.id = id
        self.profile = profile
        self.standing = standing
        self.token = token
    }

    public var name: String { profile.name }
    public var region: String { profile.region }
    public var zone: String { profile.zone }
    public var jurisdiction: String { profile.jurisdiction }
}

/// A node that was in the cluster.
public struct DepartedNode: Hashable, Sendable {
    public let id: MemberID
    public let name: String
    /// Who came in its place, under its name; nil when it was removed.
    public let successor: MemberID?

    public init(id: MemberID, name: String, successor: MemberID?) {
        self.id = id
        self.name = name
        self.successor = successor
    }
}

extension NodeProfile: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(name)
        writer.write(region)
        writer.write(zone)
        writer.write(jurisdiction)
        writer.write(address)
        writer.write(url)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        name = try reader.readString()
        region = try reader.readString()
        zone = try reader.readString()
        jurisdiction = try reader.readString()
        address = try reader.readString()
        url = try reader.readString()
        guard isSound else { throw .invalid(what: "node", offset: start) }
    }
}

extension NodeRecord: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(id.rawValue)
        writer.write(profile)
        writer.write(standing.rawValue)
        writer.writeFixed(token)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        id = MemberID(try reader.readVarint())
        profile = try reader.read()
        standing = try reader.readStanding()
        token = try reader.readFixed(UInt64.self)
    }
}

extension DepartedNode: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(id.rawValue)
        writer.write(name)
        writer.writeOptional(successor) { $0.writeVarint($1.rawValue) }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        id = MemberID(try reader.readVarint())
        name = try reader.readString()
        successor = try reader.readOptional { (reader) throws(DecodingError) in
            MemberID(try reader.readVarint())
        }
    }
}

extension ByteReader {
    mutating func readStanding() throws(DecodingError) -> NodeStanding {
        let start = offset
        guard let standing = NodeStanding(rawValue: try readByte()) else {
            throw .invalid(what: "standing", offset: start)
        }
        return standing
    }

    mutating func readMembers() throws(DecodingError) -> [MemberID] {
        try readArray { (reader) throws(DecodingError) in MemberID(try reader.readVarint()) }
    }
}

extension ByteWriter {
    mutating func write(members: [MemberID]) {
        writeArray(members) { $0.writeVarint($1.rawValue) }
    }
}
