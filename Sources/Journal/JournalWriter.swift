import Primitives

/// Turns records into batches and says where they go: the deciding half of the journal's writing
/// side. A value; whoever holds it does the writing before the next call.
///
///     records ─▶ encodeBatch ─▶ [begin segment] ─▶ one write ─▶ one fdatasync
///                                     │
///                     takeRemovableSegments ─▶ remove the files
package struct JournalWriter: Sendable {
    /// A segment to make before a batch can be written to it.
    package struct SegmentStart: Hashable, Sendable {
        package let sequence: UInt64
        /// The header and its copy.
        package let header: [UInt8]
        /// The space to reserve.
        package let byteCount: Int
        /// Whether it is to be written over a spare.
        package let isRecycled: Bool
    }

    /// A batch to write.
    package struct Batch: Hashable, Sendable {
        /// The segment to begin first, when the current one has no room.
        package let newSegment: SegmentStart?
        package let bytes: [UInt8]
        /// Where in the then current segment.
        package let offset: Int
    }

    package private(set) var state: JournalState
    /// Where the next batch goes in the current segment.
    package private(set) var offset: Int
    private let segmentByteCount: Int
    private var nextBatchSequence: UInt64
    private var chain: ChainValue
    private var seed: UInt32
    private let owner: JournalOwner?

    /// A writer that goes on where a reader arrived.
    package init(
        state: JournalState, offset: Int, nextBatchSequence: UInt64, chain: ChainValue,
        seed: UInt32, segmentByteCount: Int, owner: JournalOwner?
    ) {
        self.state = state
        self.offset = offset
        self.nextBatchSequence = nextBatchSequence
        self.chain = chain
        self.seed = seed
        self.segmentByteCount = segmentByteCount
        self.owner = owner
    }

    /// The first writer of a new journal, and the segment to make for it.
    package static func new(
        segmentByteCount: Int, owner: JournalOwner?
    ) -> (writer: JournalWriter, segment: SegmentStart) {
        var writer = JournalWriter(
            state: JournalState(segment: 1, groups: [:]), offset: 0, nextBatchSequence: 1,
            chain: .genesis, seed: ChainValue.genesis.seed, segmentByteCount: segmentByteCount,
            owner: owner)
        let segment = writer.beginSegment(isRecycled: false)
        return (writer, segment)
    }

    /// The bytes of the next batch. Every record has to fit the group's log; one that does not
    /// would make the journal unreadable, so it ends the process instead of being written.
    ///
    /// - Parameters:
    ///   - records: none for a batch that says no more than that the one before is durable.
    ///   - hasSpare: whether a segment may begin in the space of an older one.
    package mutating func encodeBatch(_ records: [JournalRecord], hasSpare: Bool) -> Batch {
        let recaps = state.recaps
        let recordsByteCount =
            recaps.reduce(0) { $0 + $1.byteCount } + records.reduce(0) { $0 + $1.byteCount }
        let batchByteCount = JournalFormat.padded(
            JournalFormat.batchHeaderByteCount + recordsByteCount)
        var newSegment: SegmentStart?
        if offset + batchByteCount > segmentByteCount, holdsBatches {
            state.roll()
            newSegment = beginSegment(isRecycled: hasSpare)
        }
        state.beginBatch()
        for record in records {
            precondition(state.accepts(record), Self.complaint(record, state))
            state.apply(record)
        }
        let (bytes, next) = BatchHeader.encodeBatch(
            records, recaps: recaps, sequence: nextBatchSequence, after: chain, seed: seed)
        let batch = Batch(newSegment: newSegment, bytes: bytes, offset: offset)
        chain = next
        nextBatchSequence += 1
        offset += bytes.count
        holdsBatches = true
        return batch
    }

    /// The segments that nothing needs any more, once what was encoded so far is durable.
    package mutating func takeRemovableSegments() -> [UInt64] {
        state.takeRemovableSegments()
    }

    /// A segment takes one batch at least, however small the segment and large the batch.
    private var holdsBatches = true

    private mutating func beginSegment(isRecycled: Bool) -> SegmentStart {
        seed = chain.seed
        let header = SegmentHeader(
            sequence: state.current.sequence, nextBatchSequence: nextBatchSequence, chain: chain,
            groups: state.groups, owner: owner, isRecycled: isRecycled
        ).encodeTwice()
        offset = header.count
        holdsBatches = false
        return SegmentStart(
            sequence: state.current.sequence, header: header,
            byteCount: max(segmentByteCount, header.count),
            isRecycled: isRecycled)
    }

    private static func complaint(_ record: JournalRecord, _ state: JournalState) -> String {
        let marks = state.groups[record.group] ?? GroupMarks()
        let log = "last index \(marks.lastIndex), compacted up to \(marks.compactedUpTo)"
        return switch record {
        case .entry(let group, let entry), .restored(let group, let entry):
            "\(group): entry \(entry.index) of \(entry.payload.count) bytes does not fit the log "
                + "with \(log)"
        case .hardState(let group, _):
            "\(group): hard state does not fit the log with \(log)"
        case .removed(let group):
            "\(group): cannot be removed from the log with \(log)"
        case .compacted(let group, let mark):
            "\(group): compaction up to \(mark.upTo) does not fit the log with \(log)"
        }
    }
}
