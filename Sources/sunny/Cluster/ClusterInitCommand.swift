import ArgumentParser
import Cluster
import Environment
import Node
import Operations
import Primitives
import SecureLink
import Topology

/// `NAME@REGION=HOST:PORT`, or `NAME@REGION/ZONE=HOST:PORT`.
struct NodeArgument: ExpressibleByArgument {
    let name: String
    let region: String
    /// Empty where there is none.
    let zone: String
    let address: SocketAddress

    /// What nodes of one machine have in common.
    var machine: String { address.host }

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="),
            let address = SocketAddress(String(argument[argument.index(after: equals)...])),
            address.port > 0
        else { return nil }
        let parts = argument[..<equals].split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let places = parts[1].split(separator: "/", omittingEmptySubsequences: false)
        guard places.count <= 2, let place = places.first,
            NodeIdentity(cluster: "c", region: String(place), name: String(parts[0])) != nil,
            place != CertificateSigner.region
        else { return nil }
        name = String(parts[0])
        region = String(place)
        zone = places.count == 2 ? String(places[1]) : ""
        // A zone is written as a region is.
        guard places.count == 1 || NodeIdentity(cluster: "c", region: zone, name: "n") != nil
        else { return nil }
        self.address = address
    }
}

/// `NAME=HOST:PORT`.
struct AcquirerArgument: ExpressibleByArgument {
    let link: NodeFileTemplate.Link

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex,
            let address = SocketAddress(String(argument[argument.index(after: equals)...]))
        else { return nil }
        link = NodeFileTemplate.Link(name: String(argument[..<equals]), address: address)
    }

    static let usual = AcquirerArgument(argument: "acquirer=127.0.0.1:8583")!
}

struct ClusterInitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make what the nodes of a new cluster need: certificates, keys, files.",
        discussion: """
            EXAMPLE:
              sunny cluster init ./shop --node eu-1@eu=10.0.0.1:7001 \\
                --node us-1@us=10.0.1.1:7001 --node ap-1@ap=10.0.2.1:7001

            Makes a folder for each node, to be copied to its machine, and a folder with the \
            cluster's authority, to be kept where no node is. Starts nothing and overwrites \
            nothing.
            """)

    @Argument(help: "The folder to make.")
    var folder: String

    @Option(
        name: .customLong("node"), parsing: .singleValue,
        help: """
            A node: NAME@REGION=HOST:PORT, where its peers reach it; NAME@REGION/ZONE=HOST:PORT \
            where a region has parts that fail by themselves.
            """)
    var nodes: [NodeArgument]

    @Option(help: "What the cluster is called: a-z, digits, dots, dashes, underscores.")
    var name = "sunny"

    @Option(
        name: .customLong("acquirer"), parsing: .singleValue,
        help: "An acquirer: NAME=HOST:PORT, as often as there are. [default: 127.0.0.1:8583]")
    var acquirers: [AcquirerArgument] = []

    @Option(help: "Where card data has to stay.")
    var jurisdiction = "world"

    @Option(help: "How many parts the data has.")
    var shards = 4

    @Option(help: "How many nodes hold each shard, as far as there are so many: 1, 3, 5 or 7.")
    var replicas = ClusterPlan.replicaCountDefault

    @OptionGroup var certificates: ValidityOption

    @Option(help: "Where sunny cluster signer will listen, HOST:PORT, to renew certificates.")
    var signer: String?

    @Option(help: "The API's port. Further nodes of the same host get the ports that follow.")
    var httpPort: UInt16 = 8080

    @Option(help: "The admin port. Further nodes of the same host get the ports that follow.")
    var adminPort: UInt16 = 8081

    @OptionGroup var output: OutputOption

    private struct Report: Encodable {
        struct Node: Encodable {
            let node: String
            let config: String
            let http: String
            let admin: String
        }

        let folder: String
        let cluster: String
        /// In hexadecimal.
        let id: String
        let nodes: [Node]
        /// Where the authority's key is: to be kept where no node is.
        let authority: String
        let merchant: String
        /// Of the first shop, shown this once.
        let secretKey: String
        let publishableKey: String
    }

    func validate() throws {
        guard (1...Topology.nodeCountMax).contains(nodes.count) else {
            throw ValidationError("name 1 to \(Topology.nodeCountMax) nodes")
        }
        guard [1, 3, 5, 7].contains(replicas) else {
            throw ValidationError(
                "--replicas takes 1, 3, 5 or 7: an even number survives no more failures than one "
                    + "fewer")
        }
        guard Set(nodes.map(\.name)).count == nodes.count else {
            throw ValidationError("two nodes have the same name")
        }
        guard !nodes.contains(where: { $0.name == "authority" }) else {
            throw ValidationError("the authority's folder has that name")
        }
        guard Set(nodes.map(\.address)).count == nodes.count else {
            throw ValidationError("two nodes have the same address")
        }
        guard signer == nil || signerAddress != nil else {
            throw ValidationError("--signer takes a host and a port, such as 10.0.8.1:7100")
        }
        guard NodeIdentity(cluster: name, region: "r", name: "n") != nil else {
            throw ValidationError("--name takes a-z, digits, dots, dashes and underscores")
        }
        guard (1...NodeConfiguration.shardCountMax).contains(shards) else {
            throw ValidationError("--shards takes 1 to \(NodeConfiguration.shardCountMax)")
        }
        do throws(CommandFailure) {
            _ = try listeners()
        } catch {
            throw ValidationError("\(error.what): \(error.remedy)")
        }
    }

    /// Where each node serves merchants and operators, in the order of the nodes.
    private func listeners() throws(CommandFailure) -> [NodeListeners] {
        var taken = TakenAddresses()
        for node in nodes {
            taken.add(node.address, on: node.machine, "where peers reach \(node.name)")
        }
        var counts: [String: Int] = [:]
        var found: [NodeListeners] = []
        for node in nodes {
            let steps = counts[node.machine, default: 0]
            counts[node.machine] = steps + 1
            let listeners = NodeListeners(
                http: try PortOption.http.address(httpPort, steps: steps, of: node),
                admin: try PortOption.admin.address(adminPort, steps: steps, of: node))
            try taken.take(listeners, of: node)
            found.append(listeners)
        }
        return found
    }

    func run() throws {
        try hardenProcess()
        guard !Files.exists(folder) else {
            throw CommandFailure(
                .usage, "it is there already, and nothing is overwritten", at: folder,
                remedy: "name another folder; for new certificates: sunny cluster renew \(folder)")
        }
        let merchant = MerchantKeys.make()
        let cluster = ClusterFiles.newClusterID()
        let listeners = try listeners()
        var texts: [String] = []
        for (node, listener) in zip(nodes, listeners) {
            let text = template(node, listener, cluster, merchant).text
            try ClusterFiles.check(text, at: path(of: node))
            texts.append(text)
        }
        try Files.makeFolder(folder)
        let authority = try ClusterFiles.authority(of: name, in: folder + "/authority")
        let vaultKey = "\(folder)/\(nodes[0].name)/vault.key"
        for (node, text) in zip(nodes, texts) {
            let own = "\(folder)/\(node.name)"
            try Files.makeFolder(own)
            if node.name == nodes[0].name {
                try ClusterFiles.makeVaultKey(at: vaultKey)
            } else {
                try Files.copy(vaultKey, to: own + "/vault.key")
            }
            try ClusterFiles.issue(
                to: node.name, region: node.region, by: authority, for: certificates.duration,
                into: own + "/tls")
            try ClusterFiles.allowFirstStart(in: own + "/data")
            try Files.write(text, to: path(of: node))
        }
        output.tell(report(listeners, cluster, merchant), nextSteps(merchant))
    }

    private func report(
        _ listeners: [NodeListeners], _ cluster: ClusterID, _ merchant: MerchantKeys
    ) -> Report {
        Report(
            folder: folder, cluster: name, id: String(cluster.rawValue, radix: 16),
            nodes: zip(nodes, listeners).map { node, listener in
                Report.Node(
                    node: node.name, config: path(of: node), http: "\(listener.http)",
                    admin: "\(listener.admin)")
            }, authority: folder + "/authority", merchant: merchant.merchant,
            secretKey: merchant.apiKey, publishableKey: merchant.publishableKey)
    }

    private var signerAddress: SocketAddress? {
        signer.flatMap { SocketAddress($0) }.flatMap { $0.port > 0 ? $0 : nil }
    }

    private func path(of node: NodeArgument) -> String { "\(folder)/\(node.name)/node.yaml" }

    private func template(
        _ node: NodeArgument, _ listeners: NodeListeners, _ cluster: ClusterID,
        _ merchant: MerchantKeys
    ) -> NodeFileTemplate {
        let plan = ClusterPlan(
            cluster: cluster, ownName: node.name,
            nodes: nodes.enumerated().map { index, node in
                ClusterPlan.Node(
                    id: MemberID(UInt64(index + 1)), name: node.name, region: node.region,
                    zone: node.zone, address: node.address)
            }, replicaCount: replicas)
        return NodeFileTemplate(
            heading: """
                # Node \(node.name) of the cluster \(name), made by sunny cluster init.
                #
                #   sunny config check node.yaml    reads this file and the certificate
                #   sunny node --config node.yaml   starts the node
                #
                # Relative paths count from this file's folder.
                """,
            clusterName: name,
            plan: plan, jurisdiction: jurisdiction, dataDirectory: "data", shardCount: shards,
            httpAddress: listeners.http, adminAddress: listeners.admin,
            vaultKeyFile: "vault.key", credentialFolder: "tls", signer: signerAddress,
            links: (acquirers.isEmpty ? [.usual] : acquirers).map(\.link),
            merchant: merchant.section(name: "First shop"))
    }

    private func nextSteps(_ merchant: MerchantKeys) -> String {
        let first = nodes[0].name
        let names = nodes.map(\.name)
        return """
            \(folder) is ready: \(names.joined(separator: ", ")) of the cluster \(name).

            1. Look through \(path(of: nodes[0])); it explains every key. What is the
               same on every node has to stay so.
            2. Copy each folder, such as \(folder)/\(first), to its node's machine, for its owner
               only: it holds the node's key and the key of the cards.
            3. Start each node there:      sunny node --config \(first)/node.yaml
            4. See that they found others: sunny cluster status --config \(first)/node.yaml

            Secret key of the first shop, shown this once: \(merchant.apiKey)

            Keep \(folder)/authority where no node is: whoever has its key can join the cluster.
            The nodes' certificates are valid for \(certificates.validity).
            \(renewalStep)
            """
    }

    private var renewalStep: String {
        guard let signerAddress else {
            return """
                sunny cluster renew makes new ones in \(folder), and SIGHUP lets a node read its
                own again. With sunny cluster signer nodes renew theirs by themselves.
                """
        }
        return """
            Nodes renew theirs by themselves while the signer runs:

              sunny cluster signer --folder \(folder)/authority --listen \(signerAddress)

            One that is over is made anew by sunny cluster renew \(folder).
            """
    }
}
