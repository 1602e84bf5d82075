import Journal
import Primitives
import Testing

/// What a member that recovers from damage keeps in the journal, and how the damage goes.
@Suite("Recovery goals")
struct RecoveryGoalTests {
    private let group = GroupID(1)
    private let other = GroupID(2)
    private let goal = RecoveryGoal(index: 6, term: 1)

    /// A batch for each of six entries, of which the one with `index` is then damaged.
    private func damagedDisk(at index: Int) throws -> MemoryFileSystem {
        let disk = MemoryFileSystem()
        let life = try Life(disk)
        for index in LogIndex(1)...6 {
            life.commit(group, entries(index...index), hardState: HardState(term: 1))
        }
        life.commit(other, entries(1...1), hardState: HardState(term: 3))
        life.close()
        // Behind a recap and a hard state.
        try damage(disk, batch: index - 1, at: 210)
        return disk
    }

    /// Flips a bit of a batch of the first segment; `offset` lies in the payload of its entry.
    private func damage(_ disk: MemoryFileSystem, batch: Int, at offset: Int) throws {
        let path = RecoveryTests.path(1)
        let batches = try RecoveryTests.batches(disk.contents[path]!)
        var contents = disk.contents
        contents[path]![batches[batch].lowerBound + offset] ^= 1
        disk.contents = contents
    }

    @Test("what is written over damage does not hide how far the log had been")
    func overwritten() throws {
        let disk = try damagedDisk(at: 3)
        let life = try Life(disk)
        let found = try #require(life.recovered.groups[group])
        #expect(found.damaged == [3...3])
        #expect(found.entries == entries(1...2))
        #expect(found.lastIndex == 6)
        #expect(found.lastTermMax == 1)
        life.commit(
            group, entries(3...4, term: 2),
            hardState: HardState(term: 2, vote: MemberID(2), recovery: goal))

        let next = try Life(disk)
        let part = try #require(next.recovered.groups[group])
        #expect(part.damaged == [])
        #expect(part.entries == entries(1...2) + entries(3...4, term: 2))
        #expect(part.hardState == HardState(term: 2, vote: MemberID(2), recovery: goal))

        next.commit(group, entries(5...6, term: 2), hardState: HardState(term: 2))
        let last = try #require(try Life(disk).recovered.groups[group])
        #expect(last.hardState == HardState(term: 2))
        #expect(last.lastIndex == 6)
    }

    @Test("a goal stands in recaps and in segment headers, beside a promise and without")
    func recapsAndHeaders() throws {
        let promise = LeaderPromise(leader: MemberID(3), term: 4, epoch: 5)
        let states = [
            HardState(term: 4, vote: MemberID(2), promise: promise, recovery: goal),
            HardState(term: 4, recovery: goal),
        ]
        let disk = MemoryFileSystem()
        let life = try Life(disk, segmentByteCount: 16384)
        life.commit(group, entries(1...1), hardState: states[0])
        life.commit(other, entries(1...1), hardState: states[1])
        for index in LogIndex(2)...9 { life.commit(GroupID(3), entries((index - 1)...(index - 1))) }
        life.close()
        // The batch with a goal is lost; the next one says what it held.
        try damage(disk, batch: 1, at: 270)
        let recovered = try Life(disk).recovered
        #expect(recovered.groups[group]?.hardState == states[0])
        #expect(recovered.groups[other]?.hardState == states[1])
        #expect(recovered.groups[other]?.damaged == [1...1])
        // Only the newest segment is left: its header says it.
        let newest = try #require(disk.segments.keys.max())
        var reader = JournalReader(owner: nil)
        let sequence = try #require(JournalFormat.segment(ofFileName: String(newest.suffix(24))))
        _ = try reader.read(segment: sequence, disk.segments[newest]!, isNewest: true)
        let groups = try reader.finish().groups
        #expect(groups[group]?.hardState == states[0])
        #expect(groups[other]?.hardState == states[1])
    }

    @Test("the term of a lost last entry is at most what was known when it was written")
    func lastTerm() throws {
        let disk = MemoryFileSystem()
        let life = try Life(disk)
        life.commit(group, entries(1...2), hardState: HardState(term: 2))
        life.commit(group, entries(3...3, term: 2))
        life.commit(group, [], hardState: HardState(term: 8))
        life.close()
        #expect(try Life(disk).recovered.groups[group]?.lastTermMax == 2)
        try damage(disk, batch: 1, at: 200)
        let found = try #require(try Life(disk).recovered.groups[group])
        #expect(found.damaged == [3...3])
        #expect(found.hardState == HardState(term: 8))
        #expect(found.lastTermMax == 2)
    }

    @Test("after damage a new segment begins, and the damage goes with the old one")
    func leftBehind() throws {
        let disk = try damagedDisk(at: 3)
        let life = try Life(disk)
        #expect(life.recovered.damagedParts.map(\.segment) == [1])
        life.commit(group, entries(3...7), hardState: HardState(term: 1))
        #expect(disk.segments.count == 2)
        // Nothing of the old segment is needed: the entries are in the state.
        life.journal.compact(group, upTo: 6, term: 1)
        life.journal.compact(other, upTo: 1, term: 1)
        life.commit(group, entries(8...8))
        life.settle()
        life.close()
        let recovered = try Life(disk).recovered
        #expect(recovered.damagedParts == [])
        #expect(recovered.groups[group]?.entries == entries(7...8))
    }
}
