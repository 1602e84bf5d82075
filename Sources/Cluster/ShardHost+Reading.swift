import Environment
import Primitives
public import StateStore

// What is in memory, and what only the store has.

extension ShardHost {
    /// Brings aggregates into memory. What is there already costs nothing.
    public func load(_ keys: [AggregateKey]) async {
        let missing = keys.filter { !table.knows($0) }
        guard !missing.isEmpty else { return }
        let store = store
        let rows = await reader.run(on: loop) {
            StoreResult { () throws(StateStoreError) in try store.load(missing) }
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
        let unwritten = unwritten(kind, owner: nil)
        let store = store
        let group = group
        let rows = await reader.run(on: loop) {
            StoreResult { () throws(StateStoreError) in
                var rows: [AggregateRow] = []
                while true {
                    let page = try store.openRows(
                        group: group, kind: kind, after: rows.last?.key.id)
                    rows += page
                    if page.count < AggregateQuery.limitMax { return rows }
                }
            }
        }
        return merge(values(of: rows), unwritten) { _, row in row.isOpen }.map(\.aggregate)
    }

    /// Every aggregate of a kind, in the order of their ids: for reconciliation and checks, which
    /// have to see all. Memory grows with the shard.
    public func allAggregates(_ kind: AggregateKind) async -> [Machine.Aggregate] {
        let unwritten = unwritten(kind, owner: nil)
        let store = store
        let group = group
        let rows = await reader.run(on: loop) {
            StoreResult { () throws(StateStoreError) in
                var rows: [AggregateRow] = []
                while true {
                    let page = try store.scan(group: group, kind: kind, after: rows.last?.key.id)
                    rows += page
                    if page.count < AggregateQuery.limitMax { return rows }
                }
            }
        }
        return merge(values(of: rows), unwritten) { _, _ in true }.map(\.aggregate)
    }

    /// A page of an owner's aggregates, newest first.
    public func list(_ query: AggregateQuery) async -> [Machine.Aggregate] {
        // The memory first: what is written meanwhile is then in both, and counted once.
        let unwritten = unwritten(query.kind, owner: query.owner)
        let store = store
        let rows = await reader.run(on: loop) {
            StoreResult { () throws(StateStoreError) in try store.list(query) }
        }
        let merged = merge(values(of: rows), unwritten) { _, row in query.contains(row) }
            .sorted { $0.row.isNewer(than: $1.row) }
        switch query.cursor {
        case .before: return merged.suffix(query.limit).map(\.aggregate)
        case .after, nil: return merged.prefix(query.limit).map(\.aggregate)
        }
    }

    private typealias Stored = (aggregate: Machine.Aggregate, row: AggregateRow)

    private func unwritten(
        _ kind: AggregateKind, owner: String?
    ) -> [AggregateKey: Machine.Aggregate] {
        table.unwritten { key, aggregate in
            key.kind == kind && (owner == nil || aggregate.row(key: key).owner == owner)
        }
    }

    private func merge(
        _ rows: [AggregateRow], _ unwritten: [AggregateKey: Machine.Aggregate],
        where matches: (AggregateKey, AggregateRow) -> Bool
    ) -> [Stored] {
        var found: [Stored] = []
        for row in rows where unwritten[row.key] == nil {
            found.append((decode(row), row))
        }
        for (key, aggregate) in unwritten {
            let row = aggregate.row(key: key)
            if matches(key, row) { found.append((aggregate, row)) }
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
