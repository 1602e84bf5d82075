import Primitives
import StateStore

let payment = AggregateKind(rawValue: 1)
let idempotencyKey = AggregateKind(rawValue: 2)

func key(
    _ id: String, kind: AggregateKind = payment, group: GroupID = GroupID(0)
) -> AggregateKey {
    AggregateKey(group: group, kind: kind, id: id)
}

func row(
    _ id: String, kind: AggregateKind = payment, group: GroupID = GroupID(0),
    owner: String = "acct_1", created: Int64 = 1_000, version: UInt64 = 1, isOpen: Bool = false,
    payload: [UInt8] = [1, 2, 3]
) -> AggregateRow {
    AggregateRow(
        key: key(id, kind: kind, group: group), owner: owner, created: created, version: version,
        isOpen: isOpen, payload: payload)
}

func batch(
    _ index: LogIndex, term: Term = 1, group: GroupID = GroupID(0), _ rows: [AggregateRow] = [],
    removed: [AggregateKey] = []
) -> StateBatch {
    StateBatch(
        group: group, appliedIndex: index, appliedTerm: term, rows: rows, removed: removed)
}

func applied(_ index: LogIndex, term: Term = 1, group: GroupID = GroupID(0)) -> AppliedState {
    AppliedState(group: group, index: index, term: term)
}
