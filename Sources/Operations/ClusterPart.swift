import Cluster
import Environment
import Primitives
import SecureLink
import Topology

/// The `cluster` of a node's file: which nodes there are, and how they know each other.
///
/// Without `nodes` the node is alone, as in `ClusterConfigs/single.yaml`.
struct ClusterPart {
    let name: String
    let plan: ClusterPlan
    let credentials: NodeFile.Credentials?
    private let isAlone: Bool

    private static let nodeKeys = ["name", "id", "region", "zone", "address", "url"]
    /// More than any cluster will have used up, and short enough to be read out.
    private static let memberNumberMax = 65_535

    init(
        _ root: ConfigurationSection, _ node: ConfigurationSection, folder: String
    ) throws(CommandFailure) {
        let section = try root.section(
            "cluster",
            keys: ["name", "id", "regions", "nodes", "placements", "replicas", "tls"])
        name = try section.name("name")
        isAlone = !section.has("nodes")
        guard !isAlone else {
            for key in ["id", "tls", "replicas", "regions", "placements"] where section.has(key) {
                throw section.failure(
                    key, "the cluster has no nodes that it would be for",
                    remedy: "list them under cluster.nodes, or leave \(key) out")
            }
            plan = .alone(
                name: try node.name("name"), region: try node.name("region"),
                jurisdiction: try node.name("jurisdiction"))
            credentials = nil
            return
        }
        guard NodeIdentity(cluster: name, region: "r", name: "n") != nil else {
            throw section.failure(
                "name", "certificates name clusters in lower-case letters",
                remedy: "write it with a-z, digits, dots, dashes and underscores")
        }
        plan = try Self.readPlan(section, node)
        credentials = try Self.readCredentials(section, folder)
    }

    /// Refuses a listener's address that is also the peers' address of this node, or of another one
    /// that is on the same machine as far as the list tells.
    func refuse(
        _ address: SocketAddress, _ key: String, of listen: ConfigurationSection
    ) throws(CommandFailure) {
        guard !isAlone else { return }
        let own = plan.own
        let node = plan.nodes.first { node in
            let isHere = node.address.host == own.address.host || node.address.isLoopback
            return isHere ? node.address.collides(with: address) : node.address == address
        }
        guard let node else { return }
        let name = node.profile.name
        throw listen.failure(
            key,
            "\(address) is also where peers reach \(name == plan.ownName ? "this node" : name)",
            remedy: "give one of them another port")
    }

    // MARK: Nodes

    private static func readPlan(
        _ section: ConfigurationSection, _ node: ConfigurationSection
    ) throws(CommandFailure) -> ClusterPlan {
        let cluster = try section.value("id", expecting: "1 to 16 hexadecimal digits, not all 0") {
            clusterID($0)
        }
        let jurisdictions = try JurisdictionPart(section, node)
        var nodes: [ClusterPlan.Node] = []
        for item in try section.sections("nodes", keys: nodeKeys) {
            nodes.append(try readNode(item, jurisdictions, after: nodes))
        }
        guard (1...Topology.nodeCountMax).contains(nodes.count) else {
            throw section.failure(
                "nodes", nodes.isEmpty ? "there are none" : "there are \(nodes.count)",
                remedy: "list 1 to \(Topology.nodeCountMax) nodes")
        }
        let own = try ownNode(node, among: nodes)
        guard own.id != nil || nodes.count > 1 else {
            throw section.failure(
                "nodes", "\(own.profile.name) has no id, and there is nobody that it could join",
                remedy: "list a node of the cluster, or give it the id 1 to begin a new one")
        }
        try jurisdictions.check(own.profile.jurisdiction, node)
        let replicas = try section.integer(
            "replicas", in: 1...Topology.replicaCountMax, else: ClusterPlan.replicaCountDefault)
        guard !replicas.isMultiple(of: 2) else {
            throw section.failure(
                "replicas", "\(replicas) lose no more of them than \(replicas - 1) do",
                remedy: "write 1, 3, 5 or 7")
        }
        return ClusterPlan(
            cluster: cluster, ownName: own.profile.name, nodes: nodes, replicaCount: replicas,
            shardSets: try PlacementPart.read(section, nodes, wanted: replicas))
    }

    static func clusterID(_ text: String) -> ClusterID? {
        guard (1...16).contains(text.utf8.count), text.allSatisfy(\.isHexDigit),
            let number = UInt64(text, radix: 16), number > 0
        else { return nil }
        return ClusterID(number)
    }

    private static func readNode(
        _ item: ConfigurationSection, _ jurisdictions: JurisdictionPart,
        after others: [ClusterPlan.Node]
    ) throws(CommandFailure) -> ClusterPlan.Node {
        let number = item.has("id") ? try item.integer("id", in: 1...memberNumberMax) : nil
        let name = try item.name("name")
        let region = try item.name("region")
        let node = ClusterPlan.Node(
            id: number.map { MemberID(UInt64($0)) }, name: name, region: region,
            zone: item.has("zone") ? try item.name("zone") : "",
            jurisdiction: try jurisdictions.jurisdiction(of: region, item),
            address: try item.value(
                "address", expecting: "a host and a port of its own, such as 10.0.0.1:7001"
            ) { text in
                SocketAddress(text).flatMap { $0.port > 0 ? $0 : nil }
            }, url: item.has("url") ? try item.url("url") : "")
        for other in others { try refuse(node, beside: other, item) }
        let profile = node.profile
        guard NodeIdentity(cluster: "c", region: profile.region, name: profile.name) != nil else {
            throw item.failure(
                "name", "certificates have no node . or .., and no such region",
                remedy: "name it differently")
        }
        guard profile.region != CertificateSigner.region else {
            throw item.failure(
                "region", "the authority's own names are in \(CertificateSigner.region)",
                remedy: "name the region differently")
        }
        return node
    }

    private static func refuse(
        _ node: ClusterPlan.Node, beside other: ClusterPlan.Node, _ item: ConfigurationSection
    ) throws(CommandFailure) {
        if other.profile.name == node.profile.name {
            throw item.failure(
                "name", "two nodes are called \(node.profile.name)",
                remedy: "name one differently")
        }
        if let id = node.id, other.id == id {
            throw item.failure(
                "id", "\(other.profile.name) has the number \(id.rawValue) too",
                remedy: "number them differently; a number is never used twice")
        }
        if other.address == node.address {
            throw item.failure(
                "address", "\(other.profile.name) has the address \(node.address) too",
                remedy: "give one of them another port")
        }
    }

    /// Finds this node by its name.
    private static func ownNode(
        _ node: ConfigurationSection, among nodes: [ClusterPlan.Node]
    ) throws(CommandFailure) -> ClusterPlan.Node {
        let name = try node.name("name")
        guard let own = nodes.first(where: { $0.profile.name == name }) else {
            let names = nodes.map(\.profile.name)
            throw node.failure(
                "name", "cluster.nodes has no \(name)",
                remedy: Spelling.nearest(to: name, among: names).map { "did you mean \($0)?" }
                    ?? "its nodes are \(names.joined(separator: ", "))")
        }
        let region = try node.name("region", else: own.profile.region)
        guard region == own.profile.region else {
            throw node.failure(
                "region", "cluster.nodes says that \(name) is in \(own.profile.region)",
                remedy: "make them agree, or leave node.region out")
        }
        return own
    }

    // MARK: Certificates

    private static func readCredentials(
        _ section: ConfigurationSection, _ folder: String
    ) throws(CommandFailure) -> NodeFile.Credentials? {
        let tls = try section.section(
            "tls", keys: ["folder", "certificate", "key", "authorities", "signer"])
        let place = section.place(of: "tls")
        let signer = try readSigner(tls)
        guard tls.has("folder") else {
            return NodeFile.Credentials(
                files: LinkCredentialFiles(
                    certificate: try tls.path("certificate", from: folder),
                    key: try tls.path("key", from: folder),
                    authorities: try tls.path("authorities", from: folder)), place: place,
                signer: signer)
        }
        for key in ["certificate", "key", "authorities"] where tls.has(key) {
            throw tls.failure(
                key, "the folder says already where it is",
                remedy: "leave folder out, or all of certificate, key and authorities")
        }
        return NodeFile.Credentials(
            files: LinkCredentialFiles(folder: try tls.path("folder", from: folder)), place: place,
            signer: signer)
    }

    private static func readSigner(
        _ tls: ConfigurationSection
    ) throws(CommandFailure) -> SocketAddress? {
        guard tls.has("signer") else { return nil }
        return try tls.value(
            "signer", expecting: "where sunny cluster signer listens, such as 10.0.8.1:7100"
        ) { text in
            SocketAddress(text).flatMap { $0.port > 0 ? $0 : nil }
        }
    }
}
