import ArgumentParser
import Simulator

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

struct SimulateGatewayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway", abstract: "Nodes, one acquirer, clients and faults.")

    @OptionGroup
    var seeds: SeedRange

    @Flag(help: "Print every step. With one seed only.")
    var trace = false

    @Flag(help: "Run each seed twice and compare the traces.")
    var twice = false

    @Option(help: "How many nodes the cluster has: 1, 3, 5 or 7.")
    var nodes = 1

    @Option(help: "Payments of each of the four clients.")
    var payments = 20

    @Option(help: "table or json (one line for each seed).")
    var output: OutputFormat = .table

    enum OutputFormat: String, ExpressibleByArgument {
        case table, json
    }

    func validate() throws {
        if trace, seeds.seed == nil { throw ValidationError("--trace goes with --seed S") }
        guard [1, 3, 5, 7].contains(nodes) else {
            throw ValidationError("--nodes takes 1, 3, 5 or 7")
        }
        guard (1...1000).contains(payments) else {
            throw ValidationError("--payments takes 1 to 1000")
        }
    }

    func run() throws {
        var options = GatewayScenario.Options()
        options.paymentCount = payments
        options.nodeCount = nodes
        if trace { options.onTraceLine = { print($0) } }
        var failedSeeds: [UInt64] = []
        var stepCount: UInt64 = 0
        var paymentCount = 0
        let range = try seeds.range()
        for seed in range {
            let problems: [String]
            do {
                let verdict = try GatewayScenario.run(seed: seed, options: options)
                stepCount += verdict.stepCount
                paymentCount += verdict.paymentCount
                problems = verdict.violations + (try repeated(verdict, options))
                report(verdict, problems)
            } catch {
                problems = ["\(error)"]
                print("seed \(seed) FAILED to run: \(error)")
            }
            if !problems.isEmpty { failedSeeds.append(seed) }
        }
        guard output == .table else {
            if !failedSeeds.isEmpty { throw ExitCode(1) }
            return
        }
        print(
            "\(range.count) seeds, \(paymentCount) payments, \(stepCount) steps: "
                + (failedSeeds.isEmpty ? "every promise was kept" : "\(failedSeeds.count) FAILED"))
        if let first = failedSeeds.first {
            print(
                "look at one with: sunny simulate gateway --nodes \(nodes) --seed \(first) --trace")
            throw ExitCode(1)
        }
    }

    private func repeated(
        _ verdict: GatewayScenario.Verdict, _ options: GatewayScenario.Options
    ) throws -> [String] {
        guard twice else { return [] }
        let second = try GatewayScenario.run(seed: verdict.seed, options: options)
        guard second.traceHash != verdict.traceHash else { return [] }
        return ["P8 a second run of the seed went another way"]
    }

    private func report(_ verdict: GatewayScenario.Verdict, _ problems: [String]) {
        switch output {
        case .json:
            let faults = verdict.faultCounts.sorted { $0.key < $1.key }
                .map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
            print(
                "{\"seed\":\(verdict.seed),\"trace\":\"\(String(verdict.traceHash, radix: 16))\","
                    + "\"steps\":\(verdict.stepCount),\"payments\":\(verdict.paymentCount),"
                    + "\"requests\":\(verdict.requestCount),\"starts\":\(verdict.nodeStartCount),"
                    + "\"violations\":\(problems.count),\"faults\":{\(faults)}}")
        case .table where !problems.isEmpty:
            print("seed \(verdict.seed) FAILED")
            for problem in problems { print("  \(problem)") }
        case .table where seeds.seed != nil:
            print(
                "seed \(verdict.seed): trace \(String(verdict.traceHash, radix: 16)), "
                    + "\(verdict.stepCount) steps, \(verdict.virtualDuration) of virtual time, "
                    + "\(verdict.paymentCount) payments, \(verdict.requestCount) requests, "
                    + "\(verdict.nodeStartCount) starts of the node")
        case .table:
            break
        }
    }
}
