import Primitives
import StateStore
import Testing

@Suite("Rows and batches")
struct StateStoreTests {
    @Test("Rows come back as they were written, odd texts, numbers and payloads included")
    func roundTrip() throws {
        let store = try StateStore.openInMemory()
        let rows = [
            row("pi_1", payload: []),
            row("", owner: "", created: .min, version: 0, isOpen: true),
            row("a\0b", owner: "x\0y", created: .max, version: .max, payload: [0, 255, 0]),
            row("a", payload: [UInt8](repeating: 7, count: 100_000)),
            row("Zürich 日本 🏦", kind: AggregateKind(rawValue: 255)),
        ]
        try store.write([batch(1, rows)])
        #expect(try store.load(rows.map(\.key)) == rows)
    }

    @Test("Loading gives the keys' order and leaves out what does not exist")
    func loadOrder() throws {
        let store = try StateStore.openInMemory()
        try store.write([batch(1, [row("a"), row("b"), row("b", kind: idempotencyKey)])])
        let keys = [key("b"), key("none"), key("a"), key("a", group: GroupID(1)), key("b")]
        #expect(try store.load(keys) == [row("b"), row("a"), row("b")])
        #expect(try store.load([]) == [])
    }

    @Test("A row that is written again replaces the old one, its owner and time included")
    func replacement() throws {
        let store = try StateStore.openInMemory()
        try store.write([batch(1, [row("a", isOpen: true)])])
        let changed = row("a", version: 2, payload: [9])
        try store.write([batch(2, [changed])])
        #expect(try store.load([key("a")]) == [changed])
        #expect(try store.openRows(group: GroupID(0), kind: payment) == [])

        let moved = row("a", owner: "acct_2", created: 5, version: 3, payload: [8])
        try store.write([batch(3, [moved])])
        #expect(try store.load([key("a")]) == [moved])
        func listed(_ owner: String) throws -> [AggregateRow] {
            try store.list(
                AggregateQuery(group: GroupID(0), kind: payment, owner: owner, limit: 10))
        }
        #expect(try listed("acct_1") == [])
        #expect(try listed("acct_2") == [moved])
        #expect(try store.integrityCheck() == [])
    }

    @Test("Removed rows are gone, and a row of the same batch comes after the removal")
    func removal() throws {
        let store = try StateStore.openInMemory()
        try store.write([batch(1, [row("a", isOpen: true), row("b"), row("c")])])
        try store.write([
            batch(2, [row("b", version: 7)], removed: [key("a"), key("b"), key("none")])
        ])
        #expect(
            try store.load([key("a"), key("b"), key("c")]) == [row("b", version: 7), row("c")])
        #expect(try store.openRows(group: GroupID(0), kind: payment) == [])
        #expect(try store.integrityCheck() == [])
    }

    @Test("The applied index of each shard is kept with the rows")
    func appliedIndex() throws {
        let store = try StateStore.openInMemory()
        #expect(try store.appliedState(of: GroupID(0)) == nil)
        try store.write([
            batch(5, term: 2, group: GroupID(3), []), batch(1, [row("a")]), batch(2, [row("b")]),
        ])
        #expect(try store.appliedState(of: GroupID(0)) == applied(2))
        #expect(
            try store.appliedStates() == [applied(2), applied(5, term: 2, group: GroupID(3))])
        #expect(try store.checkpoint() == [GroupID(0): 2, GroupID(3): 5])
    }

    @Test(
        "An applied index or term that goes back is refused, and nothing of the call is kept",
        arguments: [(9, 4), (10, 3), (11, 3), (10, 5), (0, 0)] as [(LogIndex, Term)])
    func appliedIndexGoesBack(index: LogIndex, term: Term) throws {
        let store = try StateStore.openInMemory()
        try store.write([batch(10, term: 4, [row("a")])])
        let other = GroupID(1)
        #expect(
            throws: StateStoreError.appliedIndexWentBack(
                stored: applied(10, term: 4), offered: applied(index, term: term))
        ) {
            try store.write([
                batch(1, group: other, [row("x", group: other)]),
                batch(index, term: term, [row("a", version: 2), row("b")], removed: [key("a")]),
            ])
        }
        #expect(try store.load([key("a"), key("b"), key("x", group: other)]) == [row("a")])
        #expect(try store.appliedStates() == [applied(10, term: 4)])
        #expect(store.counts.transactions == 1)
    }

    @Test("The same applied index may be written again with its term")
    func sameAppliedIndex() throws {
        let store = try StateStore.openInMemory()
        try store.write([batch(10, term: 4, [])])
        try store.write([batch(10, term: 4, [row("a")])])
        #expect(try store.load([key("a")]) == [row("a")])
    }

    @Test("An index beyond what SQLite holds is refused")
    func indexOutOfRange() throws {
        let store = try StateStore.openInMemory()
        #expect(throws: StateStoreError.outOfRange(operation: "write an applied index")) {
            try store.write([batch(UInt64(Int64.max) + 1)])
        }
        try store.write([batch(UInt64(Int64.max))])
    }

    @Test("5,000 rows in one batch cost one statement each, one for the index, one transaction")
    func largeBatch() throws {
        let store = try StateStore.openInMemory()
        let rows = (0..<5_000).map { row("pi_\($0)", created: Int64($0), isOpen: $0 % 5 == 0) }
        try store.write([batch(1, rows)])
        #expect(store.counts.statements == 5_001)
        #expect(store.counts.transactions == 1)
        #expect(store.counts.rowsChanged == 5_000)
        try store.write([batch(2, rows.map { row($0.key.id, created: $0.created, version: 2) })])
        #expect(store.counts.statements == 10_002)
        #expect(store.counts.transactions == 2)
        let read = try store.load(rows.map(\.key))
        #expect(read.count == 5_000)
        #expect(read.allSatisfy { $0.version == 2 && !$0.isOpen })
        #expect(store.counts.rowsRead == 5_000)
    }

    @Test("A changed owner or time costs a second statement, and only then")
    func statementsOfReplacement() throws {
        let store = try StateStore.openInMemory()
        try store.write([batch(1, [row("a"), row("b")])])
        try store.write([batch(2, [row("a", created: 2), row("b", version: 2)])])
        #expect(store.counts.statements == 3 + 4)
        #expect(store.counts.rowsChanged == 4)
    }

    @Test("Nothing to write is no transaction")
    func emptyWrite() throws {
        let store = try StateStore.openInMemory()
        try store.write([])
        #expect(store.counts.transactions == 0)
        #expect(store.counts.statements == 0)
    }

    @Test("Facts are remembered by name and apart from the store's own")
    func facts() throws {
        let store = try StateStore.openInMemory()
        #expect(try store.fact("shard_count") == nil)
        try store.setFact("shard_count", [8])
        try store.setFact("shard_count", [16, 0])
        try store.setFact("empty", [])
        #expect(try store.fact("shard_count") == [16, 0])
        #expect(try store.fact("empty") == [])
        #expect(try store.fact("schema_version") == nil)
    }
}
