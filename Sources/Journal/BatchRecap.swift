package import Primitives

/// What a batch did to one group. The next batch begins with it, so that a batch that is lost is
/// known by what it held.
package struct GroupRecap: Hashable, Sendable {
    package let group: GroupID
    /// The group's marks after the batch; nil when it was removed.
    package let marks: GroupMarks?
    /// The lowest index that the batch wrote, and so the place from which it replaced the group's
    /// log; 0 when it wrote no entry.
    package let firstIndex: LogIndex
    /// Whether the batch wrote every index from there to the last once, in order.
    package let isRun: Bool

    package init(group: GroupID, marks: GroupMarks?, firstIndex: LogIndex, isRun: Bool) {
        self.group = group
        self.marks = marks
        self.firstIndex = firstIndex
        self.isRun = isRun
    }

    /// The indices behind what is compacted that the batch wrote and that it left in the log.
    package var writtenIndexes: ClosedRange<LogIndex>? {
        guard let marks, firstIndex > 0 else { return nil }
        let first = max(firstIndex, marks.compactedUpTo + 1)
        return first <= marks.lastIndex ? first...marks.lastIndex : nil
    }

    /// The last index of what the group had before and kept.
    func keptUpTo(_ marks: GroupMarks) -> LogIndex {
        firstIndex > 0 ? min(firstIndex - 1, marks.lastIndex) : marks.lastIndex
    }

    /// Bytes on disk.
    package var byteCount: Int {
        JournalFormat.recapByteCount + (marks?.hardState.optionalByteCount ?? 0)
    }
}

/// What a batch has done to a group so far.
package struct GroupTouch: Hashable, Sendable {
    private(set) var firstIndex: LogIndex = 0
    private(set) var isRun = true
    private var nextIndex: LogIndex = 0

    mutating func wrote(_ index: LogIndex) {
        if firstIndex == 0 {
            firstIndex = index
        } else {
            isRun = isRun && index == nextIndex
            firstIndex = min(firstIndex, index)
        }
        nextIndex = index &+ 1
    }

    /// Everything that the group had is gone; what follows begins anew.
    mutating func removed() {
        firstIndex = 1
        isRun = false
    }
}
