import Simulator
import Testing

/// Refunds of a merchant whose balance may go so far below zero.
@Suite struct BalanceScenarioTests {
    @Test("refunds that meet never take a merchant below its limit", arguments: [1, 3])
    func limits(nodeCount: Int) throws {
        var options = BalanceScenario.Options()
        options.nodeCount = nodeCount
        var (refundCount, refusedCount) = (0, 0)
        for seed in 1...(nodeCount == 1 ? 16 : 8) as ClosedRange<UInt64> {
            options.limit = Int64(seed % 3) * 5000
            let verdict = try BalanceScenario.run(seed: seed, options: options)
            #expect(verdict.violations.isEmpty, "seed \(seed)")
            refundCount += verdict.refundCount
            refusedCount += verdict.refusedCount
        }
        print("balances, \(nodeCount) nodes: \(refundCount) refunds, \(refusedCount) refused")
        #expect(refundCount > 50 && refusedCount > 10)
    }
}
