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
    private var storage: [LogEntry]
    /// Entries at the start of `storage` that were compacted and not yet moved over: `gone`.
    private var head = 0

    private static let gone = LogEntry(index: 0, term: 0, kind: .noOperation, payload: [])

    package init(base: LogPosition, entries: [LogEntry]) {
        self.base = base
        storage = entries
        byteCount = entries.reduce(0) { $0 + $1.payload.count }
        var last = base
        for entry in entries {
            precondition(
                entry.index == last.index + 1 && entry.term >= last.term,
                "a log with \(entry.index) of term \(entry.term) behind \(last)")
            last = LogPosition(index: entry.index, term: entry.term)
        }
    }

    private var count: Int { storage.count - head }

    package var firstIndex: LogIndex { base.index + 1 }
    package var lastIndex: LogIndex { base.index + LogIndex(count) }
    package var last: LogPosition {
        storage.count > head
            ? LogPosition(index: lastIndex, term: storage[storage.count - 1].term) : base
    }

    /// The term at an index; nil where the log was compacted, and beyond its end.
    package func term(at index: LogIndex) -> Term? {
        if index == base.index { return base.term }
        guard index > base.index, index <= lastIndex else { return nil }
        return storage[place(of: index)].term
    }

    package func entry(at index: LogIndex) -> LogEntry {
        precondition(index > base.index && index <= lastIndex, "no entry \(index) in \(self)")
        return storage[place(of: index)]
    }

    /// Entries from `first` on, at least one where there is one, as many as fit both bounds.
    package func entries(
        from first: LogIndex, through lastWanted: LogIndex = .max, countMax: Int = .max,
        byteCountMax: Int = .max
    ) -> [LogEntry] {
        let end = min(lastWanted, lastIndex)
        guard first <= end else { return [] }
        let start = place(of: first)
        let countWanted = min(Int(end - first) + 1, countMax)
        guard byteCountMax < .max else { return Array(storage[start..<(start + countWanted)]) }
        var taken = 0
        var bytes = 0
        while taken < countWanted {
            bytes += storage[start + taken].payload.count
            if taken > 0, bytes > byteCountMax { break }
            taken += 1
        }
        return Array(storage[start..<(start + taken)])
    }

    /// Bytes of payload of the entries from `first` through `last`, both in the log.
    package func byteCount(from first: LogIndex, through last: LogIndex) -> Int {
        guard first <= last else { return 0 }
        precondition(first > base.index && last <= lastIndex, "no entries \(first) to \(last)")
        var sum = 0
        for place in place(of: first)...place(of: last) { sum += storage[place].payload.count }
        return sum
    }

    package mutating func append(_ entry: LogEntry) {
        precondition(
            entry.index == lastIndex + 1 && entry.term >= last.term,
            "\(entry.index) of term \(entry.term) behind \(last)")
        storage.append(entry)
        byteCount += entry.payload.count
    }

    /// Takes away `index` and everything behind it.
    package mutating func truncate(from index: LogIndex) {
        precondition(index > base.index && index <= lastIndex, "no entry \(index) to truncate at")
        let start = place(of: index)
        for entry in storage[start...] { byteCount -= entry.payload.count }
        storage.removeSubrange(start...)
    }

    /// Lets go of everything through `index`.
    package mutating func compact(through index: LogIndex) {
        guard index > base.index, let term = term(at: index) else { return }
        let end = place(of: index) + 1
        // Freed here and not with the move, which would free half of all at once.
        for place in head..<end {
            byteCount -= storage[place].payload.count
            storage[place] = Self.gone
        }
        head = end
        base = LogPosition(index: index, term: term)
        // Moved over once half is gone, so that each entry is moved once on average.
        if head > storage.count / 2 {
            storage.removeSubrange(..<head)
            head = 0
        }
    }

    /// Begins anew behind an installed snapshot.
    package mutating func reset(to position: LogPosition) {
        base = position
        storage = []
        head = 0
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

    private func place(of index: LogIndex) -> Int {
        head + Int(index - base.index) - 1
    }
}
