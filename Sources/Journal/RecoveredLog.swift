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
        /// What follows `compactedUpTo`, without a gap: everything, unless something is damaged;
        /// then what comes before that.
        public let entries: [LogEntry]
        /// Indices whose entries were acknowledged and cannot be read, rising. They have to be
        /// fetched from peers and given to `Journal.repair`. Hard state and marks are never among
        /// what is damaged.
        public let damaged: [ClosedRange<LogIndex>]
        /// The sound entries behind the first damaged one, rising.
        public let entriesBehindDamage: [LogEntry]
        /// The last index that was acknowledged, damaged or not; `compactedUpTo` for an empty log.
        public let lastIndex: LogIndex
        /// No entry that was acknowledged is of a newer term: the last entry's, where it is known.
        public let lastTermMax: Term

        package init(
            hardState: HardState, compactedUpTo: LogIndex, compactedTerm: Term,
            entries: [LogEntry], damaged: [ClosedRange<LogIndex>] = [],
            entriesBehindDamage: [LogEntry] = [], lastIndex: LogIndex? = nil,
            lastTermMax: Term? = nil
        ) {
            self.hardState = hardState
            self.compactedUpTo = compactedUpTo
            self.compactedTerm = compactedTerm
            self.entries = entries
            self.damaged = damaged
            self.entriesBehindDamage = entriesBehindDamage
            let end = lastIndex ?? entries.last?.index ?? compactedUpTo
            self.lastIndex = end
            let last = entriesBehindDamage.last ?? entries.last
            let knownTerm = last.flatMap { $0.index == end ? $0.term : nil }
            self.lastTermMax = knownTerm ?? lastTermMax ?? hardState.term
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

    /// A place that is not as it was written, and that the journal can be read without.
    public struct DamagedPart: Hashable, Sendable {
        /// The segment's sequence number.
        public let segment: UInt64
        /// Where in the segment the part begins, in bytes.
        public let offset: Int
        public let damage: JournalError.Damage

        package init(segment: UInt64, offset: Int, damage: JournalError.Damage) {
            self.segment = segment
            self.offset = offset
            self.damage = damage
        }
    }

    /// Every group that the journal knows.
    public let groups: [GroupID: Group]
    /// Set when the journal did not end cleanly. As a rule the write was torn by a crash and
    /// nobody had been told of it; that the batch was acknowledged and has rotted since can be
    /// excluded only once the journal was idle for a second.
    public let cut: Cut?
    /// What is not as it was written, in the order of the log. A part stays until its segment goes;
    /// whether entries are missing because of it is said by the groups.
    public let damagedParts: [DamagedPart]
    /// Whose journal it is; nil for one that was made without an owner.
    public let owner: JournalOwner?

    package init(
        groups: [GroupID: Group], cut: Cut?, damagedParts: [DamagedPart] = [],
        owner: JournalOwner? = nil
    ) {
        self.groups = groups
        self.cut = cut
        self.damagedParts = damagedParts
        self.owner = owner
    }

    /// The groups with entries that have to be repaired, by rising id.
    public var damagedGroups: [GroupID] {
        groups.filter { !$0.value.damaged.isEmpty }.keys.sorted()
    }
}

/// Why a journal cannot be opened. A damaged one is left as it was found.
public enum JournalError: Error, Hashable, Sendable {
    /// What is wrong with the bytes at a place.
    public enum Damage: String, Hashable, Sendable {
        case segmentHeader = "the segment header is not whole"
        case segmentHeaderCopy = "one of the two copies of the segment header is not whole"
        case segmentOrder = "the segment header does not continue the segment before"
        case segmentSize = "the segment is larger than a segment can be"
        case batch = "an acknowledged batch is not whole"
        case batches = "several batches in a row are not whole, and nothing says what they held"
        case batchOrder = "the batches around a damaged one do not belong together"
        case record = "a whole batch holds a record that does not fit the log"
    }

    case file(FileError)
    /// An acknowledged part is damaged so that nothing says what it held. The node has to start
    /// with an empty folder, as another member.
    case corrupt(segment: UInt64, offset: Int, Damage)
    /// Segments before and after this one are there.
    case missingSegment(UInt64)
    /// A later version of this program wrote the segment.
    case unsupportedVersion(segment: UInt64, version: UInt16)
    /// A later version of this program wrote the batch that begins at the offset.
    case unsupportedRecord(segment: UInt64, offset: Int)
    /// The journal belongs to another node, or to an earlier member of the same name.
    case foreign(found: JournalOwner, expected: JournalOwner)
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
        case .unsupportedVersion(let segment, let version):
            "segment \(segment) has format version \(version), which this program does not know"
        case .unsupportedRecord(let segment, let offset):
            "segment \(segment), offset \(offset): a kind of record this program does not know"
        case .foreign(let found, let expected):
            "the journal is that of \(found), and this is \(expected)"
        }
    }
}
