import GRDB
import Primitives
import Synchronization

/// The applied state of all shards of a node: one SQLite file, or one database in memory.
///
/// Every call blocks; callers run them on a worker of their own. A read has a connection of its own
/// and does not wait for a write, except in memory, where there is one connection.
///
/// A commit survives the process. It survives the machine only after `checkpoint()`, which is what
/// the journal waits for before it drops entries (SQLite, "Write-Ahead Logging": in WAL mode with
/// `synchronous=NORMAL` a power loss may roll back commits, and never corrupts).
public final class StateStore: Sendable {
    let connection: StateConnection
    private let tally = Mutex(StatementCounts())
    /// Which rows of each shard count. Changed only by whoever writes.
    let slots: Mutex<SlotTable>
    /// The path of a file on the machine's disk that is written here.
    private let writtenPath: String?

    private init(
        _ connection: StateConnection, writtenPath: String? = nil
    ) throws(StateStoreError) {
        self.connection = connection
        self.writtenPath = writtenPath
        do {
            slots = Mutex(try connection.first { try SlotTable($0) })
        } catch {
            throw StateStoreError(error, during: "read the slots")
        }
    }

    /// Opens the store in the file at `path`, and makes the file, readable by its owner only, if it
    /// does not exist. The folder has to exist.
    ///
    /// - Throws: `newerSchema` for a file of a later version and `corrupt` for one that is no state
    ///   store, both before anything is written to it; `open` and `io` for what the system refuses.
    public static func open(
        path: String, on medium: StateMedium = .machine
    ) throws(StateStoreError) -> StateStore {
        try StateFile.prepare(path, on: medium)
        let connection = try StateConnection.pool(path: path, on: medium)
        guard case .machine = medium else { return try StateStore(connection) }
        return try StateStore(connection, writtenPath: path)
    }

    /// An empty store in memory.
    public static func openInMemory() throws(StateStoreError) -> StateStore {
        try StateStore(.memory())
    }

    /// Opens the file at `path` for looking at it, also while a node writes to it. SQLite needs to
    /// be able to make its `-shm` file beside it.
    ///
    /// - Throws: `newerSchema`, `corrupt`, `open`, as `open(path:)`; never makes a file.
    public static func openReadOnly(
        path: String, on medium: StateMedium = .machine
    ) throws(StateStoreError) -> StateStore {
        try StateStore(.readOnly(path: path, on: medium))
    }

    /// What has been done since the store was opened.
    public var counts: StatementCounts { tally.withLock { $0 } }

    /// Closes the connections; every later call throws `io`. The last connection to a file brings
    /// what is in the write-ahead log into it.
    public func close() throws(StateStoreError) {
        do {
            try connection.reader.close()
        } catch {
            throw StateStoreError(error, during: "close")
        }
    }

    /// Writes all batches and their applied indexes in one transaction: all of it or nothing.
    ///
    /// A batch per shard is usual; two of one shard are applied in order. `owner` and `created` are
    /// expected to stay as they are for the life of a row: changing them costs a second statement.
    ///
    /// - Throws: `appliedIndexWentBack`, `outOfRange`, `full`, `io`, `corrupt`, `busy`.
    /// - Precondition: every row and key of a batch is of the batch's group.
    public func write(_ batches: [StateBatch]) throws(StateStoreError) {
        guard !batches.isEmpty else { return }
        let slots = slots.withLock { $0 }
        try change("write batches") { database, counts in
            let writer = try BatchWriter(database, slots)
            for batch in batches { try writer.write(batch, &counts) }
        }
    }

    /// Brings what was written to the disk, so that the next checkpoint finds little to sync: ten
    /// seconds of commits at once would hold up the journal's syncs for half a second.
    ///
    /// Nobody may count on it: what a commit needs to survive the machine is a checkpoint. So a
    /// disk on which losses are tried out is not asked, and loses more than a machine would.
    ///
    /// - Throws: `io`.
    public func writeBack() throws(StateStoreError) {
        if let writtenPath { try StateFile.synchronizeLog(of: writtenPath) }
    }

    /// Remembers a fact of the cluster, such as the number of shards, under a name.
    ///
    /// Like a batch, it survives power loss only after a checkpoint.
    public func setFact(_ name: String, _ value: [UInt8]) throws(StateStoreError) {
        try change("set a fact") { database, counts in
            let run = try SQLRun(
                database,
                """
                INSERT INTO meta (name, value) VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value
                """)
            try run.bind("fact:" + name, at: 1)
            try run.bind(value, at: 2)
            counts.statements += 1
            counts.rowsChanged += UInt64(try run.execute())
        }
    }

    /// Removes rows that have expired and have no open outbox work, all in one transaction.
    ///
    /// Which ones go first when there are more than `limit` of a set is not promised; call until
    /// fewer come back. It takes a look-up per owner of the shard and a step per row found, so it
    /// is for kinds whose old rows all go, such as idempotency keys.
    ///
    /// - Returns: how many rows of each set were removed, at most `limit`.
    public func removeExpired(
        _ expired: [ExpiredRows], limit: Int
    ) throws(StateStoreError) -> [Int] {
        guard limit > 0, !expired.isEmpty else { return expired.map { _ in 0 } }
        let slots = slots.withLock { $0 }
        return try change("remove expired rows") { database, counts in
            let run = try SQLRun(database, Self.removeExpiredSQL)
            var removedCounts: [Int] = []
            for rows in expired {
                try run.bind(slots[rows.group].number, at: 1)
                try run.bind(Int64(rows.kind.rawValue), at: 2)
                try run.bind(rows.createdBefore, at: 3)
                try run.bind(Int64(limit), at: 4)
                let removedCount = try run.execute()
                counts.statements += 1
                counts.rowsChanged += UInt64(removedCount)
                removedCounts.append(removedCount)
            }
            return removedCounts
        }
    }

    /// Walks from owner to owner of the listing index, and of each takes the old end. An index by
    /// `created` alone would cost a write on every row that is ever stored.
    private static let removeExpiredSQL = """
        DELETE FROM aggregate WHERE shard = ?1 AND kind = ?2 AND id IN (
            WITH RECURSIVE owners (owner) AS (
                SELECT min(owner) FROM aggregate WHERE shard = ?1 AND kind = ?2
                UNION ALL
                SELECT (SELECT min(next.owner) FROM aggregate AS next
                    WHERE next.shard = ?1 AND next.kind = ?2 AND next.owner > owners.owner)
                FROM owners WHERE owners.owner IS NOT NULL
            )
            SELECT old.id FROM owners CROSS JOIN aggregate AS old
            WHERE old.shard = ?1 AND old.kind = ?2 AND old.owner = owners.owner
                AND old.created < ?3 AND old.is_open = 0
            LIMIT ?4)
        """

    /// Runs `body` in one write transaction, rolled back if it throws, and counts what was kept.
    func change<Output>(
        _ operation: StaticName,
        _ body: (Database, inout StatementCounts) throws -> Output
    ) throws(StateStoreError) -> Output {
        guard let writer = connection.writer else { throw .readOnly(operation: operation) }
        var counts = StatementCounts()
        do {
            let output = try writer.writeWithoutTransaction { database in
                var output: Output?
                try database.inTransaction(.immediate) {
                    output = try body(database, &counts)
                    return .commit
                }
                return output!
            }
            counts.transactions += 1
            tally.withLock { $0 += counts }
            return output
        } catch {
            throw StateStoreError(error, during: operation)
        }
    }

    /// Runs `body` on a consistent view of the rows and counts what it read.
    /// - Parameter isOneStatement: `body` runs one statement, which needs no transaction around it.
    func view<Output>(
        _ operation: StaticName, isOneStatement: Bool = false,
        _ body: (Database, inout StatementCounts) throws -> Output
    ) throws(StateStoreError) -> Output {
        var counts = StatementCounts()
        do {
            let output =
                isOneStatement
                ? try connection.readEach { try body($0, &counts) }
                : try connection.read { try body($0, &counts) }
            tally.withLock { $0 += counts }
            return output
        } catch {
            throw StateStoreError(error, during: operation)
        }
    }

    /// The same for rows of shards: with the slots that count.
    func viewRows<Output>(
        _ operation: StaticName, isOneStatement: Bool = false,
        _ body: (Database, SlotTable, inout StatementCounts) throws -> Output
    ) throws(StateStoreError) -> Output {
        // The writer of a file that is only looked at may have switched slots since.
        if case .readOnly = connection {
            return try view(operation) { try body($0, SlotTable($0), &$1) }
        }
        let slots = slots.withLock { $0 }
        return try view(operation, isOneStatement: isOneStatement) { try body($0, slots, &$1) }
    }

    /// Makes the file look as if another version had written it, for tests of the refusal.
    package func overwriteSchemaVersion(_ version: Int64) throws(StateStoreError) {
        try change("set the schema version") { database, _ in
            try StateStoreSchema.setVersion(version, database)
        }
    }

    /// Limits the file to so many pages of 4 KiB, for tests of a full disk.
    package func limitPageCount(_ count: Int) throws(StateStoreError) {
        try change("limit the page count") { database, _ in
            _ = try Int64.fetchOne(database, sql: "PRAGMA max_page_count = \(count)")
        }
    }
}
