import Cluster
import Primitives
import StateStore
import Testing

@Suite("Aggregates in memory")
struct AggregateTableTests {
    private var table = AggregateTable<Tally>(cleanCountMax: 4)

    private func key(_ number: Int) -> AggregateKey {
        AggregateKey(group: GroupID(3), kind: AggregateKind(rawValue: 1), id: "t\(number)")
    }

    private mutating func set(_ numbers: ClosedRange<Int>, count: UInt64) {
        for number in numbers { table.set(key(number), Tally(count: count)) }
    }

    /// Which of the first so many keys are in memory.
    private func known(of count: Int) -> [Int] {
        (0..<count).filter { table.knows(key($0)) }
    }

    @Test("what was read is there once, and what is not there is known too")
    mutating func admit() {
        #expect(!table.knows(key(0)))
        table.admit(key(0), Tally(count: 1))
        table.admit(key(1), nil)
        table.admit(key(0), Tally(count: 9))
        #expect(table[key(0)]?.count == 1)
        #expect(table.knows(key(1)))
        #expect(table[key(1)] == nil)
        #expect(table.count == 2)
        #expect(table.dirtyCount == 0)
    }

    @Test("a change is taken once, and taken again where the store had no room")
    mutating func writing() {
        set(0...1, count: 1)
        set(0...0, count: 2)
        #expect(table.dirtyCount == 2)
        let taken = table.takeDirty()
        #expect(taken.map(\.key) == [key(0), key(1)])
        #expect(taken.map(\.aggregate.count) == [2, 1])
        #expect(table.dirtyCount == 0)
        #expect(table.unwrittenCount == 2)

        // One changes again while it is being written.
        set(1...1, count: 5)
        #expect(table.unwritten { _, _ in true }.mapValues(\.count) == [key(0): 2, key(1): 5])
        table.notWritten()
        #expect(table.takeDirty().map(\.key) == [key(1), key(0)])
        table.written()
        #expect(table.unwrittenCount == 0)
        #expect(table.takeDirty().isEmpty)
    }

    @Test("what was not used for longest goes, and nothing that is still needed")
    mutating func eviction() {
        set(0...9, count: 1)
        _ = table.takeWindow()
        _ = table.takeDirty()
        set(0...0, count: 2)
        table.trim()
        // All are being written.
        #expect(known(of: 10) == Array(0...9))

        table.touch(key(3))
        table.written()
        // The first has changed again, and the fourth was read after the others were written.
        #expect(known(of: 10) == [0, 3, 8, 9])
        #expect(table[key(0)]?.count == 2)
    }

    @Test("what a window has changed stays until its checksums are taken")
    mutating func window() {
        set(0...9, count: 1)
        _ = table.takeDirty()
        table.written()
        #expect(table.count == 10)
        #expect(table.takeWindow().count == 10)
        #expect(table.takeWindow().isEmpty)
        table.trim()
        #expect(known(of: 10) == [6, 7, 8, 9])
    }

    @Test("a place that was given up is another key's")
    mutating func reuse() {
        for round in 0..<50 {
            let first = round * 10
            set(first...first + 9, count: UInt64(round))
            _ = table.takeWindow()
            _ = table.takeDirty()
            table.written()
            #expect(table.count == 4)
            for number in first + 6...first + 9 {
                #expect(table[key(number)]?.count == UInt64(round))
            }
        }
        #expect(known(of: 490).isEmpty)
    }
}
