/// How many requests of one kind were answered in one way.
public struct RequestCount: Hashable, Sendable {
    /// Method and address without ids, or `unrecognized`.
    public let route: String
    /// The first digit of the status: 2 for 200 to 299.
    public let statusClass: Int
    /// Since the service began.
    public let count: UInt64
}

/// Counts answers by route and status class. Bounded by the number of routes.
struct RequestCounters: Sendable {
    private struct Key: Hashable, Comparable {
        let route: String
        let statusClass: Int

        static func < (left: Key, right: Key) -> Bool {
            (left.route, left.statusClass) < (right.route, right.statusClass)
        }
    }

    private var counts: [Key: UInt64] = [:]

    mutating func count(route: String, status: Int) {
        counts[Key(route: route, statusClass: status / 100), default: 0] += 1
    }

    /// Sorted by route and class.
    var all: [RequestCount] {
        counts.sorted { $0.key < $1.key }.map {
            RequestCount(route: $0.key.route, statusClass: $0.key.statusClass, count: $0.value)
        }
    }
}
