import Foundation
import Testing

/// `SUNNY_MODEL=1` explores larger bounds besides.
@Suite(.serialized) struct ExplorerTests {
    private static let isModel = ProcessInfo.processInfo.environment["SUNNY_MODEL"] == "1"

    /// The asker's clock as slow, and the supporter's as fast, as the margin allows: where a lease
    /// comes closest to the end of its promise.
    private static let worst: [[Int64]] = [[10, 11]]

    @Test("Within small bounds no lease outlives its promise: one asks, the other supports")
    func oneAsks() {
        let isAsking = [true, false]
        explore("any rates", .init(stepCount: 3, isAsking: isAsking))
        explore("worst rates", .init(stepCount: 7, isAsking: isAsking, rates: Self.worst))
        explore(
            "both crash",
            .init(stepCount: 3, crashCounts: [1, 1], isAsking: isAsking, rates: Self.worst))
        explore(
            "the supporter crashes and jumps",
            .init(
                stepCount: 3, crashCounts: [0, 1], jumpCounts: [0, 1], isAsking: isAsking,
                rates: Self.worst))
        explore(
            "the asker jumps",
            .init(stepCount: 4, jumpCounts: [1, 0], isAsking: isAsking, rates: Self.worst))
    }

    @Test("Within small bounds no lease outlives its promise: both ask")
    func bothAsk() {
        explore(
            "both ask",
            .init(stepCount: 3, isAsking: [true, true], rates: Self.worst, roundCountMax: 2))
        explore(
            "both ask, one crashes",
            .init(
                stepCount: 2, crashCounts: [1, 0], isAsking: [true, true], rates: Self.worst,
                roundCountMax: 1))
    }

    @Test("Within larger bounds no lease outlives its promise", .enabled(if: isModel))
    func larger() {
        let isAsking = [true, false]
        explore("any rates", .init(stepCount: 4, isAsking: isAsking))
        explore(
            "the asker crashes, any rates",
            .init(stepCount: 3, crashCounts: [1, 0], isAsking: isAsking))
        explore(
            "the supporter crashes, any rates",
            .init(stepCount: 3, crashCounts: [0, 1], isAsking: isAsking))
        explore(
            "both jump",
            .init(stepCount: 3, jumpCounts: [1, 1], isAsking: isAsking, rates: Self.worst))
        explore(
            "the supporter jumps, any rates",
            .init(stepCount: 3, jumpCounts: [0, 1], isAsking: isAsking))
        explore(
            "both ask", .init(stepCount: 3, isAsking: [true, true], rates: Self.worst))
        explore(
            "both ask, one crashes",
            .init(
                stepCount: 2, crashCounts: [1, 0], isAsking: [true, true],
                rates: [[10, 11], [11, 10]]))
    }

    private func explore(_ name: String, _ bounds: ExploredPair.Bounds) {
        var explorer = PairExplorer(bounds)
        explorer.explore()
        #expect(explorer.violations == [])
        #expect(explorer.leasedCount > 0)
        print(
            "liveness explorer, \(name), \(bounds.stepCount) steps:",
            "\(explorer.stateCount) states, \(explorer.transitionCount) transitions,",
            "\(explorer.leasedCount) with a lease, \(explorer.withdrawnCount) with a withdrawal;",
            "frontier exhausted")
    }
}
