import FoundationEssentials
import GRDB
import Primitives

/// Turns what SQLite hands back into rows.
enum RowReader {
    /// What `append` expects a statement to select; shard and kind are known from the question.
    static let columns = "id, owner, created, version, is_open, payload"

    static func append(
        _ statement: Statement, _ arguments: StatementArguments, of group: GroupID,
        _ kind: AggregateKind, to rows: inout [AggregateRow]
    ) throws {
        let cursor = try Row.fetchCursor(statement, arguments: arguments)
        while let row = try cursor.next() {
            rows.append(
                AggregateRow(
                    key: AggregateKey(group: group, kind: kind, id: try row.decode(atIndex: 0)),
                    owner: try row.decode(atIndex: 1),
                    created: try row.decode(atIndex: 2),
                    version: UInt64(bitPattern: try row.decode(Int64.self, atIndex: 3)),
                    isOpen: try row.decode(Int64.self, atIndex: 4) != 0,
                    payload: try row.withUnsafeData(atIndex: 5) { Blob.bytes($0) }))
        }
    }

    static func applied(_ database: Database, _ group: GroupID) throws -> AppliedState? {
        let statement = try database.cachedStatement(
            sql: "SELECT shard, applied_index, applied_term FROM shard WHERE shard = ?")
        return try Row.fetchOne(statement, arguments: [Int64(group.rawValue)])
            .map { try applied($0) }
    }

    static func applied(_ database: Database) throws -> [AppliedState] {
        let statement = try database.cachedStatement(
            sql: "SELECT shard, applied_index, applied_term FROM shard ORDER BY shard")
        return try Row.fetchAll(statement).map { try applied($0) }
    }

    private static func applied(_ row: Row) throws -> AppliedState {
        guard let shard = UInt32(exactly: try row.decode(Int64.self, atIndex: 0)),
            let index = LogIndex(exactly: try row.decode(Int64.self, atIndex: 1)),
            let term = Term(exactly: try row.decode(Int64.self, atIndex: 2))
        else {
            throw StateStoreError.corrupt(
                operation: "read an applied index", code: ResultCode.SQLITE_CORRUPT.rawValue)
        }
        return AppliedState(group: GroupID(shard), index: index, term: term)
    }
}

/// Bytes as SQLite takes and gives them; GRDB knows them as `Data` only.
enum Blob {
    static func databaseValue(_ bytes: [UInt8]) -> DatabaseValue { Data(bytes).databaseValue }

    /// No data is an empty blob: no column that is read with this may be NULL.
    static func bytes(_ data: Data?) -> [UInt8] { data.map { Array($0) } ?? [] }
}
