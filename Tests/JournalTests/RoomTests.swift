import Environment
import Journal
import Primitives
import Synchronization
import Testing

/// What the journal told its observer.
final class Events: Sendable {
    private let recorded = Mutex<[Journal.Event]>([])
    var all: [Journal.Event] { recorded.withLock { $0 } }
    func take(_ event: Journal.Event) { recorded.withLock { $0.append(event) } }
}

@Suite("Room on the disk, and its pace")
struct RoomTests {
    let disk = MemoryFileSystem()
    let group = GroupID(1)
    static let segmentByteCount = 32768

    private func open() throws -> (Life, Events) {
        let life = try Life(disk, segmentByteCount: Self.segmentByteCount)
        let events = Events()
        life.journal.observe(events.take)
        return (life, events)
    }

    @Test("a full disk is written on from the reserve, refuses what is new, and opens again")
    func reserve() throws {
        let (life, events) = try open()
        life.commit(group, entries(1...1))
        let reserve = Life.directory + "/reserve"
        #expect(disk.contents[reserve]?.count == 49152)
        disk.limit(to: disk.usedByteCount)
        var index: LogIndex = 2
        while life.journal.refusal == nil, index < 99 {
            life.commit(group, entries(index...index))
            index += 1
        }
        #expect(events.all == [.refusing(.diskFull)])
        #expect(!disk.exists(reserve))
        #expect(throws: JournalRefusal.diskFull) {
            try life.journal.offer(
                group, entries: entries(index...index), hardState: nil, then: {})
        }
        // What is begun goes on.
        life.commit(group, entries(index...index), hardState: HardState(term: 5))
        #expect(life.journal.pendingByteCount == 0)
        #expect(life.halt.reasons == [])

        disk.limit(to: .max)
        life.loop.pass(.milliseconds(250))
        life.settle()
        #expect(events.all == [.refusing(.diskFull), .accepting])
        #expect(disk.contents[reserve]?.count == 49152)
        try life.journal.offer(
            group, entries: entries((index + 1)...(index + 1)), hardState: nil, then: {})
        life.settle()
        #expect(
            try Life(disk, segmentByteCount: Self.segmentByteCount).recovered.groups[group]?.entries
                == entries(1...(index + 1)))
    }

    @Test("beyond the reserve appends wait, in order, and nothing is lost or halted")
    func beyondTheReserve() throws {
        let (life, events) = try open()
        disk.limit(to: disk.usedByteCount)
        let completions = Completions()
        for index in LogIndex(1)...40 {
            life.journal.append(
                group, entries: entries(index...index), hardState: nil,
                then: completions(Int(index)))
            life.settle()
        }
        let stored = completions.numbers.count
        #expect(stored > 6 && stored < 40)
        #expect(completions.numbers == Array(1...stored))
        #expect(life.journal.pendingByteCount > 0)
        life.loop.pass(.milliseconds(250))
        life.settle()
        #expect(completions.numbers.count == stored, "there is still no room")
        let recovered = try Life(disk, segmentByteCount: Self.segmentByteCount, reserveByteCount: 0)
            .recovered
        #expect(recovered.groups[group]?.entries == entries(1...LogIndex(stored)))

        disk.limit(to: .max)
        life.loop.pass(.milliseconds(250))
        life.settle()
        #expect(completions.numbers == Array(1...40))
        life.loop.pass(.milliseconds(250))
        life.settle()
        #expect(events.all == [.refusing(.diskFull), .accepting])
        #expect(life.halt.reasons == [])
        #expect(
            try Life(disk, segmentByteCount: Self.segmentByteCount).recovered.groups[group]?.entries
                == entries(1...40))
    }

    @Test("compaction frees a full disk by itself")
    func compactionFrees() throws {
        let (life, events) = try open()
        for index in LogIndex(1)...30 { life.commit(group, entries(index...index)) }
        disk.limit(to: disk.usedByteCount)
        var index: LogIndex = 31
        while life.journal.refusal == nil, index < 99 {
            life.commit(group, entries(index...index))
            index += 1
        }
        life.journal.compact(group, upTo: index - 2, term: 1) {}
        life.settle()
        life.loop.pass(.milliseconds(250))
        life.settle()
        #expect(events.all == [.refusing(.diskFull), .accepting])
        #expect(life.journal.refusal == nil)
    }

    @Test("a sync that says there is no room is a failed sync: the node halts")
    func fullSync() throws {
        let (life, _) = try open()
        disk.failSynchronize(code: 28)
        life.commit(group, entries(1...1))
        #expect(life.halt.reasons.first?.hasPrefix("journal: fdatasync") == true)
    }

    @Test("a stuck disk is told while it is stuck, and again when it is over")
    func stall() throws {
        let (life, events) = try open()
        life.journal.append(group, entries: entries(1...1), hardState: nil) {}
        life.loop.turn()
        life.loop.pass(.milliseconds(300))
        #expect(events.all == [])
        life.loop.pass(.milliseconds(300))
        #expect(events.all == [.stalled(for: .milliseconds(500))])
        life.loop.pass(.milliseconds(300))
        #expect(events.all.last == .stalled(for: .milliseconds(750)))
        #expect(life.journal.counters.stalls == 1)
        life.settle()
        #expect(events.all.last == .resumed(after: .milliseconds(900)))
        life.commit(group, entries(2...2))
        #expect(events.all.count == 3, "what comes after is no stall")
    }

    @Test("segments are written over old ones, and nothing of those is read again")
    func recycling() throws {
        let (life, _) = try open()
        for index in LogIndex(1)...60 {
            life.commit(group, entries(index...index, payloadByteCount: 3000))
            life.journal.compact(group, upTo: index, term: 1)
        }
        life.settle()
        #expect(life.journal.counters.segmentsRecycled > 6)
        let spares = disk.contents.keys.filter { $0.hasSuffix(".spare") }
        #expect(spares.count <= 2)
        #expect(disk.segments.count <= 3)
        life.commit(group, entries(61...62))
        let recovered = try Life(disk, segmentByteCount: Self.segmentByteCount).recovered
        #expect(recovered.cut == nil && recovered.damagedParts == [])
        #expect(recovered.groups[group]?.entries == entries(61...62))
    }

    @Test("a closed journal is proven, and takes nothing more")
    func closing() throws {
        let (life, _) = try open()
        let completions = Completions()
        life.journal.append(group, entries: entries(1...1), hardState: nil, then: completions(1))
        life.journal.close(then: completions(2))
        life.journal.close(then: completions(3))
        life.settle()
        #expect(completions.numbers == [1, 2, 3])
        #expect(life.journal.counters.batches == 2)
        life.journal.append(group, entries: entries(2...2), hardState: nil, then: completions(4))
        life.journal.close(then: completions(5))
        life.settle()
        #expect(completions.numbers == [1, 2, 3, 5])
    }
}
