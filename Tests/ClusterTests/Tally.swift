import Cluster
import Primitives
import StateStore

/// Counts how often it was named.
struct Tally: ShardAggregate {
    var count: UInt64

    init(count: UInt64) {
        self.count = count
    }

    init(row: AggregateRow) throws(Primitives.DecodingError) {
        count = row.version
    }

    func row(key: AggregateKey) -> AggregateRow {
        AggregateRow(
            key: key, owner: "o", created: 7, version: count, isOpen: count % 2 == 1,
            payload: [UInt8(truncatingIfNeeded: count)])
    }
}
