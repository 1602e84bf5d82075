public import Primitives

/// Whose journal it is: every segment says so, and another node's journal is refused. A journal in
/// the wrong folder would make its node vote and count as somebody else.
public struct JournalOwner: Hashable, Sendable, CustomStringConvertible {
    /// The cluster's name, at most 255 bytes of UTF-8.
    public let cluster: String
    /// The node's name in the cluster, at most 255 bytes of UTF-8.
    public let node: String
    /// The identity that the cluster gave to this data folder; nil before it has one. Once a
    /// journal has one it keeps it.
    public let member: MemberID?

    public init(cluster: String, node: String, member: MemberID? = nil) {
        precondition(
            cluster.utf8.count <= Self.nameByteCountMax && node.utf8.count <= Self.nameByteCountMax,
            "a cluster or node with a name of more than \(Self.nameByteCountMax) bytes")
        self.cluster = cluster
        self.node = node
        self.member = member
    }

    /// One byte holds the length.
    static let nameByteCountMax = 255

    public var description: String {
        "node \(node) of \(cluster)" + (member.map { ", \($0)" } ?? "")
    }

    /// Whether a journal of this owner may be gone on with by another: the same one, or one that
    /// has been given an identity since.
    func admits(_ other: JournalOwner) -> Bool {
        cluster == other.cluster && node == other.node
            && (member == nil || other.member == nil || member == other.member)
    }

    /// What stands in the segments that follow: an identity is never forgotten again.
    func succeeded(by other: JournalOwner) -> JournalOwner {
        JournalOwner(cluster: cluster, node: node, member: other.member ?? member)
    }

    func encode(into writer: inout ByteWriter) {
        for name in [cluster, node] {
            writer.write(UInt8(name.utf8.count))
            writer.writeRaw(name.utf8)
        }
        writer.write(member == nil ? UInt8(0) : 1)
        writer.writeFixed(member?.rawValue ?? 0)
    }

    var byteCount: Int { cluster.utf8.count + node.utf8.count + 11 }

    init(from reader: inout ByteReader) throws(DecodingError) {
        cluster = try Self.name(from: &reader)
        node = try Self.name(from: &reader)
        let hasMember = try reader.readByte() != 0
        let member = MemberID(try reader.readFixed(UInt64.self))
        self.member = hasMember ? member : nil
    }

    private static func name(from reader: inout ByteReader) throws(DecodingError) -> String {
        let byteCount = Int(try reader.readByte())
        guard let name = String(validating: try reader.readRaw(byteCount), as: UTF8.self) else {
            throw .invalid(what: "UTF-8", offset: reader.offset)
        }
        return name
    }
}
