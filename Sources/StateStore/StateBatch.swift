public import Primitives

/// How far a shard's log has been applied to the stored rows.
public struct AppliedState: Hashable, Sendable {
    public let group: GroupID
    /// The last entry whose effects are in the rows.
    public let index: LogIndex
    /// The term of that entry.
    public let term: Term

    public init(group: GroupID, index: LogIndex, term: Term) {
        self.group = group
        self.index = index
        self.term = term
    }
}

/// What a stretch of one shard's log did to its aggregates, each of them once and in its last
/// state.
public struct StateBatch: Hashable, Sendable {
    public let group: GroupID
    /// The last entry whose effects are in this batch, and its term.
    public let appliedIndex: LogIndex
    public let appliedTerm: Term
    /// The group's members at that entry, where they have changed since the last batch; the store
    /// does not read it.
    public let configuration: [UInt8]?
    /// New and changed aggregates, all of `group`.
    public let rows: [AggregateRow]
    /// Aggregates that are no more, all of `group`. They are removed before `rows` are written.
    public let removed: [AggregateKey]

    public init(
        group: GroupID, appliedIndex: LogIndex, appliedTerm: Term,
        configuration: [UInt8]? = nil, rows: [AggregateRow], removed: [AggregateKey] = []
    ) {
        self.group = group
        self.appliedIndex = appliedIndex
        self.appliedTerm = appliedTerm
        self.configuration = configuration
        self.rows = rows
        self.removed = removed
    }

    var applied: AppliedState {
        AppliedState(group: group, index: appliedIndex, term: appliedTerm)
    }
}
