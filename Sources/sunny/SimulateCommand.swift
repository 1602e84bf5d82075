import ArgumentParser

/// `sunny simulate`: seeded runs in virtual time, of the whole gateway or of consensus alone.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run the gateway, or consensus, in a seeded world and hold it to its promises.",
        discussion: """
            EXAMPLE:
              sunny simulate gateway --seeds 1..200
              sunny simulate gateway --seed 42 --trace
              sunny simulate raft --seeds 1..1000

            A seed gives one history, bit for bit: clients pay, capture and refund while processes \
            are killed, disks lose what was not synced, links stall and the acquirer misbehaves. \
            Then everything is mended, and what clients were told is held against the ledger and \
            the acquirer's own journal. Exit code 0 when every promise was kept, 1 when one was not.
            """,
        subcommands: [SimulateGatewayCommand.self, SimulateRaftCommand.self])
}
