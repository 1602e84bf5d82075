import Simulator
import Testing

/// Nodes that were followed by others and do not know it yet.
@Suite struct DeposedScenarioTests {
    @Test("a node that is cut off while it serves says nothing that is not so any more")
    func deposed() throws {
        var (cutCount, requestCount) = (0, 0)
        for seed in 1...4 as ClosedRange<UInt64> {
            let verdict = try DeposedScenario.run(seed: seed)
            #expect(verdict.violations.isEmpty, "seed \(seed)")
            cutCount += verdict.faultCounts["partition"] ?? 0
            requestCount += verdict.requestCount
        }
        print("deposed: \(cutCount) links cut, \(requestCount) requests")
        // Two links for each cut, about eight times a run; and looks between them.
        #expect(cutCount > 40 && requestCount > 4000)
    }
}
