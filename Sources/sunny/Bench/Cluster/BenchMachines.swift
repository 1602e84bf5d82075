import Cluster
import Primitives
import StateStore

/// What the members of a cluster bench do with an entry.
enum BenchMachineKind: String, Codable, CaseIterable {
    /// Nothing but to commit it: no aggregate is looked at, and no row is written.
    case raw
    /// The same, and the leader seals it and the others open it.
    case sealed
    /// Sealed, and decoded: one aggregate is evolved, and its row is written back to SQLite.
    case applied

    /// What a cluster shall commit at the least, in entries a second.
    var goal: Double {
        switch self {
        case .raw, .sealed: 100_000
        case .applied: 50_000
        }
    }

    var isSealed: Bool {
        switch self {
        case .raw: false
        case .sealed, .applied: true
        }
    }
}

/// An entry of a cluster bench: the number of an aggregate, and filler up to the size.
enum BenchEntry {
    static let byteCount = 256
    /// As many as stay in memory (`AggregateTable.cleanCountMax`), so that none is read again.
    static let aggregateCount: UInt64 = 10_000

    static func payload(_ number: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: byteCount)
        writer.writeFixed(number % aggregateCount)
        writer.writeRaw(repeatElement(0x5A, count: byteCount - 8))
        return writer.takeBytes()
    }

    static func key(
        of payload: [UInt8], in group: GroupID
    ) throws(Primitives.DecodingError) -> AggregateKey {
        var reader = ByteReader(payload)
        let number = try reader.readFixed(UInt64.self)
        return AggregateKey(
            group: group, kind: AggregateKind(rawValue: 1), id: "aggregate-\(number)")
    }
}

/// What the entries of one number come to: the newest, and how many there were.
struct BenchAggregate: ShardAggregate {
    var version: UInt64
    var content: [UInt8]

    func row(key: AggregateKey) -> AggregateRow {
        AggregateRow(
            key: key, owner: "bench", created: 0, version: version, isOpen: false,
            payload: content)
    }

    init(version: UInt64, content: [UInt8]) {
        self.version = version
        self.content = content
    }

    init(row: AggregateRow) throws(Primitives.DecodingError) {
        self.init(version: row.version, content: row.payload)
    }
}

/// `BenchMachineKind.raw`.
enum RawBenchMachine: ShardMachine {
    typealias Aggregate = BenchAggregate

    static func keys(
        of payload: [UInt8], in group: GroupID
    ) throws(Primitives.DecodingError) -> EntryKeys { EntryKeys() }

    static func expired(
        in group: GroupID, _ table: AggregateTable<Aggregate>
    ) -> [(kind: AggregateKind, createdBefore: Int64)] { [] }

    static func apply(
        _ payload: [UInt8], in group: GroupID, to table: inout AggregateTable<Aggregate>
    ) throws(Primitives.DecodingError) -> ApplyVerdict { .applied }
}

/// `BenchMachineKind.applied`.
enum AppliedBenchMachine: ShardMachine {
    typealias Aggregate = BenchAggregate

    static func keys(
        of payload: [UInt8], in group: GroupID
    ) throws(Primitives.DecodingError) -> EntryKeys {
        var keys = EntryKeys()
        keys.known.append(try BenchEntry.key(of: payload, in: group))
        return keys
    }

    static func expired(
        in group: GroupID, _ table: AggregateTable<Aggregate>
    ) -> [(kind: AggregateKind, createdBefore: Int64)] { [] }

    static func apply(
        _ payload: [UInt8], in group: GroupID, to table: inout AggregateTable<Aggregate>
    ) throws(Primitives.DecodingError) -> ApplyVerdict {
        let key = try BenchEntry.key(of: payload, in: group)
        let version = table[key]?.version ?? 0
        table.set(key, BenchAggregate(version: version + 1, content: payload))
        return .applied
    }
}
