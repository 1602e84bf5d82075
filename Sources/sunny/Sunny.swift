import ArgumentParser
import Glibc
import Operations

/// The command line: one file for each command.
///
/// Commands are synchronous, so that what they start from the main thread stays with it; what
/// serves requests puts its tasks on other threads and leaves the main thread to the signals.
@main
struct Sunny: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sunny",
        abstract: "A payment gateway.",
        discussion: """
            EXAMPLE:
              sunny demo

            EXIT CODES:
              0   done
              1   done, and the result is bad: breaks, a damaged journal, a node that failed
              64  the command line is wrong
              69  something that is needed is not there, or does not answer
              75  not now: the same command may work later
              78  the configuration or the data is wrong

            ERRORS:
              on standard error: what, where, and what helps. With --output json as an object:
              {"error": {"exit_code": 64, "what": "…", "place": "…", "remedy": "…"}}
              place and remedy are left out where there are none.
            """,
        subcommands: [
            DemoCommand.self, NodeCommand.self, AcquirerCommand.self, ClusterCommand.self,
            LinksCommand.self,
            ConfigCommand.self, ReconcileCommand.self, JournalCommand.self, SimulateCommand.self,
            BenchCommand.self, VersionCommand.self,
        ])

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as CommandFailure {
            Console.complain(
                OutputOption.isJSONAsked
                    ? JSON.text(ErrorReport(failure)) : "\(failure)")
            Glibc.exit(failure.status.rawValue)
        } catch {
            complain(inJSON: error)
            exit(withError: error)
        }
    }

    /// What is wrong with the command line, where JSON is asked for; then the process ends.
    private static func complain(inJSON error: any Error) {
        let code = exitCode(for: error)
        // An `ExitCode` has been explained by what was printed.
        guard OutputOption.isJSONAsked, !code.isSuccess, !(error is ExitCode) else { return }
        Console.complain(
            JSON.text(
                ErrorReport(
                    exitCode: code.rawValue, what: message(for: error), place: nil, remedy: nil)))
        Glibc.exit(code.rawValue)
    }
}
