import CoreSimulator
import Glibc
import Primitives

// Looks for one planted bug, until a promise is broken.
//
//     mutants BUG FINDER SEED-MAX
//
// The finder is what a bug's text calls it, with dashes: a simulation of up to so many seeds, or an
// explorer, which has worlds with names and no seeds. Prints each seed or world before it is
// played, as a trap finds a bug as well; then what was found, and exits with 3. With 0 when nothing
// was found.

@main
enum Mutants {
    /// What a finder says of one world: the first promise that was broken, or what was explored.
    enum Verdict {
        case broken(String)
        case kept(String)
    }

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 3, let number = Int(arguments[1]), let seedMax = UInt64(arguments[3])
        else { fail() }
        // No thread has been started that could read it meanwhile.
        plantedBug = number
        switch arguments[2] {
        case "simulate-raft": play(seedMax) { CoreScenario.run(seed: $0).violations.first }
        case "liveness-worlds": play(seedMax, playLiveness)
        case "raft-model":
            for bounds in ModelBounds.small + ModelBounds.large {
                explore(bounds.name, explore, bounds)
            }
        case "liveness-explorer":
            for bounds in ExploredPair.Bounds.small + ExploredPair.Bounds.large {
                explore(bounds.name, explore, bounds)
            }
        default: fail()
        }
    }

    private static func fail() -> Never {
        print("usage: mutants BUG simulate-raft|liveness-worlds|raft-model|liveness-explorer SEEDS")
        exit(64)
    }

    private static func found(_ violation: String) -> Never {
        print("found \(violation.prefix { $0 != ":" })")
        exit(3)
    }

    private static func play(_ seedMax: UInt64, _ body: (UInt64) -> String?) {
        for seed in 1...max(1, seedMax) {
            print("seed \(seed)")
            if let violation = body(seed) { found(violation) }
        }
    }

    private static func explore<Bounds>(
        _ name: String, _ body: (Bounds) -> Verdict, _ bounds: Bounds
    ) {
        print("world \(name)")
        switch body(bounds) {
        case .broken(let violation): found(violation)
        case .kept(let summary): print(summary)
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
