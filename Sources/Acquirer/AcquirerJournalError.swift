import GRDB
public import Primitives

/// Why the journal could not do what it was asked for. It never says what a row holds.
public enum AcquirerJournalError: Error, Hashable, Sendable, CustomStringConvertible {
    /// SQLite failed; the code is its extended result code.
    case database(operation: StaticName, code: Int32)
    /// The file belongs to something else.
    case notAJournal
    /// A later version wrote the file.
    case newerSchema(found: Int64, supported: Int64)
    /// A row holds what no version writes.
    case corrupt(table: StaticName, id: Int64)

    public var description: String {
        switch self {
        case .database(let operation, let code):
            "\(operation): \(ResultCode(rawValue: code))"
        case .notAJournal: "the file is not an acquirer's journal"
        case .newerSchema(let found, let supported):
            "the journal has schema \(found), this version reads up to \(supported)"
        case .corrupt(let table, let id): "row \(id) of \(table) is damaged"
        }
    }

    /// An error that GRDB threw. Its own text is dropped, for it may quote what was to be written.
    init(_ error: any Error, during operation: StaticName) {
        if let known = error as? AcquirerJournalError {
            self = known
        } else {
            let code = (error as? DatabaseError)?.extendedResultCode ?? .SQLITE_ERROR
            self = .database(operation: operation, code: code.rawValue)
        }
    }
}
