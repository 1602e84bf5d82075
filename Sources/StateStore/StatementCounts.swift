/// How much work the store has given to SQLite since it was opened.
public struct StatementCounts: Hashable, Sendable {
    /// SQL statements run on rows, shards and facts; not the BEGIN and COMMIT around them.
    public internal(set) var statements: UInt64 = 0
    /// Transactions that changed something and were committed.
    public internal(set) var transactions: UInt64 = 0
    /// Rows written or removed.
    public internal(set) var rowsChanged: UInt64 = 0
    /// Rows handed out.
    public internal(set) var rowsRead: UInt64 = 0

    static func += (left: inout StatementCounts, right: StatementCounts) {
        left.statements += right.statements
        left.transactions += right.transactions
        left.rowsChanged += right.rowsChanged
        left.rowsRead += right.rowsRead
    }
}
