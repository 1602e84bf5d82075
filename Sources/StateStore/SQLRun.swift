import GRDB
import GRDBSQLite
import Primitives

/// One run of a prepared statement: bind, step, read columns; reset when it goes out of scope.
///
/// GRDB prepares and keeps the statement. Binding and stepping go to SQLite directly, because GRDB
/// boxes every value, takes blobs as Foundation's `Data` only, costs about as much again as the
/// write itself, and binds text up to its first NUL, so that two ids that a client made could fall
/// together.
struct SQLRun: ~Copyable {
    /// Holds the statement while its handle is in use.
    private let statement: Statement
    private let handle: OpaquePointer

    init(_ database: Database, _ sql: String) throws {
        statement = try database.cachedStatement(sql: sql)
        handle = statement.sqliteStatement
    }

    deinit {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    /// Makes SQLite copy what is bound, as Swift's buffers are not ours beyond the call.
    private static var transient: sqlite3_destructor_type {
        unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }

    /// Parameters are counted from 1.
    borrowing func bind(_ value: Int64, at parameter: Int32) throws {
        try check(sqlite3_bind_int64(handle, parameter, value))
    }

    /// Text with all its bytes, NULs too.
    borrowing func bind(_ text: String, at parameter: Int32) throws {
        guard !text.isEmpty else {
            // An empty buffer may have no address, which SQLite would take for NULL.
            try check(sqlite3_bind_text(handle, parameter, "", 0, Self.transient))
            return
        }
        var text = text
        let code = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                sqlite3_bind_text(
                    handle, parameter, $0.baseAddress, Int32($0.count), Self.transient)
            }
        }
        try check(code)
    }

    borrowing func bind(_ bytes: [UInt8], at parameter: Int32) throws {
        guard bytes.count <= Self.blobByteCountMax else {
            throw StateStoreError.outOfRange(operation: "bind a payload")
        }
        guard !bytes.isEmpty else {
            try check(sqlite3_bind_zeroblob(handle, parameter, 0))
            return
        }
        try check(
            bytes.withUnsafeBytes {
                sqlite3_bind_blob(
                    handle, parameter, $0.baseAddress, Int32($0.count), Self.transient)
            })
    }

    /// Far below SQLite's own limit (1,000,000,000), far above any aggregate.
    private static let blobByteCountMax = 64 * 1024 * 1024

    /// Steps to the next row.
    ///
    /// - Returns: false when there is none.
    borrowing func next() throws -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw DatabaseError(resultCode: ResultCode(rawValue: code))
        }
    }

    /// Runs a statement that gives no rows, and makes it ready for the next values.
    ///
    /// - Returns: how many rows it inserted, changed or deleted.
    @discardableResult
    borrowing func execute() throws -> Int {
        while try next() {}
        let changed = Int(sqlite3_changes(sqlite3_db_handle(handle)))
        sqlite3_reset(handle)
        return changed
    }

    /// Makes the statement ready for the next values after its rows were read.
    borrowing func reset() {
        sqlite3_reset(handle)
    }

    /// Columns of the row stepped to are counted from 0.
    borrowing func integer(_ column: Int32) throws -> Int64 {
        guard sqlite3_column_type(handle, column) == SQLITE_INTEGER else { throw Self.damaged }
        return sqlite3_column_int64(handle, column)
    }

    /// The same for what an aggregate of no rows makes: nil.
    borrowing func optionalInteger(_ column: Int32) throws -> Int64? {
        guard sqlite3_column_type(handle, column) != SQLITE_NULL else { return nil }
        return try integer(column)
    }

    borrowing func text(_ column: Int32) throws -> String {
        guard sqlite3_column_type(handle, column) == SQLITE_TEXT,
            let start = sqlite3_column_text(handle, column)
        else { throw Self.damaged }
        let count = Int(sqlite3_column_bytes(handle, column))
        let bytes = UnsafeBufferPointer(start: start, count: count)
        // Nearly all text is ASCII, which is text whatever it is, and decoded fastest as such.
        if bytes.allSatisfy({ $0 < 0x80 }) { return String(decoding: bytes, as: UTF8.self) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Self.damaged }
        return text
    }

    borrowing func bytes(_ column: Int32) throws -> [UInt8] {
        guard sqlite3_column_type(handle, column) == SQLITE_BLOB else { throw Self.damaged }
        // SQLite gives no address for an empty blob.
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        let count = Int(sqlite3_column_bytes(handle, column))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// STRICT tables keep types and UTF-8 whole, so a column that is neither has been damaged.
    private static var damaged: StateStoreError {
        .corrupt(operation: "read a column", code: SQLITE_CORRUPT)
    }

    private borrowing func check(_ code: Int32) throws {
        guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
    }
}
