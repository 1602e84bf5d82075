import Simulator
import Testing

/// Replicas hold checksums of their states against each other's.
@Suite struct StateFaultScenarioTests {
    @Test("a node whose books have changed is found and halts, and the others go on")
    func spoilt() throws {
        for seed in 1...4 as ClosedRange<UInt64> {
            let verdict = try StateFaultScenario.run(seed: seed, spoils: true)
            #expect(verdict.violations.isEmpty, "seed \(seed)")
            #expect(verdict.paymentCount > 0, "seed \(seed)")
            let name = try #require(verdict.spoiltName)
            // Once when it is found, and once when it is started with the same folder.
            #expect(verdict.haltedNames == [name, name], "seed \(seed)")
            for reason in verdict.reasons {
                #expect(reason.contains("2 of the 3 voters agree"), "seed \(seed)")
                #expect(reason.contains("remove the folder"), "seed \(seed)")
            }
            #expect(verdict.differenceCount > 0, "seed \(seed)")
            #expect(verdict.idleAskCount == 0, "seed \(seed)")
        }
    }

    @Test("where nothing breaks windows are compared, nobody halts, and idle groups ask nothing")
    func sound() throws {
        for seed in 1...3 as ClosedRange<UInt64> {
            let verdict = try StateFaultScenario.run(seed: seed, spoils: false)
            #expect(verdict.violations.isEmpty, "seed \(seed)")
            #expect(verdict.haltedNames.isEmpty, "seed \(seed)")
            #expect(verdict.comparedCount > 0, "seed \(seed)")
            #expect(verdict.differenceCount == 0, "seed \(seed)")
            #expect(verdict.idleAskCount == 0, "seed \(seed)")
        }
    }
}
