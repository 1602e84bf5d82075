import Cluster
import Primitives
import StateStore
import Testing

/// A replica without its shell: a table, what is stored, and the checksums.
private struct Replica {
    private static let group = GroupID(3)
    private var table = AggregateTable<Tally>(cleanCountMax: 2)
    private var stored: [AggregateKey: AggregateRow] = [:]
    private(set) var checksums: StateChecksums
    private(set) var index: LogIndex
    private(set) var loadCount = 0

    init() {
        index = 0
        checksums = StateChecksums(startingAfter: 0)
    }

    /// One that begins with another's stored state.
    init(stateOf other: Replica) {
        index = other.index
        checksums = StateChecksums(startingAfter: other.index)
        var other = other
        other.writeBack()
        stored = other.stored
    }

    private static func key(_ number: UInt64) -> AggregateKey {
        AggregateKey(group: group, kind: AggregateKind(rawValue: 1), id: "t\(number)")
    }

    /// Applies the next entry, which names two of twenty tallies.
    mutating func apply(verdict: ApplyVerdict = .applied) throws {
        index += 1
        let entry = LogEntry(index: index, term: 1, kind: .command, payload: [])
        if case .applied = verdict {
            for number in [index % 20, index * 7 % 20] { try count(Self.key(number)) }
        }
        checksums.note(entry, verdict)
        if StateChecksums.isEnd(index) { checksums.endWindow(at: index, rows: table.takeWindow()) }
    }

    private mutating func count(_ key: AggregateKey) throws {
        if !table.knows(key) {
            loadCount += 1
            table.admit(key, try stored[key].map { try Tally(row: $0) })
        }
        table.set(key, Tally(count: (table[key]?.count ?? 0) + 1))
    }

    mutating func writeBack() {
        for row in table.takeDirty().map(\.row) { stored[row.key] = row }
        table.written()
    }

    /// A fault in what is stored or in memory.
    mutating func spoil() throws {
        let key = Self.key(5)
        if !table.knows(key) { table.admit(key, try stored[key].map { try Tally(row: $0) }) }
        table.set(key, Tally(count: table[key]!.count + 100))
    }
}

@Suite("Checksums of the state")
struct StateChecksumTests {
    private static let length = StateChecksums.windowLength

    @Test("the same entries give the same, however they are written back, let go of and read again")
    func boundaries() throws {
        var plain = Replica()
        for _ in 0..<(3 * Self.length) { try plain.apply() }
        #expect(plain.checksums.recent.map(\.end) == (1...3).map { $0 * Self.length })
        for interval in [1, 3, 50, 127, 128, 200] as [LogIndex] {
            var other = Replica()
            for _ in 0..<(3 * Self.length) {
                try other.apply()
                if other.index % interval == 0 { other.writeBack() }
            }
            #expect(other.checksums.recent == plain.checksums.recent, "every \(interval)")
            if interval < 4 { #expect(other.loadCount > plain.loadCount) }
        }
    }

    @Test("another state, another verdict or another aggregate gives another checksum")
    func differences() throws {
        var plain = Replica()
        var spoilt = Replica()
        var refused = Replica()
        for step in 1...(2 * Self.length) {
            try plain.apply()
            try spoilt.apply()
            let key = AggregateKey(
                group: GroupID(3), kind: AggregateKind(rawValue: 1), id: "t1")
            try refused.apply(verdict: step == 200 ? .stale(key) : .applied)
            if step == Self.length + 1 { try spoilt.spoil() }
        }
        let expected = plain.checksums.recent
        #expect(spoilt.checksums.recent[0] == expected[0])
        #expect(spoilt.checksums.recent[1] != expected[1])
        #expect(refused.checksums.recent[0] == expected[0])
        #expect(refused.checksums.recent[1] != expected[1])
    }

    @Test("a window whose beginning was not applied here has no checksum")
    func partial() throws {
        var first = Replica()
        for _ in 0..<(Self.length + 10) { try first.apply() }
        var late = Replica(stateOf: first)
        var atEnd = Replica()
        for _ in 0..<Self.length { try atEnd.apply() }
        atEnd = Replica(stateOf: atEnd)
        for _ in 0..<(2 * Self.length) {
            try first.apply()
            try late.apply()
            try atEnd.apply()
        }
        #expect(late.checksums[2 * Self.length] == nil)
        #expect(late.checksums[3 * Self.length] == first.checksums[3 * Self.length])
        #expect(late.checksums[3 * Self.length] != nil)
        #expect(atEnd.checksums[2 * Self.length] == first.checksums[2 * Self.length])
    }

    @Test("the oldest windows are forgotten, and only whole ones are found")
    func bound() throws {
        var replica = Replica()
        let count = LogIndex(StateChecksums.windowCountMax)
        for _ in 0..<((count + 2) * Self.length) { try replica.apply() }
        let checksums = replica.checksums
        #expect(checksums.recent.count == StateChecksums.windowCountMax)
        #expect(checksums[2 * Self.length] == nil)
        #expect(checksums[3 * Self.length] == checksums.recent[0].checksum)
        #expect(checksums[3 * Self.length + 1] == nil)
        #expect(checksums[(count + 2) * Self.length] == checksums.recent.last?.checksum)
        #expect(checksums[(count + 3) * Self.length] == nil)
    }
}
