public import Environment
public import Primitives
public import Topology

// A node's place in its cluster: who it is there, for as long as its data folder lives.
//
// The name is in the configuration and in the certificate, and says which machine it is. The member
// id belongs to the disk: votes and acknowledgements were given under it. A disk that is gone never
// comes back, so neither does its id; the machine gets another one.

/// What a data folder keeps of its cluster, in the file `seat`.
public struct Seat: Hashable, Sendable {
    public let cluster: ClusterID
    public let member: MemberID
    /// The node's name.
    public let name: String
    /// How the cluster began: the logs of its groups start there.
    public let founding: Founding
    /// The nodes when the seat was given: whom to look for first.
    public let nodes: [NodeRecord]

    public init(
        cluster: ClusterID, member: MemberID, name: String, founding: Founding,
        nodes: [NodeRecord]
    ) {
        self.cluster = cluster
        self.member = member
        self.name = name
        self.founding = founding
        self.nodes = nodes
    }

    /// The seat that a topology gives to whoever joined it with a token; nil when nobody did.
    public init?(of cluster: ClusterID, in topology: Topology, name: String, token: UInt64) {
        guard let node = topology.node(called: name), node.token == token,
            let founding = topology.founding
        else { return nil }
        self.init(
            cluster: cluster, member: node.id, name: name, founding: founding,
            nodes: topology.nodes)
    }

    /// A data folder's seat cannot be read or written.
    public enum Failure: Error, Sendable, CustomStringConvertible {
        case file(FileError)
        /// It is not what was written.
        case damaged

        public var description: String {
            switch self {
            case .file(let error): "\(error)"
            case .damaged: "the file seat is damaged"
            }
        }
    }
}

extension Seat: BinaryCodable {
    private static let version: UInt8 = 1

    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.writeFixed(cluster.rawValue)
        writer.writeVarint(member.rawValue)
        writer.write(name)
        writer.write(founding)
        writer.writeArray(nodes)
    }

    public init(from reader: inout ByteReader) throws(Primitives.DecodingError) {
        let start = reader.offset
        let version = try reader.readByte()
        guard version == Self.version else {
            throw .unsupportedVersion(found: UInt64(version), offset: start)
        }
        cluster = ClusterID(try reader.readFixed(UInt64.self))
        member = MemberID(try reader.readVarint())
        name = try reader.readString()
        founding = try reader.read()
        nodes = try reader.readArray()
    }
}

// MARK: - In the data folder

extension Seat {
    private static let fileName = "/seat"

    /// The seat in a data folder; nil when there is none.
    public static func read(
        in folder: String, _ files: any FileSystem
    ) throws(Failure) -> Seat? {
        let path = folder + fileName
        guard files.exists(path) else { return nil }
        let bytes: [UInt8]
        do throws(FileError) {
            let file = try files.open(path, create: false)
            defer { file.close() }
            bytes = try file.read(at: 0, count: file.byteCount())
        } catch {
            throw .file(error)
        }
        guard let seat = try? Self.read(bytes) else { throw .damaged }
        return seat
    }

    private static func read(_ bytes: [UInt8]) throws(Primitives.DecodingError) -> Seat {
        var reader = ByteReader(bytes)
        let checksum = try reader.readFixed(UInt32.self)
        let content = try reader.readRaw(reader.remainingCount)
        guard CRC32C.checksum(content) == checksum else {
            throw .invalid(what: "checksum", offset: 0)
        }
        return try Seat(encoded: Array(content))
    }

    /// Puts the seat into a data folder, durably and as a whole.
    public func write(in folder: String, _ files: any FileSystem) throws(Failure) {
        let content = encoded
        var writer = ByteWriter(capacity: content.count + 4)
        writer.writeFixed(CRC32C.checksum(content))
        writer.writeRaw(content)
        let path = folder + Self.fileName
        do throws(FileError) {
            let file = try files.open(path + ".new", create: true)
            defer { file.close() }
            try file.truncate(to: 0)
            try file.write(writer.bytes, at: 0)
            try file.synchronize()
            try files.rename(path + ".new", to: path)
            try files.synchronizeDirectory(folder)
        } catch {
            throw .file(error)
        }
    }
}
