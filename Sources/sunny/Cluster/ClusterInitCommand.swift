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
        var texts: [String] = []
        for index in nodes.indices {
            let text = template(index, cluster, merchant).text
            // As the node will read it: what it would refuse is not written.
            _ = try NodeFile(path: path(of: nodes[index]), text: text)
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
        Console.print(nextSteps(merchant))
    }

    private var signerAddress: SocketAddress? {
        signer.flatMap { SocketAddress($0) }.flatMap { $0.port > 0 ? $0 : nil }
    }

    private func path(of node: NodeArgument) -> String { "\(folder)/\(node.name)/node.yaml" }

    private func template(
        _ index: Int, _ cluster: ClusterID, _ merchant: MerchantKeys
    ) -> NodeFileTemplate {
        let node = nodes[index]
        let plan = ClusterPlan(
            cluster: cluster, ownName: node.name,
            nodes: nodes.enumerated().map { index, node in
                ClusterPlan.Node(
                    id: MemberID(UInt64(index + 1)), name: node.name, region: node.region,
                    zone: node.zone, address: node.address)
            }, replicaCount: replicas)
        let before = UInt16(nodes[..<index].count { $0.address.host == node.address.host })
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
            httpAddress: SocketAddress(host: "127.0.0.1", port: httpPort &+ 2 * before),
            adminAddress: SocketAddress(host: "127.0.0.1", port: adminPort &+ 2 * before),
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

struct ClusterRenewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew", abstract: "Make new certificates for the nodes of a cluster.",
        discussion: """
            EXAMPLE:
              sunny cluster renew ./shop

            In the folder that `sunny cluster init` made. Copy each node's tls folder to its \
            machine, and send the node SIGHUP; links that are up go on.
            """)

    @Argument(help: "The folder that `sunny cluster init` made.")
    var folder: String

    @OptionGroup var certificates: ValidityOption

    func run() throws {
        try hardenProcess()
        guard Files.exists(folder + "/authority/authority.key") else {
            throw CommandFailure(
                .usage, "there is no authority of a cluster", at: folder,
                remedy: "name the folder that sunny cluster init made")
        }
        var count = 0
        for name in Files.names(in: folder) {
            let path = "\(folder)/\(name)/node.yaml"
            guard Files.exists(path) else { continue }
            let file = try ConfigurationFile.read(path)
            let authority = try ClusterFiles.authority(
                of: file.clusterName, in: folder + "/authority")
            try ClusterFiles.issue(
                to: file.configuration.name, region: file.configuration.region, by: authority,
                for: certificates.duration, into: "\(folder)/\(name)/tls")
            let channels = try NodeCertificate.channels(of: file) { CivilClock.now }
            let end = channels.map { CivilText.text($0.validUntil) } ?? ""
            Console.print("\(name): \(folder)/\(name)/tls is valid until \(end)")
            count += 1
        }
        guard count > 0 else {
            throw CommandFailure(
                .usage, "there is no node of a cluster", at: folder,
                remedy: "name the folder that sunny cluster init made")
        }
        Console.print("Copy each tls folder to its node, and send the node SIGHUP.")
    }
}
