import ArgumentParser
import Node
import Operations
import Primitives
import SecureLink

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
    @OptionGroup var output: OutputOption

    private struct Report: Encodable {
        struct Node: Encodable {
            let node: String
            /// Where certificate and key are.
            let folder: String
            /// `2026-11-28 11:40:38 UTC`.
            let certificateEnd: String
        }

        let nodes: [Node]
    }

    func run() throws {
        try hardenProcess()
        guard Files.exists(folder + "/authority/authority.key") else {
            throw CommandFailure(
                .usage, "there is no authority of a cluster", at: folder,
                remedy: "name the folder that sunny cluster init made")
        }
        var nodes: [Report.Node] = []
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
            output.tellProgress("\(name): \(folder)/\(name)/tls is valid until \(end)")
            nodes.append(
                Report.Node(node: name, folder: "\(folder)/\(name)/tls", certificateEnd: end))
        }
        guard !nodes.isEmpty else {
            throw CommandFailure(
                .usage, "there is no node of a cluster", at: folder,
                remedy: "name the folder that sunny cluster init made")
        }
        output.tell(
            Report(nodes: nodes), "Copy each tls folder to its node, and send the node SIGHUP.")
    }
}
