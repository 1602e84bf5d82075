public import Primitives

/// What sort of aggregate a row holds: a payment, a customer, an idempotency key. The numbers are
/// given out by the room that writes the rows and are never used again for something else.
public struct AggregateKind: RawRepresentable, Hashable, Comparable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static func < (left: AggregateKind, right: AggregateKind) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// What names one aggregate on a node: its shard, its kind and its id within both.
public struct AggregateKey: Hashable, Sendable {
    public let group: GroupID
    public let kind: AggregateKind
    public let id: String

    public init(group: GroupID, kind: AggregateKind, id: String) {
        self.group = group
        self.kind = kind
        self.id = id
    }
}

/// Rows that mean the same as none: those of a kind that were created before a moment, in
/// milliseconds since the Unix epoch.
public struct ExpiredRows: Hashable, Sendable {
    public let group: GroupID
    public let kind: AggregateKind
    public let createdBefore: Int64

    public init(group: GroupID, kind: AggregateKind, createdBefore: Int64) {
        self.group = group
        self.kind = kind
        self.createdBefore = createdBefore
    }
}

/// One aggregate as it is stored: what it is found and listed by in clear, the rest as bytes that
/// the store does not read.
public struct AggregateRow: Hashable, Sendable {
    public let key: AggregateKey
    /// The merchant's id; empty for rows that belong to the whole shard.
    public let owner: String
    /// Milliseconds since the Unix epoch, by the leader's stamp in the log.
    public let created: Int64
    /// The aggregate's own version, counted by whoever evolves it.
    public let version: UInt64
    /// Whether the aggregate has outbox work that is not finished. A new leader picks these up.
    public let isOpen: Bool
    /// The encoded, sealed state.
    public let payload: [UInt8]

    public init(
        key: AggregateKey, owner: String, created: Int64, version: UInt64, isOpen: Bool,
        payload: [UInt8]
    ) {
        self.key = key
        self.owner = owner
        self.created = created
        self.version = version
        self.isOpen = isOpen
        self.payload = payload
    }
}
