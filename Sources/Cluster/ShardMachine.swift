public import Primitives
public import StateStore

/// One thing that a shard's log evolves and that is stored as one row.
public protocol ShardAggregate: Sendable {
    /// The row of the aggregate under its key.
    func row(key: AggregateKey) -> AggregateRow
    /// Reads a row that `row` made.
    init(row: AggregateRow) throws(Primitives.DecodingError)
}

/// What a shard's log means: a value that every replica evolves alike.
///
/// `apply` is deterministic in the table and the payload; it reads and writes only the aggregates
/// that `keys` names for the payload, so that the shard can bring them into memory beforehand.
public protocol ShardMachine: Sendable {
    associatedtype Aggregate: ShardAggregate

    /// The aggregates that an entry reads or writes.
    static func keys(
        of payload: [UInt8], in group: GroupID
    ) throws(Primitives.DecodingError) -> EntryKeys

    /// How rows are encoded, and what an entry makes of them: another number with each change that
    /// gives other bytes for the same entries. Only replicas of the same number are compared.
    static var rowFormat: UInt8 { get }

    /// Rows that mean the same as none by now, and are removed in time: those of a kind that were
    /// created before a moment, in milliseconds since the Unix epoch, by the shard's newest stamp.
    static func expired(
        in group: GroupID, _ table: AggregateTable<Aggregate>
    ) -> [(kind: AggregateKind, createdBefore: Int64)]

    /// Evolves the table, or refuses the entry as a whole because it was decided on a state that
    /// has changed since.
    static func apply(
        _ payload: [UInt8], in group: GroupID, to table: inout AggregateTable<Aggregate>
    ) throws(Primitives.DecodingError) -> ApplyVerdict
}

extension ShardMachine {
    public static var rowFormat: UInt8 { 1 }
}

/// The aggregates that an entry reads or writes.
public struct EntryKeys: Hashable, Sendable {
    /// They may be there.
    public var known: [AggregateKey] = []
    /// The entry makes them, under ids that were drawn for it: nobody has to look whether they are
    /// there.
    public var created: [AggregateKey] = []

    public init() {}
}

/// What became of a committed entry.
public enum ApplyVerdict: Hashable, Sendable {
    case applied
    /// The entry names a version of an aggregate that is no longer current; nothing was changed.
    case stale(AggregateKey)
}
