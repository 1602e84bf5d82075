/// Who a node is, as its certificate names it: `spiffe://<cluster>/region/<region>/node/<name>`.
///
/// The parts are short and of few characters, so that one that came from a peer can stand in a log.
public struct NodeIdentity: Hashable, Sendable, CustomStringConvertible {
    /// The cluster: SPIFFE's trust domain.
    public let cluster: String
    public let region: String
    /// Unique within the cluster.
    public let name: String

    /// A part's largest number of bytes: that of a DNS label, so that a name can be one.
    public static let partByteCountMax = 63

    /// Nil when a part is empty, longer than 63 bytes, `.` or `..`, or has a character that SPIFFE
    /// ID 2.1 and 2.2 do not: a cluster takes `a-z 0-9 . _ -`, region and name capitals as well.
    public init?(cluster: String, region: String, name: String) {
        guard Self.isPart(cluster, allowsCapitals: false),
            Self.isPart(region, allowsCapitals: true), Self.isPart(name, allowsCapitals: true)
        else { return nil }
        self.cluster = cluster
        self.region = region
        self.name = name
    }

    /// Reads a SPIFFE ID; nil when it is not one of a node, written exactly as `uri` writes it.
    public init?(uri: String) {
        let scheme = "spiffe://"
        guard uri.hasPrefix(scheme) else { return nil }
        let parts = uri.dropFirst(scheme.count)
            .split(separator: "/", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 5, parts[1] == "region", parts[3] == "node" else { return nil }
        self.init(cluster: String(parts[0]), region: String(parts[2]), name: String(parts[4]))
    }

    /// The SPIFFE ID.
    public var uri: String { "spiffe://\(cluster)/region/\(region)/node/\(name)" }

    public var description: String { uri }

    private static func isPart(_ text: String, allowsCapitals: Bool) -> Bool {
        guard (1...partByteCountMax).contains(text.utf8.count), text != ".", text != ".." else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): allowsCapitals
            default: false
            }
        }
    }
}
