import CoreSimulator
import Linearizability
import Testing

/// Consensus in its seeded world. `sunny simulate raft` plays more seeds.
@Suite struct CoreScenarioTests {
    @Test("every promise is kept", arguments: [1...75, 76...150] as [ClosedRange<UInt64>])
    func seeds(range: ClosedRange<UInt64>) {
        var damageCount = 0
        for seed in range {
            let verdict = CoreScenario.run(seed: seed)
            #expect(verdict.violations == [], "sunny simulate raft --seed \(seed) --trace")
            #expect(verdict.answeredCount > 100, "seed \(seed) did nothing")
            damageCount += verdict.faultCounts.first { $0.name == "damaged entry" }?.count ?? 0
        }
        #expect(damageCount > 0)
    }

    /// Each of them failed once: the trap, the lost window, the late heartbeat, the lost snapshot.
    @Test("seeds that found something", arguments: [1, 3, 39, 75, 87, 123, 137] as [UInt64])
    func regressions(seed: UInt64) {
        #expect(CoreScenario.run(seed: seed).violations == [])
    }

    @Test("a seed gives one history, and two seeds give two")
    func deterministic() {
        let first = CoreScenario.run(seed: 7)
        let second = CoreScenario.run(seed: 7)
        #expect(first.traceHash == second.traceHash)
        #expect(first.history == second.history)
        #expect(first.traceHash != CoreScenario.run(seed: 8).traceHash)
    }

    @Test("what clients saw can be written and read again")
    func export() throws {
        let history = CoreScenario.run(seed: 5).history
        #expect(try History<RegisterModel>(ndjson: history.ndjson) == history)
    }
}
