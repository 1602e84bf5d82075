import CSQLite
public import Environment
public import Primitives
import Synchronization

/// SQLite on a `FileSystem`: what it writes, syncs, truncates and removes goes there, and so do the
/// disk's errors come back, as those of the machine's own disk would.
///
/// It is registered with SQLite, under a name that no other has, from `init` to `deinit`. A
/// database is opened on it by that name (`sqlite3_open_v2`, or `vfs` in a URI). Locks and the
/// shared memory of write-ahead logs are the process's own: two such disks on one file system do
/// not see each other's, as a process that is gone leaves none behind.
///
/// Made after SQLite's `os_unix.c` in what it syncs and which errors it gives (SQLite, "The SQLite
/// OS Interface or VFS").
public final class SQLiteDisk: Sendable {
    /// What SQLite knows the disk by.
    public let name: String
    let files: any FileSystem
    let random: any RandomSource
    let now: @Sendable () -> Timestamp
    let tables = Mutex(FileTables())
    /// Ends with the disk, which is not before its last file is closed: an open file holds it.
    private let registration: Registration

    /// Counts the disks of the process, so that each has a name of its own.
    private static let madeCount = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - random: what SQLite gets where it asks the disk for chance. It does so of the process's
    ///     default disk only, which this one is not.
    ///   - now: civil time, for functions of dates in SQL.
    /// - Throws: where this SQLite does not read URIs, or takes no more disks.
    public init(
        files: any FileSystem, random: any RandomSource, now: @escaping @Sendable () -> Timestamp
    ) throws(SQLiteDiskError) {
        guard unsafe sqlite3_compileoption_used("USE_URI") == 1 else { throw .noURIs }
        let number = Self.madeCount.wrappingAdd(1, ordering: .relaxed).newValue
        name = "sunny-\(number)"
        self.files = files
        self.random = random
        self.now = now
        registration = try Registration(name: name)
        try registration.activate(for: self)
    }

    /// How many files are open on it.
    public var openFileCount: Int { tables.withLock { $0.openFileCount } }

    /// The same moment as SQLite counts time: milliseconds since noon in Greenwich on November 24,
    /// 4714 B.C.
    var julianMilliseconds: Int64 { Self.julianEpochMilliseconds + now().milliseconds }

    /// The Unix epoch on that scale, 2,440,587.5 days (SQLite, `unixEpoch` in `os_unix.c`).
    private static let julianEpochMilliseconds: Int64 = 24_405_875 * 8_640_000
}

/// Why there is no such disk.
public enum SQLiteDiskError: Error, Hashable, Sendable, CustomStringConvertible {
    /// SQLite was built without URIs as names of files.
    case noURIs
    /// SQLite's result code for the registration.
    case refused(Int32)

    public var description: String {
        switch self {
        case .noURIs: "this SQLite was built without SQLITE_USE_URI"
        case .refused(let code): "SQLite took no further VFS: result code \(code)"
        }
    }
}
