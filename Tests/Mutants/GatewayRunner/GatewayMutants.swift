import Glibc
import Primitives
import Simulator

// Looks for one planted bug in the whole gateway, until a promise is broken.
//
//     gatewayMutants BUG simulate-gateway COUNT
//     gatewayMutants BUG simulate-gateway jurisdictions
//
// Plays so many seeds of every world, or seeds of one world without end. Prints each seed before it
// is played, as a trap finds a bug as well. Then what was found, and exits with 3; with 0 when
// nothing was found.

/// A world that seeds are played of.
private enum PlayedWorld: String, CaseIterable {
    /// Three nodes, and clients that contend.
    case contention
    /// Refunds of a merchant with a limit, which meet.
    case balance
    /// Six nodes in two jurisdictions.
    case jurisdictions

    func violation(_ seed: UInt64) -> String? {
        do {
            switch self {
            case .contention:
                var options = GatewayScenario.Options()
                options.nodeCount = 3
                return try GatewayScenario.run(seed: seed, options: options).violations.first
            case .balance:
                var options = BalanceScenario.Options()
                options.nodeCount = 3
                options.limit = Int64(seed % 3) * 5000
                return try BalanceScenario.run(seed: seed, options: options).violations.first
            case .jurisdictions:
                return try JurisdictionScenario.run(seed: seed).violations.first
            }
        } catch {
            return "\(error)"
        }
    }
}

@main
enum GatewayMutants {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 3, let number = Int(arguments[1]),
            arguments[2] == "simulate-gateway", let (worlds, seedCount) = selection(arguments[3])
        else {
            print("usage: gatewayMutants BUG simulate-gateway COUNT|WORLD")
            exit(64)
        }
        // No thread has been started that could read it meanwhile.
        plantedBug = number
        for seed in 1...seedCount {
            print("seed \(seed)")
            for world in worlds {
                guard let violation = world.violation(seed) else { continue }
                print("found \(GatewayShrinker.check(of: violation))")
                exit(3)
            }
        }
    }

    /// The worlds, and how many seeds of each.
    private static func selection(_ argument: String) -> ([PlayedWorld], UInt64)? {
        if let world = PlayedWorld(rawValue: argument) { return ([world], .max) }
        guard let count = UInt64(argument), count > 0 else { return nil }
        return (PlayedWorld.allCases, count)
    }
}
