import ArgumentParser
import Environment
import Glibc
import Operations

struct ClusterDrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Let a node lead nothing, before work on its machine.",
        discussion: """
            EXAMPLE:
              sunny cluster drain us-1 --admin 127.0.0.1:8081
              sunny cluster drain us-1 --undo --admin 127.0.0.1:8081

            The node hands over what it leads within seconds, and is given nothing until --undo. \
            It keeps its replicas, and takes requests. Where nobody is left to lead what it leads, \
            or nobody where that is at home, it is drained all the same, with a warning.
            """)

    @Argument(help: "The node.")
    var name: String

    @Flag(help: "Let it lead again.")
    var undo = false

    @OptionGroup var node: AdminOption
    @OptionGroup var output: OutputOption

    private struct Report: Encodable {
        let node: String
        let standing: String
        /// What the draining does not do.
        let warning: String?
    }

    func run() throws {
        try node.check(name)
        let answer = try node.change(
            "\(undo ? "resume" : "drain")?node=\(name)",
            remedy: "sunny cluster status tells how the cluster is")
        output.tell(
            Report(
                node: name, standing: undo ? "active" : "draining", warning: answer.warning),
            undo
                ? "\(name) leads again" : "\(name) hands over what it can, and is given nothing",
            warning: answer.warning)
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
            leaves: that one ends before it could tell.
            """)

    @Argument(help: "The node.")
    var name: String

    @Flag(help: "Also when the shards then have fewer replicas than now.")
    var allowFewerReplicas = false

    @Flag(inversion: .prefixedNo, help: "Wait until it is gone.")
    var wait = true

    @OptionGroup var node: AdminOption
    @OptionGroup var output: OutputOption

    private struct Report: Encodable {
        let node: String
        let id: UInt64
        /// `leaving` or `removed`.
        let standing: String
    }

    /// Between two looks: a step of a change takes some of these.
    private static let lookMicroseconds: UInt32 = 500_000
    /// For so many looks the asked node may not have heard of what it has asked for: half a minute,
    /// far more than an election of the topology's group takes.
    private static let unheardCountMax = 60

    func run() throws {
        let before = try node.page()
        let member = try before.member(name)
        try refuseItself(before)
        let allows = allowFewerReplicas ? "&allow_fewer_replicas=true" : ""
        _ = try node.change(
            "remove?node=\(name)\(allows)", remedy: "sunny cluster status tells how the cluster is")
        output.tellProgress("\(name) leaves")
        if wait { try awaitEnd(of: member) }
        switch output.format {
        case .json:
            Console.print(
                JSON.text(
                    Report(node: name, id: member.id, standing: wait ? "removed" : "leaving")))
        case .text:
            if wait { Console.print("\(name) is no member any more") }
        }
    }

    /// The node that leaves ends once it is gone, and its own page never says so.
    private func refuseItself(_ page: ClusterPage) throws(CommandFailure) {
        let others = page.members.map(\.name).filter { $0 != name }
        guard wait, page.node == name, !others.isEmpty else { return }
        throw CommandFailure(
            .usage, "\(name) is the node that is asked, and could not tell that it is gone",
            at: "\(try node.address())",
            remedy: "name the admin address of another node (\(others.joined(separator: ", "))), "
                + "or add --no-wait")
    }

    /// Looks until the node asked has no such member. What it shows may be older than its answer
    /// was, which the leader of the topology gave: whoever still seems active is about to leave.
    private func awaitEnd(of member: ClusterPage.Member) throws(CommandFailure) {
        var last = ""
        var unheardCount = 0
        while true {
            let page = try pageMeanwhile()
            // Whoever has the name under another id came after.
            guard let now = page.members.first(where: { $0.id == member.id }) else { return }
            if now.standing == "leaving" {
                let moving = page.shards.count { !$0.isSettled || $0.replicas.contains(name) }
                let text = "\(moving) of \(page.shards.count) shards are on their way"
                if text != last { output.tellProgress(text) }
                last = text
            } else {
                unheardCount += 1
                guard unheardCount < Self.unheardCountMax else {
                    throw CommandFailure(
                        .tryAgain,
                        "\(name) leaves, and the node that is asked has not heard of it yet",
                        at: "\(try node.address())",
                        remedy: "ask another node how far it is: sunny cluster members")
                }
            }
            usleep(Self.lookMicroseconds)
        }
    }

    private func pageMeanwhile() throws(CommandFailure) -> ClusterPage {
        do throws(CommandFailure) {
            return try node.page()
        } catch {
            guard error.status == .unavailable else { throw error }
            throw CommandFailure(
                .unavailable,
                "\(name) leaves, but the node that was asked does not answer any more",
                at: error.place,
                remedy: "it goes on by itself; ask another node: sunny cluster members")
        }
    }
}
