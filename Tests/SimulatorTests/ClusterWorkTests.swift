import Cluster
import Primitives
import Simulator
import Testing

/// What three members of a shard do for what they commit, counted: no time is looked at.
@Suite("Work of a cluster, counted")
struct ClusterWorkTests {
    private static let batchCount = 100
    private static let entriesOfBatch = 64
    private static let entryByteCount = 256

    @Test("entries that are proposed in one turn share frames and syncs")
    func shared() throws {
        try World.simulate(seed: 1) { world in
            let members = try (1...3 as ClosedRange<UInt64>).map { try ShardMember(world, $0) }
            for member in members { member.start() }
            try world.run(for: .seconds(10))
            let leader = try #require(members.first { $0.isServing })

            let idleBefore = Work(members)
            try world.run(for: .seconds(10))
            let idle = Work(members) - idleBefore

            let before = Work(members)
            let committed = Counter()
            leader.propose(Self.batchCount, of: Self.entriesOfBatch, committed)
            try world.run(for: .seconds(10))
            // Liveness and gossip go on meanwhile.
            let work = Work(members) - before - idle

            let entries = Self.batchCount * Self.entriesOfBatch
            #expect(committed.count == entries)
            for member in members { #expect(member.appliedIndex >= LogIndex(entries)) }
            // A batch: to each follower its entries, and with those the commit before them, or
            // that it is committed; from each an answer to both.
            #expect(work.frames <= Self.batchCount * 8, "\(work.frames) frames")
            // One for each disk; a follower that is a turn behind may need a second.
            #expect(work.syncs <= Self.batchCount * 4, "\(work.syncs) syncs")
            // Each entry goes to two followers; its length, term and kind are some bytes more, and
            // heads of messages and frames are shared.
            #expect(
                work.bytes <= entries * 2 * (Self.entryByteCount + 12), "\(work.bytes) bytes")
        }
    }

    @Test("entries that come while the disk writes share frames and syncs")
    func gathered() throws {
        try World.simulate(seed: 3) { world in
            let members = try (1...3 as ClosedRange<UInt64>).map { try ShardMember(world, $0) }
            for member in members { member.start() }
            try world.run(for: .seconds(10))
            let leader = try #require(members.first { $0.isServing })

            let before = Work(members)
            let committed = Counter()
            leader.trickle(1_000, every: .microseconds(50), committed)
            try world.run(for: .seconds(1))
            let work = Work(members) - before
            #expect(committed.count == 1_000)
            // One by one it would be two messages and their answers for each entry.
            #expect(work.frames <= 1_000, "\(work.frames) frames")
            #expect(work.syncs <= 500, "\(work.syncs) syncs")
        }
    }

    @Test("a log lets go of what is stored in portions, and others get the loop in between")
    func portions() throws {
        try World.simulate(seed: 2) { world in
            let members = try (1...3 as ClosedRange<UInt64>).map { try ShardMember(world, $0) }
            for member in members { member.start() }
            try world.run(for: .seconds(10))
            let leader = try #require(members.first { $0.isServing })
            let entries = 4 * 3_500
            leader.propose(4, of: 3_500, Counter())
            try world.run(for: .seconds(10))

            leader.startWriting()
            var firsts = [leader.firstIndex]
            for _ in 0..<500 {
                try world.run(for: .milliseconds(1))
                let first = leader.firstIndex
                if first != firsts.last { firsts.append(first) }
            }
            #expect(firsts.last! > LogIndex(entries), "let go up to \(firsts.last!)")
            let portions = zip(firsts.dropFirst(), firsts).map { $0 - $1 }
            #expect(portions.allSatisfy { $0 <= 1_024 }, "\(portions) at once")
        }
    }

    /// Syncs and frames of all members.
    private struct Work {
        var syncs = 0
        var frames = 0
        var bytes = 0

        init(_ members: [ShardMember]) {
            for member in members {
                syncs += member.syncs
                for sent in member.sent {
                    frames += sent.frames
                    bytes += sent.bytes
                }
            }
        }

        static func - (left: Work, right: Work) -> Work {
            var rest = left
            rest.syncs -= right.syncs
            rest.frames -= right.frames
            rest.bytes -= right.bytes
            return rest
        }
    }
}
