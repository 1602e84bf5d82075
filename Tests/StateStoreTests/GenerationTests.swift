import GRDB
import Primitives
import StateStore
import Testing

/// A shard's rows replaced as a whole, and what is left where it stops in between.
@Suite("Generations")
struct GenerationTests {
    private static let group = GroupID(3)
    private static let elsewhere = GroupID(4)

    private static func old(_ count: Int = 5) -> [AggregateRow] {
        (0..<count).map { row("old_\($0)", group: group, isOpen: true) }
    }

    private static let new = [
        row("new_1", group: group), row("old_1", group: group, version: 9, payload: [7]),
        row("k", kind: idempotencyKey, group: group),
    ]

    private static let snapshot = InstalledState(
        applied: applied(40, term: 3, group: group), context: [1, 2])

    private static func filled(_ store: StateStore) throws {
        try store.write([
            batch(10, group: group, old()),
            batch(7, group: elsewhere, [row("x", group: elsewhere)]),
        ])
    }

    private static func keys(_ rows: [AggregateRow]) -> [AggregateKey] { rows.map(\.key) }

    private static func expectOld(_ store: StateStore) throws {
        #expect(try store.load(keys(old() + new)) == old() + [old()[1]])
        #expect(try store.openRows(group: group, kind: payment) == old())
        #expect(try store.appliedState(of: group) == applied(10, group: group))
        #expect(try store.installedStates() == [])
        try expectElsewhere(store)
    }

    private static func expectNew(_ store: StateStore) throws {
        #expect(try store.load(keys(old() + new)) == [new[1], new[0], new[1], new[2]])
        #expect(try store.scan(group: group, kind: payment) == [new[0], new[1]])
        #expect(try store.openRows(group: group, kind: payment) == [])
        let listed = AggregateQuery(group: group, kind: payment, owner: "acct_1", limit: 10)
        #expect(try store.list(listed) == [new[1], new[0]])
        #expect(try store.appliedState(of: group) == snapshot.applied)
        #expect(try store.installedStates() == [snapshot])
        try expectElsewhere(store)
    }

    private static func expectElsewhere(_ store: StateStore) throws {
        #expect(try store.load([key("x", group: elsewhere)]).count == 1)
        #expect(try store.appliedState(of: elsewhere) == applied(7, group: elsewhere))
    }

    /// How many rows the file has, whether they count or not.
    private static func rowCount(_ path: String) throws -> Int {
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        return try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM aggregate") ?? 0 }
    }

    @Test("Rows of a new generation count from the switch on, and all of them at once")
    func replace() throws {
        let store = try StateStore.openInMemory()
        try Self.filled(store)
        let generation = try store.beginGeneration(of: Self.group)
        for row in Self.new {
            try store.write([row], to: generation)
            try Self.expectOld(store)
        }
        try store.install(generation, Self.snapshot)
        try Self.expectNew(store)

        // What is written from here on is of the new generation.
        let later = row("later", group: Self.group)
        try store.write([
            batch(41, term: 3, group: Self.group, [later], removed: [Self.new[0].key])
        ])
        #expect(try store.scan(group: Self.group, kind: payment) == [later, Self.new[1]])
        let old = ExpiredRows(group: Self.group, kind: idempotencyKey, createdBefore: 5_000)
        #expect(try store.removeExpired([old], limit: 10) == [1])
        #expect(try store.integrityCheck() == [])
    }

    @Test("Old rows go in portions, and neither those that count nor those being written")
    func staleRows() throws {
        let store = try StateStore.openInMemory()
        #expect(store.mayHaveStaleRows)
        #expect(try store.removeStaleRows(limit: 10) == 0)
        #expect(!store.mayHaveStaleRows)
        try Self.filled(store)
        let generation = try store.beginGeneration(of: Self.group)
        try store.write(Self.new, to: generation)
        #expect(try store.removeStaleRows(limit: 10) == 0)
        try store.install(generation, Self.snapshot)
        #expect(store.mayHaveStaleRows)
        #expect(try store.removeStaleRows(limit: 0) == 0)
        #expect(try store.removeStaleRows(limit: 2) == 2)
        #expect(store.mayHaveStaleRows)
        #expect(try store.removeStaleRows(limit: 10) == 3)
        #expect(!store.mayHaveStaleRows)
        try Self.expectNew(store)
    }

    @Test("A process that ends at any step leaves the old rows or the new ones, and no others")
    func crashes() throws {
        for step in 0...4 {
            let folder = TemporaryFolder()
            let first = try StateStore.open(path: folder.state)
            try Self.filled(first)
            if step > 0 {
                let generation = try first.beginGeneration(of: Self.group)
                try first.write(Array(Self.new.prefix(step == 1 ? 1 : 3)), to: generation)
                if step > 2 { try first.install(generation, Self.snapshot) }
                if step > 3 { #expect(try first.removeStaleRows(limit: 2) == 2) }
            }
            // As a killed process leaves them.
            folder.write("left.sqlite", folder.read("state.sqlite"))
            folder.write("left.sqlite-wal", folder.read("state.sqlite-wal"))
            try first.close()
            let path = "\(folder.path)/left.sqlite"
            let left = try StateStore.open(path: path)
            try step > 2 ? Self.expectNew(left) : Self.expectOld(left)
            #expect(left.mayHaveStaleRows)
            while left.mayHaveStaleRows { _ = try left.removeStaleRows(limit: 2) }
            try step > 2 ? Self.expectNew(left) : Self.expectOld(left)
            #expect(try left.integrityCheck() == [])
            try left.close()
            #expect(try Self.rowCount(path) == (step > 2 ? 4 : 6), "step \(step)")
        }
    }

    @Test("A generation that was given up does not mix with the next one")
    func givenUp() throws {
        let store = try StateStore.openInMemory()
        try Self.filled(store)
        let first = try store.beginGeneration(of: Self.group)
        try store.write([row("half", group: Self.group)], to: first)
        store.abandonGenerations()
        let second = try store.beginGeneration(of: Self.group)
        #expect(second != first)
        try store.write(Self.new, to: second)
        try store.install(second, Self.snapshot)
        try Self.expectNew(store)
        #expect(try store.removeStaleRows(limit: 100) == 6)
        try Self.expectNew(store)
    }

    @Test("A snapshot that does not go beyond the stored state is refused and changes nothing")
    func wentBack() throws {
        let store = try StateStore.openInMemory()
        try Self.filled(store)
        let generation = try store.beginGeneration(of: Self.group)
        for (index, term) in [(10, 1), (9, 2), (11, 0)] as [(LogIndex, Term)] {
            let offered = applied(index, term: term, group: Self.group)
            #expect(
                throws: StateStoreError.appliedIndexWentBack(
                    stored: applied(10, group: Self.group), offered: offered)
            ) {
                try store.install(generation, InstalledState(applied: offered, context: []))
            }
        }
        try Self.expectOld(store)
    }

    @Test("A shard that has nothing takes a snapshot, and one that has one takes the next")
    func firstAndNext() throws {
        let store = try StateStore.openInMemory()
        for index in 1...3 as ClosedRange<LogIndex> {
            let generation = try store.beginGeneration(of: Self.group)
            try store.write([row("n\(index)", group: Self.group)], to: generation)
            let state = InstalledState(
                applied: applied(index, group: Self.group), context: [UInt8(index)])
            try store.install(generation, state)
            #expect(try store.installedStates() == [state])
            #expect(try store.scan(group: Self.group, kind: payment).map(\.key.id) == ["n\(index)"])
        }
        #expect(try store.removeStaleRows(limit: 10) == 2)
    }

    @Test("Whoever only looks at the file sees a switch that happens meanwhile")
    func lookingOn() throws {
        let folder = TemporaryFolder()
        let store = try StateStore.open(path: folder.state)
        try Self.filled(store)
        let onlooker = try StateStore.openReadOnly(path: folder.state)
        try Self.expectOld(onlooker)
        let generation = try store.beginGeneration(of: Self.group)
        try store.write(Self.new, to: generation)
        try store.install(generation, Self.snapshot)
        _ = try store.removeStaleRows(limit: 10)
        try Self.expectNew(onlooker)
        try onlooker.close()
        try store.close()
    }

    @Test("An export shows every row once, in order, in portions, with its place in the log")
    func export() throws {
        let store = try StateStore.openInMemory()
        #expect(try !store.export(Self.group, countMax: 2, byteCountMax: 100) { _, _ in true })
        try Self.filled(store)
        let large = row("m", group: Self.group, payload: [UInt8](repeating: 1, count: 90))
        try store.write([batch(11, group: Self.group, [large, Self.new[2]])])
        var portions: [[String]] = []
        let isThere = try store.export(Self.group, countMax: 2, byteCountMax: 92) { state, rows in
            #expect(state == applied(11, group: Self.group))
            portions.append(rows.map(\.key.id))
            return true
        }
        #expect(isThere)
        #expect(
            portions == [[], ["m"], ["old_0", "old_1"], ["old_2", "old_3"], ["old_4", "k"]])
        var visitCount = 0
        _ = try store.export(Self.group, countMax: 2, byteCountMax: 92) { _, _ in
            visitCount += 1
            return visitCount < 2
        }
        #expect(visitCount == 2)
    }

    // MARK: Files of an older version

    /// A file as version 1 left it.
    private static func oldFile(_ path: String) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { database in
            try database.execute(
                sql: "PRAGMA journal_mode = WAL; PRAGMA application_id = \(0x5355_4E59)")
            for step in StateStoreSchema.steps(to: 1) { try database.execute(sql: step) }
            try database.execute(
                sql: """
                    INSERT INTO meta VALUES ('schema_version', 1);
                    INSERT INTO shard VALUES (3, 10, 1), (4, 7, 1);
                    INSERT INTO aggregate VALUES (4, 1, 'x', 'acct_1', 1000, 1, 0, x'010203');
                    """)
            for row in old() {
                try database.execute(
                    sql: "INSERT INTO aggregate VALUES (3, 1, ?, 'acct_1', 1000, 1, 1, x'010203')",
                    arguments: [row.key.id])
            }
        }
        try queue.close()
    }

    @Test("A file of version 1 is read as it is and brought to the present version")
    func migration() throws {
        let folder = TemporaryFolder()
        try Self.oldFile(folder.state)
        let onlooker = try StateStore.openReadOnly(path: folder.state)
        try Self.expectOld(onlooker)
        try onlooker.close()

        let store = try StateStore.open(path: folder.state)
        try Self.expectOld(store)
        #expect(try store.removeStaleRows(limit: 10) == 0)
        let generation = try store.beginGeneration(of: Self.group)
        try store.write(Self.new, to: generation)
        try store.install(generation, Self.snapshot)
        #expect(try store.removeStaleRows(limit: 10) == 5)
        try Self.expectNew(store)
        try store.close()
        let again = try StateStore.open(path: folder.state)
        try Self.expectNew(again)
        try again.close()
    }
}
