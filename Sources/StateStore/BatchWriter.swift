import GRDB
import Primitives

/// Writes batches on one connection, inside a transaction that the caller holds.
struct BatchWriter {
    private let database: Database
    private let upsert: Statement
    private let replace: Statement
    private let remove: Statement
    private let apply: Statement

    init(_ database: Database) throws {
        self.database = database
        upsert = try database.cachedStatement(sql: Self.upsertSQL)
        replace = try database.cachedStatement(sql: Self.replaceSQL)
        remove = try database.cachedStatement(
            sql: "DELETE FROM aggregate WHERE shard = ? AND kind = ? AND id = ?")
        apply = try database.cachedStatement(sql: Self.applySQL)
    }

    func write(_ batch: StateBatch, _ counts: inout StatementCounts) throws {
        try writeApplied(batch.applied, &counts)
        for key in batch.removed {
            precondition(
                key.group == batch.group, "a key of \(key.group) in a batch of \(batch.group)")
            try remove.execute(
                arguments: [Int64(key.group.rawValue), Int64(key.kind.rawValue), key.id])
            counts.rowsChanged += UInt64(database.changesCount)
        }
        counts.statements += UInt64(batch.removed.count)
        for row in batch.rows {
            precondition(
                row.key.group == batch.group,
                "a row of \(row.key.group) in a batch of \(batch.group)")
            try write(row, &counts)
        }
    }

    private func write(_ row: AggregateRow, _ counts: inout StatementCounts) throws {
        let arguments: StatementArguments = [
            Int64(row.key.group.rawValue), Int64(row.key.kind.rawValue), row.key.id, row.owner,
            row.created, Int64(bitPattern: row.version), row.isOpen ? 1 : 0,
            Blob.databaseValue(row.payload),
        ]
        upsert.setUncheckedArguments(arguments)
        try upsert.execute()
        counts.statements += 1
        if database.changesCount == 0 {
            replace.setUncheckedArguments(arguments)
            try replace.execute()
            counts.statements += 1
        }
        counts.rowsChanged += 1
    }

    private func writeApplied(
        _ applied: AppliedState, _ counts: inout StatementCounts
    ) throws {
        guard let index = Int64(exactly: applied.index), let term = Int64(exactly: applied.term)
        else { throw StateStoreError.outOfRange(operation: "write batches") }
        try apply.execute(arguments: [Int64(applied.group.rawValue), index, term])
        counts.statements += 1
        guard database.changesCount == 0 else { return }
        guard let stored = try RowReader.applied(database, applied.group) else {
            preconditionFailure("\(applied.group): nothing is stored and nothing was inserted")
        }
        throw StateStoreError.appliedIndexWentBack(stored: stored, offered: applied)
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
        INSERT INTO shard (shard, applied_index, applied_term) VALUES (?, ?, ?)
        ON CONFLICT (shard) DO UPDATE
        SET applied_index = excluded.applied_index, applied_term = excluded.applied_term
        WHERE (excluded.applied_index > applied_index AND excluded.applied_term >= applied_term)
            OR (excluded.applied_index = applied_index AND excluded.applied_term = applied_term)
        """
}
