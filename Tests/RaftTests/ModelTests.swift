import Foundation
import Primitives
import Raft
import Testing

/// `SUNNY_MODEL=large` (or 1) explores larger bounds besides.
@Suite(.serialized) struct ModelTests {
    private static let isLarge = ["1", "large"].contains(
        ProcessInfo.processInfo.environment["SUNNY_MODEL"])
    private static let third = MemberID(3)

    @Test("Within small bounds no order of events elects two leaders or loses an entry")
    func elections() throws {
        try explore("elections from nothing") {
            $0.symmetries = ModelBounds.all
        }
        try explore("an entry, a crash") {
            $0.lead()
            $0.counts = [.proposals: 1, .crashes: 1]
        }
        try explore("an entry, a duplicate") {
            $0.lead()
            $0.counts = [.proposals: 1, .duplicates: 1]
        }
        try explore("an entry, three terms") {
            $0.lead()
            $0.termMax = 3
            $0.networkCountMax = 1
            $0.counts = [.proposals: 1]
        }
    }

    @Test("Within small bounds no change of members makes two quorums that do not meet")
    func changes() throws {
        try explore("two voters become three") {
            $0.grow([[.promote(Self.third)]])
            $0.counts = [.changes: 1]
        }
        try explore("one voter replaces another") {
            $0.grow([
                [.promote(Self.third), .remove(MemberID(1))],
                [.promote(Self.third), .remove(MemberID(2))],
            ])
            $0.networkCountMax = 3
            $0.counts = [.changes: 1]
        }
    }

    @Test("Within small bounds no lease outlives its leader, and no read misses a commit")
    func leases() throws {
        try explore("a lease, a read") {
            $0.lease()
            $0.counts = [.withdrawals: 2, .reads: 1]
        }
        try explore("a lease, a leader that hears nobody") {
            $0.lease()
            $0.counts = [.withdrawals: 2, .silences: 1]
        }
        try explore("a lease, a transfer") {
            $0.lease()
            $0.lost = [.releases]
            $0.counts = [.transfers: 1, .reads: 1]
        }
        try explore("a read without a lease") {
            $0.lead()
            $0.lost = [.releases]
            $0.networkCountMax = 3
            $0.counts = [.reads: 1]
        }
    }

    @Test("Support that its giver takes back too early is seen to break leases")
    func brokenSupport() throws {
        var bounds = ModelBounds(name: "broken support")
        bounds.lease()
        bounds.breaksSupport = true
        bounds.counts = [.withdrawals: 2]
        var explorer = ModelExplorer(bounds)
        try explorer.explore()
        let last = explorer.violation?.last
        #expect(last?.hasPrefix("violated: lease safety") == true, "\(last ?? "nothing found")")
    }

    @Test("Within larger bounds no entry is lost", .enabled(if: isLarge))
    func largerElections() throws {
        try explore("elections from nothing, three in flight") {
            $0.networkCountMax = 3
            $0.symmetries = ModelBounds.all
        }
        try explore("elections from nothing, a duplicate") {
            $0.counts = [.duplicates: 1]
            $0.symmetries = ModelBounds.all
        }
        try explore("elections from nothing, a crash") {
            $0.counts = [.crashes: 1]
            $0.symmetries = ModelBounds.all
        }
        try explore("an entry, three terms, two in flight") {
            $0.lead()
            $0.termMax = 3
            $0.counts = [.proposals: 1]
        }
        try explore("an entry, a crash, three in flight") {
            $0.lead()
            $0.networkCountMax = 3
            $0.counts = [.proposals: 1, .crashes: 1]
        }
        try explore("an entry, lost appends are found") {
            $0.lead()
            $0.lost = [.releases]
            $0.counts = [.proposals: 1, .heartbeats: 1]
        }
    }

    @Test("Within larger bounds quorums meet and leases hold", .enabled(if: isLarge))
    func largerChanges() throws {
        try explore("two voters become three, three in flight") {
            $0.grow([[.promote(Self.third)]])
            $0.networkCountMax = 3
            $0.counts = [.changes: 1]
        }
        try explore("two voters become three, a crash") {
            $0.grow([[.promote(Self.third)]])
            $0.counts = [.changes: 1, .crashes: 1]
        }
        try explore("one voter replaces another, a crash") {
            $0.grow([
                [.promote(Self.third), .remove(MemberID(1))],
                [.promote(Self.third), .demote(MemberID(2))],
            ])
            $0.counts = [.changes: 1, .crashes: 1]
        }
        try explore("a lease, a read, three in flight") {
            $0.lease()
            $0.networkCountMax = 3
            $0.counts = [.withdrawals: 2, .reads: 1]
        }
        try explore("a lease, a crash") {
            $0.lease()
            $0.counts = [.withdrawals: 1, .crashes: 1]
        }
    }

    private func explore(_ name: String, _ bind: (inout ModelBounds) -> Void) throws {
        var bounds = ModelBounds(name: name)
        bind(&bounds)
        var explorer = ModelExplorer(bounds)
        try explorer.explore()
        if let violation = explorer.violation { print(violation.joined(separator: "\n")) }
        // Small values only: a failed expectation would print all tables of the explorer.
        let (isSafe, isExhausted) = (explorer.violation == nil, explorer.isExhausted)
        let (commitMax, leaseCount) = (explorer.commitMax, explorer.leaseCount)
        #expect(isSafe)
        guard isSafe else { return }
        #expect(isExhausted)
        #expect(commitMax > 0)
        if bounds.hasSupport { #expect(leaseCount > 0) }
        print(
            "raft model, \(name), \(bounds.description):",
            "\(explorer.visited.count) states, \(explorer.transitionCount) transitions,",
            "depth \(explorer.depth), \(explorer.commitMax) entries committed,",
            "\(explorer.leaseCount) states with a lease, \(explorer.rivalCount) with two leaders;",
            "frontier exhausted")
    }
}

extension ModelBounds {
    /// Member 1 leads term 1 in the beginning; the other two are alike.
    fileprivate mutating func lead() {
        beginning = .led
        symmetries = Self.followers
    }

    /// Besides, every node supports every other one, and nothing is left out.
    fileprivate mutating func lease() {
        lead()
        hasSupport = true
        lost = []
    }

    /// Two voters and a learner that has everything.
    fileprivate mutating func grow(_ changes: [[Configuration.Change]]) {
        beginning = .led
        voters = [1, 2]
        learners = [3]
        self.changes = changes
    }
}
