import ArgumentParser
import Cluster
import Gateway
import Node
import Operations
import SecureLink
import Topology

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Look at configuration files.",
        discussion: """
            EXAMPLE:
              sunny config check ClusterConfigs/single.yaml
              sunny config show ClusterConfigs/single.yaml
            """,
        subcommands: [ConfigCheckCommand.self, ConfigShowCommand.self])
}

struct ConfigCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say whether a node would take a configuration file.",
        discussion: """
            EXAMPLE:
              sunny config check ClusterConfigs/single.yaml
              sunny config check ClusterConfigs/demo.yaml --without-certificate

            Reads the node's certificate too, where the file names one, and says until when it is \
            valid. Starts nothing and makes nothing. Exit code 78 when something is wrong.
            """)

    @Argument(help: "The file.")
    var file: String

    @Flag(help: "Leave the certificate out: on a machine that is not the node's.")
    var withoutCertificate = false

    @OptionGroup var output: OutputOption

    private struct Findings: Encodable {
        let file: String
        let node: String
        let cluster: String
        let region: String
        let nodes: [String]
        let shards: Int
        let links: [String]
        let certificateEnd: String?
    }

    func run() throws {
        let node = try ConfigurationFile.read(file)
        let channels =
            withoutCertificate ? nil : try NodeCertificate.channels(of: node) { CivilClock.now }
        let configuration = node.configuration
        let findings = Findings(
            file: file, node: configuration.name, cluster: node.clusterName,
            region: configuration.region, nodes: node.plan.nodes.map(\.profile.name),
            shards: configuration.shardCount, links: configuration.links.map(\.name),
            certificateEnd: channels.map { CivilText.text($0.validUntil) })
        switch output.format {
        case .json: Console.print(JSON.text(findings))
        case .text: Console.print(Self.text(findings))
        }
    }

    private static func text(_ found: Findings) -> String {
        let others = found.nodes.filter { $0 != found.node }
        let peers = others.isEmpty ? "" : " with \(others.joined(separator: ", "))"
        let certificate = found.certificateEnd.map { "; its certificate is valid until \($0)" }
        return "\(found.file) is right: node \(found.node) of \(found.cluster) in \(found.region)"
            + "\(peers), \(found.shards) shards, links \(found.links.joined(separator: ", "))"
            + (certificate ?? "")
    }
}

struct ConfigShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print what a node goes by, with all defaults.",
        discussion: """
            EXAMPLE:
              sunny config show ClusterConfigs/single.yaml
              sunny config show ClusterConfigs/single.yaml --output json

            Paths are as the node opens them. Digests of keys are printed as ***. The text is YAML.
            """)

    @Argument(help: "The file.")
    var file: String

    @OptionGroup var output: OutputOption

    func run() throws {
        let effective = try ConfigurationFile.read(file).effective
        switch output.format {
        case .json: Console.print(JSON.text(effective))
        case .text: Console.print(effective.yaml)
        }
    }
}

/// Reads a configuration file from the disk.
enum ConfigurationFile {
    static func read(_ path: String) throws(CommandFailure) -> NodeFile {
        guard let bytes = Files.read(path) else {
            throw CommandFailure(
                .badConfiguration, "the file cannot be read", at: path,
                remedy: "name a file that is there; ClusterConfigs/single.yaml is an example")
        }
        return try NodeFile(path: path, text: String(decoding: bytes, as: UTF8.self))
    }
}
