import GRDB
public import Primitives
import Synchronization

extension StateStore {
    /// Brings everything that was committed into the file itself and syncs it, so that it survives
    /// a loss of power. In memory there is nothing to bring anywhere.
    ///
    /// SQLite syncs the write-ahead log, copies it, syncs the file and empties the log
    /// (`SQLITE_CHECKPOINT_TRUNCATE`). Reads that are under way are waited for.
    ///
    /// - Returns: how far each shard's journal may be compacted.
    /// - Throws: `io`, `full`, `busy` when a reader did not end; the journal must then be kept.
    public func checkpoint() throws(StateStoreError) -> [GroupID: LogIndex] {
        guard let writer = connection.writer else { throw .readOnly(operation: "checkpoint") }
        do {
            // On the write connection no commit comes between the look and the checkpoint.
            return try writer.writeWithoutTransaction { database in
                let applied = try RowReader.applied(database)
                if case .pool = connection { try database.checkpoint(.truncate) }
                return Dictionary(uniqueKeysWithValues: applied.map { ($0.group, $0.index) })
            }
        } catch {
            throw StateStoreError(error, during: "checkpoint")
        }
    }

    /// Reads every page and index and holds them against each other. Takes as long as reading the
    /// whole file.
    ///
    /// - Returns: what SQLite found, at most 100 lines, without what rows hold; empty when sound.
    /// - Throws: `corrupt` when the damage keeps SQLite from looking on.
    public func integrityCheck() throws(StateStoreError) -> [String] {
        try view("check the file") { database, counts in
            counts.statements += 1
            let findings = try String.fetchAll(database, sql: "PRAGMA integrity_check(100)")
            return findings == ["ok"] ? [] : findings
        }
    }
}
