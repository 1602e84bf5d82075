public import Primitives
public import StateStore
public import Topology

/// The topology as the one aggregate of the meta group.
public struct TopologyAggregate: ShardAggregate {
    public var topology: Topology

    public func row(key: AggregateKey) -> AggregateRow {
        AggregateRow(
            key: key, owner: "", created: 0, version: topology.epoch, isOpen: false,
            payload: topology.encoded)
    }

    public init(row: AggregateRow) throws(Primitives.DecodingError) {
        topology = try Topology(encoded: row.payload)
    }

    init(_ topology: Topology) {
        self.topology = topology
    }
}

/// What the log of the meta group means: each entry is a `TopologyChange`.
public enum TopologyMachine: ShardMachine {
    public typealias Aggregate = TopologyAggregate

    /// The only kind of row in the meta group.
    private static let kind = AggregateKind(rawValue: 1)

    static func key(in group: GroupID) -> AggregateKey {
        AggregateKey(group: group, kind: kind, id: "topology")
    }

    public static func keys(
        of payload: [UInt8], in group: GroupID
    ) throws(Primitives.DecodingError) -> EntryKeys {
        var keys = EntryKeys()
        keys.known = [key(in: group)]
        return keys
    }

    public static func expired(
        in group: GroupID, _ table: AggregateTable<TopologyAggregate>
    ) -> [(kind: AggregateKind, createdBefore: Int64)] { [] }

    public static func apply(
        _ payload: [UInt8], in group: GroupID, to table: inout AggregateTable<TopologyAggregate>
    ) throws(Primitives.DecodingError) -> ApplyVerdict {
        let key = key(in: group)
        let change = try TopologyChange(encoded: payload)
        var topology = table[key]?.topology ?? Topology()
        guard topology.apply(change) else { return .stale(key) }
        table.set(key, TopologyAggregate(topology))
        return .applied
    }
}
