import ArgumentParser
import Glibc
import Logging
import Node
import Operations

struct NodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node", abstract: "Run a node.",
        discussion: """
            EXAMPLE:
              sunny node --config ClusterConfigs/single.yaml

            Logs its addresses, and then "ready", to standard error. SIGTERM or SIGINT lets \
            requests under way finish and ends with 0; a second one ends at once. SIGHUP reads the \
            certificate again. It may also just be killed: the next start recovers from the journal.

            A node whose data folder is empty joins the cluster that its file names, through the \
            nodes that are listed there; one that was a member before takes its old place as a new \
            member. A founder's first start is marked in its folder by `sunny cluster init`.
            """)

    @Option(help: "The configuration file; `sunny config check FILE` reads it without starting.")
    var config: String

    @OptionGroup var supervision: SupervisionOptions

    func run() throws {
        let signals = Signals(SIGTERM, SIGINT, SIGHUP)
        try hardenProcess()
        let file = try ConfigurationFile.read(config)
        let logger = LineLog.logger(file.configuration.name, supervision.log)
        let node = try NodeProcess(file, signals: signals, logger: logger)
        let service = try NodeService(node, supervision: supervision, logger: logger)
        supervision.followSupervisor(logger)
        Task {
            let status = await service.run()
            endProcess(status.rawValue)
        }
        let first = nextEnd(signals, node)
        logger.info("ending", metadata: ["signal": "\(first)"])
        service.shutDown()
        let second = nextEnd(signals, node)
        logger.warning("ending at once", metadata: ["signal": "\(second)"])
        endProcess(Signals.status(of: second))
    }
    /// Waits for a signal that ends the node, and looks after its certificate meanwhile.
    private func nextEnd(_ signals: Signals, _ node: NodeProcess) -> Int32 {
        while true {
            switch signals.next(within: Self.certificateCheckMilliseconds) {
            case nil: node.warnOfCertificate()
            case SIGHUP?: node.reloadCertificate()
            case let signal?: return signal
            }
        }
    }

    /// Twice a day: a warning that is repeated more often is not read any more.
    private static let certificateCheckMilliseconds = 12 * 3_600_000
}
