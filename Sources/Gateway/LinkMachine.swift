public import Cluster
public import Primitives
public import Resilience
public import StateStore

/// What operators decided of a region's links, as the one aggregate of its link shard.
public struct LinkAggregate: ShardAggregate {
    public var register: LinkRegister

    public func row(key: AggregateKey) -> AggregateRow {
        AggregateRow(
            key: key, owner: "", created: 0, version: register.epoch, isOpen: false,
            payload: register.encoded)
    }

    public init(row: AggregateRow) throws(Primitives.DecodingError) {
        register = try LinkRegister(encoded: row.payload)
    }

    init(_ register: LinkRegister) {
        self.register = register
    }
}

/// What the log of a link shard means: each entry is a `LinkChange`. Payments are not in it, so
/// that none costs a commit more.
public enum LinkMachine: ShardMachine {
    public typealias Aggregate = LinkAggregate

    /// The only kind of row in a link shard.
    private static let kind = AggregateKind(rawValue: 1)

    static func key(in group: GroupID) -> AggregateKey {
        AggregateKey(group: group, kind: kind, id: "links")
    }

    public static func keys(
        of payload: [UInt8], in group: GroupID
    ) throws(Primitives.DecodingError) -> EntryKeys {
        var keys = EntryKeys()
        keys.known = [key(in: group)]
        return keys
    }

    public static func expired(
        in group: GroupID, _ table: AggregateTable<LinkAggregate>
    ) -> [(kind: AggregateKind, createdBefore: Int64)] { [] }

    public static func apply(
        _ payload: [UInt8], in group: GroupID, to table: inout AggregateTable<LinkAggregate>
    ) throws(Primitives.DecodingError) -> ApplyVerdict {
        let key = key(in: group)
        let change = try LinkChange(encoded: payload)
        var register = table[key]?.register ?? LinkRegister()
        guard register.apply(change) else { return .stale(key) }
        table.set(key, LinkAggregate(register))
        return .applied
    }
}
