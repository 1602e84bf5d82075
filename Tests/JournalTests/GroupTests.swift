import Environment
import Journal
import Primitives
import Testing

@Suite("Many groups")
struct GroupTests {
    let disk = MemoryFileSystem()
    let first = GroupID(1)
    let second = GroupID(2)

    @Test("five thousand groups of a turn are one write and one sync")
    func thousandsOfGroups() throws {
        let groups = (0..<5000).map { GroupID(UInt32($0)) }
        let life = try Life(disk, segmentByteCount: 16 << 20)
        for turn in UInt64(1)...3 {
            let (writes, syncs) = (disk.writes, disk.fileSynchronizations)
            for group in groups {
                life.journal.append(
                    group, entries: entries(turn...turn), hardState: HardState(term: turn)
                ) {}
            }
            life.settle()
            #expect(disk.writes == writes + 1)
            #expect(disk.fileSynchronizations == syncs + 1)
        }
        #expect(life.journal.counters.entries == 15_000)
        let recovered = try Life(disk, segmentByteCount: 16 << 20).recovered
        #expect(recovered.groups.count == 5000)
        #expect(recovered.damagedParts == [])
        for group in groups {
            #expect(recovered.groups[group]?.entries == entries(1...3))
            #expect(recovered.groups[group]?.hardState == HardState(term: 3))
        }
    }

    @Test("a group that left keeps no segment and is forgotten, and may come again")
    func removedGroup() throws {
        let life = try Life(disk, segmentByteCount: 16384)
        life.commit(second, entries(1...4), hardState: HardState(term: 8))
        for index in LogIndex(1)...9 {
            life.commit(first, entries(index...index))
            life.journal.compact(first, upTo: index, term: 1)
        }
        #expect(life.journal.pinningGroups == [second])
        #expect(disk.exists(RecoveryTests.path(1)))
        let completions = Completions()
        life.journal.remove(second, then: completions(1))
        life.settle()
        #expect(completions.numbers == [1])
        #expect(life.journal.pinningGroups == [])
        #expect(!disk.exists(RecoveryTests.path(1)))
        #expect(try Life(disk, segmentByteCount: 16384).recovered.groups.keys.sorted() == [first])

        life.commit(second, entries(1...2, term: 9))
        let again = try Life(disk, segmentByteCount: 16384).recovered
        #expect(again.groups[second]?.entries == entries(1...2, term: 9))
        #expect(again.groups[second]?.hardState == HardState())
    }

    @Test("groups that keep too many segments are named, and appending again lets them go")
    func pinnedSegments() throws {
        let life = try Life(disk, segmentByteCount: 16384, closedSegmentCountMax: 3)
        let events = Events()
        life.journal.observe(events.take)
        life.commit(second, entries(1...4))
        for index in LogIndex(1)...20 {
            life.commit(first, entries(index...index))
            life.journal.compact(first, upTo: index, term: 1)
        }
        let pinned = events.all.compactMap { event -> [GroupID]? in
            if case .pinned(let count, let groups) = event, count > 3 { groups } else { nil }
        }
        #expect(!pinned.isEmpty && pinned.allSatisfy { $0 == [second] })
        let before = disk.segments.count
        #expect(before > 4)
        life.commit(second, entries(1...4))
        #expect(disk.segments.count < before)
        #expect(life.journal.counters.closedSegments <= 1)
        #expect(
            try Life(disk, segmentByteCount: 16384).recovered.groups[second]?.entries
                == entries(1...4))
    }

    @Test("another node's journal is refused, and one without a member is taken over")
    func owners() throws {
        let young = JournalOwner(cluster: "shop", node: "north-1")
        let grown = JournalOwner(cluster: "shop", node: "north-1", member: MemberID(12))
        #expect(try Life(disk, owner: young).recovered.owner == nil)
        let life = try Life(disk, segmentByteCount: 16384, owner: grown)
        #expect(life.recovered.owner == young)
        for index in LogIndex(1)...5 { life.commit(first, entries(index...index)) }
        for other in [
            JournalOwner(cluster: "mall", node: "north-1", member: MemberID(12)),
            JournalOwner(cluster: "shop", node: "north-2", member: MemberID(12)),
            JournalOwner(cluster: "shop", node: "north-1", member: MemberID(13)),
        ] {
            do throws(JournalError) {
                _ = try Life(disk, owner: other)
                Issue.record("\(other) was let in")
            } catch {
                guard case .foreign(_, other) = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
        #expect(try Life(disk, owner: grown).recovered.owner == grown)
        #expect(try Life(disk).recovered.owner == grown)
        #expect(try Life(disk, owner: young).recovered.groups[first]?.entries == entries(1...5))
    }
}
