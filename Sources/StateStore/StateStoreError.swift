import GRDB
public import Primitives

/// Why the store could not do what it was asked for.
///
/// It says which operation and SQLite's result code, and never what a row holds.
public enum StateStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file cannot be opened, made or given its mode.
    case open(path: String, reason: String)
    /// The disk failed, or SQLite refused for a reason that has no case of its own. What was not
    /// checkpointed before may be lost: the caller ends the process.
    case io(operation: StaticName, code: Int32)
    /// The file is not a state store, or its pages contradict each other.
    case corrupt(operation: StaticName, code: Int32)
    /// The disk is full. Nothing of the transaction was kept.
    case full(operation: StaticName)
    /// Another connection held its lock for longer than a reader or writer of this node does.
    case busy(operation: StaticName)
    /// The file was written by a later version. It is left as it was.
    case newerSchema(found: Int64, supported: Int64)
    /// The batch would have taken the applied index or term back, or written the same index twice
    /// with different terms. Nothing of the transaction was kept.
    case appliedIndexWentBack(stored: AppliedState, offered: AppliedState)
    /// A number that SQLite's 64-bit signed integers cannot hold.
    case outOfRange(operation: StaticName)
    /// The store was opened for reading only.
    case readOnly(operation: StaticName)

    public var description: String {
        switch self {
        case .open(let path, let reason):
            "open \(path): \(reason)"
        case .io(let operation, let code):
            "\(operation): \(Self.text(code))"
        case .corrupt(let operation, let code):
            "\(operation): the state file is damaged: \(Self.text(code))"
        case .full(let operation):
            "\(operation): the disk is full"
        case .busy(let operation):
            "\(operation): the state file is locked by another connection"
        case .newerSchema(let found, let supported):
            "the state file has schema \(found), this version reads up to \(supported)"
        case .appliedIndexWentBack(let stored, let offered):
            "\(stored.group): applied \(stored.index) of term \(stored.term) is stored, "
                + "\(offered.index) of term \(offered.term) was offered"
        case .outOfRange(let operation):
            "\(operation): a number is beyond what the state file holds"
        case .readOnly(let operation):
            "\(operation): the store is open for reading only"
        }
    }

    /// SQLite's fixed text for a result code; it has no part of any statement or row.
    private static func text(_ code: Int32) -> String {
        ResultCode(rawValue: code).description
    }

    /// What an error that GRDB threw amounts to. Its own message is dropped: it may quote.
    init(_ error: any Error, during operation: StaticName) {
        if let known = error as? StateStoreError {
            self = known
            return
        }
        let result = (error as? DatabaseError)?.extendedResultCode ?? .SQLITE_ERROR
        switch result.primaryResultCode {
        case .SQLITE_FULL: self = .full(operation: operation)
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .busy(operation: operation)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT:
            self = .corrupt(operation: operation, code: result.rawValue)
        default: self = .io(operation: operation, code: result.rawValue)
        }
    }

    /// The same for an error that came while the file at `path` was opened.
    init(_ error: any Error, opening path: String) {
        let result = (error as? DatabaseError)?.extendedResultCode
        switch result?.primaryResultCode {
        case .SQLITE_CANTOPEN?, .SQLITE_PERM?, .SQLITE_AUTH?, .SQLITE_READONLY?:
            self = .open(path: path, reason: Self.text(result!.rawValue))
        default:
            self.init(error, during: "open")
        }
    }
}
