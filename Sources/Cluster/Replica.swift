public import Environment
public import Journal
public import Primitives
public import Raft
public import StateStore

// A shard as whoever serves it sees it: its host, and the aggregates as what they are. They are in
// memory, and only in the store, and in memory but not in the store yet.

/// One node's copy of a shard: a member of its group with a machine's aggregates.
public struct Replica<Machine: ShardMachine>: Sendable {
    public let host: ShardHost
    private let table: MachineTable<Machine>

    /// The shard as its disk remembers it: the journal's part, and the rows up to `stored`.
    /// - Parameters:
    ///   - configuration: the members at the log's beginning, or at `stored`.
    ///   - seed: chance that differs between starts.
    ///   - cleanCountMax: how many aggregates stay in memory that the store has.
    public init(
        group: GroupID, node: ClusterNode, loop: any NodeLoop, journal: Journal,
        log: RecoveredLog.Group?, configuration: Configuration, store: StateStore,
        stored: AppliedState?, reader: any BlockingWorker, snapshots: SnapshotStorage,
        halt: any NodeHalt, seed: UInt64, cleanCountMax: Int = 16_384
    ) {
        let sealer = group == ClusterNode.metaGroup ? nil : node.sealer
        table = MachineTable(
            group, cleanCountMax: cleanCountMax,
            sealing: sealer.map { RowSealing(group, $0, life: seed) })
        host = ShardHost(
            group: group, node: node, loop: loop, journal: journal, log: log,
            configuration: configuration, table: table, store: store, stored: stored,
            reader: reader, snapshots: snapshots, halt: halt, seed: seed)
    }

    public var group: GroupID { host.group }

    /// The aggregate of a key that was loaded in this turn, or written here. Loop only.
    public func aggregate(_ key: AggregateKey) -> Machine.Aggregate? {
        host.onLoop { _ in table.aggregates.knows(key) ? table.aggregates[key] : nil }
    }

    /// Loads one aggregate and returns it. Loop only.
    public func fetch(_ key: AggregateKey) async -> Machine.Aggregate? {
        // It may be evicted between the load and the look only if a bound's worth of others came
        // in.
        while true {
            let found: Machine.Aggregate?? = host.onLoop { _ in
                guard table.aggregates.knows(key) else { return nil }
                table.aggregates.touch(key)
                return .some(table.aggregates[key])
            }
            if let found { return found }
            await host.load([key])
        }
    }

    /// Every aggregate of a kind with unfinished work, in the order of their ids. Loop only.
    public func openAggregates(_ kind: AggregateKind) async -> [Machine.Aggregate] {
        let (store, group) = (host.store, group)
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
    /// have to see all. Memory grows with the shard. Loop only.
    public func allAggregates(_ kind: AggregateKind) async -> [Machine.Aggregate] {
        let (store, group) = (host.store, group)
        let stored = await merged(kind, owner: nil) { () throws(StateStoreError) in
            try Self.pages { last throws(StateStoreError) in
                try store.scan(group: group, kind: kind, after: last)
            }
        } where: { _ in
            true
        }
        return stored.map { $0.aggregate }
    }

    /// A page of an owner's aggregates, newest first. Loop only.
    public func list(_ query: AggregateQuery) async -> [Machine.Aggregate] {
        let store = host.store
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
        let (rows, waiting) = await host.storedRows(read) { unwritten(kind, owner: owner) }
        var found: [Stored] = []
        for row in rows where waiting[row.key] == nil {
            found.append((table.decode(row), row))
        }
        for (key, aggregate) in waiting {
            let row = aggregate.row(key: key)
            if matches(row) { found.append((aggregate, row)) }
        }
        return found.sorted { $0.row.key.id < $1.row.key.id }
    }

    private func unwritten(
        _ kind: AggregateKind, owner: String?
    ) -> [AggregateKey: Machine.Aggregate] {
        table.aggregates.unwritten { key, aggregate in
            key.kind == kind && (owner == nil || aggregate.row(key: key).owner == owner)
        }
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
