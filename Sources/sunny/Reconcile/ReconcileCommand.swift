import Acquirer
import ArgumentParser
import Glibc
import Operations

struct ReconcileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile", abstract: "Hold the payments against the acquirers' journals.",
        discussion: """
            EXAMPLE:
              sunny reconcile --dir /tmp/shop

            Changes nothing. Exit code 0 when both sides say the same; 1 when they contradict each \
            other anywhere (a break); 75 when they do not, and payments are still in flight after \
            --wait; 69 when a node does not answer.
            """)

    @OptionGroup var dir: DemoFolderOption
    @OptionGroup var output: OutputOption

    @Option(help: "How many seconds to wait for what is in flight.")
    var wait = 60

    func validate() throws {
        guard (0...3600).contains(wait) else {
            throw ValidationError("--wait takes 0 to 3600 seconds")
        }
    }

    func run() throws {
        let folder = dir.folder
        let demo = try folder.readDemo()
        var report = try compare(demo, folder)
        // What is in flight resolves by itself; a break may be one only for a moment.
        var rest = wait * 2
        while report.verdict != .balanced, rest > 0 {
            usleep(500_000)
            rest -= 1
            report = try compare(demo, folder)
            if report.verdict == .broken, report.inFlight.isEmpty { break }
        }
        switch output.format {
        case .json: Console.print(ReconcileText.json(report))
        case .table: Console.print(ReconcileText.table(report))
        }
        switch report.verdict {
        case .balanced: return
        case .inFlight: throw ExitCode(ExitStatus.tryAgain.rawValue)
        case .broken: throw ExitCode(ExitStatus.failed.rawValue)
        }
    }

    private func compare(
        _ demo: DemoFile, _ folder: DemoFolder
    ) throws(CommandFailure) -> ReconciliationReport {
        let before = try payments(demo, folder)
        var journals: [(name: String, transactions: [AcquirerTransaction])] = []
        for acquirer in demo.acquirers {
            do throws(AcquirerJournalError) {
                let reader = try AcquirerJournalReader(path: acquirer.journal)
                journals.append((acquirer.id, try reader.transactions()))
            } catch {
                throw CommandFailure(
                    .unavailable, "\(error)", at: acquirer.journal,
                    remedy: "the journal of \(acquirer.id) should be there, running or not")
            }
        }
        return Reconciliation.compare(
            before: before, journals: journals, after: try payments(demo, folder))
    }

    /// Every payment, once: each node that is up to date has all of them, so one is asked.
    private func payments(
        _ demo: DemoFile, _ folder: DemoFolder
    ) throws(CommandFailure) -> [PaymentRecord] {
        let names = demo.nodes.map(\.id)
        var rest = Self.patienceMilliseconds / Self.pauseMilliseconds
        while true {
            var isBehind = false
            for node in demo.nodes {
                guard let address = node.adminAddress,
                    let answer = try? LocalHTTP.get("/admin/payments", from: address, seconds: 30)
                else { continue }
                if answer.status == 200 { return try records(answer.body, of: node) }
                isBehind = true
            }
            guard isBehind else {
                throw CommandFailure(
                    .unavailable, "\(names.joined(separator: ", ")): nobody answers",
                    at: folder.path,
                    remedy: "start them: sunny demo restart \(names.joined(separator: " ")) "
                        + "--dir \(folder.path)")
            }
            guard rest > 0 else {
                throw CommandFailure(
                    .tryAgain, "no node is up to date", at: folder.path,
                    remedy: "does a majority of \(names.joined(separator: ", ")) run? "
                        + "sunny demo status "
                        + "--dir \(folder.path)")
            }
            rest -= 1
            usleep(UInt32(Self.pauseMilliseconds) * 1000)
        }
    }

    /// An election takes a second or two.
    private static let patienceMilliseconds = 10_000
    private static let pauseMilliseconds = 200

    private func records(
        _ body: [UInt8], of node: DemoFile.Node
    ) throws(CommandFailure) -> [PaymentRecord] {
        var records: [PaymentRecord] = []
        for line in body.split(separator: UInt8(ascii: "\n")) {
            guard let record = JSON.decode(PaymentRecord.self, Array(line)) else {
                throw CommandFailure(
                    .unavailable, "\(node.id) tells payments in another form", at: node.admin,
                    remedy: "use the sunny that runs the node")
            }
            records.append(record)
        }
        return records
    }
}
