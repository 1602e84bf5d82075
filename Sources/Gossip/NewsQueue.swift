import Primitives

/// Members of whom there is news, in the order in which it goes out: what was sent the fewest
/// times first, and of that the newest (SWIM §4.1).
///
/// Only the subjects wait here, by their places in the member table; what is said of them is read
/// when a packet is written, so nothing outdated is sent. A subject waits at most once: the queue
/// is no longer than the member table.
struct NewsQueue: Sendable {
    struct Item: Sendable {
        /// Where the subject stands in the member table.
        let place: Int32
        let mark: Mark

        var hasProfile: Bool { mark.hasProfile }
    }

    /// Tells an item from one of the same subject that has been replaced. In one word, as the
    /// marks of all members are looked at for each packet.
    struct Mark: Hashable, Sendable {
        static let none = Mark(number: 0, hasProfile: false)

        private let word: UInt64

        init(number: UInt64, hasProfile: Bool) {
            word = number << 1 | (hasProfile ? 1 : 0)
        }

        /// The profile is news too, not only the standing.
        var hasProfile: Bool { word & 1 == 1 }
    }

    /// By the number of times sent; in each the newest last. Replaced items stay until they are
    /// met, or until they outnumber the others.
    private var buckets: [[Item]] = [[]]
    /// By place, as far as there was ever news.
    private var current: [Mark] = []
    private(set) var count = 0
    private var nextNumber: UInt64 = 1
    private var storedCount = 0

    /// Small items are sought behind so many that do not fit a packet's rest, no more.
    private static let misfitCountMax = 8

    /// A claim has at least a flag, a subject and an incarnation.
    private static let itemByteCountMin = 3

    var isEmpty: Bool { count == 0 }

    /// There is news of the member at `place`: it starts from the front again.
    mutating func insert(_ place: Int, hasProfile: Bool) {
        while current.count <= place { current.append(.none) }
        if current[place] == .none { count += 1 }
        let mark = Mark(
            number: nextNumber, hasProfile: hasProfile || current[place].hasProfile)
        current[place] = mark
        buckets[0].append(Item(place: Int32(place), mark: mark))
        nextNumber += 1
        storedCount += 1
        if storedCount > 2 * count + 64 { dropReplaced() }
    }

    /// Nothing is to be said of the member at `place` any more.
    mutating func remove(_ place: Int) {
        guard place < current.count, current[place] != .none else { return }
        current[place] = .none
        count -= 1
    }

    /// The member at `last` stands at `place` from now on, of which there is no news.
    mutating func move(from last: Int, to place: Int) {
        guard last < current.count, current[last] != .none else { return }
        let mark = current[last]
        current[last] = .none
        current[place] = mark
        for level in buckets.indices {
            for index in buckets[level].indices where buckets[level][index].mark == mark {
                buckets[level][index] = Item(place: Int32(place), mark: mark)
            }
        }
    }

    private func isCurrent(_ item: Item) -> Bool {
        current[Int(item.place)] == item.mark
    }

    /// Takes what fits into `byteCount`, each subject once and none of those at the places
    /// `excluded`, and counts it as sent; what was sent `transmitLimit` times is done.
    mutating func take(
        byteCount: Int, transmitLimit: Int, excluding excluded: [Int], size: (Item) -> Int
    ) -> [Item] {
        guard count > 0 else { return [] }
        var left = byteCount
        var misfitCount = 0
        var taken: [Item] = []
        // Where in `taken` the items of each level end.
        var levels: [(level: Int, end: Int)] = []
        for level in buckets.indices where !buckets[level].isEmpty {
            var kept: [Item] = []
            while misfitCount < Self.misfitCountMax, left >= Self.itemByteCountMin,
                let item = buckets[level].popLast()
            {
                guard isCurrent(item) else {
                    storedCount -= 1
                    continue
                }
                let size = size(item)
                if excluded.contains(Int(item.place)) {
                    kept.append(item)
                } else if size > left {
                    kept.append(item)
                    misfitCount += 1
                } else {
                    left -= size
                    taken.append(item)
                }
            }
            if !kept.isEmpty { buckets[level].append(contentsOf: kept.reversed()) }
            levels.append((level, taken.count))
            if misfitCount == Self.misfitCountMax || left < Self.itemByteCountMin { break }
        }
        var start = 0
        for (level, end) in levels {
            age(taken[start..<end], to: level + 1, limit: transmitLimit)
            start = end
        }
        return taken
    }

    private mutating func age(_ items: ArraySlice<Item>, to level: Int, limit: Int) {
        guard !items.isEmpty else { return }
        guard level < min(limit, GossipLimits.transmitCountMax) else {
            for item in items { remove(Int(item.place)) }
            storedCount -= items.count
            return
        }
        while buckets.count <= level { buckets.append([]) }
        buckets[level].append(contentsOf: items.reversed())
    }

    private mutating func dropReplaced() {
        storedCount = 0
        for level in buckets.indices {
            buckets[level].removeAll { [current] in
                current[Int($0.place)] != $0.mark
            }
            storedCount += buckets[level].count
        }
    }
}
