import Environment
import Journal
import Primitives
import Testing

@Suite("The journal")
struct JournalTests {
    let disk = MemoryFileSystem()
    let first = GroupID(1)
    let second = GroupID(2)

    @Test("what was appended is there after reopening")
    func roundTrip() throws {
        let life = try Life(disk)
        #expect(life.recovered.groups.isEmpty)
        let configuration = LogEntry(index: 4, term: 2, kind: .configuration, payload: [1])
        let noOperation = LogEntry(index: 5, term: 3, kind: .noOperation, payload: [])
        life.commit(first, entries(1...3), hardState: HardState(term: 2, vote: MemberID(0)))
        life.commit(first, [configuration, noOperation])
        life.commit(second, hardState: HardState(term: 9))

        let recovered = try Life(disk).recovered
        #expect(recovered.cut == nil)
        #expect(recovered.groups.count == 2)
        let group = try #require(recovered.groups[first])
        #expect(group.entries == entries(1...3) + [configuration, noOperation])
        #expect(group.hardState == HardState(term: 2, vote: MemberID(0)))
        #expect(group.compactedUpTo == 0)
        #expect(recovered.groups[second]?.hardState == HardState(term: 9))
        #expect(recovered.groups[second]?.entries == [])
    }

    @Test("a hundred groups of one turn share one write and one sync")
    func groupsShareASync() throws {
        let life = try Life(disk)
        let (writes, syncs) = (disk.writes, disk.fileSynchronizations)
        let completions = Completions()
        for number in 0..<100 {
            life.journal.append(
                GroupID(UInt32(number)), entries: entries(1...2), hardState: HardState(term: 1),
                then: completions(number))
        }
        #expect(life.journal.pendingByteCount > 0)
        life.settle()
        #expect(disk.writes == writes + 1)
        #expect(disk.fileSynchronizations == syncs + 1)
        #expect(completions.numbers == Array(0..<100))
        #expect(life.journal.counters.batches == 1)
        #expect(life.journal.counters.syncs == 1)
        #expect(life.journal.counters.entries == 200)
        #expect(life.journal.counters.bytes.isMultiple(of: 512))
        #expect(life.journal.pendingByteCount == 0)
    }

    @Test("what is appended during a write becomes one next batch")
    func gathersDuringAWrite() throws {
        let life = try Life(disk)
        let completions = Completions()
        life.journal.append(first, entries: entries(1...1), hardState: nil, then: completions(0))
        life.loop.turn()
        for index in 2...9 {
            let next = LogIndex(index)
            life.journal.append(
                first, entries: entries(next...next), hardState: nil, then: completions(index))
            life.loop.turn()
        }
        #expect(completions.numbers == [])
        life.worker.work()
        #expect(completions.numbers == [], "completions are for the loop")
        life.loop.turn()
        #expect(completions.numbers == [0])
        life.settle()
        #expect(completions.numbers == [0] + Array(2...9))
        #expect(life.journal.counters.batches == 2)
        #expect(try Life(disk).recovered.groups[first]?.entries == entries(1...9))
    }

    @Test("what a completion appends joins the batch that was gathered meanwhile")
    func completionAppends() throws {
        let life = try Life(disk)
        let completions = Completions()
        let (journal, group) = (life.journal, first)
        journal.append(group, entries: entries(1...1), hardState: nil) {
            journal.append(
                group, entries: entries(3...3), hardState: nil, then: completions(3))
        }
        life.loop.turn()
        journal.append(group, entries: entries(2...2), hardState: nil, then: completions(2))
        life.settle()
        #expect(completions.numbers == [2, 3])
        #expect(journal.counters.batches == 2)
    }

    @Test("who asks before the next batch is asked once a write has ended, and is in that batch")
    func beforeNextBatch() throws {
        let life = try Life(disk)
        let completions = Completions()
        let (journal, group) = (life.journal, first)
        journal.beforeNextBatch {
            journal.append(
                group, entries: entries(1...1), hardState: nil, then: completions(1))
        }
        life.loop.turn()
        #expect(journal.pendingByteCount > 0, "nothing is written: the end of the turn will do")
        life.loop.turn()
        let asked = Completions()
        journal.beforeNextBatch {
            asked(0)()
            journal.append(
                group, entries: entries(3...3), hardState: nil, then: completions(3))
        }
        journal.append(group, entries: entries(2...2), hardState: nil, then: completions(2))
        for _ in 0..<3 { life.loop.turn() }
        #expect(asked.numbers == [], "the first write is under way")
        life.settle()
        #expect(asked.numbers == [0])
        #expect(completions.numbers == [1, 2, 3])
        #expect(journal.counters.batches == 2)
    }

    @Test("a call without anything to write completes in order and writes nothing")
    func emptyAppend() throws {
        let life = try Life(disk)
        let completions = Completions()
        life.journal.append(first, entries: [], hardState: nil, then: completions(0))
        life.settle()
        #expect(life.journal.counters.batches == 0)
        life.journal.append(first, entries: entries(1...1), hardState: nil, then: completions(1))
        life.journal.append(second, entries: [], hardState: nil, then: completions(2))
        life.settle()
        #expect(completions.numbers == [0, 1, 2])
        #expect(life.journal.counters.batches == 1)
    }

    @Test("a great append is split from the next one, not from itself")
    func greatAppends() throws {
        let life = try Life(disk)
        let completions = Completions()
        let great = entries(1...5, payloadByteCount: 1 << 20)
        life.journal.append(first, entries: great, hardState: nil, then: completions(0))
        life.journal.append(second, entries: entries(1...1), hardState: nil, then: completions(1))
        life.settle()
        #expect(life.journal.counters.batches == 2)
        #expect(completions.numbers == [0, 1])
        #expect(try Life(disk).recovered.groups[first]?.entries == great)
    }

    @Test("an entry replaces the one of its index and everything behind it")
    func replacesTheSuffix() throws {
        let life = try Life(disk)
        life.commit(first, entries(1...9))
        life.commit(first, entries(4...5, term: 2))
        #expect(
            try Life(disk).recovered.groups[first]?.entries
                == entries(1...3) + entries(4...5, term: 2))
        life.commit(first, entries(1...1, term: 3))
        life.commit(first, entries(2...4, term: 3))
        #expect(try Life(disk).recovered.groups[first]?.entries == entries(1...4, term: 3))
    }

    @Test("of the hard states of a group the last counts, within a batch and across")
    func lastHardStateCounts() throws {
        let life = try Life(disk)
        life.commit(first, hardState: HardState(term: 1, vote: MemberID(7)))
        for term in 2...4 {
            life.journal.append(
                first, entries: [], hardState: HardState(term: Term(term), vote: MemberID(3))
            ) {}
        }
        life.settle()
        #expect(
            try Life(disk).recovered.groups[first]?.hardState
                == HardState(term: 4, vote: MemberID(3)))
        life.commit(first, hardState: HardState(term: 5))
        #expect(try Life(disk).recovered.groups[first]?.hardState == HardState(term: 5))
    }

    @Test("a failed sync halts the node, and nothing completes or is written again")
    func failedSync() throws {
        let life = try Life(disk)
        let completions = Completions()
        life.journal.append(first, entries: entries(1...1), hardState: nil, then: completions(1))
        life.loop.turn()
        life.journal.append(first, entries: entries(2...2), hardState: nil, then: completions(2))
        disk.failSynchronize()
        life.settle()
        #expect(life.halt.reasons.count == 1)
        #expect(life.halt.reasons.first?.hasPrefix("journal: fdatasync") == true)
        let writes = disk.writes
        life.journal.append(first, entries: entries(3...3), hardState: nil, then: completions(3))
        life.journal.compact(first, upTo: 1, then: completions(4))
        life.settle()
        #expect(completions.numbers == [])
        #expect(disk.writes == writes)
        #expect(life.halt.reasons.count == 1)
        #expect(life.journal.counters.batches == 0)
    }

    @Test("a failed write halts the node")
    func failedWrite() throws {
        let life = try Life(disk)
        let completions = Completions()
        disk.failChanges(after: 0)
        life.journal.append(first, entries: entries(1...1), hardState: nil, then: completions(1))
        life.settle()
        #expect(completions.numbers == [])
        #expect(life.halt.reasons.first?.hasPrefix("journal: pwrite") == true)
    }
}
