import Simulator
import Testing

/// A node whose journal decays while it is down is repaired by its peers.
@Suite struct DamageScenarioTests {
    @Test("a node that has lost acknowledged entries comes back, and has everything again")
    func decay() throws {
        var coveredCount = 0
        var recoveringCount = 0
        for seed in 1...12 as ClosedRange<UInt64> {
            let verdict = try DamageScenario.run(seed: seed)
            #expect(verdict.violations.isEmpty, "seed \(seed)")
            #expect(verdict.paymentCount > 0, "seed \(seed)")
            #expect(verdict.damageCount > 0, "seed \(seed)")
            coveredCount += verdict.coveredCount
            recoveringCount += verdict.recoveringCount
        }
        #expect(coveredCount > 0)
        #expect(recoveringCount > 0)
    }
}
