import ArgumentParser
import Foundation
import Linearizability
import Node
import Simulator

struct SimulateGatewayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway", abstract: "Nodes, one acquirer, clients and faults.",
        discussion: """
            EXAMPLE:
              sunny simulate gateway --nodes 3 --seeds 1..200
              sunny simulate gateway --nodes 3 --seed 42 --history history.ndjson
              sunny simulate gateway --seed 42 --faults seed-42.faults --trace

            What clients saw has to be linearizable for every payment. Of the first seed that \
            fails, the history is kept, and its faults, clients and payments are removed one after \
            the other while the same check fails: what is left is a script that --faults plays.
            """)

    @OptionGroup
    var seeds: SeedRange

    @Flag(help: "Print every step. With one seed only.")
    var trace = false

    @Flag(help: "Run each seed twice and compare the traces.")
    var twice = false

    @Option(help: "How many nodes the cluster has: 1, 3, 5, 7 or 9.")
    var nodes = 1

    @Option(help: "How many shards the merchants have, one of which is asked.")
    var shards = 2

    @Option(help: "Payments of each of the four clients.")
    var payments = 20

    @Option(
        help: "Play this script's faults and sizes in place of the seed's. One seed only.")
    var faults: String?

    @Option(help: "Write what the clients saw to this file, one request a line. One seed only.")
    var history: String?

    @Option(help: "The folder for the history and the script of a seed that fails.")
    var keep: String?

    @Flag(inversion: .prefixedNo, help: "Cut the first seed that fails down to what it needs.")
    var shrink = true

    @Option(help: "table or json (one line for each seed).")
    var output: OutputFormat = .table

    enum OutputFormat: String, ExpressibleByArgument {
        case table, json
    }

    func validate() throws {
        for (option, isGiven) in [
            ("--trace", trace), ("--faults", faults != nil), ("--history", history != nil),
        ] where isGiven && seeds.seed == nil {
            throw ValidationError("\(option) goes with --seed S")
        }
        guard [1, 3, 5, 7, 9].contains(nodes) else {
            throw ValidationError("--nodes takes 1, 3, 5, 7 or 9")
        }
        guard (1...NodeConfiguration.shardCountMax).contains(shards) else {
            throw ValidationError("--shards takes 1 to \(NodeConfiguration.shardCountMax)")
        }
        guard (1...1000).contains(payments) else {
            throw ValidationError("--payments takes 1 to 1000")
        }
    }

    func run() throws {
        let options = try readOptions()
        var failures: [(seed: UInt64, problem: String)] = []
        var stepCount: UInt64 = 0
        var paymentCount = 0
        var virtual = Duration.zero
        let range = try seeds.range()
        let begun = ContinuousClock.now
        for seed in range {
            do {
                let verdict = try GatewayScenario.run(seed: seed, options: options)
                stepCount += verdict.stepCount
                paymentCount += verdict.paymentCount
                virtual += verdict.virtualDuration
                let problems = verdict.violations + (try repeated(verdict, options))
                report(verdict, problems)
                if let history { try write(verdict.history.ndjson, to: history) }
                guard let problem = problems.first else { continue }
                if failures.isEmpty { try keepHistory(of: verdict) }
                failures.append((seed, problem))
            } catch let failure as WorldFailure {
                print("seed \(seed) FAILED to run: \(failure)")
                failures.append((seed, "\(failure)"))
            }
        }
        if output == .table {
            // With the traces and histories that were written, and each seed once.
            let speed = virtual / (ContinuousClock.now - begun)
            print(
                "\(Int(virtual / .seconds(1))) s of virtual time, \(Int(speed)) times as fast as a "
                    + "clock")
            print(
                "\(range.count) seeds, \(paymentCount) payments, \(stepCount) steps: "
                    + (failures.isEmpty
                        ? "every promise was kept" : "\(failures.count) FAILED"))
        }
        guard let first = failures.first else { return }
        if shrink { try shrink(first.seed, first.problem, options) }
        throw ExitCode(1)
    }

    private func readOptions() throws -> GatewayScenario.Options {
        var options = GatewayScenario.Options()
        options.paymentCount = payments
        options.nodeCount = nodes
        options.shardCount = shards
        if let faults {
            let text = String(decoding: try Data(contentsOf: URL(filePath: faults)), as: UTF8.self)
            do {
                options = options.playing(try GatewayScript(text))
            } catch {
                throw ValidationError("\(faults): \(error)")
            }
        }
        if trace { options.onTraceLine = { print($0) } }
        return options
    }

    private func repeated(
        _ verdict: GatewayScenario.Verdict, _ options: GatewayScenario.Options
    ) throws -> [String] {
        guard twice else { return [] }
        let second = try GatewayScenario.run(seed: verdict.seed, options: options)
        guard second.traceHash != verdict.traceHash else { return [] }
        return ["P8 a second run of the seed went another way"]
    }

    // MARK: A seed that fails

    private func keptFile(_ seed: UInt64, _ ending: String) throws -> String {
        let folder =
            keep.map { URL(filePath: $0) }
            ?? FileManager.default.temporaryDirectory.appending(path: "sunny-simulate")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.appending(path: "seed-\(seed).\(ending)").path
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(filePath: path))
    }

    private func keepHistory(of verdict: GatewayScenario.Verdict) throws {
        let path = try keptFile(verdict.seed, "ndjson")
        try write(verdict.history.ndjson, to: path)
        if output == .table { print("  what its clients saw: \(path)") }
    }

    private func shrink(
        _ seed: UInt64, _ problem: String, _ options: GatewayScenario.Options
    ) throws {
        var quiet = options
        quiet.onTraceLine = nil
        let script = try GatewayScenario.script(seed: seed, options: quiet)
        var shrinker = GatewayShrinker(
            seed: seed, options: quiet, script: script, violation: problem)
        let result = try shrinker.shrink()
        let path = try keptFile(seed, "faults")
        let lines = "# seed \(seed): \(result.violation.split(separator: "\n").first ?? "")\n"
        try write(Array((lines + result.script.text).utf8), to: path)
        guard output == .table else { return }
        print(
            "seed \(seed), \(script.faults.count) faults cut down to "
                + "\(result.script.faults.count) in \(result.runCount) runs, breaks:")
        print("  \(result.violation)")
        print("with these sizes and faults (\(path)):")
        for line in result.script.text.split(separator: "\n") { print("  \(line)") }
        print("look at it with: sunny simulate gateway --seed \(seed) --faults \(path) --trace")
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
