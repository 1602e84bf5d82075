import Primitives
import StateStore
import Testing

@Suite("Listings, open rows and expiry")
struct ListingTests {
    private let store: StateStore
    /// Newest first, three of them at the same time.
    private let expected: [AggregateRow]

    init() throws {
        store = try StateStore.openInMemory()
        expected = [
            row("a", created: 50), row("d", created: 40), row("c", created: 30),
            row("b", created: 30), row("B", created: 30), row("z", created: 20),
            row("e", created: 10),
        ]
        var random = SeededRandom(seed: 1)
        let others = [
            row("f", owner: "acct_2", created: 35), row("c", kind: idempotencyKey, created: 30),
        ]
        let elsewhere = GroupID(9)
        try store.write([
            batch(1, (expected + others).shuffled(using: &random)),
            batch(1, group: elsewhere, [row("c", group: elsewhere, created: 30)]),
        ])
    }

    private func list(
        _ cursor: ListCursor? = nil, from: Int64? = nil, through: Int64? = nil, limit: Int = 100
    ) throws -> [String] {
        try store.list(
            AggregateQuery(
                group: GroupID(0), kind: payment, owner: "acct_1", cursor: cursor,
                createdFrom: from, createdThrough: through, limit: limit)
        ).map(\.key.id)
    }

    private func position(_ index: Int) -> ListPosition {
        ListPosition(created: expected[index].created, id: expected[index].key.id)
    }

    @Test("Newest first, equal times by id, greatest first, and nobody else's rows")
    func order() throws {
        #expect(
            try store.list(
                AggregateQuery(group: GroupID(0), kind: payment, owner: "acct_1", limit: 100))
                == expected)
        #expect(try list(limit: 3) == ["a", "d", "c"])
    }

    @Test("Pages after each row give the rows that follow, before each the ones right before")
    func cursors() throws {
        let ids = expected.map(\.key.id)
        for index in ids.indices {
            for limit in 1...ids.count {
                #expect(
                    try list(.after(position(index)), limit: limit)
                        == Array(ids[(index + 1)...].prefix(limit)))
                #expect(
                    try list(.before(position(index)), limit: limit)
                        == Array(ids[..<index].suffix(limit)))
            }
        }
    }

    @Test("A cursor need not name a row that still exists")
    func cursorBetweenRows() throws {
        #expect(try list(.after(ListPosition(created: 30, id: "bb"))) == ["b", "B", "z", "e"])
        #expect(try list(.before(ListPosition(created: 30, id: "bb"))) == ["a", "d", "c"])
        #expect(try list(.after(ListPosition(created: .min, id: ""))) == [])
        #expect(try list(.before(ListPosition(created: .max, id: "~"))) == [])
    }

    @Test("Bounds of the creation time are inclusive and go together with cursors")
    func bounds() throws {
        #expect(try list(from: 30, through: 40) == ["d", "c", "b", "B"])
        #expect(try list(from: 31, through: 39) == [])
        #expect(try list(from: 41) == ["a"])
        #expect(try list(through: 20) == ["z", "e"])
        #expect(try list(.after(position(3)), from: 20) == ["B", "z"])
        #expect(try list(.before(position(3)), through: 40, limit: 2) == ["d", "c"])
        #expect(try list(.before(position(3)), through: 40, limit: 1) == ["c"])
        #expect(try list(.after(position(3)), from: 40) == [])
    }

    @Test("A limit is brought into its range")
    func limits() throws {
        #expect(try list(limit: 0) == [])
        #expect(try list(limit: -5) == [])
        #expect(try list(limit: .max).count == expected.count)
        let query = AggregateQuery(group: GroupID(0), kind: payment, owner: "", limit: .max)
        #expect(query.limit == AggregateQuery.limitMax)
    }

    @Test("A listing seeks in its index and neither sorts nor scans")
    func plan() throws {
        for cursor in [nil, .after(position(2)), .before(position(2))] as [ListCursor?] {
            let plan = try store.queryPlan(
                of: AggregateQuery(
                    group: GroupID(0), kind: payment, owner: "acct_1", cursor: cursor, limit: 10))
            #expect(plan.count == 1)
            #expect(
                plan.first?.contains(
                    "SEARCH aggregate USING INDEX aggregate_by_owner "
                        + "(shard=? AND kind=? AND owner=? AND created>? AND created<?)") == true)
        }
    }

    @Test("Open rows are read by id, page by page, per shard and kind")
    func openRows() throws {
        let store = try StateStore.openInMemory()
        let open = ["", "a", "b", "c", "d"].map { row($0, isOpen: true) }
        let elsewhere = GroupID(1)
        try store.write([
            batch(1, open.reversed() + [row("bb"), row("x", kind: idempotencyKey, isOpen: true)]),
            batch(1, group: elsewhere, [row("y", group: elsewhere, isOpen: true)]),
        ])
        #expect(try store.openRows(group: GroupID(0), kind: payment) == open)
        #expect(
            try store.openRows(group: GroupID(0), kind: payment, after: "a", limit: 2)
                == Array(open[2...3]))
        #expect(try store.openRows(group: GroupID(0), kind: payment, after: "d") == [])
        #expect(try store.openRows(group: GroupID(0), kind: payment, limit: 0) == [])
    }

    @Test("Expired rows of a kind go, over all owners, in portions, and open ones stay")
    func expiry() throws {
        let store = try StateStore.openInMemory()
        var rows: [AggregateRow] = []
        for owner in ["", "acct_1", "acct_2", "acct_3"] {
            for created in [10, 20, 30] as [Int64] {
                let id = "\(owner)/\(created)"
                rows.append(row(id, kind: idempotencyKey, owner: owner, created: created))
            }
        }
        let open = row("open", kind: idempotencyKey, created: 1, isOpen: true)
        let elsewhere = GroupID(1)
        let foreign = row("f", kind: idempotencyKey, group: elsewhere, created: 1)
        try store.write([
            batch(1, rows + [open, row("p", created: 1)]), batch(1, group: elsewhere, [foreign]),
        ])

        func remove(_ limit: Int) throws -> Int {
            let old = ExpiredRows(group: GroupID(0), kind: idempotencyKey, createdBefore: 30)
            let none = ExpiredRows(group: GroupID(7), kind: idempotencyKey, createdBefore: 30)
            let removed = try store.removeExpired([none, old], limit: limit)
            #expect(removed.first == 0)
            return removed[1]
        }
        #expect(try remove(0) == 0)
        #expect(try remove(3) == 3)
        #expect(try remove(100) == 5)
        #expect(try remove(100) == 0)
        let kept = rows.filter { $0.created == 30 } + [open]
        #expect(try store.load((rows + [open]).map(\.key)) == kept)
        #expect(try store.load([key("p"), foreign.key]).count == 2)
        #expect(try store.integrityCheck() == [])
    }
}
