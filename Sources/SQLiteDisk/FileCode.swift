import CSQLite
import Environment

/// Extended result codes, which SQLite has as macros that Swift does not see.
enum FileCode {
    static let read = SQLITE_IOERR | 1 << 8
    static let shortRead = SQLITE_IOERR | 2 << 8
    static let write = SQLITE_IOERR | 3 << 8
    static let synchronize = SQLITE_IOERR | 4 << 8
    static let synchronizeFolder = SQLITE_IOERR | 5 << 8
    static let truncate = SQLITE_IOERR | 6 << 8
    static let status = SQLITE_IOERR | 7 << 8
    static let delete = SQLITE_IOERR | 10 << 8
    static let access = SQLITE_IOERR | 13 << 8
    static let deleteMissing = SQLITE_IOERR | 23 << 8

    /// `ENOSPC`, which a write tells apart from every other error.
    private static let noSpace: Int32 = 28

    static func ofWrite(_ error: FileError) -> Int32 {
        error.code == noSpace ? SQLITE_FULL : write
    }
}
