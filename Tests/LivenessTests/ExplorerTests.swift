import Foundation
import Testing

/// `SUNNY_MODEL=1` explores larger bounds besides.
@Suite(.serialized) struct ExplorerTests {
    private static let isModel = ProcessInfo.processInfo.environment["SUNNY_MODEL"] == "1"

    @Test("Within small bounds no lease outlives its promise: one asks, the other supports")
    func oneAsks() {
        for bounds in ExploredPair.Bounds.oneAsks { explore(bounds) }
    }

    @Test("Within small bounds no lease outlives its promise: both ask")
    func bothAsk() {
        for bounds in ExploredPair.Bounds.bothAsk { explore(bounds) }
    }

    @Test("Within larger bounds no lease outlives its promise", .enabled(if: isModel))
    func larger() {
        for bounds in ExploredPair.Bounds.large { explore(bounds) }
    }

    private func explore(_ bounds: ExploredPair.Bounds) {
        var explorer = PairExplorer(bounds)
        explorer.explore()
        #expect(explorer.violations == [])
        #expect(explorer.leasedCount > 0)
        print("liveness explorer, \(explorer.summary)")
    }
}
