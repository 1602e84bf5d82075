import ArgumentParser

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Run a gateway and its acquirers on this machine, to try out.",
        discussion: """
            EXAMPLE:
              sunny demo
              sunny demo --dir /tmp/shop --detach
              sunny demo kill eu-1 --dir /tmp/shop
              sunny demo restart eu-1 --dir /tmp/shop
              sunny demo stop --dir /tmp/shop

            Without a subcommand it starts one; `sunny demo start --help` lists the options. \
            Prints the addresses, a key, and lines for curl and Python that work. For test cards \
            only: never for real cards or money.
            """,
        subcommands: [
            DemoStartCommand.self, DemoStopCommand.self, DemoKillCommand.self,
            DemoRestartCommand.self, DemoStatusCommand.self, DemoControlCommand.self,
        ], defaultSubcommand: DemoStartCommand.self)
}

/// Names the folder of a demo that was started before.
struct DemoFolderOption: ParsableArguments {
    @Option(name: .customLong("dir"), help: "The demo's folder.")
    var path: String

    var folder: DemoFolder { DemoFolder(path: Files.absolute(path)) }
}
