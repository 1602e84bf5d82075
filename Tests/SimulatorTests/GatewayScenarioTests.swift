import Simulator
import Testing

/// The whole gateway in the world: one node, one acquirer, clients and faults.
@Suite struct GatewayScenarioTests {
    @Test("200 seeds keep every promise", arguments: 0..<4)
    func seeds(part: UInt64) throws {
        for seed in (part * 50 + 1)...(part * 50 + 50) {
            let verdict = try GatewayScenario.run(seed: seed)
            #expect(verdict.violations.isEmpty, "seed \(seed)")
            #expect(verdict.paymentCount > 0, "seed \(seed)")
        }
    }

    @Test("a hold that nobody captures is given back in time, and never before")
    func expiry() throws {
        var expiredHoldCount = 0
        for seed in 1...8 as ClosedRange<UInt64> {
            var options = GatewayScenario.Options()
            options.hasFaults = false
            let verdict = try GatewayScenario.run(seed: seed, options: options)
            #expect(verdict.violations.isEmpty, "seed \(seed)")
            expiredHoldCount += verdict.expiredHoldCount
        }
        #expect(expiredHoldCount > 8)
    }

    @Test("a seed goes the same way twice, and another seed another way")
    func deterministic() throws {
        var hashes = Set<UInt64>()
        for seed in 1...5 as ClosedRange<UInt64> {
            let first = try GatewayScenario.run(seed: seed)
            let second = try GatewayScenario.run(seed: seed)
            #expect(first.traceHash == second.traceHash)
            #expect(first.stepCount == second.stepCount)
            hashes.insert(first.traceHash)
        }
        #expect(hashes.count == 5)
    }

    @Test("every kind of fault happens")
    func coverage() throws {
        var counts: [String: Int] = [:]
        for seed in 1...12 as ClosedRange<UInt64> {
            let verdict = try GatewayScenario.run(seed: seed)
            #expect(verdict.expiredHoldCount > 0)
            for (fault, count) in verdict.faultCounts { counts[fault, default: 0] += count }
        }
        let expected = [
            "power loss of the node", "kill of the node", "kill of the acquirer", "partition",
            "reset of the link", "stall of the node's disk", "pause of the node",
            "jump of the wall clock", "silence", "late answer", "duplicate answer",
            "disconnect before", "disconnect after", "delay",
        ]
        for fault in expected { #expect(counts[fault, default: 0] > 0, "\(fault)") }
    }
}
