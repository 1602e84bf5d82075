import Acquirer
import ArgumentParser
import Environment
import Glibc
import Operations

struct ReconcileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile", abstract: "Hold the payments against the acquirers' journals.",
        discussion: """
            EXAMPLE:
              sunny reconcile --dir /tmp/shop
              sunny reconcile --admin 127.0.0.1:8081 --journal acquirer=acquirer.sqlite

            Of a demo, or of any nodes and acquirers; nodes that hold only some of the shards have \
            to be named all, with an --admin each. Changes nothing.

            Exit code 0 when both sides say the same; 1 when they contradict each other anywhere \
            (a break); 75 when they do not, and payments are still in flight after --wait; 69 when \
            a node does not answer.
            """)

    @Option(help: "A demo's folder.")
    var dir: String?

    @Option(parsing: .singleValue, help: "The admin address of a node.")
    var admin: [AddressArgument] = []

    @Option(
        parsing: .singleValue,
        help: "An acquirer's journal: NAME=FILE, where NAME is that of the link.")
    var journal: [JournalArgument] = []

    @OptionGroup var output: OutputOption

    @Option(help: "How many seconds to wait for what is in flight.")
    var wait = 60

    func validate() throws {
        guard (0...3600).contains(wait) else {
            throw ValidationError("--wait takes 0 to 3600 seconds")
        }
        guard (dir == nil) != (admin.isEmpty && journal.isEmpty),
            dir != nil || !admin.isEmpty && !journal.isEmpty
        else {
            throw ValidationError(
                "name what is to be compared: --dir FOLDER, or --admin and --journal")
        }
    }

    func run() throws {
        let sides = try sides()
        var report = try compare(sides)
        // What is in flight resolves by itself; a break may be one only for a moment.
        var rest = wait * 2
        while report.verdict != .balanced, rest > 0 {
            usleep(500_000)
            rest -= 1
            report = try compare(sides)
            if report.verdict == .broken, report.inFlight.isEmpty { break }
        }
        switch output.format {
        case .json: Console.print(ReconcileText.json(report))
        case .text: Console.print(ReconcileText.table(report))
        }
        switch report.verdict {
        case .balanced: return
        case .inFlight: throw ExitCode(ExitStatus.tryAgain.rawValue)
        case .broken: throw ExitCode(ExitStatus.failed.rawValue)
        }
    }

    /// Who is asked, and whose journals are read.
    private struct Sides {
        let nodes: [(name: String, address: SocketAddress)]
        let journals: [(name: String, path: String)]
        /// What helps when no node answers.
        let remedy: String
    }

    private func sides() throws(CommandFailure) -> Sides {
        guard let dir else {
            return Sides(
                nodes: admin.map { ("\($0.address)", $0.address) },
                journals: journal.map { ($0.name, $0.path) },
                remedy: "are these the admin ports of running nodes?")
        }
        let folder = DemoFolder(path: Files.absolute(dir))
        let demo = try folder.readDemo()
        return Sides(
            nodes: demo.nodes.compactMap { node in node.adminAddress.map { (node.id, $0) } },
            journals: demo.acquirers.map { ($0.id, $0.journal) },
            remedy: "start them: sunny demo restart "
                + demo.nodes.map(\.id).joined(separator: " ") + " --dir \(folder.path)")
    }

    private func compare(_ sides: Sides) throws(CommandFailure) -> ReconciliationReport {
        let before = try payments(sides)
        var journals: [(name: String, transactions: [AcquirerTransaction])] = []
        for (name, path) in sides.journals {
            do throws(AcquirerJournalError) {
                let reader = try AcquirerJournalReader(path: path)
                journals.append((name, try reader.transactions()))
            } catch {
                throw CommandFailure(
                    .unavailable, "\(error)", at: path,
                    remedy: "the journal of \(name) should be there, running or not")
            }
        }
        return Reconciliation.compare(
            before: before, journals: journals, after: try payments(sides))
    }

    /// What the nodes have told so far.
    private struct Told {
        var payments: [String: PaymentRecord] = [:]
        /// Shards whose payments were told, of all.
        var shards: Set<UInt32> = []
        var shardCount = 0
        var answered = false

        var isComplete: Bool { answered && shards.count == shardCount }
    }

    /// Every payment, once. A node that is up to date has all of the shards that it holds; as many
    /// nodes are asked as it takes for all shards.
    private func payments(_ sides: Sides) throws(CommandFailure) -> [PaymentRecord] {
        let names = sides.nodes.map(\.name).joined(separator: ", ")
        var rest = Self.patienceMilliseconds / Self.pauseMilliseconds
        while true {
            var told = Told()
            for (name, address) in sides.nodes where !told.isComplete {
                try ask(name, address, &told)
            }
            if told.isComplete {
                return told.payments.values.sorted { $0.id < $1.id }
            }
            guard told.answered else {
                throw CommandFailure(
                    .unavailable, "\(names): nobody answers", remedy: sides.remedy)
            }
            guard rest > 0 else {
                throw CommandFailure(
                    .tryAgain,
                    "\(told.shardCount - told.shards.count) of \(told.shardCount) shards are told "
                        + "by none of \(names)",
                    remedy: "name all nodes; does a majority of them run? sunny cluster status")
            }
            rest -= 1
            usleep(UInt32(Self.pauseMilliseconds) * 1000)
        }
    }

    private func ask(
        _ name: String, _ address: SocketAddress, _ told: inout Told
    ) throws(CommandFailure) {
        guard let answer = try? LocalHTTP.get("/admin/cluster", from: address, seconds: 30),
            let page = JSON.decode(ClusterPage.self, answer.body)
        else { return }
        told.answered = true
        told.shardCount = page.shards.count
        let held = page.shards.filter { $0.role != .elsewhere }.map(\.shard)
        guard !told.shards.isSuperset(of: held),
            let list = try? LocalHTTP.get("/admin/payments", from: address, seconds: 30),
            list.status == 200
        else { return }
        for record in try records(list.body, of: name, at: address) {
            told.payments[record.id] = record
        }
        told.shards.formUnion(held)
    }

    /// An election takes a second or two.
    private static let patienceMilliseconds = 10_000
    private static let pauseMilliseconds = 200

    private func records(
        _ body: [UInt8], of name: String, at address: SocketAddress
    ) throws(CommandFailure) -> [PaymentRecord] {
        var records: [PaymentRecord] = []
        for line in body.split(separator: UInt8(ascii: "\n")) {
            guard let record = JSON.decode(PaymentRecord.self, Array(line)) else {
                throw CommandFailure(
                    .unavailable, "\(name) tells payments in another form", at: "\(address)",
                    remedy: "use the sunny that runs the node")
            }
            records.append(record)
        }
        return records
    }
}

/// `HOST:PORT`.
struct AddressArgument: ExpressibleByArgument {
    let address: SocketAddress

    init?(argument: String) {
        guard let address = SocketAddress(argument), address.port > 0 else { return nil }
        self.address = address
    }
}

/// `NAME=FILE`.
struct JournalArgument: ExpressibleByArgument {
    let name: String
    let path: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else {
            return nil
        }
        name = String(argument[..<equals])
        path = String(argument[argument.index(after: equals)...])
        guard !path.isEmpty else { return nil }
    }
}
