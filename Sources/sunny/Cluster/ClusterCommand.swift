import ArgumentParser
import Environment
import Operations

struct ClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Make a cluster, renew its certificates, and look at one that runs.",
        discussion: """
            EXAMPLE:
              sunny cluster init ./shop --node eu-1@eu=10.0.0.1:7001 \\
                --node us-1@us=10.0.1.1:7001 --node ap-1@ap=10.0.2.1:7001
              sunny cluster signer --folder ./shop/authority --listen 10.0.8.1:7100
              sunny cluster status --config ./shop/eu-1/node.yaml
              sunny cluster transfer 0 --to us-1 --admin 127.0.0.1:8081
            """,
        subcommands: [
            ClusterInitCommand.self, ClusterRenewCommand.self, ClusterSignerCommand.self,
            ClusterStatusCommand.self, ClusterMembersCommand.self, ClusterShardsCommand.self,
            ClusterTransferCommand.self, ClusterDrainCommand.self, ClusterRemoveCommand.self,
            ClusterJoinCommand.self, ClusterFlagsCommand.self,
        ])
}

/// Names the node that is asked.
struct AdminOption: ParsableArguments {
    @Option(help: "The admin address of the node to ask, such as 127.0.0.1:8081.")
    var admin: String?

    @Option(help: "The configuration file of the node to ask.")
    var config: String?

    func validate() throws {
        guard (admin == nil) != (config == nil) else {
            throw ValidationError("name the node to ask: --admin HOST:PORT or --config FILE")
        }
    }

    func address() throws(CommandFailure) -> SocketAddress {
        if let config {
            let address = try ConfigurationFile.read(config).adminAddress
            guard address.port > 0 else {
                throw CommandFailure(
                    .usage, "the system chose the port of this node", at: config,
                    remedy: "name it: --admin HOST:PORT; the node's log has it")
            }
            return address
        }
        guard let admin, let address = SocketAddress(admin), address.port > 0 else {
            throw CommandFailure(
                .usage, "--admin must be an address", remedy: "such as 127.0.0.1:8081")
        }
        return address
    }

    /// What the node says of the cluster.
    func page() throws(CommandFailure) -> ClusterPage {
        let address = try address()
        guard let answer = try? LocalHTTP.get("/admin/cluster", from: address) else {
            throw noAnswer(address)
        }
        guard answer.status == 200, let page = JSON.decode(ClusterPage.self, answer.body) else {
            throw CommandFailure(
                .unavailable, "this is not the admin port of a node of this version",
                at: "\(address)", remedy: "use the sunny that runs the node")
        }
        return page
    }

    /// Asks the node for a change of the cluster.
    func change(_ query: String, remedy: String) throws(CommandFailure) -> ChangeAnswer {
        let address = try address()
        guard let answer = try? LocalHTTP.post("/admin/cluster/" + query, to: address) else {
            throw noAnswer(address)
        }
        let found = ChangeAnswer(String(decoding: answer.body, as: UTF8.self))
        guard answer.status == 200 else {
            throw CommandFailure(
                answer.status == 404 ? .usage : .tryAgain, found.line, at: "\(address)",
                remedy: remedy)
        }
        return found
    }

    /// Throws unless the cluster has a node of that name.
    func check(_ name: String) throws(CommandFailure) {
        _ = try page().member(name)
    }

    func noAnswer(_ address: SocketAddress) -> CommandFailure {
        CommandFailure(
            .unavailable, "nobody answers", at: "\(address)",
            remedy: "is the node running, and is this its admin port?")
    }
}

/// What a node answers to a change.
struct ChangeAnswer {
    private static let warningMark = "warning: "

    /// What was done.
    let line: String
    /// What is not as whoever asked may think, though it was done.
    let warning: String?

    init(_ text: String) {
        let lines = text.split(separator: "\n")
        line = lines.filter { !$0.hasPrefix(Self.warningMark) }.joined(separator: "\n")
        warning = lines.first { $0.hasPrefix(Self.warningMark) }.map {
            String($0.dropFirst(Self.warningMark.count))
        }
    }

    /// As the node writes it.
    static func text(_ line: String, warning: String?) -> String {
        "\(line)\n" + (warning.map { "\(warningMark)\($0)\n" } ?? "")
    }
}

extension ClusterPage {
    /// The node of that name.
    func member(_ name: String) throws(CommandFailure) -> Member {
        if let member = members.first(where: { $0.name == name }) { return member }
        throw CommandFailure(
            .usage, "the cluster has no node \(name)",
            remedy: "its nodes are \(members.map(\.name).joined(separator: ", "))")
    }
}

struct ClusterStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Say how the cluster is, as one node sees it.",
        discussion: """
            EXAMPLE:
              sunny cluster status --admin 127.0.0.1:8081
              sunny cluster status --config ./shop/eu-1/node.yaml --output json

            Exit code 69 when the node does not answer, 75 when it is not ready.
            """)

    @OptionGroup var node: AdminOption
    @OptionGroup var output: OutputOption

    func run() throws {
        let page = try node.page()
        switch output.format {
        case .json: Console.print(JSON.text(page))
        case .text: Console.print(ClusterText.status(page))
        }
        guard page.isReady else { throw ExitCode(ExitStatus.tryAgain.rawValue) }
    }
}

struct ClusterMembersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "members", abstract: "List the nodes, and which of them a node reaches.",
        discussion: """
            EXAMPLE:
              sunny cluster members --admin 127.0.0.1:8081
            """)

    @OptionGroup var node: AdminOption
    @OptionGroup var output: OutputOption

    func run() throws {
        let page = try node.page()
        switch output.format {
        case .json: Console.print(JSON.text(page.members))
        case .text: Console.print(ClusterText.members(page))
        }
    }
}

struct ClusterShardsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shards", abstract: "List the shards, and who leads them.",
        discussion: """
            EXAMPLE:
              sunny cluster shards --admin 127.0.0.1:8081
            """)

    @OptionGroup var node: AdminOption
    @OptionGroup var output: OutputOption

    func run() throws {
        let page = try node.page()
        switch output.format {
        case .json: Console.print(JSON.text(page.shards))
        case .text: Console.print(ClusterText.shards(page))
        }
    }
}

struct ClusterTransferCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer", abstract: "Let another node lead a shard.",
        discussion: """
            EXAMPLE:
              sunny cluster transfer 0 --to us-1 --admin 127.0.0.1:8081

            The node that is asked has to lead the shard. Requests under way wait for the new \
            leader; nothing is lost. Elections may move it again.
            """)

    @Argument(help: "The shard's number, as `sunny cluster shards` lists it.")
    var shard: Int

    @Option(help: "The node that is to lead it.")
    var to: String

    @OptionGroup var node: AdminOption
    @OptionGroup var output: OutputOption

    private struct Report: Encodable {
        let shard: Int
        let leader: String
    }

    func run() throws {
        try node.check(to)
        let answer = try node.change(
            "transfer?shard=\(shard)&to=\(to)",
            remedy: "look at who leads it: sunny cluster shards")
        output.tell(Report(shard: shard, leader: to), answer.line, warning: answer.warning)
    }
}
