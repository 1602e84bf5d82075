import GRDB
import Primitives

/// The host's journal: a SQLite file, or a database in memory that lives as long as this object.
/// `AcquirerJournalSchema` describes the tables.
///
/// In a file it is a write-ahead log with `synchronous = FULL`: every commit is synced before its
/// answers leave. An answer that a power loss could take back out of the journal would turn the
/// record that payments are held against into a false one. One sync serves all messages that came
/// in while the one before was under way, so the price is paid by the batch. Every call blocks.
public final class AcquirerJournal: Sendable {
    private let queue: DatabaseQueue

    /// Opens the journal at `path`, which is made when it is not there; nil for one in memory.
    public init(path: String?) throws(AcquirerJournalError) {
        do {
            var configuration = Configuration()
            configuration.label = "Acquirer"
            // Nothing here asks for a transaction's date, and time is passed in: the library is not
            // to look at the machine's clock for every transaction.
            configuration.transactionClock = .custom { _ in throw NoTransactionDate() }
            // A reader may hold the lock while it opens; nobody else writes.
            configuration.busyMode = .timeout(5)
            if let path {
                configuration.journalMode = .wal
                configuration.prepareDatabase { database in
                    try database.execute(sql: "PRAGMA synchronous = FULL")
                }
                queue = try DatabaseQueue(path: path, configuration: configuration)
            } else {
                queue = try DatabaseQueue(configuration: configuration)
            }
            try queue.writeWithoutTransaction { try AcquirerJournalSchema.prepare($0) }
        } catch {
            throw AcquirerJournalError(error, during: "open the journal")
        }
    }

    /// Writes all of the batch, or nothing.
    public func append(_ batch: JournalBatch) throws(AcquirerJournalError) {
        do {
            try queue.write { database in
                for transaction in batch.transactions {
                    try AcquirerJournalRows.write(transaction, database)
                }
                for advice in batch.advices { try AcquirerJournalRows.write(advice, database) }
                for entry in batch.messages { try AcquirerJournalRows.write(entry, database) }
            }
        } catch {
            throw AcquirerJournalError(error, during: "commit to the journal")
        }
    }

    /// Everything that the host is rebuilt from.
    public func records() throws(AcquirerJournalError) -> JournalRecords {
        do {
            return try queue.read { database in
                JournalRecords(
                    transactions: try AcquirerJournalRows.transactions(database),
                    advices: try AcquirerJournalRows.advices(database))
            }
        } catch {
            throw AcquirerJournalError(error, during: "read the journal")
        }
    }

    /// How many messages are logged.
    package func messageCount() throws(AcquirerJournalError) -> Int {
        do {
            return try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM messages")! }
        } catch {
            throw AcquirerJournalError(error, during: "read the journal")
        }
    }

    /// Closes the file. Nothing may be asked of the journal afterwards.
    public func close() throws(AcquirerJournalError) {
        do {
            try queue.close()
        } catch {
            throw AcquirerJournalError(error, during: "close the journal")
        }
    }
}

/// What the library is told when it asks for the date of a transaction.
private struct NoTransactionDate: Error {}
