import Primitives

/// One seeded run of three nodes. Now and then the disk of one stalls, so that it gives away what
/// it leads, and it stops hearing the others just about then: it is followed by another and is not
/// told, while clients go on asking it. What it says meanwhile has to be as the other has it.
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

    /// A node asks another to follow it once a write has taken half a second. It must have heard of
    /// that one shortly before, and nothing any more afterwards.
    private static func faults(seed: UInt64, through end: Int64) -> [GatewayFault] {
        var random = SeededRandom(seed: derivedSeed(seed, "deposed"))
        var faults: [GatewayFault] = []
        var at: Int64 = 4000
        while at < end {
            let deposed = Int.random(in: 0..<nodeCount, using: &random)
            let duration = Int64.random(in: 2500...4000, using: &random)
            let deafAfter = Int64.random(in: 350...750, using: &random)
            faults.append(GatewayFault(at: at, .stall(node: deposed, milliseconds: duration)))
            for other in 0..<nodeCount where other != deposed {
                let cut = GatewayFault.Kind.partition(
                    .node(other), .node(deposed), isOneWay: true, milliseconds: duration)
                faults.append(GatewayFault(at: at + deafAfter, cut))
            }
            at += duration + deafAfter + Int64.random(in: 1000...2000, using: &random)
        }
        return faults
    }
}
