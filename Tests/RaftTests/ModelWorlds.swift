import Primitives
import Raft

// What is explored: small bounds at each test, larger ones on demand; planted bugs have to be
// found in one or the other (`Tests/Mutants`).

extension ModelBounds {
    private static let third = MemberID(3)

    private static func world(
        _ name: String, _ bind: (inout ModelBounds) -> Void
    ) -> ModelBounds {
        var bounds = ModelBounds(name: name)
        bind(&bounds)
        return bounds
    }

    static let elections = [
        world("elections from nothing") {
            $0.symmetries = all
        },
        world("an entry, a crash") {
            $0.lead()
            $0.counts = [.proposals: 1, .crashes: 1]
        },
        world("an entry, a duplicate") {
            $0.lead()
            $0.counts = [.proposals: 1, .duplicates: 1]
        },
        world("an entry, three terms") {
            $0.lead()
            $0.termMax = 3
            $0.networkCountMax = 1
            $0.appendCountMax = 1
            $0.counts = [.proposals: 1]
        },
    ]

    static let changes = [
        world("two voters become three") {
            $0.grow([[.promote(third)]])
            $0.counts = [.changes: 1]
        },
        world("one voter replaces another") {
            $0.grow([
                [.promote(third), .remove(MemberID(1))],
                [.promote(third), .remove(MemberID(2))],
            ])
            $0.networkCountMax = 3
            $0.counts = [.changes: 1]
        },
        // The two that are to leave are still a majority of the old half.
        world("three voters become one") {
            $0.lead()
            $0.changes = [[.remove(MemberID(2)), .remove(third)]]
            $0.counts = [.changes: 1]
        },
    ]

    static let leases = [
        world("a lease, a read") {
            $0.lease()
            $0.counts = [.withdrawals: 2, .reads: 1]
        },
        world("a lease, a leader that hears nobody") {
            $0.lease()
            $0.counts = [.withdrawals: 2, .silences: 1]
        },
        world("a lease, a transfer") {
            $0.lease()
            $0.lost = [.releases]
            $0.counts = [.transfers: 1, .reads: 1]
        },
        world("a lease, a transfer that is given up") {
            $0.lease()
            $0.lost = [.releases]
            $0.counts = [.transfers: 1, .silences: 1]
        },
    ]

    static let reads = [
        world("a read without a lease") {
            $0.lead()
            $0.lost = [.releases]
            $0.networkCountMax = 3
            $0.counts = [.reads: 1]
        },
        world("two reads without a lease") {
            $0.lead()
            $0.lost = [.releases]
            $0.counts = [.reads: 2]
        },
        world("a read at a follower without a lease") {
            $0.lead()
            $0.lost = [.releases]
            $0.followersRead = true
            $0.counts = [.reads: 1]
        },
        world("a read at a follower, a lease") {
            $0.lease()
            $0.followersRead = true
            $0.counts = [.withdrawals: 2, .reads: 1]
        },
    ]

    static let snapshots = [
        world("a snapshot") {
            $0.lead()
            $0.lost = [.releases]
            $0.networkCountMax = 1
            $0.counts = [.proposals: 1, .compactions: 1, .heartbeats: 1]
        },
        world("a snapshot of a change of members") {
            $0.grow([[.promote(third)]])
            $0.lost = [.releases]
            $0.networkCountMax = 1
            $0.termMax = 1
            $0.counts = [.changes: 1, .compactions: 1, .heartbeats: 1]
        },
        world("a snapshot, two in flight") {
            $0.lead()
            $0.lost = [.releases]
            $0.counts = [.compactions: 1, .heartbeats: 1]
        },
    ]

    static let damages = [
        world("an entry, damage") {
            $0.lead()
            $0.counts = [.proposals: 1, .damages: 1]
        },
        world("an entry, damage on two disks") {
            $0.lead()
            $0.networkCountMax = 1
            $0.counts = [.proposals: 1, .damages: 2]
        },
        world("an entry, damage, three terms") {
            $0.lead()
            $0.termMax = 3
            $0.networkCountMax = 1
            $0.appendCountMax = 1
            $0.counts = [.proposals: 1, .damages: 1]
        },
        world("an entry, damage, a snapshot") {
            $0.lead()
            $0.networkCountMax = 1
            $0.counts = [.proposals: 1, .damages: 1, .compactions: 1]
        },
    ]

    static let small = elections + changes + leases + reads + snapshots + damages

    static let largerElections = [
        world("elections from nothing, three in flight") {
            $0.networkCountMax = 3
            $0.symmetries = all
        },
        world("elections from nothing, a duplicate") {
            $0.counts = [.duplicates: 1]
            $0.symmetries = all
        },
        world("elections from nothing, a crash") {
            $0.counts = [.crashes: 1]
            $0.symmetries = all
        },
        world("an entry, three terms, two in flight") {
            $0.lead()
            $0.termMax = 3
            $0.counts = [.proposals: 1]
        },
        world("an entry, a crash, three in flight") {
            $0.lead()
            $0.networkCountMax = 3
            $0.counts = [.proposals: 1, .crashes: 1]
        },
        world("an entry, lost appends are found") {
            $0.lead()
            $0.lost = [.releases]
            $0.counts = [.proposals: 1, .heartbeats: 1]
        },
    ]

    static let largerChanges = [
        world("two voters become three, three in flight") {
            $0.grow([[.promote(third)]])
            $0.networkCountMax = 3
            $0.counts = [.changes: 1]
        },
        world("two voters become three, a crash") {
            $0.grow([[.promote(third)]])
            $0.counts = [.changes: 1, .crashes: 1]
        },
        world("one voter replaces another, a crash") {
            $0.grow([
                [.promote(third), .remove(MemberID(1))],
                [.promote(third), .demote(MemberID(2))],
            ])
            $0.counts = [.changes: 1, .crashes: 1]
        },
    ]

    static let largerLeases = [
        world("a lease, a read, three in flight") {
            $0.lease()
            $0.networkCountMax = 3
            $0.counts = [.withdrawals: 2, .reads: 1]
        },
        world("a lease, a crash") {
            $0.lease()
            $0.counts = [.withdrawals: 1, .crashes: 1]
        },
    ]

    static let largerReads = [
        world("a read at a follower without a lease, three in flight") {
            $0.lead()
            $0.lost = [.releases]
            $0.networkCountMax = 3
            $0.followersRead = true
            $0.counts = [.reads: 1]
        },
        world("two reads at followers without a lease") {
            $0.lead()
            $0.lost = [.releases]
            $0.followersRead = true
            $0.counts = [.reads: 2]
        },
        world("a read at a follower without a lease, a duplicate") {
            $0.lead()
            $0.lost = [.releases]
            $0.followersRead = true
            $0.counts = [.reads: 1, .duplicates: 1]
        },
        world("a read at a follower without a lease, a crash") {
            $0.lead()
            $0.lost = [.releases]
            $0.followersRead = true
            $0.counts = [.reads: 1, .crashes: 1]
        },
    ]

    static let largerSnapshots = [
        world("a snapshot that appends overtake") {
            $0.lead()
            $0.lost = [.releases]
            $0.termMax = 1
            $0.counts = [.proposals: 2, .compactions: 1, .heartbeats: 1]
        },
        world("a snapshot in two parts, any member compacts, a crash") {
            $0.lead()
            $0.lost = [.releases]
            $0.networkCountMax = 1
            $0.chunkByteCount = 24
            $0.followersCompact = true
            $0.counts = [.proposals: 1, .compactions: 1, .heartbeats: 1, .crashes: 1]
        },
        world("a snapshot, a duplicate") {
            $0.lead()
            $0.lost = [.releases]
            $0.networkCountMax = 1
            $0.counts = [.proposals: 1, .compactions: 1, .heartbeats: 1, .duplicates: 1]
        },
    ]

    static let largerDamages = [
        world("an entry, damage, a crash") {
            $0.lead()
            $0.networkCountMax = 1
            $0.counts = [.proposals: 1, .damages: 1, .crashes: 1]
        },
        world("an entry, damage, a duplicate") {
            $0.lead()
            $0.networkCountMax = 1
            $0.counts = [.proposals: 1, .damages: 1, .duplicates: 1]
        },
        world("a lease, damage") {
            $0.lease()
            $0.counts = [.withdrawals: 1, .damages: 1]
        },
    ]

    static let large =
        largerElections + largerChanges + largerLeases + largerReads + largerSnapshots
        + largerDamages
}

extension ModelBounds {
    /// Member 1 leads term 1 in the beginning; the other two are alike.
    mutating func lead() {
        beginning = .led
        symmetries = Self.followers
    }

    /// Besides, every node supports every other one, and nothing is left out.
    mutating func lease() {
        lead()
        hasSupport = true
        lost = []
    }

    /// Two voters and a learner that has everything.
    mutating func grow(_ changes: [[Configuration.Change]]) {
        beginning = .led
        voters = [1, 2]
        learners = [3]
        self.changes = changes
    }
}
