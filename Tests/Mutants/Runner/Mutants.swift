import CoreSimulator
import Glibc
import Primitives

// Looks for one planted bug, until a promise is broken.
//
//     mutants BUG FINDER COUNT
//
// The finder is what a bug's text calls it, with dashes: a simulation of so many seeds, or an
// explorer of so many worlds, the small ones first, or of the one of this name. Prints each seed or
// world before it is played, as a trap finds a bug as well; an explorer prints the way to what it
// has found. Then what was found, and exits with 3; with 0 when nothing was found.

@main
enum Mutants {
    /// What a finder says of one world: the first promise that was broken, or what was explored.
    enum Verdict {
        case broken(String)
        case kept(String)
    }

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 3, let number = Int(arguments[1]) else { fail() }
        let amount = arguments[3]
        // No thread has been started that could read it meanwhile.
        plantedBug = number
        switch arguments[2] {
        case "simulate-raft": play(amount) { CoreScenario.run(seed: $0).violations.first }
        case "liveness-worlds": play(amount, playLiveness)
        case "raft-model":
            explore(ModelBounds.small + ModelBounds.large, amount, \.name, explore)
        case "liveness-explorer":
            explore(
                ExploredPair.Bounds.small + ExploredPair.Bounds.large, amount, \.name, explore)
        default: fail()
        }
    }

    private static func fail() -> Never {
        print("usage: mutants BUG simulate-raft|liveness-worlds COUNT")
        print("       mutants BUG raft-model|liveness-explorer COUNT|WORLD")
        exit(64)
    }

    private static func found(_ violation: String) -> Never {
        print("found \(violation.prefix { $0 != ":" })")
        exit(3)
    }

    private static func play(_ amount: String, _ body: (UInt64) -> String?) {
        guard let seedCount = UInt64(amount), seedCount > 0 else { fail() }
        for seed in 1...seedCount {
            print("seed \(seed)")
            if let violation = body(seed) { found(violation) }
        }
    }

    private static func explore<Bounds>(
        _ worlds: [Bounds], _ amount: String, _ name: (Bounds) -> String,
        _ body: (Bounds) -> Verdict
    ) {
        let wanted =
            Int(amount).map { Array(worlds.prefix($0)) }
            ?? worlds.filter { name($0) == amount }
        guard !wanted.isEmpty else { fail() }
        for bounds in wanted {
            print("world \(name(bounds))")
            switch body(bounds) {
            case .broken(let violation): found(violation)
            case .kept(let summary): print(summary)
            }
        }
    }

    private static func explore(_ bounds: ModelBounds) -> Verdict {
        var explorer = ModelExplorer(bounds)
        do {
            try explorer.explore()
        } catch {
            preconditionFailure("\(bounds.name) cannot begin: \(error)")
        }
        guard let lines = explorer.violation, let last = lines.last else {
            return .kept(explorer.summary)
        }
        for line in lines { print(line) }
        return .broken(String(last.trimmingPrefix("violated: ")))
    }

    private static func explore(_ bounds: ExploredPair.Bounds) -> Verdict {
        var explorer = PairExplorer(bounds)
        explorer.explore()
        return explorer.violations.first.map { .broken($0) } ?? .kept(explorer.summary)
    }

    /// Half a minute of faults; a longer pause is left to the tests.
    private static func playLiveness(_ seed: UInt64) -> String? {
        var world = World(seed: seed)
        world.beginFaults()
        world.run(until: 30 * World.second)
        return world.violations.first
    }
}
