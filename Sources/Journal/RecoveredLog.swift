public import Environment
public import Primitives

/// What a journal held when it was opened.
public struct RecoveredLog: Hashable, Sendable {
    /// One group's part of the journal.
    public struct Group: Hashable, Sendable {
        public let hardState: HardState
        /// Entries up to here were compacted; 0 when none were.
        public let compactedUpTo: LogIndex
        /// The term of the entry at `compactedUpTo`.
        public let compactedTerm: Term
        /// What follows `compactedUpTo`, without a gap.
        public let entries: [LogEntry]

        package init(
            hardState: HardState, compactedUpTo: LogIndex, compactedTerm: Term,
            entries: [LogEntry]
        ) {
            self.hardState = hardState
            self.compactedUpTo = compactedUpTo
            self.compactedTerm = compactedTerm
            self.entries = entries
        }
    }

    /// A last batch that was not whole and has been cut.
    public struct Cut: Hashable, Sendable {
        /// The segment's sequence number.
        public let segment: UInt64
        /// Where in the segment the batch began, in bytes.
        public let offset: Int

        package init(segment: UInt64, offset: Int) {
            self.segment = segment
            self.offset = offset
        }
    }

    /// Every group that the journal knows.
    public let groups: [GroupID: Group]
    /// Set when the journal did not end cleanly. As a rule the write was torn by a crash and
    /// nobody had been told of it; that the batch was acknowledged and has rotted since cannot be
    /// excluded.
    public let cut: Cut?

    package init(groups: [GroupID: Group], cut: Cut?) {
        self.groups = groups
        self.cut = cut
    }
}

/// Why a journal cannot be opened. A damaged one is left as it was found.
public enum JournalError: Error, Hashable, Sendable {
    /// What is wrong with the bytes at a place.
    public enum Damage: String, Hashable, Sendable {
        case segmentHeader = "the segment header is not whole"
        case segmentOrder = "the segment header does not continue the segment before"
        case segmentSize = "the segment is larger than a segment can be"
        case batch = "an acknowledged batch is not whole"
        case batchOrder = "a batch is missing"
        case record = "a whole batch holds a record that does not fit the log"
    }

    case file(FileError)
    /// An acknowledged part is damaged.
    case corrupt(segment: UInt64, offset: Int, Damage)
    /// Segments before and after this one are there.
    case missingSegment(UInt64)
    /// Entries up to this index were acknowledged, never compacted, and are gone: an old segment
    /// has been removed from outside.
    case missingEntries(GroupID, upTo: LogIndex)
    /// A later version of this program wrote the segment.
    case unsupportedVersion(segment: UInt64, version: UInt16)
    /// A later version of this program wrote the batch that begins at the offset.
    case unsupportedRecord(segment: UInt64, offset: Int)
}

extension JournalError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .file(let error):
            "\(error)"
        case .corrupt(let segment, let offset, let damage):
            "segment \(segment), offset \(offset): \(damage.rawValue)"
        case .missingSegment(let segment):
            "segment \(segment) is missing"
        case .missingEntries(let group, let index):
            "\(group): entries up to \(index) are missing"
        case .unsupportedVersion(let segment, let version):
            "segment \(segment) has format version \(version), which this program does not know"
        case .unsupportedRecord(let segment, let offset):
            "segment \(segment), offset \(offset): a kind of record this program does not know"
        }
    }
}
