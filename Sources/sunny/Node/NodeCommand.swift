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
            requests under way finish and ends with 0; a second one ends at once. It may also just \
            be killed: the next start recovers from the journal.
            """)

    @Option(help: "The configuration file; `sunny config check FILE` reads it without starting.")
    var config: String

    @OptionGroup var supervision: SupervisionOptions

    func run() throws {
        let signals = Signals(SIGTERM, SIGINT)
        try hardenProcess()
        let file = try ConfigurationFile.read(config)
        let logger = LineLog.logger(file.configuration.name, supervision.log)
        let node = try NodeProcess(file, logger: logger)
        let service = try NodeService(node, supervision: supervision, logger: logger)
        supervision.followSupervisor(logger)
        Task {
            let status = await service.run()
            endProcess(status.rawValue)
        }
        logger.info("ending", metadata: ["signal": "\(signals.next())"])
        service.shutDown()
        let second = signals.next()
        logger.warning("ending at once", metadata: ["signal": "\(second)"])
        endProcess(Signals.status(of: second))
    }
}
