import Acquirer
import ArgumentParser
import Environment
import Glibc
import Logging
import Operations
import Transport

struct AcquirerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "acquirer", abstract: "Run an acquirer's host, to test against.",
        discussion: """
            EXAMPLE:
              sunny acquirer --journal acquirer.sqlite

            Speaks ISO 8583 (1987) behind two bytes of length, and keeps a journal of every \
            movement of money in SQLite. Lines on its control port delay, lose, repeat or refuse \
            answers; the line `help` lists them.
            """)

    @Option(help: "Where gateways connect; port 0 lets the system choose.")
    var listen = "127.0.0.1:8583"

    @Option(help: "Where the control port listens; port 0 lets the system choose.")
    var control = "127.0.0.1:8584"

    @Option(help: "The journal, a SQLite file; made when it is not there.")
    var journal: String

    @Option(help: "What the host is called.")
    var id = "acquirer"

    @Flag(help: "Acknowledge reversals of what is not known and forget them, as some hosts do.")
    var forgetUnknownReversals = false

    @Flag(help: "Take one session at a time from each region of a cluster, as some hosts do.")
    var oneSession = false

    @OptionGroup var supervision: SupervisionOptions

    func validate() throws {
        for text in [listen, control] {
            guard let address = SocketAddress(text), address.isLoopback else {
                throw ValidationError(
                    "\(text) must be a loopback address with a port, such as 127.0.0.1:8583: the "
                        + "host asks nobody who they are")
            }
        }
    }

    func run() throws {
        let signals = Signals(SIGTERM, SIGINT)
        try hardenProcess()
        let logger = LineLog.logger(id, supervision.log)
        guard let lock = try FileLock(journal + ".lock") else {
            throw CommandFailure(
                .tryAgain, "another process works with this journal", at: journal,
                remedy: "end it first, or name another file")
        }
        let process = try AcquirerProcess(self, logger: logger)
        supervision.followSupervisor(logger)
        Task { await process.start() }
        logger.info("ending", metadata: ["signal": "\(signals.next())"])
        Task {
            await process.stop()
            endProcess(ExitStatus.success.rawValue)
        }
        let second = signals.next()
        withExtendedLifetime(lock) {}
        endProcess(Signals.status(of: second))
    }
}

/// An acquirer's host on this machine.
private struct AcquirerProcess: Sendable {
    let host: AcquirerHost
    let journal: AcquirerJournal
    let supervision: SupervisionOptions
    let logger: Logger

    init(_ command: AcquirerCommand, logger: Logger) throws(CommandFailure) {
        supervision = command.supervision
        self.logger = logger
        do throws(AcquirerJournalError) {
            journal = try AcquirerJournal(path: command.journal)
        } catch {
            throw CommandFailure(
                .badConfiguration, "\(error)", at: command.journal,
                remedy: "name a journal of this version, or a file that does not exist yet")
        }
        do throws(SystemError) {
            let loop = try UVLoop(name: "acquirer")
            try loop.start()
            let worker = try WorkerThread(name: "journal", loop: loop)
            // Both were read before by `validate`.
            host = AcquirerHost(
                options: AcquirerHost.Options(
                    id: command.id, address: SocketAddress(command.listen)!,
                    controlAddress: SocketAddress(command.control)!,
                    forgetsUnknownReversals: command.forgetUnknownReversals,
                    takesOneSession: command.oneSession),
                journal: journal, loop: loop, network: UVNetwork(loop: loop), worker: worker,
                halt: ProcessHalt())
        } catch {
            throw CommandFailure(
                .unavailable, "the system gives no thread: \(error)",
                remedy: "look at the limits of this process (ulimit -a)")
        }
    }

    /// Listens, or ends the process.
    func start() async {
        do throws(AcquirerHostError) {
            try await host.start()
        } catch {
            let failure = CommandFailure(
                .unavailable, "\(error)",
                remedy: "name other addresses, or end the process that has these")
            Console.complain("\(failure)")
            endProcess(failure.status.rawValue)
        }
        guard let address = await host.address, let control = await host.controlAddress else {
            return
        }
        logger.info("listening", metadata: ["for": "links", "at": "\(address)"])
        logger.info("listening", metadata: ["for": "control", "at": "\(control)"])
        supervision.tell(["address": address, "control": control])
        logger.info("ready")
    }

    func stop() async {
        await host.stop()
        try? journal.close()
        logger.info("ended")
    }
}
