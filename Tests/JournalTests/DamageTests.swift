import Environment
import Journal
import Primitives
import Testing

@Suite("Damage")
struct DamageTests {
    static let first = GroupID(1)
    static let second = GroupID(2)
    static let idle = GroupID(7)
    static let segmentByteCount = 16384

    /// Some segments of two groups that replace, compact and vote, of an idle one and of one that
    /// left; closed, so that the last batch is proven.
    ///
    /// - Parameter isRecycled: whether the segments lie over older ones.
    private static func journal(isRecycled: Bool) throws -> MemoryFileSystem {
        let disk = MemoryFileSystem()
        let life = try Life(disk, segmentByteCount: segmentByteCount)
        if isRecycled {
            for index in LogIndex(1)...9 {
                life.commit(first, entries(index...index, payloadByteCount: 3000))
                life.journal.compact(first, upTo: index, term: 1)
            }
        }
        let promise = LeaderPromise(leader: MemberID(3), term: 4, epoch: 5)
        let start: LogIndex = isRecycled ? 10 : 1
        life.commit(
            idle, entries(1...2),
            hardState: HardState(
                term: 9, vote: MemberID(1), recovery: RecoveryGoal(index: 5, term: 8)))
        life.commit(GroupID(9), entries(1...2))
        life.commit(first, entries(start...(start + 5)), hardState: HardState(term: 1))
        life.journal.remove(GroupID(9)) {}
        life.commit(
            second, entries(1...4, payloadByteCount: 1500),
            hardState: HardState(term: 4, vote: MemberID(2), promise: promise))
        life.commit(first, entries((start + 3)...(start + 4), term: 2))
        life.journal.compact(first, upTo: start, term: 1)
        life.commit(second, entries(5...6))
        life.commit(first, entries((start + 5)...(start + 7), term: 2))
        life.close()
        return disk
    }

    private func read(
        _ segments: [(name: UInt64, bytes: [UInt8])]
    ) throws(JournalError) -> RecoveredLog {
        var reader = JournalReader(owner: nil)
        for segment in segments {
            _ = try reader.read(
                segment: segment.name, segment.bytes, isNewest: segment.name == segments.last?.name)
        }
        return try reader.finish()
    }

    private func segments(_ disk: MemoryFileSystem) -> [(name: UInt64, bytes: [UInt8])] {
        disk.segments.sorted { $0.key < $1.key }.map { path, bytes in
            (JournalFormat.segment(ofFileName: String(path.suffix(24)))!, bytes)
        }
    }

    /// Nothing is wrong, nothing is left out, and what is damaged is named.
    private func check(_ found: RecoveredLog, _ whole: RecoveredLog, _ place: String) {
        guard found.groups.keys.sorted() == whole.groups.keys.sorted() else {
            Issue.record("\(place): groups \(found.groups.keys.sorted())")
            return
        }
        for (group, truth) in whole.groups {
            let part = found.groups[group]!
            let sound = part.entries + part.entriesBehindDamage
            let damaged = part.damaged.flatMap { Array($0) }
            let isRight =
                part.hardState == truth.hardState && part.compactedUpTo == truth.compactedUpTo
                && part.compactedTerm == truth.compactedTerm && part.lastIndex == truth.lastIndex
                && sound.allSatisfy { truth.entries.contains($0) }
                && (sound.map(\.index) + damaged).sorted() == truth.entries.map(\.index)
                && part.entries.allSatisfy { $0.index < damaged.first ?? .max }
            if !isRight { Issue.record("\(place), \(group): \(part)") }
        }
    }

    @Test(
        "no damaged byte loses a vote, hides an entry or makes one wrong",
        arguments: [false, true])
    func everyByte(isRecycled: Bool) throws {
        let whole = segments(try Self.journal(isRecycled: isRecycled))
        #expect(whole.count > 3)
        let truth = try read(whole)
        #expect(truth.damagedParts == [] && truth.cut == nil)
        #expect(truth.groups.count == 3)
        var lossCount = 0
        var noteCount = 0
        for position in whole.indices {
            for place in whole[position].bytes.indices {
                var changed = whole
                changed[position].bytes[place] ^= 1 << UInt8(place % 8)
                let found = try read(changed)
                check(found, truth, "segment \(whole[position].name), byte \(place)")
                lossCount += found.damagedGroups.count
                noteCount += found.damagedParts.count
            }
        }
        #expect(lossCount > 5000, "payloads are lost with their bytes")
        #expect(noteCount > lossCount)
    }

    @Test(
        "no damaged block loses a vote, hides an entry or makes one wrong",
        arguments: [false, true])
    func everyBlock(isRecycled: Bool) throws {
        let whole = segments(try Self.journal(isRecycled: isRecycled))
        let truth = try read(whole)
        for filling in [UInt8(0), 0xA5] {
            for position in whole.indices {
                for block in stride(from: 0, to: whole[position].bytes.count, by: 4096) {
                    var changed = whole
                    for place in block..<(block + 4096) { changed[position].bytes[place] = filling }
                    let found = try read(changed)
                    check(found, truth, "segment \(whole[position].name), block \(block)")
                }
            }
        }
    }

    @Test("what was repaired from peers is whole in later lives, with the damage still there")
    func repair() throws {
        let disk = MemoryFileSystem()
        let life = try Life(disk, segmentByteCount: Self.segmentByteCount)
        for index in LogIndex(1)...6 {
            life.commit(Self.first, entries(index...index), hardState: HardState(term: index))
            life.commit(Self.second, entries(index...index))
        }
        life.close()
        let path = RecoveryTests.path(2)
        let batch = try RecoveryTests.batches(disk.contents[path]!)[1]
        var contents = disk.contents
        contents[path]![batch.lowerBound + 200] ^= 1
        disk.contents = contents

        let damaged = try Life(disk, segmentByteCount: Self.segmentByteCount)
        #expect(damaged.recovered.damagedGroups == [Self.second])
        let group = try #require(damaged.recovered.groups[Self.second])
        #expect(group.damaged == [2...2])
        #expect(group.entries == entries(1...1))
        #expect(group.entriesBehindDamage == entries(3...6))
        #expect(damaged.recovered.groups[Self.first]?.entries == entries(1...6))
        damaged.journal.repair(Self.second, entries: entries(2...2)) {}
        damaged.settle()
        damaged.commit(Self.second, entries(7...7))

        for _ in 0..<2 {
            let next = try Life(disk, segmentByteCount: Self.segmentByteCount)
            #expect(next.recovered.groups[Self.second]?.entries == entries(1...7))
            #expect(next.recovered.damagedGroups == [])
            #expect(next.recovered.damagedParts.map(\.segment) == [2])
        }
    }

    @Test("entries of a segment that was removed from outside can be repaired")
    func repairOfAMissingSegment() throws {
        let disk = MemoryFileSystem()
        let life = try Life(disk, segmentByteCount: Self.segmentByteCount)
        for index in LogIndex(1)...7 { life.commit(Self.first, entries(index...index)) }
        var contents = disk.contents
        contents[RecoveryTests.path(1)] = nil
        disk.contents = contents
        let damaged = try Life(disk, segmentByteCount: Self.segmentByteCount)
        #expect(damaged.recovered.groups[Self.first]?.damaged == [1...2])
        damaged.journal.repair(Self.first, entries: entries(1...2)) {}
        damaged.settle()
        let next = try Life(disk, segmentByteCount: Self.segmentByteCount)
        #expect(next.recovered.groups[Self.first]?.entries == entries(1...7))
    }

    @Test("a batch in which a group replaced its own entries keeps none that may be the old ones")
    func replacedWithinABatch() throws {
        let disk = MemoryFileSystem()
        let life = try Life(disk)
        life.commit(Self.first, entries(1...3))
        life.journal.append(Self.first, entries: entries(2...4, term: 2), hardState: nil) {}
        life.journal.append(Self.second, entries: entries(1...2), hardState: nil) {}
        life.journal.append(Self.first, entries: entries(3...3, term: 3), hardState: nil) {}
        life.settle()
        life.close()
        let path = RecoveryTests.path(1)
        let batch = try RecoveryTests.batches(disk.contents[path]!)[1]
        var contents = disk.contents
        contents[path]![batch.lowerBound + 20] ^= 1
        disk.contents = contents
        let recovered = try Life(disk).recovered
        let group = try #require(recovered.groups[Self.first])
        #expect(group.entries == entries(1...1))
        #expect(group.damaged == [2...3])
        // Each index of the other group was written once, and the records are sound.
        #expect(recovered.groups[Self.second]?.entries == entries(1...2))
    }

    @Test("a last batch that rots at rest is damage once it was proven, and cut before")
    func provenLastBatch() throws {
        for isProven in [false, true] {
            let disk = MemoryFileSystem()
            let life = try Life(disk)
            life.commit(Self.first, entries(1...2))
            life.commit(Self.first, entries(3...3))
            #expect(life.journal.counters.batches == 2)
            if isProven {
                // One look for each half of the bound; the last finds a second of quiet.
                for _ in 0..<6 {
                    life.loop.pass(.milliseconds(250))
                    life.settle()
                }
                #expect(life.journal.counters.batches == 3)
                #expect(life.loop.timerCount == 0, "nothing is left to look after")
            }
            let path = RecoveryTests.path(1)
            let batch = try RecoveryTests.batches(disk.contents[path]!)[1]
            var contents = disk.contents
            contents[path]![batch.lowerBound + 150] ^= 1
            disk.contents = contents
            let recovered = try Life(disk).recovered
            #expect(recovered.groups[Self.first]?.entries == entries(1...2))
            #expect(recovered.groups[Self.first]?.damaged == (isProven ? [3...3] : []))
            #expect((recovered.cut == nil) == isProven)
        }
    }

    @Test("a mark that waits for another batch is written when the node is quiet")
    func quietMark() throws {
        let disk = MemoryFileSystem()
        let life = try Life(disk)
        life.commit(Self.first, entries(1...4))
        life.journal.compact(Self.first, upTo: 3, term: 1)
        for _ in 0..<12 {
            life.loop.pass(.milliseconds(250))
            life.settle()
        }
        #expect(try Life(disk).recovered.groups[Self.first]?.compactedUpTo == 3)
        #expect(life.journal.counters.batches == 3, "the entries, the mark, and their proof")
    }
}
