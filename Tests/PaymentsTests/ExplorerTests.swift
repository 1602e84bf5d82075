import Foundation
import Payments
import Testing

@Suite("Every state that small bounds allow keeps the promises")
struct ExplorerTests {
    /// `make model` goes further.
    private static let isLarge = ProcessInfo.processInfo.environment["SUNNY_MODEL"] != nil

    private func explore(_ name: String, _ bounds: ExplorerBounds, statuses: Int) {
        var explorer = Explorer(bounds)
        explorer.explore()
        print("\(name): \(explorer.stateCount) states, \(explorer.decisionCount) decisions")
        #expect(explorer.violations == [])
        #expect(explorer.statuses.count == statuses)
        #expect(explorer.stateCount > 250)
    }

    @Test("attempts, unknown outcomes, late approvals and challenges")
    func attempts() {
        explore(
            "attempts",
            ExplorerBounds(
                attemptCountMax: 2, reversalCountMax: 2, challengeCountMax: Self.isLarge ? 6 : 4,
                refundCountMax: Self.isLarge ? 1 : 0), statuses: 7)
    }

    @Test("holds that are raised, captured in parts and above, and given back")
    func holds() {
        explore(
            "holds",
            ExplorerBounds(
                incrementCountMax: 1, captureCountMax: 2,
                refundCountMax: Self.isLarge ? 1 : 0, amounts: Self.isLarge ? [1] : [1, 2]),
            statuses: 6)
    }

    @Test("refunds, with answers now, later and in any order")
    func refunds() {
        explore("refunds", ExplorerBounds(refundCountMax: 2), statuses: 6)
        explore(
            "refunds, answered in any order",
            ExplorerBounds(refundCountMax: Self.isLarge ? 2 : 1, answersInOrder: false),
            statuses: 6)
    }

    @Test("disputes beside refunds, and settlement")
    func disputes() {
        explore(
            "disputes",
            ExplorerBounds(refundCountMax: 1, disputeCountMax: 1, settles: true), statuses: 6)
        guard Self.isLarge else { return }
        explore(
            "two disputes", ExplorerBounds(disputeCountMax: 2, amounts: [1]), statuses: 6)
    }
}
