public import Primitives

extension Journal {
    /// What can be set.
    public struct Options: Hashable, Sendable {
        /// A segment takes batches up to this size. 64 MiB are some seconds of writing at full
        /// speed and are recovered in a quarter of one.
        public var segmentByteCount: Int
        /// Whose journal it is. One that belongs to somebody else is refused; nil takes any, and
        /// is for tests.
        public var owner: JournalOwner?
        /// Room on the disk that is kept for the day when there is no other: a segment to write on,
        /// so that votes, followers' entries and the marks of a compaction still find a place, and
        /// half as much for the state store, whose checkpoint has to complete before anything can
        /// be compacted. 0 keeps none.
        public var reserveByteCount: Int
        /// A write or sync that takes longer is told to the observer: half of what a heartbeat may
        /// be late before a leader is given up, so that it can be given away instead.
        public var stallBound: Duration
        /// More full segments than this are too many, and the groups that keep the oldest are told
        /// to the observer: half a gigabyte with segments of 64 MiB, two seconds of recovery.
        public var closedSegmentCountMax: Int

        public init(
            segmentByteCount: Int = 64 << 20, owner: JournalOwner? = nil,
            reserveByteCount: Int? = nil, stallBound: Duration = .milliseconds(500),
            closedSegmentCountMax: Int = 8
        ) {
            precondition(
                segmentByteCount > 0
                    && segmentByteCount <= JournalFormat.segmentByteCountMax
                        - JournalFormat.batchByteCountMax,
                "a segment of \(segmentByteCount) bytes")
            self.segmentByteCount = segmentByteCount
            self.owner = owner
            self.reserveByteCount = reserveByteCount ?? segmentByteCount / 2 * 3
            self.stallBound = stallBound
            self.closedSegmentCountMax = closedSegmentCountMax
        }
    }

    /// What has been written since the journal was opened.
    public struct Counters: Hashable, Sendable {
        /// Batches that are durable, those without records included.
        public internal(set) var batches = 0
        /// Files synchronized: one for a batch and one for a new segment.
        public internal(set) var syncs = 0
        /// Bytes written, headers and padding included.
        public internal(set) var bytes = 0
        /// Entries that are durable.
        public internal(set) var entries = 0
        public internal(set) var segmentsBegun = 0
        /// Of those, the ones written over an older segment.
        public internal(set) var segmentsRecycled = 0
        /// Segments that went, or became spares.
        public internal(set) var segmentsRemoved = 0
        /// Full segments that some group still needs, as of the last batch.
        public internal(set) var closedSegments = 0
        /// Times that a write took longer than the bound.
        public internal(set) var stalls = 0

        public init() {}
    }

    /// What the journal tells its observer, on the loop.
    public enum Event: Hashable, Sendable {
        /// A write or sync has taken so long by now, and goes on: the disk is stuck. Told again
        /// while it stays so, about twice in each bound.
        case stalled(for: Duration)
        /// What was stuck is durable; it took so long.
        case resumed(after: Duration)
        /// The disk is full: nothing new is to be proposed. What is appended goes to the reserve;
        /// when that is used up as well, it waits until there is room.
        case refusing(JournalRefusal)
        /// There is room again, and the reserve is whole.
        case accepting
        /// There are too many full segments, and these groups, by rising id, keep the oldest. A
        /// group that has a checkpoint is to be compacted. One whose entries cannot go yet, and
        /// that is idle, appends all that is left of its log once more: an append replaces what
        /// it repeats, and what was replaced keeps no segment.
        case pinned(segmentCount: Int, groups: [GroupID])
    }
}

/// Why the journal does not take something new.
public enum JournalRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case diskFull

    public var description: String {
        switch self {
        case .diskFull: "the disk of the journal is full"
        }
    }
}
