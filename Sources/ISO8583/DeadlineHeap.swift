import Primitives

/// A binary heap of exchanges by instant; equal instants come in the order in which the exchanges
/// were registered, so that a run replays.
struct DeadlineHeap: Sendable {
    /// One registration of a key, of which there may be several over time.
    struct Mark: Sendable {
        let key: ExchangeKey
        /// Ascending over all registrations.
        let sequence: UInt64
    }

    struct Item: Sendable {
        let instant: MonotonicInstant
        let mark: Mark
    }

    private var items: [Item] = []

    var count: Int { items.count }
    var first: Item? { items.first }

    /// Removes the items for which `isKept` is false.
    mutating func keep(_ isKept: (Item) -> Bool) {
        let kept = items.filter(isKept)
        items = []
        for item in kept { push(item) }
    }

    mutating func push(_ item: Item) {
        items.append(item)
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard precedes(child, parent) else { return }
            items.swapAt(child, parent)
            child = parent
        }
    }

    /// Removes and returns the earliest item, if it is not after `limit`.
    mutating func pop(through limit: MonotonicInstant) -> Item? {
        guard let first, first.instant <= limit else { return nil }
        items.swapAt(0, items.count - 1)
        items.removeLast()
        var parent = 0
        while true {
            var earliest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < items.count {
                if precedes(child, earliest) { earliest = child }
            }
            guard earliest != parent else { return first }
            items.swapAt(parent, earliest)
            parent = earliest
        }
    }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        let (left, right) = (items[left], items[right])
        return (left.instant, left.mark.sequence) < (right.instant, right.mark.sequence)
    }
}
