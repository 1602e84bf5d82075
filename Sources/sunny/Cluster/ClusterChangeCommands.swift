import ArgumentParser
import Cluster
import Environment
import Glibc
import Operations
import Primitives
import Topology

struct ClusterDrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Let a node lead nothing, before work on its machine.",
        discussion: """
            EXAMPLE:
              sunny cluster drain us-1 --admin 127.0.0.1:8081
              sunny cluster drain us-1 --undo --admin 127.0.0.1:8081

            The node hands over what it leads within seconds, and is given nothing until --undo. \
            It keeps its replicas, and takes requests.
            """)

    @Argument(help: "The node.")
    var name: String

    @Flag(help: "Let it lead again.")
    var undo = false

    @OptionGroup var node: AdminOption

    func run() throws {
        try node.check(name)
        _ = try node.change(
            "\(undo ? "resume" : "drain")?node=\(name)",
            remedy: "sunny cluster status tells how the cluster is")
        Console.print(
            undo ? "\(name) leads again" : "\(name) hands over what it leads, and leads nothing")
    }
}

struct ClusterRemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take a node out of the cluster, dead or alive.",
        discussion: """
            EXAMPLE:
              sunny cluster remove us-1 --admin 127.0.0.1:8081

            Its replicas go to other nodes first; then it is no member any more, and ends if it \
            runs. Waits for that and tells how far it is; --no-wait returns at once. It can come \
            back with an empty data folder, as a new member. Ask another node than the one that \
            leaves.
            """)

    @Argument(help: "The node.")
    var name: String

    @Flag(help: "Also when the shards then have fewer replicas than now.")
    var allowFewerReplicas = false

    @Flag(inversion: .prefixedNo, help: "Wait until it is gone.")
    var wait = true

    @OptionGroup var node: AdminOption

    /// Between two looks: a step of a change takes some of these.
    private static let lookMicroseconds: UInt32 = 500_000

    func run() throws {
        try node.check(name)
        let allows = allowFewerReplicas ? "&allow_fewer_replicas=true" : ""
        _ = try node.change(
            "remove?node=\(name)\(allows)", remedy: "sunny cluster status tells how the cluster is")
        Console.print("\(name) leaves")
        var last = ""
        while wait {
            let page = try node.page()
            guard let member = page.members.first(where: { $0.name == name }) else {
                return Console.print("\(name) is no member any more")
            }
            let moving = page.shards.count { !$0.isSettled || $0.replicas.contains(name) }
            let text = "\(moving) of \(page.shards.count) shards are on their way"
            if text != last { Console.print(text) }
            last = text
            guard member.standing == "leaving" else {
                throw CommandFailure(
                    .tryAgain, "\(name) does not leave any more", remedy: "ask again")
            }
            usleep(Self.lookMicroseconds)
        }
    }
}

struct ClusterJoinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "Make what a further node of a cluster needs.",
        discussion: """
            EXAMPLE:
              sunny cluster join ./shop --node eu-2@eu=10.0.0.2:7001

            In the folder that `sunny cluster init` made: a folder for the new node, with its \
            certificate and a file like those of the others. Copied to its machine and started, \
            the node joins by itself; shards that have too few replicas, or could be spread \
            better, get one there.
            """)

    @Argument(help: "The folder that `sunny cluster init` made.")
    var folder: String

    @Option(help: "The node: NAME@REGION=HOST:PORT or NAME@REGION/ZONE=HOST:PORT.")
    var node: NodeArgument

    @OptionGroup var certificates: ValidityOption

    @Option(help: "The API's port. [default: the next one on the same host]")
    var httpPort: UInt16?

    @Option(help: "The admin port. [default: the next one on the same host]")
    var adminPort: UInt16?

    func run() throws {
        try hardenProcess()
        let own = "\(folder)/\(node.name)"
        guard !Files.exists(own) else {
            throw CommandFailure(
                .usage, "it is there already, and nothing is overwritten", at: own,
                remedy: "name the node differently")
        }
        let files = try others()
        guard let model = files.first else {
            throw CommandFailure(
                .usage, "there is no node of a cluster", at: folder,
                remedy: "name the folder that sunny cluster init made")
        }
        let text = try text(like: model, beside: files)
        _ = try NodeFile(path: own + "/node.yaml", text: text)
        let authority = try ClusterFiles.authority(
            of: model.clusterName, in: folder + "/authority")
        try Files.makeFolder(own)
        try Files.copy(model.vaultKeyFile, to: own + "/vault.key")
        try ClusterFiles.issue(
            to: node.name, region: node.region, by: authority, for: certificates.duration,
            into: own + "/tls")
        try Files.write(text, to: own + "/node.yaml")
        Console.print(
            """
            \(own) is ready. Copy it to the node's machine, for its owner only, and start it there:

              sunny node --config \(node.name)/node.yaml

            It joins by itself. See it arrive: sunny cluster members --config \(own)/node.yaml
            """)
    }

    private func others() throws -> [NodeFile] {
        guard Files.exists(folder + "/authority/authority.key") else { return [] }
        var files: [NodeFile] = []
        for name in Files.names(in: folder).sorted()
        where Files.exists("\(folder)/\(name)/node.yaml") {
            files.append(try ConfigurationFile.read("\(folder)/\(name)/node.yaml"))
        }
        return files
    }

    private func text(like model: NodeFile, beside files: [NodeFile]) throws -> String {
        let new = ClusterPlan.Node(
            id: nil, name: node.name, region: node.region, zone: node.zone, address: node.address)
        let sameHost = files.filter { $0.plan.own.address.host == node.address.host }
        let http = httpPort ?? (sameHost.map(\.httpAddress.port).max() ?? 8078) &+ 2
        let admin = adminPort ?? (sameHost.map(\.adminAddress.port).max() ?? 8079) &+ 2
        let tree = model.joined(
            by: new, http: SocketAddress(host: "127.0.0.1", port: http),
            admin: SocketAddress(host: "127.0.0.1", port: admin))
        return """
            # Node \(node.name) of the cluster \(model.clusterName), made by sunny cluster join.
            # What is the same on every node was taken from \(model.plan.ownName)'s file; that or
            # ClusterConfigs/demo.yaml explains the keys. Relative paths count from this file's
            # folder.

            \(tree.yaml)

            """
    }
}
