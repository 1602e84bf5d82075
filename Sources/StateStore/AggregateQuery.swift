public import Primitives

/// A place in a listing: newest first by `created`, and among equals by the bytes of `id`, greatest
/// first.
public struct ListPosition: Hashable, Sendable {
    /// Milliseconds since the Unix epoch.
    public let created: Int64
    public let id: String

    public init(created: Int64, id: String) {
        self.created = created
        self.id = id
    }
}

/// Where a page of a listing begins or ends.
public enum ListCursor: Hashable, Sendable {
    /// The page that follows the position: older rows, the nearest ones.
    case after(ListPosition)
    /// The page that comes right before the position: newer rows, the nearest ones.
    case before(ListPosition)
}

/// One page of an owner's aggregates of one kind, newest first whichever way the cursor points.
public struct AggregateQuery: Hashable, Sendable {
    /// The most rows that one page has: ten times what the API offers, so that a page stays a short
    /// read.
    public static let limitMax = 1_000

    public let group: GroupID
    public let kind: AggregateKind
    public let owner: String
    /// nil for the newest page.
    public let cursor: ListCursor?
    /// The earliest and latest `created` that count, both inclusive, in milliseconds.
    public let createdFrom: Int64?
    public let createdThrough: Int64?
    /// How many rows at most, 0 to `limitMax`; what is given beyond that is brought into it.
    public let limit: Int

    public init(
        group: GroupID, kind: AggregateKind, owner: String, cursor: ListCursor? = nil,
        createdFrom: Int64? = nil, createdThrough: Int64? = nil, limit: Int
    ) {
        self.group = group
        self.kind = kind
        self.owner = owner
        self.cursor = cursor
        self.createdFrom = createdFrom
        self.createdThrough = createdThrough
        self.limit = min(max(limit, 0), Self.limitMax)
    }
}
