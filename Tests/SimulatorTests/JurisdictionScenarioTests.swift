import Simulator
import Testing

/// Two jurisdictions in one cluster.
@Suite struct JurisdictionScenarioTests {
    @Test("cards stay in their jurisdiction, each region has its links, and a lie is forgotten")
    func twoJurisdictions() throws {
        for seed in 1...3 as ClosedRange<UInt64> {
            let verdict = try JurisdictionScenario.run(seed: seed)
            #expect(verdict.violations.isEmpty, "seed \(seed)")
            #expect(verdict.paymentCount > 0, "seed \(seed)")
            #expect(verdict.strayCount == 0, "seed \(seed)")
            #expect(verdict.leakCount == 0, "seed \(seed)")
            #expect(verdict.linkShardCount == 6, "seed \(seed)")
            #expect(verdict.laterEpoch + 1_000_000 <= verdict.toldEpoch + 100, "seed \(seed)")
        }
    }
}
