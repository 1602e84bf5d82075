import Simulator
import Testing

/// A node that was away for too long comes back by snapshots.
@Suite struct SnapshotScenarioTests {
    @Test("a node that lacks what its peers' logs have let go of takes their state over")
    func away() throws {
        for seed in 1...6 as ClosedRange<UInt64> {
            let verdict = try SnapshotScenario.run(seed: seed)
            #expect(verdict.violations.isEmpty, "seed \(seed)")
            #expect(verdict.paymentCount > 0, "seed \(seed)")
            #expect(verdict.madeCount >= 1, "seed \(seed)")
            #expect(verdict.installedCount >= 1, "seed \(seed)")
            #expect(verdict.installedShardCount >= 1, "seed \(seed)")
            #expect(!verdict.staleRowsRemain, "seed \(seed)")
        }
    }

    @Test("it may be ended at any moment while it does")
    func crashes() throws {
        var options = SnapshotScenario.Options()
        options.crashCount = 6
        var unmarkedStartCount = 0
        for seed in 1...12 as ClosedRange<UInt64> {
            let verdict = try SnapshotScenario.run(seed: seed, options: options)
            #expect(verdict.violations.isEmpty, "seed \(seed)")
            #expect(verdict.installedShardCount >= 1, "seed \(seed)")
            #expect(!verdict.staleRowsRemain, "seed \(seed)")
            unmarkedStartCount += verdict.unmarkedStartCount
        }
        #expect(unmarkedStartCount > 0)
    }

    @Test("where every disk is full the snapshot waits, and nobody halts")
    func fullDisks() throws {
        var options = SnapshotScenario.Options()
        options.fullDiskDuration = .seconds(6)
        for seed in 1...4 as ClosedRange<UInt64> {
            let verdict = try SnapshotScenario.run(seed: seed, options: options)
            #expect(verdict.violations.isEmpty, "seed \(seed)")
            #expect(verdict.installedCount >= 1, "seed \(seed)")
        }
    }

    @Test("a seed goes the same way twice")
    func deterministic() throws {
        let first = try SnapshotScenario.run(seed: 3)
        let second = try SnapshotScenario.run(seed: 3)
        #expect(first.traceHash == second.traceHash)
    }
}
