import Primitives

/// One group's entries as recovery gathers them: a run of indices, some of which may be damaged.
struct GroupLog {
    /// The index of the first slot.
    private var first: LogIndex = 1
    /// Nil where an entry is damaged.
    private var slots: [LogEntry?] = []
    /// Entries up to here are in none of the segments read; fine if they turn out compacted.
    private var missingUpTo: LogIndex
    /// Restored entries of those.
    private var early: [LogIndex: LogEntry] = [:]
    /// The last entry of the newest lost batch, and the term that the group was in after it: an
    /// entry is written no earlier than its term is known.
    private var lostEnd: LogPosition?

    init(missingUpTo: LogIndex = 0) {
        self.missingUpTo = missingUpTo
    }

    private var end: LogIndex { first + LogIndex(slots.count) }

    mutating func append(_ entry: LogEntry) { place(entry, at: entry.index) }

    /// Replaces a damaged entry, or one that was in a segment that is gone.
    mutating func restore(_ entry: LogEntry) {
        if entry.index >= first, entry.index < end {
            slots[Int(entry.index - first)] = entry
        } else if entry.index <= missingUpTo {
            early[entry.index] = entry
        }
    }

    mutating func compact(_ mark: CompactionMark) {
        if mark.discardsSuffix {
            slots = []
            early = [:]
            missingUpTo = 0
        } else if end <= mark.upTo + 1 {
            slots = []
        }
    }

    /// Takes in what a lost batch did; `sound` are its entries that can be read.
    mutating func adopt(
        _ recap: GroupRecap, _ marks: GroupMarks, sound: [LogIndex: LogEntry]
    ) {
        let kept = recap.keptUpTo(marks)
        truncate(to: kept)
        missingUpTo = min(missingUpTo, kept)
        if end <= marks.compactedUpTo + 1 { slots = [] }
        for index in recap.writtenIndexes.map(Array.init) ?? [] {
            place(recap.isRun ? sound[index] : nil, at: index)
        }
        if let last = recap.writtenIndexes?.upperBound {
            lostEnd = LogPosition(index: last, term: marks.hardState.term)
        }
    }

    /// What is left behind the group's mark, once everything has been read.
    func recovered(_ marks: GroupMarks) -> RecoveredLog.Group {
        var parts = Parts(next: marks.compactedUpTo + 1)
        for (index, entry) in early.sorted(by: { $0.key < $1.key }) where index <= missingUpTo {
            parts.add(entry, at: index)
        }
        for (offset, slot) in slots.enumerated() {
            if let slot { parts.add(slot, at: first + LogIndex(offset)) }
        }
        parts.skip(to: marks.lastIndex + 1)
        return RecoveredLog.Group(
            hardState: marks.hardState, compactedUpTo: marks.compactedUpTo,
            compactedTerm: marks.compactedTerm, entries: parts.entries, damaged: parts.damaged,
            entriesBehindDamage: parts.behind, lastIndex: marks.lastIndex,
            lastTermMax: lostEnd.flatMap { $0.index == marks.lastIndex ? $0.term : nil })
    }

    /// Entries and damaged ranges, added by rising index.
    private struct Parts {
        var next: LogIndex
        var entries: [LogEntry] = []
        var behind: [LogEntry] = []
        var damaged: [ClosedRange<LogIndex>] = []

        init(next: LogIndex) {
            self.next = next
        }

        mutating func add(_ entry: LogEntry, at index: LogIndex) {
            guard index >= next else { return }
            skip(to: index)
            if damaged.isEmpty { entries.append(entry) } else { behind.append(entry) }
            next = index + 1
        }

        mutating func skip(to index: LogIndex) {
            guard index > next else { return }
            damaged.append(next...(index - 1))
            next = index
        }
    }

    private mutating func place(_ entry: LogEntry?, at index: LogIndex) {
        truncate(to: index - 1)
        if slots.isEmpty { first = index }
        missingUpTo = min(missingUpTo, index - 1)
        slots.append(entry)
    }

    private mutating func truncate(to index: LogIndex) {
        if !early.isEmpty { early = early.filter { $0.key <= index } }
        guard end > index + 1 else { return }
        let count = end - (index + 1)
        slots.removeLast(count < LogIndex(slots.count) ? Int(count) : slots.count)
    }
}
