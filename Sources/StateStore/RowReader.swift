import GRDB
import Primitives

/// Turns what SQLite hands back into rows.
enum RowReader {
    /// What `append` expects a statement to select; shard and kind are known from the question.
    static let columns = "id, owner, created, version, is_open, payload"

    /// Reads the rows that a statement still has.
    static func append(
        _ run: borrowing SQLRun, of group: GroupID, _ kind: AggregateKind,
        to rows: inout [AggregateRow]
    ) throws {
        while try run.next() { rows.append(try row(run, of: group, kind)) }
    }

    /// The row that a statement stands at; it selects the kind behind `columns`.
    static func row(_ run: borrowing SQLRun, of group: GroupID) throws -> AggregateRow {
        guard let kind = UInt8(exactly: try run.integer(6)) else {
            throw StateStoreError.corrupt(
                operation: "read a kind", code: ResultCode.SQLITE_CORRUPT.rawValue)
        }
        return try row(run, of: group, AggregateKind(rawValue: kind))
    }

    private static func row(
        _ run: borrowing SQLRun, of group: GroupID, _ kind: AggregateKind
    ) throws -> AggregateRow {
        AggregateRow(
            key: AggregateKey(group: group, kind: kind, id: try run.text(0)),
            owner: try run.text(1),
            created: try run.integer(2),
            version: UInt64(bitPattern: try run.integer(3)),
            isOpen: try run.integer(4) != 0,
            payload: try run.bytes(5))
    }

    static func applied(_ database: Database, _ group: GroupID) throws -> AppliedState? {
        let run = try SQLRun(
            database, "SELECT shard, applied_index, applied_term FROM shard WHERE shard = ?")
        try run.bind(Int64(group.rawValue), at: 1)
        return try run.next() ? try applied(run) : nil
    }

    static func applied(_ database: Database) throws -> [AppliedState] {
        let run = try SQLRun(
            database, "SELECT shard, applied_index, applied_term FROM shard ORDER BY shard")
        var states: [AppliedState] = []
        while try run.next() { states.append(try applied(run)) }
        return states
    }

    /// Of a statement that selects a shard, an index and a term first.
    static func applied(_ run: borrowing SQLRun) throws -> AppliedState {
        guard let shard = UInt32(exactly: try run.integer(0)),
            let index = LogIndex(exactly: try run.integer(1)),
            let term = Term(exactly: try run.integer(2))
        else {
            throw StateStoreError.corrupt(
                operation: "read an applied index", code: ResultCode.SQLITE_CORRUPT.rawValue)
        }
        return AppliedState(group: GroupID(shard), index: index, term: term)
    }
}
