import CoreSimulator
import Glibc
import Primitives

// Plays seeds with one bug planted, until a promise is broken.
//
//     mutants BUG FIRST LAST
//
// Prints the seed and what was found, and exits with 3; with 0 when nothing was found. A trap finds
// a bug as well; the seed is printed before it is played.

@main
enum Mutants {
    static func main() {
        let numbers = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
        guard numbers.count == 3, numbers[1] <= numbers[2] else {
            print("usage: mutants BUG FIRST LAST")
            exit(64)
        }
        // No thread has been started that could read it meanwhile.
        plantedBug = Int(numbers[0])
        for seed in numbers[1]...numbers[2] {
            print("seed \(seed)")
            let verdict = CoreScenario.run(seed: seed)
            guard let violation = verdict.violations.first else { continue }
            print("found \(violation.prefix { $0 != ":" })")
            exit(3)
        }
    }
}
