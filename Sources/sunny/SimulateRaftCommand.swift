import ArgumentParser
import CoreSimulator
import Foundation
import Linearizability

/// `sunny simulate raft`: consensus alone, millions of events a second.
struct SimulateRaftCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "raft", abstract: "Consensus, leases and membership under faults.",
        discussion: """
            EXAMPLE:
              sunny simulate raft --seeds 1..1000
              sunny simulate raft --seed 42 --trace
              sunny simulate raft --seed 42 --history history.ndjson

            Three or five nodes with one to three groups each: clients read and write registers \
            while messages are lost, doubled and late, links are cut one way or both, disks stall, \
            clocks drift and jump, processes pause and die with unsynced writes, and an operator \
            changes members and leaders. An observer who sees everything checks each event; then \
            all is mended, everybody has to catch up and fall silent, and what clients saw has to \
            be linearizable. Exit code 0 when every promise was kept, 1 when one was not.
            """)

    @OptionGroup
    var seeds: SeedRange

    @Flag(help: "Print every message and fault. With one seed only.")
    var trace = false

    @Flag(help: "Run each seed twice and compare the traces.")
    var twice = false

    @Option(help: "Write what the clients saw to this file, one operation a line. One seed only.")
    var history: String?

    @Option(help: "table or json (one line for each seed).")
    var output: SimulateGatewayCommand.OutputFormat = .table

    func validate() throws {
        if trace, seeds.seed == nil { throw ValidationError("--trace goes with --seed S") }
        if history != nil, seeds.seed == nil {
            throw ValidationError("--history goes with --seed S")
        }
    }

    func run() throws {
        var options = CoreScenario.Options()
        if trace { options.onTraceLine = { print($0) } }
        var failedSeeds: [UInt64] = []
        var eventCount: UInt64 = 0
        var operationCount = 0
        let range = try seeds.range()
        let begun = ContinuousClock.now
        for seed in range {
            let verdict = CoreScenario.run(seed: seed, options: options)
            eventCount += verdict.eventCount
            operationCount += verdict.answeredCount
            let problems = verdict.violations + repeated(verdict)
            if !problems.isEmpty { failedSeeds.append(seed) }
            report(verdict, problems)
            if let history {
                try Data(verdict.history.ndjson).write(to: URL(fileURLWithPath: history))
            }
        }
        let seconds = Double((ContinuousClock.now - begun) / .milliseconds(1)) / 1000
        if output == .table {
            let rate = Int(Double(eventCount) / max(seconds, 0.001))
            print(
                "\(range.count) seeds, \(operationCount) operations, \(eventCount) events, "
                    + "\(rate) a second: "
                    + (failedSeeds.isEmpty
                        ? "every promise was kept" : "\(failedSeeds.count) FAILED"))
            if let first = failedSeeds.first {
                print("look at one with: sunny simulate raft --seed \(first) --trace")
            }
        }
        if !failedSeeds.isEmpty { throw ExitCode(1) }
    }

    private func repeated(_ verdict: CoreScenario.Verdict) -> [String] {
        guard twice else { return [] }
        let second = CoreScenario.run(seed: verdict.seed)
        guard second.traceHash != verdict.traceHash else { return [] }
        return ["P8 a second run of the seed went another way"]
    }

    private func report(_ verdict: CoreScenario.Verdict, _ problems: [String]) {
        let hash = String(verdict.traceHash, radix: 16)
        switch output {
        case .json:
            let faults = verdict.faultCounts.map { "\"\($0.name)\":\($0.count)" }
                .joined(separator: ",")
            print(
                "{\"seed\":\(verdict.seed),\"trace\":\"\(hash)\",\"events\":\(verdict.eventCount),"
                    + "\"operations\":\(verdict.operationCount),"
                    + "\"answered\":\(verdict.answeredCount),"
                    + "\"committed\":\(verdict.committedCount),"
                    + "\"violations\":\(problems.count),\"faults\":{\(faults)}}")
        case .table:
            if !problems.isEmpty {
                print("seed \(verdict.seed) FAILED")
                for problem in problems { print("  \(problem)") }
            } else if seeds.seed != nil {
                print(
                    "seed \(verdict.seed): trace \(hash), \(verdict.eventCount) events, "
                        + "\(verdict.virtualDuration) of virtual time, "
                        + "\(verdict.answeredCount) of \(verdict.operationCount) operations "
                        + "answered, \(verdict.committedCount) entries committed")
            }
        }
    }
}
