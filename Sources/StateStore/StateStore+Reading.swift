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

    /// The members of the groups at their applied indexes, where they are not the first ones.
    public func configurations() throws(StateStoreError) -> [GroupID: [UInt8]] {
        try view("read the groups' members") { database, counts in
            guard
                try StateStoreSchema.version(database)
                    >= StateStoreSchema.versionWithConfigurations
            else { return [:] }
            counts.statements += 1
            let run = try SQLRun(
                database, "SELECT shard, configuration FROM shard WHERE configuration NOTNULL")
            var found: [GroupID: [UInt8]] = [:]
            while try run.next() {
                guard let shard = UInt32(exactly: try run.integer(0)) else { continue }
                found[GroupID(shard)] = try run.bytes(1)
            }
            return found
        }
    }

    /// The rows of the keys that exist, in the order of the keys.
    public func load(_ keys: [AggregateKey]) throws(StateStoreError) -> [AggregateRow] {
        guard !keys.isEmpty else { return [] }
        let isOneStatement = keys.count == 1
        return try viewRows("load rows", isOneStatement: isOneStatement) {
            database, slots, counts in
            let run = try SQLRun(
                database,
                """
                SELECT \(RowReader.columns) FROM aggregate
                WHERE shard = ? AND kind = ? AND id = ?
                """)
            var rows: [AggregateRow] = []
            rows.reserveCapacity(keys.count)
            for key in keys {
                try run.bind(slots[key.group].number, at: 1)
                try run.bind(Int64(key.kind.rawValue), at: 2)
                try run.bind(key.id, at: 3)
                try RowReader.append(run, of: key.group, key.kind, to: &rows)
                run.reset()
            }
            counts.statements += UInt64(keys.count)
            counts.rowsRead += UInt64(rows.count)
            return rows
        }
    }

    /// One page of a listing, newest first.
    public func list(_ query: AggregateQuery) throws(StateStoreError) -> [AggregateRow] {
        guard query.limit > 0 else { return [] }
        return try viewRows("list rows", isOneStatement: true) { database, slots, counts in
            let rows = try ListStatement(query).rows(database, in: slots[query.group])
            counts.statements += 1
            counts.rowsRead += UInt64(rows.count)
            return rows
        }
    }

    /// All aggregates of a kind by the bytes of their ids: the first `limitMax` of them that come
    /// after `after`.
    public func scan(
        group: GroupID, kind: AggregateKind, after: String? = nil
    ) throws(StateStoreError) -> [AggregateRow] {
        try viewRows("scan rows", isOneStatement: true) { database, slots, counts in
            let comparison = after == nil ? ">=" : ">"
            let run = try SQLRun(
                database,
                """
                SELECT \(RowReader.columns) FROM aggregate
                WHERE shard = ? AND kind = ? AND id \(comparison) ?
                ORDER BY id LIMIT \(AggregateQuery.limitMax)
                """)
            try run.bind(slots[group].number, at: 1)
            try run.bind(Int64(kind.rawValue), at: 2)
            try run.bind(after ?? "", at: 3)
            var rows: [AggregateRow] = []
            try RowReader.append(run, of: group, kind, to: &rows)
            counts.statements += 1
            counts.rowsRead += UInt64(rows.count)
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
        return try viewRows("read open rows", isOneStatement: true) { database, slots, counts in
            // The first page has the empty id too, if there is one.
            let comparison = after == nil ? ">=" : ">"
            // Left to itself SQLite takes the primary key, and walks over every finished row.
            let run = try SQLRun(
                database,
                """
                SELECT \(RowReader.columns) FROM aggregate INDEXED BY aggregate_open
                WHERE shard = ? AND kind = ? AND is_open = 1 AND id \(comparison) ?
                ORDER BY id LIMIT ?
                """)
            try run.bind(slots[group].number, at: 1)
            try run.bind(Int64(kind.rawValue), at: 2)
            try run.bind(after ?? "", at: 3)
            try run.bind(Int64(min(limit, AggregateQuery.limitMax)), at: 4)
            var rows: [AggregateRow] = []
            try RowReader.append(run, of: group, kind, to: &rows)
            counts.statements += 1
            counts.rowsRead += UInt64(rows.count)
            return rows
        }
    }

    /// The fact that `setFact` remembered, or nil.
    public func fact(_ name: String) throws(StateStoreError) -> [UInt8]? {
        try view("read a fact") { database, counts in
            counts.statements += 1
            let run = try SQLRun(database, "SELECT value FROM meta WHERE name = ?")
            try run.bind("fact:" + name, at: 1)
            return try run.next() ? try run.bytes(0) : nil
        }
    }

    /// How SQLite goes about a listing, for the test that it never sorts or scans.
    package func queryPlan(of query: AggregateQuery) throws(StateStoreError) -> [String] {
        try viewRows("explain a listing") { database, slots, _ in
            try ListStatement(query).plan(database, in: slots[query.group])
        }
    }
}
