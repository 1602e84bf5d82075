import ArgumentParser
import Operations
import Topology

struct ClusterFlagsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flags", abstract: "Switches of the whole cluster.",
        discussion: """
            EXAMPLE:
              sunny cluster flags --admin 127.0.0.1:8081
              sunny cluster flags set rebalancing off --admin 127.0.0.1:8081
              sunny cluster flags unset rebalancing --admin 127.0.0.1:8081

            Any node takes the change; every node goes by it within moments. \
            Unset, a switch is as it is by default.
            """,
        subcommands: [
            ClusterFlagsListCommand.self, ClusterFlagsSetCommand.self,
            ClusterFlagsUnsetCommand.self,
        ],
        defaultSubcommand: ClusterFlagsListCommand.self)

    /// The switch of that name, or an error that names the nearest.
    static func flag(_ name: String) throws(CommandFailure) -> ClusterFlag {
        if let flag = ClusterFlag(name: name) { return flag }
        let names = ClusterFlag.allCases.map(\.name)
        throw CommandFailure(
            .usage, "there is no flag \(name)",
            remedy: Spelling.nearest(to: name, among: names).map { "did you mean \($0)?" }
                ?? "the flags are \(names.joined(separator: ", "))")
    }
}

/// What a flag is after a change.
private struct FlagReport: Encodable {
    let name: String
    let isOn: Bool
    /// Whether somebody has set it.
    let isSet: Bool
}

struct ClusterFlagsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the flags, and what they are set to.",
        discussion: """
            EXAMPLE:
              sunny cluster flags list --admin 127.0.0.1:8081 --output json
            """)

    @OptionGroup var node: AdminOption
    @OptionGroup var output: OutputOption

    func run() throws {
        let page = try node.page()
        switch output.format {
        case .json: Console.print(JSON.text(page.flags))
        case .text: Console.print(ClusterText.flags(page))
        }
    }
}

struct ClusterFlagsSetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Set a flag for the whole cluster.",
        discussion: """
            EXAMPLE:
              sunny cluster flags set state_checksums off --admin 127.0.0.1:8081
            """)

    @Argument(help: "The flag.")
    var name: String

    @Argument(help: "on or off.")
    var value: String

    @OptionGroup var node: AdminOption
    @OptionGroup var output: OutputOption

    func run() throws {
        let flag = try ClusterFlagsCommand.flag(name)
        guard ["on", "off"].contains(value) else {
            throw CommandFailure(
                .usage, "\(flag.name) is a switch, and \(value) is no value of it",
                remedy: "write on or off")
        }
        _ = try node.change(
            "flag?name=\(flag.name)&value=\(value)",
            remedy: "sunny cluster status tells how the cluster is")
        output.tell(
            FlagReport(name: flag.name, isOn: value == "on", isSet: true),
            "\(flag.name) is \(value)")
    }
}

struct ClusterFlagsUnsetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unset", abstract: "Let a flag be as it is by default.",
        discussion: """
            EXAMPLE:
              sunny cluster flags unset state_checksums --admin 127.0.0.1:8081
            """)

    @Argument(help: "The flag.")
    var name: String

    @OptionGroup var node: AdminOption
    @OptionGroup var output: OutputOption

    func run() throws {
        let flag = try ClusterFlagsCommand.flag(name)
        _ = try node.change(
            "flag?name=\(flag.name)", remedy: "sunny cluster status tells how the cluster is")
        output.tell(
            FlagReport(name: flag.name, isOn: flag.defaultValue, isSet: false),
            "\(flag.name) is \(flag.defaultValue ? "on" : "off"), as by default")
    }
}
