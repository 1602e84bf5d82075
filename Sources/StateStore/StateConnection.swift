import GRDB
import Primitives

/// The connections to one database, by what they are for.
enum StateConnection: Sendable {
    /// A file: one connection writes while others read.
    case pool(DatabasePool)
    /// Memory: one connection.
    case memory(DatabaseQueue)
    /// A file that is only looked at.
    case readOnly(DatabaseQueue)

    var reader: any DatabaseReader {
        switch self {
        case .pool(let pool): pool
        case .memory(let queue), .readOnly(let queue): queue
        }
    }

    var writer: (any DatabaseWriter)? {
        switch self {
        case .pool(let pool): pool
        case .memory(let queue): queue
        case .readOnly: nil
        }
    }

    /// A consistent view: a read transaction, or in memory the fact that nobody else gets in.
    func read<Output>(_ body: (Database) throws -> Output) throws -> Output {
        switch self {
        case .pool(let pool): try pool.read(body)
        case .memory(let queue): try queue.unsafeRead(body)
        case .readOnly(let queue): try queue.read(body)
        }
    }

    /// A view that is consistent within each statement, which is a transaction of its own: whoever
    /// has only one is spared the beginning and the end of another.
    func readEach<Output>(_ body: (Database) throws -> Output) throws -> Output {
        switch self {
        case .pool(let pool): try pool.unsafeRead(body)
        case .memory(let queue), .readOnly(let queue): try queue.unsafeRead(body)
        }
    }

    /// A first look, on the connection that is open already: a reader of a pool that was opened and
    /// is closed last would leave the write-ahead log where it is.
    func first<Output>(_ body: (Database) throws -> Output) throws -> Output {
        switch self {
        case .pool(let pool): try pool.writeWithoutTransaction(body)
        case .memory(let queue), .readOnly(let queue): try queue.read(body)
        }
    }

    static func pool(
        path: String, on medium: StateMedium
    ) throws(StateStoreError) -> StateConnection {
        do {
            let pool = try DatabasePool(
                path: medium.location(of: path), configuration: configuration())
            try pool.writeWithoutTransaction { try StateStoreSchema.migrate($0) }
            return .pool(pool)
        } catch {
            throw StateStoreError(error, opening: path)
        }
    }

    static func memory() throws(StateStoreError) -> StateConnection {
        do {
            let queue = try DatabaseQueue(configuration: configuration())
            try queue.writeWithoutTransaction { try StateStoreSchema.migrate($0) }
            return .memory(queue)
        } catch {
            throw StateStoreError(error, during: "open a store in memory")
        }
    }

    static func readOnly(
        path: String, on medium: StateMedium
    ) throws(StateStoreError) -> StateConnection {
        var configuration = configuration()
        configuration.readonly = true
        do {
            let queue = try DatabaseQueue(
                path: medium.location(of: path), configuration: configuration)
            _ = try queue.read { try StateStoreSchema.version($0) }
            return .readOnly(queue)
        } catch {
            throw StateStoreError(error, opening: path)
        }
    }

    private static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.label = "StateStore"
        configuration.leaveClockAlone()
        configuration.foreignKeysEnabled = false
        // A node has one writer and a few short reads: who waits longer is held up by something
        // that will not go away.
        configuration.busyMode = .timeout(5)
        // The read worker, and one more for whoever looks on.
        configuration.maximumReaderCount = 2
        configuration.prepareDatabase { database in
            // A writer of 32 MiB keeps the inner pages of some million rows; a reader needs less.
            // No temporary files beside the sealed one, and pages are looked at before they are
            // believed.
            let cacheKibibytes = database.configuration.readonly ? 8_192 : 32_768
            try database.execute(
                sql: """
                    PRAGMA cache_size = -\(cacheKibibytes);
                    PRAGMA temp_store = MEMORY;
                    PRAGMA cell_size_check = ON;
                    PRAGMA trusted_schema = OFF;
                    """)
            // The node checkpoints by itself, where it does not hold up a commit. Should it not
            // get to it, SQLite does, so that the log stays at about 64 MiB.
            if !database.configuration.readonly {
                try database.execute(sql: "PRAGMA wal_autocheckpoint = 16384")
            }
        }
        return configuration
    }
}

extension Configuration {
    /// Nothing here asks for a transaction's date, and time is passed in: the library must not look
    /// at the machine's clock for every transaction.
    mutating func leaveClockAlone() {
        transactionClock = .custom { _ in throw NoTransactionDate() }
    }
}

/// What the library is told when it asks for the date of a transaction.
private struct NoTransactionDate: Error {}
