import ArgumentParser
import Gateway
import Node
import Operations

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Look at configuration files.",
        discussion: """
            EXAMPLE:
              sunny config check ClusterConfigs/single.yaml
            """,
        subcommands: [ConfigCheckCommand.self])
}

struct ConfigCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say whether a node would take a configuration file.",
        discussion: """
            EXAMPLE:
              sunny config check ClusterConfigs/single.yaml

            Starts nothing and makes nothing. Exit code 78 when something is wrong.
            """)

    @Argument(help: "The file.")
    var file: String

    func run() throws {
        let node = try ConfigurationFile.read(file)
        let configuration = node.configuration
        Console.print(
            "\(file) is right: node \(configuration.name) of \(node.clusterName) in "
                + "\(configuration.region), \(configuration.shardCount) shards, links "
                + configuration.links.map(\.name).joined(separator: ", "))
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
