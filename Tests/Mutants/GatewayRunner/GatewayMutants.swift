import Glibc
import Primitives
import Simulator

// Looks for one planted bug in the whole gateway, until a promise is broken.
//
//     gatewayMutants BUG simulate-gateway COUNT
//
// Prints each seed before it is played, as a trap finds a bug as well. Then what was found, and
// exits with 3; with 0 when nothing was found.

@main
enum GatewayMutants {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 3, let number = Int(arguments[1]),
            arguments[2] == "simulate-gateway", let seedCount = UInt64(arguments[3]), seedCount > 0
        else {
            print("usage: gatewayMutants BUG simulate-gateway COUNT")
            exit(64)
        }
        // No thread has been started that could read it meanwhile.
        plantedBug = number
        var options = GatewayScenario.Options()
        options.nodeCount = 3
        for seed in 1...seedCount {
            print("seed \(seed)")
            guard let violation = violation(seed, options) else { continue }
            print("found \(GatewayShrinker.check(of: violation))")
            exit(3)
        }
    }

    /// Refunds of a merchant with a limit, which meet.
    private static func balanceViolation(_ seed: UInt64) throws -> String? {
        var options = BalanceScenario.Options()
        options.nodeCount = 3
        options.limit = Int64(seed % 3) * 5000
        return try BalanceScenario.run(seed: seed, options: options).violations.first
    }

    private static func violation(
        _ seed: UInt64, _ options: GatewayScenario.Options
    ) -> String? {
        do {
            let found = try GatewayScenario.run(seed: seed, options: options).violations.first
            return try found ?? balanceViolation(seed)
        } catch {
            return "\(error)"
        }
    }
}
