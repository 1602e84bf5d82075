import ArgumentParser
import Cluster
import Environment
import Operations
import Topology

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

            The new node's file lists all nodes of the folder, so that it can ask any of them. It \
            is added to the lists of the others, too: to the files in the folder, which are read \
            at a node's next start, and matter only to one that has lost its disk.
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

    @OptionGroup var output: OutputOption

    private struct Report: Encodable {
        let node: String
        let folder: String
        let config: String
        let http: String
        let admin: String
        /// The files of other nodes that list the node now.
        let updated: [String]
        /// Of files that could not be changed.
        let warning: String?
    }

    func run() throws {
        try hardenProcess()
        let own = "\(folder)/\(node.name)"
        guard !Files.exists(own) else {
            throw CommandFailure(
                .usage, "it is there already, and nothing is overwritten", at: own,
                remedy: "name the node differently")
        }
        let others = try others()
        guard let model = others.first?.file else {
            throw CommandFailure(
                .usage, "there is no node of a cluster", at: folder,
                remedy: "name the folder that sunny cluster init made")
        }
        let files = others.map(\.file)
        try refuseAddress(files)
        // Whoever had the address and has no folder any more is gone.
        let known = NodeFile.nodes(of: files, besides: node.name)
            .filter { $0.address != node.address }
        let listeners = try listeners(beside: files, known)
        let new = ClusterPlan.Node(
            id: nil, name: node.name, region: node.region, zone: node.zone,
            jurisdiction: model.jurisdiction(of: node.region), address: node.address)
        let text = text(of: new, like: model, asking: known, listeners)
        try ClusterFiles.check(text, at: own + "/node.yaml")
        let authority = try ClusterFiles.authority(
            of: model.clusterName, in: folder + "/authority")
        try Files.makeFolder(own)
        try Files.copy(model.vaultKeyFile, to: own + "/vault.key")
        try ClusterFiles.issue(
            to: node.name, region: node.region, by: authority, for: certificates.duration,
            into: own + "/tls")
        try Files.write(text, to: own + "/node.yaml")
        let (updated, kept) = list(new, in: others)
        let warning = warning(kept)
        output.tell(
            Report(
                node: node.name, folder: own, config: own + "/node.yaml",
                http: "\(listeners.http)", admin: "\(listeners.admin)",
                updated: updated.map(\.path), warning: warning),
            nextSteps(own, updated), warning: warning)
    }

    /// A node of the folder: its file, as it is read and as it is written.
    private struct Other {
        let path: String
        let text: String
        let file: NodeFile

        var name: String { file.plan.ownName }
    }

    private func others() throws(CommandFailure) -> [Other] {
        guard Files.exists(folder + "/authority/authority.key") else { return [] }
        var others: [Other] = []
        for name in Files.names(in: folder) {
            let path = "\(folder)/\(name)/node.yaml"
            guard Files.exists(path), let bytes = Files.read(path) else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            others.append(
                Other(path: path, text: text, file: try NodeFile(path: path, text: text)))
        }
        return others
    }

    /// Two nodes at one address could not both listen, and one would be taken for the other.
    private func refuseAddress(_ files: [NodeFile]) throws(CommandFailure) {
        guard let other = files.map(\.plan.own).first(where: { $0.address == node.address })
        else { return }
        throw CommandFailure(
            .usage, "\(other.profile.name) has the address \(node.address)", at: folder,
            remedy: "give \(node.name) another port; if \(other.profile.name) was removed from the "
                + "cluster, take its folder away first")
    }

    private func listeners(
        beside files: [NodeFile], _ known: [ClusterPlan.Node]
    ) throws(CommandFailure) -> NodeListeners {
        var taken = TakenAddresses()
        for other in known {
            taken.add(
                other.address, on: other.address.host, "where peers reach \(other.profile.name)")
        }
        taken.add(node.address, on: node.machine, "where peers reach \(node.name)")
        let neighbours = files.filter { $0.plan.own.address.host == node.machine }
        for file in neighbours {
            let name = file.plan.ownName
            taken.add(file.httpAddress, on: node.machine, "\(PortOption.http.what) \(name)")
            taken.add(file.adminAddress, on: node.machine, "\(PortOption.admin.what) \(name)")
        }
        // What is chosen here keeps clear of what was named.
        var reserved = taken
        for port in [httpPort, adminPort].compactMap({ $0 }) {
            reserved.add(SocketAddress(host: "127.0.0.1", port: port), on: node.machine, "")
        }
        let http = try address(
            httpPort, .http, after: neighbours.map(\.httpAddress), reserved)
        reserved.add(http, on: node.machine, "")
        let admin = try address(
            adminPort, .admin, after: neighbours.map(\.adminAddress), reserved)
        let listeners = NodeListeners(http: http, admin: admin)
        try taken.take(listeners, of: node)
        return listeners
    }

    /// The port that was named, or the next one of its kind on the machine that is free.
    private func address(
        _ given: UInt16?, _ option: PortOption, after others: [SocketAddress],
        _ taken: TakenAddresses
    ) throws(CommandFailure) -> SocketAddress {
        if let given { return SocketAddress(host: "127.0.0.1", port: given) }
        let last = others.map(\.port).max() ?? 0
        let first = last > 0 ? Int(last) + PortOption.step : Int(option.usual)
        if let first = UInt16(exactly: first),
            let address = taken.free(from: first, option, on: node.machine)
        {
            return address
        }
        throw CommandFailure(
            .usage,
            "no port up to \(UInt16.max) follows those of the other nodes of \(node.machine)",
            remedy: "name one: \(option.rawValue)")
    }

    private func text(
        of new: ClusterPlan.Node, like model: NodeFile, asking known: [ClusterPlan.Node],
        _ listeners: NodeListeners
    ) -> String {
        let tree = model.joined(
            by: new, asking: known, http: listeners.http, admin: listeners.admin)
        return """
            # Node \(node.name) of the cluster \(model.clusterName), made by sunny cluster join.
            # What is the same on every node was taken from \(model.plan.ownName)'s file; that or
            # ClusterConfigs/demo.yaml explains the keys. Relative paths count from this file's
            # folder.

            \(tree.yaml)

            """
    }

    /// Adds the node to the lists of the others, where that can be done without changing anything
    /// else in their files.
    private func list(
        _ new: ClusterPlan.Node, in others: [Other]
    ) -> (updated: [Other], kept: [Other]) {
        var updated: [Other] = []
        var kept: [Other] = []
        for other in others where !other.file.lists(new) {
            guard let text = other.file.listing(new, in: other.text, at: other.path)
            else {
                kept.append(other)
                continue
            }
            do throws(CommandFailure) {
                // Where the file is, should the folder have only a link to it.
                try Files.write(text, to: Files.absolute(other.path))
                updated.append(other)
            } catch {
                kept.append(other)
            }
        }
        return (updated, kept)
    }

    private func warning(_ kept: [Other]) -> String? {
        guard !kept.isEmpty else { return nil }
        return "\(node.name) was not added to cluster.nodes of "
            + kept.map(\.path).joined(separator: ", ")
            + ": add it there by hand, if there is room; a node that has lost its disk asks those"
    }

    private func nextSteps(_ own: String, _ updated: [Other]) -> String {
        var text = """
            \(own) is ready. Copy it to the node's machine, for its owner only, and start it there:

              sunny node --config \(node.name)/node.yaml

            It joins by itself. See it arrive: sunny cluster members --config \(own)/node.yaml
            """
        if !updated.isEmpty {
            let names = updated.map(\.name).joined(separator: ", ")
            text += """


                It was added to the nodes to ask in the files of \(names) in \(folder),
                which matter to a node that has lost its disk: copy them when you are there.
                """
        }
        return text
    }
}
