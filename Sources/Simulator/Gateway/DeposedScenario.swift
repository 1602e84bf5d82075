import Primitives

/// One seeded run of three nodes that are cut off from each other, one after the other, and go on
/// hearing clients. Whoever is cut off while it serves is followed by another before it knows;
/// what it says meanwhile has to be as the other has it.
public enum DeposedScenario {
    public static func run(seed: UInt64) throws -> GatewayScenario.Verdict {
        var options = GatewayScenario.Options()
        options.nodeCount = nodeCount
        // Two for each node.
        options.lookerCount = 2 * nodeCount
        options.faults = faults(seed: seed, through: options.faultDuration.wholeMilliseconds)
        return try GatewayScenario.run(seed: seed, options: options)
    }

    private static let nodeCount = 3

    /// Each is cut off for longer than an election takes, and is back before the next one is.
    private static func faults(seed: UInt64, through end: Int64) -> [GatewayFault] {
        var random = SeededRandom(seed: derivedSeed(seed, "deposed"))
        var faults: [GatewayFault] = []
        var at: Int64 = 4000
        while at < end {
            let cut = Int.random(in: 0..<nodeCount, using: &random)
            let milliseconds = Int64.random(in: 3000...6000, using: &random)
            for other in 0..<nodeCount where other != cut {
                faults.append(
                    GatewayFault(
                        at: at,
                        .partition(
                            .node(cut), .node(other), isOneWay: false, milliseconds: milliseconds)))
            }
            at += milliseconds + Int64.random(in: 1500...3000, using: &random)
        }
        return faults
    }
}
