package import Primitives

/// What the journal holds, without the entries: each group's marks, and which groups still need
/// which segment. Writer and reader apply the same records to it, so they cannot disagree.
package struct JournalState: Hashable, Sendable {
    package private(set) var groups: [GroupID: GroupMarks]
    /// Segments that are full, oldest first.
    package private(set) var closed: [SegmentPins] = []
    /// The segment that is written to.
    package private(set) var current: SegmentPins
    /// What the newest batch did.
    private var touched: [GroupID: GroupTouch] = [:]

    /// Which groups need a segment.
    package struct SegmentPins: Hashable, Sendable {
        package let sequence: UInt64
        /// Of each group with entries here that are neither compacted nor replaced: the highest.
        package fileprivate(set) var highestIndex: [GroupID: LogIndex] = [:]
    }

    /// The state at the start of a segment, when no older one is there.
    package init(segment sequence: UInt64, groups: [GroupID: GroupMarks]) {
        self.groups = groups
        current = SegmentPins(sequence: sequence)
    }

    /// Whether a record fits what is held: entries are bounded, follow each other without a gap and
    /// never replace what is compacted, and a compaction mark only rises.
    package func accepts(_ record: JournalRecord) -> Bool {
        let known = groups[record.group]
        guard known != nil || groups.count < JournalFormat.groupCountMax else { return false }
        let marks = known ?? GroupMarks()
        switch record {
        case .entry(_, let entry):
            return entry.payload.count <= JournalFormat.entryPayloadByteCountMax
                && entry.index > marks.compactedUpTo && entry.index - 1 <= marks.lastIndex
                && entry.index <= JournalFormat.sequenceMax
        case .restored(_, let entry):
            return entry.payload.count <= JournalFormat.entryPayloadByteCountMax
                && entry.index > marks.compactedUpTo && entry.index <= marks.lastIndex
        case .hardState, .removed:
            return true
        case .compacted(_, let mark):
            return mark.upTo > marks.compactedUpTo && mark.upTo <= JournalFormat.sequenceMax
        }
    }

    /// Forgets what the batch before did, as another begins.
    package mutating func beginBatch() { touched.removeAll(keepingCapacity: true) }

    /// What the newest batch did, by rising group.
    package var recaps: [GroupRecap] {
        touched.sorted { $0.key < $1.key }.map { group, touch in
            GroupRecap(
                group: group, marks: groups[group], firstIndex: touch.firstIndex,
                isRun: touch.isRun)
        }
    }

    /// Takes in a record that `accepts` says yes to.
    package mutating func apply(_ record: JournalRecord) {
        let group = record.group
        var marks = groups[group] ?? GroupMarks()
        switch record {
        case .entry(_, let entry):
            if entry.index <= marks.lastIndex {
                lowerPins(of: group, to: entry.index - 1, above: marks.compactedUpTo)
            }
            marks.lastIndex = entry.index
            current.highestIndex[group] = entry.index
            touched[group, default: GroupTouch()].wrote(entry.index)
        case .restored(_, let entry):
            current.pin(group, at: entry.index)
        case .hardState(_, let hardState):
            marks.hardState = hardState
            touch(group)
        case .compacted(_, let mark):
            marks.compactedUpTo = mark.upTo
            marks.compactedTerm = mark.term
            if mark.discardsSuffix || mark.upTo > marks.lastIndex { marks.lastIndex = mark.upTo }
            lowerPins(of: group, to: marks.lastIndex, above: mark.upTo)
            touch(group)
        case .removed:
            removePins(of: group)
            touched[group, default: GroupTouch()].removed()
            groups[group] = nil
            return
        }
        groups[group] = marks
    }

    /// Begins the next segment.
    package mutating func roll() {
        closed.append(current)
        current = SegmentPins(sequence: current.sequence + 1)
    }

    /// Forgets the oldest segments that no group needs, and says which they were. Only from the old
    /// end, so that what is left is always one run.
    package mutating func takeRemovableSegments() -> [UInt64] {
        let removable = closed.prefix { $0.highestIndex.isEmpty }.map(\.sequence)
        closed.removeFirst(removable.count)
        return removable
    }

    /// The groups that keep the oldest full segment from being removed.
    package var pinningGroups: [GroupID] {
        closed.first.map { $0.highestIndex.keys.sorted() } ?? []
    }

    private mutating func touch(_ group: GroupID) {
        if touched[group] == nil { touched[group] = GroupTouch() }
    }

    private mutating func lowerPins(of group: GroupID, to index: LogIndex, above mark: LogIndex) {
        for position in closed.indices { closed[position].lower(group, to: index, above: mark) }
        current.lower(group, to: index, above: mark)
    }

    private mutating func removePins(of group: GroupID) {
        for position in closed.indices { closed[position].highestIndex[group] = nil }
        current.highestIndex[group] = nil
    }
}

// MARK: - A batch that was lost

extension JournalState {
    /// Takes over the groups' marks from a segment's header, as a batch before it was lost. What
    /// that batch did follows by `adopt`.
    package mutating func takeOver(_ groups: [GroupID: GroupMarks]) {
        self.groups = groups
    }

    /// Takes in what a lost batch did.
    ///
    /// - Parameter isInOlderSegment: whether it lay at the end of the segment before this one.
    package mutating func adopt(_ recap: GroupRecap, isInOlderSegment: Bool) {
        let group = recap.group
        guard let marks = recap.marks else {
            removePins(of: group)
            groups[group] = nil
            return
        }
        groups[group] = marks
        lowerPins(of: group, to: recap.keptUpTo(marks), above: marks.compactedUpTo)
        guard let written = recap.writtenIndexes else { return }
        // The place of the damage stays until its entries are compacted: it says what is missing.
        if isInOlderSegment {
            closed[closed.count - 1].pin(group, at: written.upperBound)
        } else {
            current.pin(group, at: written.upperBound)
        }
    }
}

extension JournalState.SegmentPins {
    fileprivate mutating func pin(_ group: GroupID, at index: LogIndex) {
        highestIndex[group] = max(highestIndex[group] ?? 0, index)
    }

    fileprivate mutating func lower(_ group: GroupID, to index: LogIndex, above mark: LogIndex) {
        guard let highest = highestIndex[group] else { return }
        let lowered = min(highest, index)
        highestIndex[group] = lowered > mark ? lowered : nil
    }
}
