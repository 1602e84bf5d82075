package import Primitives

/// A group's log in memory, from where it was compacted to its end.
///
/// What is on disk behind it is the journal's business. All that is not compacted is here, so that
/// deciding never waits for a read; the shell compacts as its checkpoints advance, and a follower
/// that needs more than is kept gets a snapshot.
package struct Log: Hashable, Sendable {
    /// The last entry that is not here any more, or the place before the first.
    package private(set) var base: LogPosition
    /// Bytes of payload that are here.
    package private(set) var byteCount = 0
    private var count = 0
    /// The entries, cut where their indexes are multiples of `chunkCount`: one array of a million
    /// would be copied as a whole when it grows, which takes longer than a commit may.
    private var chunks: [[LogEntry]] = []

    private static let chunkCount: LogIndex = 1024

    private typealias Place = (chunk: Int, offset: Int)

    package init(base: LogPosition, entries: [LogEntry]) {
        self.base = base
        for entry in entries { append(entry) }
    }

    package var firstIndex: LogIndex { base.index + 1 }
    package var lastIndex: LogIndex { base.index + LogIndex(count) }
    package var last: LogPosition {
        chunks.last?.last.map { LogPosition(index: $0.index, term: $0.term) } ?? base
    }

    /// The term at an index; nil where the log was compacted, and beyond its end.
    package func term(at index: LogIndex) -> Term? {
        if index == base.index { return base.term }
        guard index > base.index, index <= lastIndex else { return nil }
        let place = place(of: index)
        return chunks[place.chunk][place.offset].term
    }

    package func entry(at index: LogIndex) -> LogEntry {
        precondition(index > base.index && index <= lastIndex, "no entry \(index) in \(self)")
        let place = place(of: index)
        return chunks[place.chunk][place.offset]
    }

    /// Entries from `first` on, at least one where there is one, as many as fit both bounds.
    package func entries(
        from first: LogIndex, through lastWanted: LogIndex = .max, countMax: Int = .max,
        byteCountMax: Int = .max
    ) -> [LogEntry] {
        let end = min(lastWanted, lastIndex)
        guard first <= end else { return [] }
        var count = min(Int(end - first) + 1, countMax)
        if byteCountMax < .max { count = self.count(from: first, atMost: count, byteCountMax) }
        var found: [LogEntry] = []
        found.reserveCapacity(count)
        var place = place(of: first)
        while found.count < count {
            found += chunks[place.chunk][place.offset...].prefix(count - found.count)
            place = (place.chunk + 1, 0)
        }
        return found
    }

    /// How many entries from `first` on, of those there are, fit the bound: one at least.
    private func count(
        from first: LogIndex, atMost countMax: Int, _ byteCountMax: Int
    ) -> Int {
        var place = place(of: first)
        var bytes = 0
        var count = 0
        while count < countMax {
            bytes += chunks[place.chunk][place.offset].payload.count
            if count > 0, bytes > byteCountMax { break }
            count += 1
            step(&place)
        }
        return count
    }

    /// Bytes of payload of the entries from `first` through `last`, both in the log.
    package func byteCount(from first: LogIndex, through last: LogIndex) -> Int {
        guard first <= last else { return 0 }
        precondition(first > base.index && last <= lastIndex, "no entries \(first) to \(last)")
        var place = place(of: first)
        var sum = 0
        for _ in first...last {
            sum += chunks[place.chunk][place.offset].payload.count
            step(&place)
        }
        return sum
    }

    private func step(_ place: inout Place) {
        place.offset += 1
        if place.offset == chunks[place.chunk].count { place = (place.chunk + 1, 0) }
    }

    package mutating func append(_ entry: LogEntry) {
        precondition(
            entry.index == lastIndex + 1 && entry.term >= last.term,
            "\(entry.index) of term \(entry.term) behind \(last)")
        if chunks.isEmpty || entry.index % Self.chunkCount == 0 {
            // Behind a full one the next fills too.
            let isBusy = !chunks.isEmpty
            chunks.append([])
            if isBusy { chunks[chunks.count - 1].reserveCapacity(Int(Self.chunkCount)) }
        }
        chunks[chunks.count - 1].append(entry)
        count += 1
        byteCount += entry.payload.count
    }

    /// Takes away `index` and everything behind it.
    package mutating func truncate(from index: LogIndex) {
        precondition(index > base.index && index <= lastIndex, "no entry \(index) to truncate at")
        let place = place(of: index)
        byteCount -= byteCount(from: index, through: lastIndex)
        count -= Int(lastIndex - index) + 1
        chunks.removeSubrange((place.chunk + 1)...)
        chunks[place.chunk].removeSubrange(place.offset...)
        if place.offset == 0 { chunks.removeLast() }
    }

    /// Lets go of everything through `index`.
    package mutating func compact(through index: LogIndex) {
        guard index > base.index, let term = term(at: index) else { return }
        let place = place(of: index)
        byteCount -= byteCount(from: firstIndex, through: index)
        count -= Int(index - base.index)
        chunks.removeSubrange(..<place.chunk)
        chunks[0].removeSubrange(...place.offset)
        if chunks[0].isEmpty { chunks.removeFirst() }
        base = LogPosition(index: index, term: term)
    }

    /// Begins anew behind an installed snapshot.
    package mutating func reset(to position: LogPosition) {
        base = position
        chunks = []
        count = 0
        byteCount = 0
    }

    /// The last index up to `bound` whose term is at most `term`: where two logs may still agree.
    package func lastIndex(upTo bound: LogIndex, withTermAtMost term: Term) -> LogPosition {
        var index = min(bound, lastIndex)
        while index > base.index, let found = self.term(at: index) {
            if found <= term { return LogPosition(index: index, term: found) }
            index -= 1
        }
        return base
    }

    /// Where an entry of the log is: the first chunk begins with the first entry, the others where
    /// they were cut.
    private func place(of index: LogIndex) -> Place {
        let chunk = Int(index / Self.chunkCount - firstIndex / Self.chunkCount)
        let offset = chunk == 0 ? index - firstIndex : index % Self.chunkCount
        return (chunk, Int(offset))
    }
}
