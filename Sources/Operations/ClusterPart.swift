import Cluster
import Environment
import Primitives
import SecureLink

/// The `cluster` of a node's file: which nodes there are, and how they know each other.
///
/// Without `nodes` the node is alone, as in `ClusterConfigs/single.yaml`.
struct ClusterPart {
    let name: String
    let members: ClusterMembers
    let credentials: NodeFile.Credentials?
    private let isAlone: Bool

    private static let nodeKeys = ["name", "id", "region", "address"]
    /// More than any cluster will have used up, and short enough to be read out.
    private static let memberNumberMax = 65_535

    init(
        _ root: ConfigurationSection, _ node: ConfigurationSection, folder: String
    ) throws(CommandFailure) {
        let section = try root.section("cluster", keys: ["name", "id", "nodes", "tls"])
        name = try section.name("name")
        isAlone = !section.has("nodes")
        guard !isAlone else {
            for key in ["id", "tls"] where section.has(key) {
                throw section.failure(
                    key, "the cluster has no nodes that it would be for",
                    remedy: "list them under cluster.nodes, or leave \(key) out")
            }
            members = .alone(name: try node.name("name"), region: try node.name("region"))
            credentials = nil
            return
        }
        guard NodeIdentity(cluster: name, region: "r", name: "n") != nil else {
            throw section.failure(
                "name", "certificates name clusters in lower-case letters",
                remedy: "write it with a-z, digits, dots, dashes and underscores")
        }
        members = try Self.readMembers(section, node)
        credentials = try Self.readCredentials(section, members, folder)
    }

    /// Refuses a listener's address that is also the peers' address of this node.
    func refuse(
        _ address: SocketAddress, _ key: String, of listen: ConfigurationSection
    ) throws(CommandFailure) {
        guard !isAlone, members[members.own]?.address == address else { return }
        throw listen.failure(
            key, "\(address) is also where peers reach this node",
            remedy: "give one of them another port")
    }

    // MARK: Nodes

    private static func readMembers(
        _ section: ConfigurationSection, _ node: ConfigurationSection
    ) throws(CommandFailure) -> ClusterMembers {
        let cluster = try section.value("id", expecting: "1 to 16 hexadecimal digits, not all 0") {
            clusterID($0)
        }
        var members: [ClusterMember] = []
        for item in try section.sections("nodes", keys: nodeKeys) {
            members.append(try readMember(item, after: members))
        }
        guard members.count % 2 == 1, members.count <= ClusterMembers.countMax else {
            throw section.failure(
                "nodes", countProblem(members.count), remedy: "list 1, 3, 5 or 7 nodes")
        }
        let own = try ownMember(node, among: members)
        return ClusterMembers(cluster: cluster, own: own.id, all: members)
    }

    static func clusterID(_ text: String) -> ClusterID? {
        guard (1...16).contains(text.utf8.count), text.allSatisfy(\.isHexDigit),
            let number = UInt64(text, radix: 16), number > 0
        else { return nil }
        return ClusterID(number)
    }

    private static func countProblem(_ count: Int) -> String {
        switch count {
        case 0: "there are none"
        case ...ClusterMembers.countMax:
            "\(count) nodes lose no more of them than \(count - 1) do, and wait for one more disk"
        default: "\(count) nodes: every commit would wait for more disks and gain nothing"
        }
    }

    private static func readMember(
        _ item: ConfigurationSection, after others: [ClusterMember]
    ) throws(CommandFailure) -> ClusterMember {
        let member = ClusterMember(
            id: MemberID(UInt64(try item.integer("id", in: 1...memberNumberMax))),
            name: try item.name("name"), region: try item.name("region"),
            address: try item.value(
                "address", expecting: "a host and a port of its own, such as 10.0.0.1:7001"
            ) { text in
                SocketAddress(text).flatMap { $0.port > 0 ? $0 : nil }
            })
        for other in others {
            if other.name == member.name {
                throw item.failure(
                    "name", "two nodes are called \(member.name)", remedy: "name one differently")
            }
            if other.id == member.id {
                throw item.failure(
                    "id", "\(other.name) has the number \(member.id.rawValue) too",
                    remedy: "number them differently; a number is never used twice")
            }
            if other.address == member.address {
                throw item.failure(
                    "address", "\(other.name) has the address \(member.address) too",
                    remedy: "give one of them another port")
            }
        }
        guard NodeIdentity(cluster: "c", region: member.region, name: member.name) != nil else {
            throw item.failure(
                "name", "certificates have no node . or .., and no such region",
                remedy: "name it differently")
        }
        return member
    }

    /// Finds this node by its name.
    private static func ownMember(
        _ node: ConfigurationSection, among members: [ClusterMember]
    ) throws(CommandFailure) -> ClusterMember {
        let name = try node.name("name")
        guard let own = members.first(where: { $0.name == name }) else {
            let names = members.map(\.name)
            throw node.failure(
                "name", "cluster.nodes has no \(name)",
                remedy: Spelling.nearest(to: name, among: names).map { "did you mean \($0)?" }
                    ?? "its nodes are \(names.joined(separator: ", "))")
        }
        let region = try node.name("region", else: own.region)
        guard region == own.region else {
            throw node.failure(
                "region", "cluster.nodes says that \(name) is in \(own.region)",
                remedy: "make them agree, or leave node.region out")
        }
        return own
    }

    // MARK: Certificates

    private static func readCredentials(
        _ section: ConfigurationSection, _ members: ClusterMembers, _ folder: String
    ) throws(CommandFailure) -> NodeFile.Credentials? {
        // A cluster of one has nobody to show a certificate to.
        guard section.has("tls") || members.all.count > 1 else { return nil }
        let tls = try section.section("tls", keys: ["folder", "certificate", "key", "authorities"])
        let place = section.place(of: "tls")
        guard tls.has("folder") else {
            return NodeFile.Credentials(
                files: LinkCredentialFiles(
                    certificate: try tls.path("certificate", from: folder),
                    key: try tls.path("key", from: folder),
                    authorities: try tls.path("authorities", from: folder)), place: place)
        }
        for key in ["certificate", "key", "authorities"] where tls.has(key) {
            throw tls.failure(
                key, "the folder says already where it is",
                remedy: "leave folder out, or all of certificate, key and authorities")
        }
        return NodeFile.Credentials(
            files: LinkCredentialFiles(folder: try tls.path("folder", from: folder)), place: place)
    }
}
