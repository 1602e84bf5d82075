import Primitives

/// Members of whom there is news, in the order in which it goes out: what was sent the fewest
/// times first, and of that the newest (SWIM §4.1).
///
/// Only the subjects wait here; what is said of them is read when a packet is written, so nothing
/// outdated is sent. A subject waits at most once: the queue is no longer than the member table.
struct NewsQueue: Sendable {
    struct Item: Sendable {
        let subject: MemberID
        /// The profile is news too, not only the standing.
        let hasProfile: Bool
        /// Tells this item from one of the same subject that has been replaced.
        let stamp: UInt64
    }

    private struct Current {
        let stamp: UInt64
        let hasProfile: Bool
    }

    /// By the number of times sent; in each the newest last. Replaced items stay until they are
    /// met, or until they outnumber the others.
    private var buckets: [[Item]] = [[]]
    private var current: [MemberID: Current] = [:]
    private var nextStamp: UInt64 = 1
    private var storedCount = 0

    /// Small items are sought behind so many that do not fit a packet's rest, no more.
    private static let misfitCountMax = 8

    /// A claim has at least a flag, a subject and an incarnation.
    private static let itemByteCountMin = 3

    var isEmpty: Bool { current.isEmpty }
    var count: Int { current.count }

    /// There is news of `subject`: it starts from the front again.
    mutating func insert(_ subject: MemberID, hasProfile: Bool) {
        let hasProfile = hasProfile || current[subject]?.hasProfile == true
        current[subject] = Current(stamp: nextStamp, hasProfile: hasProfile)
        buckets[0].append(Item(subject: subject, hasProfile: hasProfile, stamp: nextStamp))
        nextStamp += 1
        storedCount += 1
        if storedCount > 2 * current.count + 64 { dropReplaced() }
    }

    /// Nothing is to be said of `subject` any more.
    mutating func remove(_ subject: MemberID) {
        current[subject] = nil
    }

    /// How often the news of `subject` went out; nil when there is none.
    func transmitCount(of subject: MemberID) -> Int? {
        guard let stamp = current[subject]?.stamp else { return nil }
        return buckets.firstIndex { bucket in bucket.contains { $0.stamp == stamp } }
    }

    /// Takes what fits into `byteCount`, each subject once and none of `excluded`, and counts it as
    /// sent; what was sent `transmitLimit` times is done. `size` is nil for a subject of which
    /// nothing is known any more.
    mutating func take(
        byteCount: Int, transmitLimit: Int, excluding excluded: [MemberID],
        size: (Item) -> Int?
    ) -> [Item] {
        guard !current.isEmpty else { return [] }
        var left = byteCount
        var misfitCount = 0
        var taken: [(level: Int, items: [Item])] = []
        for level in buckets.indices where !buckets[level].isEmpty {
            var kept: [Item] = []
            var items: [Item] = []
            while misfitCount < Self.misfitCountMax, left >= Self.itemByteCountMin,
                let item = buckets[level].popLast()
            {
                guard current[item.subject]?.stamp == item.stamp else {
                    storedCount -= 1
                    continue
                }
                guard let size = size(item) else {
                    current[item.subject] = nil
                    storedCount -= 1
                    continue
                }
                if excluded.contains(item.subject) {
                    kept.append(item)
                } else if size > left {
                    kept.append(item)
                    misfitCount += 1
                } else {
                    left -= size
                    items.append(item)
                }
            }
            buckets[level].append(contentsOf: kept.reversed())
            if !items.isEmpty { taken.append((level, items)) }
            if misfitCount == Self.misfitCountMax || left < Self.itemByteCountMin { break }
        }
        for (level, items) in taken { age(items, to: level + 1, limit: transmitLimit) }
        return taken.flatMap(\.items)
    }

    private mutating func age(_ items: [Item], to level: Int, limit: Int) {
        guard level < min(limit, GossipLimits.transmitCountMax) else {
            for item in items { current[item.subject] = nil }
            storedCount -= items.count
            return
        }
        while buckets.count <= level { buckets.append([]) }
        buckets[level].append(contentsOf: items.reversed())
    }

    private mutating func dropReplaced() {
        storedCount = 0
        for level in buckets.indices {
            buckets[level].removeAll { current[$0.subject]?.stamp != $0.stamp }
            storedCount += buckets[level].count
        }
    }
}
