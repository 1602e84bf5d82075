import GRDB
public import Primitives
import Synchronization

// A shard's rows as a whole: read at one moment, and replaced by those of another node.
//
//   beginGeneration ─▶ write(_:to:) … ─▶ install ─▶ (checkpoint) ─▶ removeStaleRows …
//                                  └───▶ abandonGenerations ──────▶ removeStaleRows …
//
// The new rows are written beside the old ones, so that neither a transaction nor a lock is as
// large as a shard; one transaction makes them count. What is cut off at any step leaves rows that
// do not count, and that go in time.

/// Rows of a shard that do not count yet.
public struct StateGeneration: Hashable, Sendable {
    public let group: GroupID
    let slot: Slot
}

/// The snapshot that a shard's rows began with.
public struct InstalledState: Hashable, Sendable {
    /// Where in the log the snapshot was taken.
    public let applied: AppliedState
    /// The group's members there; the store does not read it.
    public let context: [UInt8]

    public init(applied: AppliedState, context: [UInt8]) {
        self.applied = applied
        self.context = context
    }
}

extension StateStore {
    /// Begins a new generation of a shard's rows, which nobody sees until it is installed.
    public func beginGeneration(
        of group: GroupID
    ) throws(StateStoreError) -> StateGeneration {
        let known = slots.withLock { $0 }
        let highest = try view("begin a generation") { database, counts in
            counts.statements += 1
            // Rows that were left behind keep their number until they are gone.
            let run = try SQLRun(database, "SELECT max(shard) FROM aggregate")
            guard try run.next(), let number = try run.optionalInteger(0) else { return Int64(0) }
            return number >> 32
        }
        let unfinished = known.unfinished.map(\.generation).max() ?? 0
        let generation = max(highest, known[group].generation, unfinished) + 1
        guard generation < Slot.generationMax else {
            throw .outOfRange(operation: "begin a generation")
        }
        let slot = Slot(group, generation: generation)
        slots.withLock { $0.begin(slot) }
        return StateGeneration(group: group, slot: slot)
    }

    /// Writes rows of a generation that does not count yet, all in one transaction.
    ///
    /// - Precondition: every row is of the generation's group.
    public func write(
        _ rows: [AggregateRow], to generation: StateGeneration
    ) throws(StateStoreError) {
        guard !rows.isEmpty else { return }
        let slots = slots.withLock { $0 }
        try change("write a generation") { database, counts in
            let writer = try BatchWriter(database, slots)
            for row in rows {
                precondition(
                    row.key.group == generation.group,
                    "a row of \(row.key.group) in a generation of \(generation.group)")
                try writer.write(row, in: generation.slot, &counts)
            }
        }
    }

    /// Makes a generation the shard's rows, with where in the log they are, in one transaction.
    ///
    /// - Throws: `appliedIndexWentBack` unless the index rises and the term does not fall.
    public func install(
        _ generation: StateGeneration, _ installed: InstalledState
    ) throws(StateStoreError) {
        let applied = installed.applied
        precondition(applied.group == generation.group, "\(applied) for \(generation)")
        try change("install a generation") { database, counts in
            guard let index = Int64(exactly: applied.index), let term = Int64(exactly: applied.term)
            else { throw StateStoreError.outOfRange(operation: "install a generation") }
            let run = try SQLRun(database, Self.installSQL)
            try run.bind(Int64(applied.group.rawValue), at: 1)
            try run.bind(index, at: 2)
            try run.bind(term, at: 3)
            try run.bind(generation.slot.number, at: 4)
            try run.bind(installed.context, at: 5)
            counts.statements += 1
            guard try run.execute() == 0 else { return }
            guard let stored = try RowReader.applied(database, applied.group) else {
                preconditionFailure("\(applied.group): nothing is stored, nothing was inserted")
            }
            throw StateStoreError.appliedIndexWentBack(stored: stored, offered: applied)
        }
        slots.withLock { $0.finish(generation.slot, of: generation.group) }
    }

    private static let installSQL = """
        INSERT INTO shard (shard, applied_index, applied_term, slot, installed_index,
            installed_term, installed_context, configuration)
        VALUES (?1, ?2, ?3, ?4, ?2, ?3, ?5, ?5)
        ON CONFLICT (shard) DO UPDATE
        SET applied_index = excluded.applied_index, applied_term = excluded.applied_term,
            slot = excluded.slot, installed_index = excluded.installed_index,
            installed_term = excluded.installed_term,
            installed_context = excluded.installed_context,
            configuration = excluded.configuration
        WHERE excluded.applied_index > applied_index AND excluded.applied_term >= applied_term
        """

    /// Gives up every generation that is not finished: whoever wrote them is gone.
    public func abandonGenerations() {
        slots.withLock { $0.abandonAll() }
    }

    /// The snapshots that the shards' rows began with, in the order of the shards; none for a shard
    /// that has written its rows itself since the beginning.
    public func installedStates() throws(StateStoreError) -> [InstalledState] {
        try view("read the installed snapshots") { database, counts in
            guard try StateStoreSchema.version(database) >= StateStoreSchema.versionWithSlots
            else { return [] }
            counts.statements += 1
            let run = try SQLRun(
                database,
                """
                SELECT shard, installed_index, installed_term, installed_context FROM shard
                WHERE installed_index > 0 ORDER BY shard
                """)
            var states: [InstalledState] = []
            while try run.next() {
                let applied = try RowReader.applied(run)
                states.append(InstalledState(applied: applied, context: try run.bytes(3)))
            }
            return states
        }
    }

    // MARK: Removing what does not count

    /// False once no rows are left that do not count. In memory: costs nothing.
    public var mayHaveStaleRows: Bool { slots.withLock { $0.mayHaveStaleRows } }

    /// Removes rows that do not count: of generations before the present one, and of those that
    /// were given up.
    ///
    /// - Returns: how many were removed, at most `limit`; fewer when none are left.
    public func removeStaleRows(limit: Int) throws(StateStoreError) -> Int {
        guard limit > 0 else { return 0 }
        let known = slots.withLock { $0 }
        let removedCount = try change("remove stale rows") { database, counts in
            var removedCount = 0
            var last = Int64.min
            while removedCount < limit, let slot = try Self.slot(after: last, database) {
                last = slot.number
                counts.statements += 1
                if known.isInUse(slot) { continue }
                let run = try SQLRun(database, Self.removeStaleSQL)
                try run.bind(slot.number, at: 1)
                try run.bind(Int64(limit - removedCount), at: 2)
                removedCount += try run.execute()
                counts.statements += 1
            }
            counts.rowsChanged += UInt64(removedCount)
            return removedCount
        }
        if removedCount < limit { slots.withLock { $0.mayHaveStaleRows = false } }
        return removedCount
    }

    /// The next slot that has rows: a step through the index for each shard, not for each row.
    private static func slot(after number: Int64, _ database: Database) throws -> Slot? {
        let run = try SQLRun(database, "SELECT min(shard) FROM aggregate WHERE shard > ?")
        try run.bind(number, at: 1)
        guard try run.next(), let found = try run.optionalInteger(0) else { return nil }
        return Slot(number: found)
    }

    private static let removeStaleSQL = """
        DELETE FROM aggregate WHERE shard = ?1 AND (kind, id) IN (
            SELECT kind, id FROM aggregate WHERE shard = ?1 ORDER BY kind, id LIMIT ?2)
        """

    // MARK: Reading all of it

    /// Shows every row of a shard as of one moment, by kind and id, in portions.
    ///
    /// All of it is one read transaction: a checkpoint waits for its end. In memory nobody else
    /// gets in meanwhile.
    /// - Parameters:
    ///   - countMax: the most rows of a portion.
    ///   - byteCountMax: the most payload of a portion of more than one row.
    ///   - visit: gets where in the log the rows are, and a portion; the first one is empty. When
    ///     it returns false no more are shown.
    /// - Returns: false for a shard that was never written, which is not shown.
    public func export(
        _ group: GroupID, countMax: Int, byteCountMax: Int,
        _ visit: (AppliedState, [AggregateRow]) -> Bool
    ) throws(StateStoreError) -> Bool {
        try view("export a shard") { database, counts in
            guard let applied = try RowReader.applied(database, group) else { return false }
            let slot = try SlotTable.slot(of: group, in: database)
            counts.statements += 3
            guard visit(applied, []) else { return true }
            let run = try SQLRun(
                database,
                """
                SELECT \(RowReader.columns), kind FROM aggregate
                WHERE shard = ? ORDER BY kind, id
                """)
            try run.bind(slot.number, at: 1)
            var portion: [AggregateRow] = []
            var byteCount = 0
            while try run.next() {
                let row = try RowReader.row(run, of: group)
                counts.rowsRead += 1
                let isFull =
                    portion.count >= countMax || byteCount + row.payload.count > byteCountMax
                if isFull, !portion.isEmpty {
                    guard visit(applied, portion) else { return true }
                    portion.removeAll(keepingCapacity: true)
                    byteCount = 0
                }
                byteCount += row.payload.count
                portion.append(row)
            }
            if !portion.isEmpty { _ = visit(applied, portion) }
            return true
        }
    }
}
