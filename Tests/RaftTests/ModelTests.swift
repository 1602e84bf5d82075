import Foundation
import Testing

/// `SUNNY_MODEL=large` (or 1) explores larger bounds besides.
@Suite(.serialized) struct ModelTests {
    private static let isLarge = ["1", "large"].contains(
        ProcessInfo.processInfo.environment["SUNNY_MODEL"])

    @Test("Within small bounds no order of events elects two leaders or loses an entry")
    func elections() throws {
        for bounds in ModelBounds.elections { try explore(bounds) }
    }

    @Test("Within small bounds no change of members makes two quorums that do not meet")
    func changes() throws {
        for bounds in ModelBounds.changes { try explore(bounds) }
    }

    @Test("Within small bounds no lease outlives its leader")
    func leases() throws {
        for bounds in ModelBounds.leases { try explore(bounds) }
    }

    @Test("Within small bounds no read, a leader's or a follower's, misses a commit")
    func reads() throws {
        for bounds in ModelBounds.reads { try explore(bounds) }
    }

    @Test("Within small bounds no snapshot gives a follower another state than the log")
    func snapshots() throws {
        for bounds in ModelBounds.snapshots { try explore(bounds) }
    }

    @Test("Within small bounds no lost entry elects a leader without what is committed")
    func damages() throws {
        for bounds in ModelBounds.damages { try explore(bounds) }
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
        for bounds in ModelBounds.largerElections { try explore(bounds) }
    }

    @Test("Within larger bounds quorums meet and leases hold", .enabled(if: isLarge))
    func largerChanges() throws {
        for bounds in ModelBounds.largerChanges + ModelBounds.largerLeases {
            try explore(bounds)
        }
    }

    @Test("Within larger bounds reads see what was committed", .enabled(if: isLarge))
    func largerReads() throws {
        for bounds in ModelBounds.largerReads { try explore(bounds) }
    }

    @Test("Within larger bounds snapshots are what the log makes", .enabled(if: isLarge))
    func largerSnapshots() throws {
        for bounds in ModelBounds.largerSnapshots { try explore(bounds) }
    }

    @Test("Within larger bounds damage loses nothing that is committed", .enabled(if: isLarge))
    func largerDamages() throws {
        for bounds in ModelBounds.largerDamages { try explore(bounds) }
    }

    private func explore(_ bounds: ModelBounds) throws {
        var explorer = ModelExplorer(bounds)
        try explorer.explore()
        if let violation = explorer.violation { print(violation.joined(separator: "\n")) }
        // Small values only: a failed expectation would print all tables of the explorer.
        let (isSafe, isExhausted) = (explorer.violation == nil, explorer.isExhausted)
        let commitMax = explorer.commitMax
        let (leaseCount, installCount) = (explorer.leaseCount, explorer.installCount)
        let (readCount, forwardedCount) = (explorer.readCount, explorer.forwardedCount)
        #expect(isSafe)
        guard isSafe else { return }
        #expect(isExhausted)
        #expect(commitMax > 0)
        if bounds.hasSupport { #expect(leaseCount > 0) }
        // No snapshot is needed where nobody speaks again.
        let mayInstall = bounds.counts[.compactions] != nil && bounds.counts[.heartbeats] != nil
        if mayInstall { #expect(installCount > 0) }
        if bounds.counts[.reads] != nil { #expect(readCount > 0) }
        if bounds.followersRead { #expect(forwardedCount > 0) }
        print("raft model, \(explorer.summary)")
    }
}
