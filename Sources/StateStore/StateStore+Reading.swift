import GRDB
public import Primitives

extension StateStore {
    /// How far the shard's log is in the rows; nil for a shard that was never written.
    public func appliedState(of group: GroupID) throws(StateStoreError) -> AppliedState? {
        try view("read an applied index") { database, counts in
            counts.statements += 1
            return try RowReader.applied(database, group)
        }
    }

    /// How far each shard's log is in the rows, in the order of the shards.
    public func appliedStates() throws(StateStoreError) -> [AppliedState] {
        try view("read the applied indexes") { database, counts in
            counts.statements += 1
            return try RowReader.applied(database)
        }
    }

    /// The rows of the keys that exist, in the order of the keys.
    public func load(_ keys: [AggregateKey]) throws(StateStoreError) -> [AggregateRow] {
        guard !keys.isEmpty else { return [] }
        return try view("load rows") { database, counts in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT \(RowReader.columns) FROM aggregate
                    WHERE shard = ? AND kind = ? AND id = ?
                    """)
            var rows: [AggregateRow] = []
            rows.reserveCapacity(keys.count)
            for key in keys {
                try RowReader.append(
                    statement, [Int64(key.group.rawValue), Int64(key.kind.rawValue), key.id],
                    of: key.group, key.kind, to: &rows)
            }
            counts.statements += UInt64(keys.count)
            counts.rowsRead += UInt64(rows.count)
            return rows
        }
    }

    /// One page of a listing, newest first.
    public func list(_ query: AggregateQuery) throws(StateStoreError) -> [AggregateRow] {
        guard query.limit > 0 else { return [] }
        let page = ListStatement(query)
        return try view("list rows") { database, counts in
            var rows: [AggregateRow] = []
            try RowReader.append(
                try database.cachedStatement(sql: page.sql), page.arguments,
                of: query.group, query.kind, to: &rows)
            counts.statements += 1
            counts.rowsRead += UInt64(rows.count)
            if page.isOldestFirst { rows.reverse() }
            return rows
        }
    }

    /// Aggregates with unfinished outbox work, by the bytes of their ids: the first `limit` of them
    /// that come after `after`. A new leader reads them page by page.
    public func openRows(
        group: GroupID, kind: AggregateKind, after: String? = nil,
        limit: Int = AggregateQuery.limitMax
    ) throws(StateStoreError) -> [AggregateRow] {
        guard limit > 0 else { return [] }
        return try view("read open rows") { database, counts in
            // No id is empty, so nothing is left out when there is no `after`.
            let statement = try database.cachedStatement(
                sql: """
                    SELECT \(RowReader.columns) FROM aggregate
                    WHERE shard = ? AND kind = ? AND is_open = 1 AND id > ?
                    ORDER BY id LIMIT ?
                    """)
            var rows: [AggregateRow] = []
            try RowReader.append(
                statement,
                [
                    Int64(group.rawValue), Int64(kind.rawValue), after ?? "",
                    Int64(min(limit, AggregateQuery.limitMax)),
                ], of: group, kind, to: &rows)
            counts.statements += 1
            counts.rowsRead += UInt64(rows.count)
            return rows
        }
    }

    /// The fact that `setFact` remembered, or nil.
    public func fact(_ name: String) throws(StateStoreError) -> [UInt8]? {
        try view("read a fact") { database, counts in
            counts.statements += 1
            let statement = try database.cachedStatement(
                sql: "SELECT value FROM meta WHERE name = ?")
            return try Row.fetchOne(statement, arguments: ["fact:" + name])
                .map { try $0.withUnsafeData(atIndex: 0) { Blob.bytes($0) } }
        }
    }

    /// How SQLite goes about a listing, for the test that it never sorts or scans.
    package func queryPlan(of query: AggregateQuery) throws(StateStoreError) -> [String] {
        let page = ListStatement(query)
        return try view("explain a listing") { database, _ in
            try Row.fetchAll(
                database, sql: "EXPLAIN QUERY PLAN " + page.sql, arguments: page.arguments
            ).map { $0["detail"] }
        }
    }
}

/// The SQL of one page and what is bound to it.
private struct ListStatement {
    let sql: String
    let arguments: StatementArguments
    /// A page before a position is read away from it, and turned round afterwards.
    let isOldestFirst: Bool

    /// The cursor's `created` also narrows the range: SQLite seeks by one bound on each side, and
    /// would otherwise walk from the newest row to a cursor far down the list.
    init(_ query: AggregateQuery) {
        var from = query.createdFrom ?? .min
        var through = query.createdThrough ?? .max
        var position: ListPosition?
        let comparison: String
        switch query.cursor {
        case nil:
            (comparison, isOldestFirst) = ("", false)
        case .after(let cursor):
            (comparison, isOldestFirst) = ("AND (created, id) < (?, ?)", false)
            through = min(through, cursor.created)
            position = cursor
        case .before(let cursor):
            (comparison, isOldestFirst) = ("AND (created, id) > (?, ?)", true)
            from = max(from, cursor.created)
            position = cursor
        }
        let direction = isOldestFirst ? "ASC" : "DESC"
        sql = """
            SELECT \(RowReader.columns) FROM aggregate
            WHERE shard = ? AND kind = ? AND owner = ? AND created BETWEEN ? AND ? \(comparison)
            ORDER BY created \(direction), id \(direction) LIMIT ?
            """
        var arguments: StatementArguments = [
            Int64(query.group.rawValue), Int64(query.kind.rawValue), query.owner, from, through,
        ]
        if let position { arguments += [position.created, position.id] }
        arguments += [Int64(query.limit)]
        self.arguments = arguments
    }
}
