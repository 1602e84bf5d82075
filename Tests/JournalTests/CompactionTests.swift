import Environment
import Journal
import Primitives
import Testing

@Suite("Segments and compaction")
struct CompactionTests {
    let disk = MemoryFileSystem()
    let first = GroupID(1)
    let second = GroupID(2)

    private var segmentCount: Int { disk.segments.count }

    @Test("full segments are removed once every group has compacted them")
    func removesSegments() throws {
        let life = try Life(disk, segmentByteCount: 32768)
        for index in LogIndex(1)...20 {
            life.commit(first, entries(index...index))
            life.commit(second, entries(index...index), hardState: HardState(term: index))
        }
        let before = segmentCount
        #expect(before > 3)
        life.journal.compact(first, upTo: 15, term: 1)
        life.settle()
        #expect(life.journal.counters.batches == 40, "a mark waits for the next batch")
        life.commit(first, entries(21...21))
        #expect(segmentCount == before, "the second group still needs the segments")
        #expect(life.journal.pinningGroups == [second])

        life.journal.compact(second, upTo: 14, term: 1) {}
        life.settle()
        #expect(segmentCount < before)
        #expect(life.journal.counters.segmentsRemoved == before - segmentCount)
        #expect(disk.removed == disk.removed.sorted(), "oldest first")

        let next = try Life(disk, segmentByteCount: 32768)
        #expect(next.recovered.groups[first]?.entries == entries(16...21))
        #expect(next.recovered.groups[first]?.compactedUpTo == 15)
        #expect(next.recovered.groups[first]?.compactedTerm == 1)
        #expect(next.recovered.groups[second]?.entries == entries(15...20))
        #expect(next.recovered.groups[second]?.hardState == HardState(term: 20))
        next.commit(second, entries(21...30))
        #expect(
            try Life(disk, segmentByteCount: 32768).recovered.groups[second]?.entries
                == entries(15...30))
    }

    @Test("an idle group's hard state and mark outlive its segments")
    func idleGroupSurvives() throws {
        let life = try Life(disk, segmentByteCount: 32768)
        life.commit(second, entries(1...4), hardState: HardState(term: 8, vote: MemberID(5)))
        life.journal.compact(second, upTo: 4, term: 1)
        for index in LogIndex(1)...40 {
            life.commit(first, entries(index...index))
            life.journal.compact(first, upTo: index, term: 1)
        }
        life.settle()
        #expect(!disk.exists(Life.directory + "/0000000000000001.journal"))
        #expect(segmentCount <= 2)
        let group = try #require(try Life(disk).recovered.groups[second])
        #expect(group.hardState == HardState(term: 8, vote: MemberID(5)))
        #expect(group.compactedUpTo == 4)
        #expect(group.entries == [])
    }

    @Test("a replaced suffix does not keep a segment, and its start may be removed")
    func replacedSuffixIsNotNeeded() throws {
        let life = try Life(disk, segmentByteCount: 16384)
        life.commit(first, entries(1...20, payloadByteCount: 400))
        life.commit(first, entries(5...6, term: 2))
        for index in LogIndex(7)...16 { life.commit(first, entries(index...index, term: 2)) }
        life.journal.compact(first, upTo: 4, term: 1) {}
        life.settle()
        #expect(!disk.exists(Life.directory + "/0000000000000001.journal"))
        #expect(
            try Life(disk, segmentByteCount: 16384).recovered.groups[first]?.entries
                == entries(5...16, term: 2))
    }

    @Test("a mark ahead of the log stands for an installed snapshot, and the log goes on behind it")
    func markAheadOfTheLog() throws {
        let life = try Life(disk)
        life.commit(first, entries(1...3))
        life.journal.compact(first, upTo: 100, term: 7) {}
        life.settle()
        life.commit(first, entries(101...102, term: 7))
        let group = try #require(try Life(disk).recovered.groups[first])
        #expect(group.compactedUpTo == 100)
        #expect(group.compactedTerm == 7)
        #expect(group.entries == entries(101...102, term: 7))
    }

    @Test("a snapshot that contradicts the log discards the entries behind it")
    func discardsTheSuffix() throws {
        let life = try Life(disk)
        life.commit(first, entries(1...9))
        life.journal.compact(first, upTo: 5, term: 3, discardingSuffix: true) {}
        life.settle()
        let group = try #require(try Life(disk).recovered.groups[first])
        #expect(group.compactedUpTo == 5)
        #expect(group.entries == [])
        life.commit(first, entries(6...7, term: 3))
        #expect(try Life(disk).recovered.groups[first]?.entries == entries(6...7, term: 3))
    }

    @Test("a crash between compaction and removal is made up for when the journal is opened")
    func removesWhenOpened() throws {
        let life = try Life(disk, segmentByteCount: 16384)
        for index in LogIndex(1)...12 { life.commit(first, entries(index...index)) }
        let before = segmentCount
        life.journal.compact(first, upTo: 11, term: 1) {}
        life.loop.turn()
        life.worker.work()
        #expect(segmentCount >= before)
        _ = try Life(disk, segmentByteCount: 16384)
        #expect(segmentCount < before)
    }

    @Test("a batch larger than a segment gets one to itself")
    func batchLargerThanASegment() throws {
        let life = try Life(disk, segmentByteCount: 8192)
        life.commit(first, entries(1...1))
        life.commit(first, entries(2...40))
        life.commit(first, entries(41...41))
        #expect(segmentCount == 3)
        #expect(
            try Life(disk, segmentByteCount: 8192).recovered.groups[first]?.entries
                == entries(1...41))
    }

    /// Spares, and what is left of segments that go.
    private var spares: [Int] {
        disk.contents.filter { $0.key.hasSuffix(".spare") }.sorted { $0.key < $1.key }
            .map { $0.value.count }
    }

    /// Six segments of 9 MiB of which nothing is needed but the last.
    private func largeSegments() throws -> Life {
        let life = try Life(disk, segmentByteCount: 9 << 20, reserveByteCount: 0)
        for index in LogIndex(1)...48 {
            life.commit(first, entries(index...index, payloadByteCount: 1_000_000))
        }
        #expect(segmentCount == 6)
        life.journal.compact(first, upTo: 48, term: 1) {}
        life.settle()
        return life
    }

    @Test("of a large segment only a piece goes at a time, and batches are written in between")
    func discardsInPieces() throws {
        let life = try largeSegments()
        #expect(segmentCount == 1, "their names are gone")
        #expect(life.journal.counters.segmentsRemoved == 5)
        let size = 9 << 20
        #expect(spares == Array(repeating: size, count: 5))
        var seen: [[Int]] = []
        for index in LogIndex(49)...70 {
            life.loop.pass(.milliseconds(10))
            life.commit(first, entries(index...index))
            if seen.last != spares { seen.append(spares) }
        }
        let pieces = [size - (4 << 20), size - (8 << 20)]
        #expect(
            seen.prefix(3) == [
                [size, size, pieces[0], size, size], [size, size, pieces[1], size, size],
                [size, size, size, size],
            ])
        #expect(seen.last == [size, size], "the spares are kept")
        #expect(seen.count == 9)
        let next = try Life(disk, segmentByteCount: 9 << 20, reserveByteCount: 0)
        #expect(next.recovered.groups[first]?.entries == entries(49...70))
    }

    @Test("what a crash leaves of old segments goes with the next start")
    func leftPieces() throws {
        let life = try largeSegments()
        life.loop.pass(.milliseconds(10))
        life.settle()
        #expect(spares.count == 5)
        let next = try Life(disk, segmentByteCount: 9 << 20, reserveByteCount: 0)
        #expect(spares == [])
        #expect(next.recovered.damagedParts.isEmpty)
        #expect(next.recovered.groups[first]?.lastIndex == 48)
    }

    @Test("a failed removal halts the node")
    func failedRemoval() throws {
        let life = try Life(disk, segmentByteCount: 8192)
        life.commit(first, entries(1...5))
        life.commit(first, entries(6...9))
        life.journal.compact(first, upTo: 9, term: 1) {}
        life.loop.turn()
        life.worker.work()
        disk.failChanges(after: 0)
        life.settle()
        #expect(life.halt.reasons.first?.hasPrefix("journal: unlink") == true)
    }
}
