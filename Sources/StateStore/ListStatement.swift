import GRDB
import Primitives

/// The SQL of one page of a listing and what is bound to it.
struct ListStatement {
    let sql: String
    /// A page before a position is read away from it, and turned round afterwards.
    let isOldestFirst: Bool
    private let query: AggregateQuery
    private let from: Int64
    private let through: Int64
    private let position: ListPosition?

    /// The cursor's `created` narrows the range, because SQLite seeks by one bound on each side and
    /// walks over what another condition leaves out. So only rows of the cursor's very millisecond
    /// are walked over, and `(created, id) < (?, ?)` comes down to the `OR` in the SQL.
    init(_ query: AggregateQuery) {
        self.query = query
        let from = query.createdFrom ?? .min
        let through = query.createdThrough ?? .max
        switch query.cursor {
        case nil:
            (self.from, self.through, position) = (from, through, nil)
            (sql, isOldestFirst) = (Self.newestSQL, false)
        case .after(let cursor):
            (self.from, self.through, position) = (from, min(through, cursor.created), cursor)
            (sql, isOldestFirst) = (Self.afterSQL, false)
        case .before(let cursor):
            (self.from, self.through, position) = (max(from, cursor.created), through, cursor)
            (sql, isOldestFirst) = (Self.beforeSQL, true)
        }
    }

    func rows(_ database: Database, in slot: Slot) throws -> [AggregateRow] {
        let run = try SQLRun(database, sql)
        try bind(to: run, slot)
        var rows: [AggregateRow] = []
        try RowReader.append(run, of: query.group, query.kind, to: &rows)
        if isOldestFirst { rows.reverse() }
        return rows
    }

    /// How SQLite goes about it.
    func plan(_ database: Database, in slot: Slot) throws -> [String] {
        let run = try SQLRun(database, "EXPLAIN QUERY PLAN " + sql)
        try bind(to: run, slot)
        var steps: [String] = []
        while try run.next() { steps.append(try run.text(3)) }
        return steps
    }

    private func bind(to run: borrowing SQLRun, _ slot: Slot) throws {
        try run.bind(slot.number, at: 1)
        try run.bind(Int64(query.kind.rawValue), at: 2)
        try run.bind(query.owner, at: 3)
        try run.bind(from, at: 4)
        try run.bind(through, at: 5)
        try run.bind(Int64(query.limit), at: 6)
        if let position {
            try run.bind(position.created, at: 7)
            try run.bind(position.id, at: 8)
        }
    }

    private static let newestSQL = sql(beyond: "", order: "DESC")
    private static let afterSQL = sql(beyond: "AND (created < ?7 OR id < ?8)", order: "DESC")
    private static let beforeSQL = sql(beyond: "AND (created > ?7 OR id > ?8)", order: "ASC")

    private static func sql(beyond: String, order: String) -> String {
        """
        SELECT \(RowReader.columns) FROM aggregate
        WHERE shard = ?1 AND kind = ?2 AND owner = ?3 AND created BETWEEN ?4 AND ?5 \(beyond)
        ORDER BY created \(order), id \(order) LIMIT ?6
        """
    }
}
