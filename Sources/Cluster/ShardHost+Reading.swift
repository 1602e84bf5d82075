import Environment
import Primitives
public import StateStore

// What is in memory, and what only the store has.

extension ShardHost {
    /// Brings aggregates into memory. What is there already costs nothing.
    public func load(_ keys: [AggregateKey]) async {
        guard keys.contains(where: { !table.knows($0) }) else { return }
        let store = store
        let (rows, missing) = await readStored {
            let missing = keys.filter { !table.knows($0) }
            let rows = await reader.run(on: loop) {
                StoreResult { () throws(StateStoreError) in try store.load(missing) }
            }
            return (rows, missing)
        }
        admit(rows, for: missing)
    }

    /// The aggregate of a key that was loaded in this turn, or written here.
    public func aggregate(_ key: AggregateKey) -> Machine.Aggregate? {
        table.knows(key) ? table[key] : nil
    }

    /// Loads one aggregate and returns it.
    public func fetch(_ key: AggregateKey) async -> Machine.Aggregate? {
        // It may be evicted between the load and the look only if a bound's worth of others came
        // in.
        while true {
            if table.knows(key) {
                table.touch(key)
                return table[key]
            }
            await load([key])
        }
    }

    /// Every aggregate of a kind with unfinished work, in the order of their ids.
    public func openAggregates(_ kind: AggregateKind) async -> [Machine.Aggregate] {
        let (store, group) = (store, group)
        let stored = await merged(kind, owner: nil) { () throws(StateStoreError) in
            try Self.pages { last throws(StateStoreError) in
                try store.openRows(group: group, kind: kind, after: last)
            }
        } where: {
            $0.isOpen
        }
        return stored.map { $0.aggregate }
    }

    /// Every aggregate of a kind, in the order of their ids: for reconciliation and checks, which
    /// have to see all. Memory grows with the shard.
    public func allAggregates(_ kind: AggregateKind) async -> [Machine.Aggregate] {
        let (store, group) = (store, group)
        let stored = await merged(kind, owner: nil) { () throws(StateStoreError) in
            try Self.pages { last throws(StateStoreError) in
                try store.scan(group: group, kind: kind, after: last)
            }
        } where: { _ in
            true
        }
        return stored.map { $0.aggregate }
    }

    /// A page of an owner's aggregates, newest first.
    public func list(_ query: AggregateQuery) async -> [Machine.Aggregate] {
        let store = store
        let stored = await merged(query.kind, owner: query.owner) { () throws(StateStoreError) in
            try store.list(query)
        } where: {
            query.contains($0)
        }
        let merged = stored.sorted { $0.row.isNewer(than: $1.row) }
        switch query.cursor {
        case .before: return merged.suffix(query.limit).map { $0.aggregate }
        case .after, nil: return merged.prefix(query.limit).map { $0.aggregate }
        }
    }

    private typealias Stored = (aggregate: Machine.Aggregate, row: AggregateRow)

    /// What `read` finds in the store, and what the store does not have yet of it.
    private func merged(
        _ kind: AggregateKind, owner: String?,
        _ read: @escaping @Sendable () throws(StateStoreError) -> [AggregateRow],
        where matches: (AggregateRow) -> Bool
    ) async -> [Stored] {
        let (rows, waiting) = await readStored {
            // The memory first: what is written meanwhile is then in both, and counted once.
            let waiting = unwritten(kind, owner: owner)
            let rows = await reader.run(on: loop) { StoreResult(read) }
            return (rows, waiting)
        }
        return merge(values(of: rows), waiting, where: matches)
    }

    /// All rows, page by page; each page follows an id.
    private static func pages(
        _ read: (String?) throws(StateStoreError) -> [AggregateRow]
    ) throws(StateStoreError) -> [AggregateRow] {
        var rows: [AggregateRow] = []
        while true {
            let page = try read(rows.last?.key.id)
            rows += page
            if page.count < AggregateQuery.limitMax { return rows }
        }
    }

    private func unwritten(
        _ kind: AggregateKind, owner: String?
    ) -> [AggregateKey: Machine.Aggregate] {
        table.unwritten { key, aggregate in
            key.kind == kind && (owner == nil || aggregate.row(key: key).owner == owner)
        }
    }

    private func merge(
        _ rows: [AggregateRow], _ unwritten: [AggregateKey: Machine.Aggregate],
        where matches: (AggregateRow) -> Bool
    ) -> [Stored] {
        var found: [Stored] = []
        for row in rows where unwritten[row.key] == nil {
            found.append((decode(row), row))
        }
        for (key, aggregate) in unwritten {
            let row = aggregate.row(key: key)
            if matches(row) { found.append((aggregate, row)) }
        }
        return found.sorted { $0.row.key.id < $1.row.key.id }
    }

    func admit(_ result: StoreResult<[AggregateRow]>, for keys: [AggregateKey]) {
        for row in values(of: result) { table.admit(row.key, decode(row)) }
        // What the store did not return does not exist.
        for key in keys { table.admit(key, nil) }
    }

    private func decode(_ row: AggregateRow) -> Machine.Aggregate {
        do {
            return try Machine.Aggregate(row: row)
        } catch {
            preconditionFailure("\(group) cannot read the row of \(row.key.id): \(error)")
        }
    }

    /// The rows, or the end of the process: a state that cannot be read cannot be served.
    private func values(of result: StoreResult<[AggregateRow]>) -> [AggregateRow] {
        switch result {
        case .success(let rows): return rows
        case .failure(let error):
            halt.halt("state store: \(error)")
            return []
        }
    }
}

/// A store's answer, carried from the worker's thread to the loop.
typealias StoreResult<Value> = Result<Value, StateStoreError>

extension Result where Failure == StateStoreError {
    init(_ body: () throws(StateStoreError) -> Success) {
        do throws(StateStoreError) {
            self = .success(try body())
        } catch {
            self = .failure(error)
        }
    }
}

extension AggregateRow {
    fileprivate func isNewer(than other: AggregateRow) -> Bool {
        created != other.created ? created > other.created : key.id > other.key.id
    }
}

extension AggregateQuery {
    /// True when a row that is not in the store yet belongs to the page's range.
    fileprivate func contains(_ row: AggregateRow) -> Bool {
        if let createdFrom, row.created < createdFrom { return false }
        if let createdThrough, row.created > createdThrough { return false }
        let place = (row.created, row.key.id)
        switch cursor {
        case .after(let position): return place < (position.created, position.id)
        case .before(let position): return place > (position.created, position.id)
        case nil: return true
        }
    }
}
