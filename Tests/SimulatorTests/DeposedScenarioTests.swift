import Simulator
import Testing

/// Nodes that were followed by others and do not know it yet.
@Suite struct DeposedScenarioTests {
    @Test("a node that is not told who followed it says nothing that is not so any more")
    func deposed() throws {
        var (cutCount, requestCount) = (0, 0)
        for seed in 1...4 as ClosedRange<UInt64> {
            let verdict = try DeposedScenario.run(seed: seed)
            #expect(verdict.violations.isEmpty, "seed \(seed)")
            cutCount += verdict.faultCounts["partition one way"] ?? 0
            requestCount += verdict.requestCount
        }
        print("deposed: \(cutCount) links cut, \(requestCount) requests")
        // Two links each time, about ten times a run; and looks between them.
        #expect(cutCount > 40 && requestCount > 4000)
    }
}
