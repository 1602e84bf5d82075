import GRDB
import Primitives

/// Writes batches on one connection, inside a transaction that the caller holds.
struct BatchWriter: ~Copyable {
    private let database: Database
    private let slots: SlotTable
    private let upsert: SQLRun
    private let remove: SQLRun
    private let apply: SQLRun

    init(_ database: Database, _ slots: SlotTable) throws {
        let upsert = try SQLRun(database, Self.upsertSQL)
        let remove = try SQLRun(
            database, "DELETE FROM aggregate WHERE shard = ? AND kind = ? AND id = ?")
        let apply = try SQLRun(database, Self.applySQL)
        // Only now: a value that cannot be copied has to be made whole in one go.
        self.database = database
        self.slots = slots
        self.upsert = upsert
        self.remove = remove
        self.apply = apply
    }

    borrowing func write(_ batch: StateBatch, _ counts: inout StatementCounts) throws {
        try writeApplied(batch.applied, &counts)
        if let configuration = batch.configuration {
            try writeConfiguration(configuration, of: batch.group, &counts)
        }
        let slot = slots[batch.group]
        for key in batch.removed {
            precondition(
                key.group == batch.group, "a key of \(key.group) in a batch of \(batch.group)")
            try remove.bind(slot.number, at: 1)
            try remove.bind(Int64(key.kind.rawValue), at: 2)
            try remove.bind(key.id, at: 3)
            counts.rowsChanged += UInt64(try remove.execute())
        }
        counts.statements += UInt64(batch.removed.count)
        for row in batch.rows {
            precondition(
                row.key.group == batch.group,
                "a row of \(row.key.group) in a batch of \(batch.group)")
            try write(row, in: slot, &counts)
        }
    }

    borrowing func write(
        _ row: AggregateRow, in slot: Slot, _ counts: inout StatementCounts
    ) throws {
        try Self.bind(row, slot, to: upsert)
        counts.statements += 1
        if try upsert.execute() == 0 {
            let replace = try SQLRun(database, Self.replaceSQL)
            try Self.bind(row, slot, to: replace)
            try replace.execute()
            counts.statements += 1
        }
        counts.rowsChanged += 1
    }

    private static func bind(
        _ row: AggregateRow, _ slot: Slot, to run: borrowing SQLRun
    ) throws {
        try run.bind(slot.number, at: 1)
        try run.bind(Int64(row.key.kind.rawValue), at: 2)
        try run.bind(row.key.id, at: 3)
        try run.bind(row.owner, at: 4)
        try run.bind(row.created, at: 5)
        try run.bind(Int64(bitPattern: row.version), at: 6)
        try run.bind(row.isOpen ? 1 : 0, at: 7)
        try run.bind(row.payload, at: 8)
    }

    private borrowing func writeApplied(
        _ applied: AppliedState, _ counts: inout StatementCounts
    ) throws {
        guard let index = Int64(exactly: applied.index), let term = Int64(exactly: applied.term)
        else { throw StateStoreError.outOfRange(operation: "write an applied index") }
        try apply.bind(Int64(applied.group.rawValue), at: 1)
        try apply.bind(index, at: 2)
        try apply.bind(term, at: 3)
        try apply.bind(slots[applied.group].number, at: 4)
        counts.statements += 1
        guard try apply.execute() == 0 else { return }
        guard let stored = try RowReader.applied(database, applied.group) else {
            preconditionFailure("\(applied.group): nothing is stored and nothing was inserted")
        }
        throw StateStoreError.appliedIndexWentBack(stored: stored, offered: applied)
    }

    /// Members change rarely: the statement is made when it is needed.
    private borrowing func writeConfiguration(
        _ configuration: [UInt8], of group: GroupID, _ counts: inout StatementCounts
    ) throws {
        let run = try SQLRun(database, "UPDATE shard SET configuration = ? WHERE shard = ?")
        try run.bind(configuration, at: 1)
        try run.bind(Int64(group.rawValue), at: 2)
        counts.statements += 1
        try run.execute()
    }

    /// `owner` and `created` are not set, because naming them would make SQLite rewrite the listing
    /// index with every update; where they differ nothing changes, and `replaceSQL` does it all.
    private static let upsertSQL = """
        INSERT INTO aggregate (shard, kind, id, owner, created, version, is_open, payload)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (shard, kind, id) DO UPDATE
        SET version = excluded.version, is_open = excluded.is_open, payload = excluded.payload
        WHERE owner = excluded.owner AND created = excluded.created
        """

    private static let replaceSQL = """
        INSERT OR REPLACE INTO aggregate
            (shard, kind, id, owner, created, version, is_open, payload)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """

    /// Changes nothing when the index or the term would go back.
    private static let applySQL = """
        INSERT INTO shard (shard, applied_index, applied_term, slot) VALUES (?, ?, ?, ?)
        ON CONFLICT (shard) DO UPDATE
        SET applied_index = excluded.applied_index, applied_term = excluded.applied_term
        WHERE (excluded.applied_index > applied_index AND excluded.applied_term >= applied_term)
            OR (excluded.applied_index = applied_index AND excluded.applied_term = applied_term)
        """
}
