import Glibc
import Primitives
import Simulator

// Looks for one planted bug in the whole gateway, until a promise is broken.
//
//     gatewayMutants BUG simulate-gateway COUNT
//     gatewayMutants BUG simulate-gateway jurisdictions
//
// Plays so many seeds of the first two worlds, or seeds of one world without end; where there is no
// bug, so many of the two, and of the others a third. Prints each seed before it is played, as a
// trap finds a bug as well. Then what was found, and exits with 3; with 0 when nothing was found.

/// A world that seeds are played of.
private enum PlayedWorld: String, CaseIterable {
    /// Three nodes, and clients that contend.
    case contention
    /// Refunds of a merchant with a limit, which meet.
    case balance
    /// Six nodes in two jurisdictions.
    case jurisdictions
    /// Three nodes, of which one is followed and not told, and clients that look at them all.
    case deposed
    /// Three nodes, the first of which founds the cluster alone and loses power.
    case founder

    /// The worlds of a seed, where a bug names none.
    static func ofSeed(_ seed: UInt64, hasBug: Bool) -> [PlayedWorld] {
        seed.isMultiple(of: 3) && !hasBug ? allCases : [.contention, .balance]
    }

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
            case .deposed:
                return try DeposedScenario.run(seed: seed).violations.first
            case .founder:
                return try FounderScenario.run(seed: seed).violations.first
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
            arguments[2] == "simulate-gateway"
        else { usage() }
        let world = PlayedWorld(rawValue: arguments[3])
        guard let seedCount = world == nil ? UInt64(arguments[3]) : .max, seedCount > 0 else {
            usage()
        }
        // No thread has been started that could read it meanwhile.
        plantedBug = number
        for seed in 1...seedCount {
            print("seed \(seed)")
            for world in world.map({ [$0] }) ?? PlayedWorld.ofSeed(seed, hasBug: number > 0) {
                guard let violation = world.violation(seed) else { continue }
                print("found \(GatewayShrinker.check(of: violation))")
                exit(3)
            }
        }
    }

    private static func usage() -> Never {
        print("usage: gatewayMutants BUG simulate-gateway COUNT|WORLD")
        exit(64)
    }
}
