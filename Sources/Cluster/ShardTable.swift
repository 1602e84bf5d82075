import Environment
import Primitives
import StateStore

/// The aggregates of one shard in memory, as far as its host has to know them: whatever they are.
///
/// Used on the shard's loop only, but for what `soundness` and `takeDirty` return.
protocol ShardTable: AnyObject, Sendable {
    /// `ShardMachine.rowFormat`.
    var rowFormat: UInt8 { get }
    var dirtyCount: Int { get }
    /// Those that the store may not have, at most.
    var unwrittenCount: Int { get }

    /// Makes what says whether a row can be read by the machine, which trusts its own; for one
    /// thread.
    var soundness: @Sendable () -> (AggregateRow) -> Bool { get }

    /// Gets ready for an entry: what it reads or writes and is not in memory has to be admitted
    /// before it is applied.
    func missingKeys(of payload: [UInt8]) throws(Primitives.DecodingError) -> [AggregateKey]
    func apply(_ payload: [UInt8]) throws(Primitives.DecodingError) -> ApplyVerdict

    func knows(_ key: AggregateKey) -> Bool
    /// Takes rows of the store for keys that are unknown so far; a key without a row has none.
    func admit(_ rows: [AggregateRow], for keys: [AggregateKey])

    /// What changed since the last call, to be encoded by whoever writes it.
    func takeDirty() -> @Sendable () -> [AggregateRow]
    func written()
    func notWritten()
    func trim()
    /// `AggregateTable.takeWindow`.
    func takeWindow() -> [UInt32]
    /// `ShardMachine.expired`.
    func expired() -> [(kind: AggregateKind, createdBefore: Int64)]
    /// A snapshot has replaced what there was.
    func clear()
}

/// The table of one machine.
///
/// It alone is generic: a host of a generic type would look up its own type at run time with each
/// call, some ten times as long as the call takes.
//
// Proof of `Sendable`: `aggregates` is used on the shard's loop only, by the host, which is an
// actor of the loop, and by `Replica`, which asks the loop whether it runs on it.
final class MachineTable<Machine: ShardMachine>: ShardTable, @unchecked Sendable {
    private let group: GroupID
    var aggregates: AggregateTable<Machine.Aggregate>
    /// Nil where rows are in clear.
    private var sealing: RowSealing?

    init(_ group: GroupID, cleanCountMax: Int, sealing: RowSealing?) {
        self.group = group
        self.sealing = sealing
        aggregates = AggregateTable(cleanCountMax: cleanCountMax)
    }

    var rowFormat: UInt8 { Machine.rowFormat }
    var dirtyCount: Int { aggregates.dirtyCount }
    var unwrittenCount: Int { aggregates.unwrittenCount }

    var soundness: @Sendable () -> (AggregateRow) -> Bool {
        { [sealing] in
            var sealing = sealing
            return { row in
                let clear = sealing == nil ? row : sealing?.open(row)
                return clear.map { (try? Machine.Aggregate(row: $0)) != nil } ?? false
            }
        }
    }

    func missingKeys(of payload: [UInt8]) throws(Primitives.DecodingError) -> [AggregateKey] {
        let keys = try Machine.keys(of: payload, in: group)
        for key in keys.created { aggregates.admit(key, nil) }
        return keys.known.filter { !aggregates.knows($0) }
    }

    func apply(_ payload: [UInt8]) throws(Primitives.DecodingError) -> ApplyVerdict {
        try Machine.apply(payload, in: group, to: &aggregates)
    }

    func knows(_ key: AggregateKey) -> Bool { aggregates.knows(key) }

    func admit(_ rows: [AggregateRow], for keys: [AggregateKey]) {
        for row in rows { aggregates.admit(row.key, decode(row)) }
        for key in keys { aggregates.admit(key, nil) }
    }

    /// A row that the machine has written.
    func decode(_ row: AggregateRow) -> Machine.Aggregate {
        guard let clear = sealing == nil ? row : sealing?.open(row) else {
            preconditionFailure(
                "\(group) cannot open the row of \(row.key.id): it was changed, or "
                    + Seal.remedy)
        }
        do {
            return try Machine.Aggregate(row: clear)
        } catch {
            preconditionFailure("\(group) cannot read the row of \(row.key.id): \(error)")
        }
    }

    func takeDirty() -> @Sendable () -> [AggregateRow] {
        let changed = aggregates.takeDirty()
        guard let seal = sealing?.seal(ofRows: changed.count) else {
            return { changed.map { $0.row } }
        }
        return { seal(changed.map { $0.row }) }
    }

    func written() { aggregates.written() }
    func notWritten() { aggregates.notWritten() }
    func trim() { aggregates.trim() }
    func takeWindow() -> [UInt32] { aggregates.takeWindow() }

    func expired() -> [(kind: AggregateKind, createdBefore: Int64)] {
        Machine.expired(in: group, aggregates)
    }

    func clear() {
        aggregates = AggregateTable(cleanCountMax: aggregates.cleanCountMax)
    }
}
