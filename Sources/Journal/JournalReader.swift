import Primitives

/// Reads a journal's segments, oldest first, and ends up with the log and a writer that goes on:
/// the deciding half of recovery. A value; what it says to cut or remove, its owner does.
///
///     segment bytes ─▶ header fits? ─▶ batch whole? ─▶ records fit? ─▶ … ─▶ zeros: end
///                          │ no             │ no            │ no
///                          ▼                ▼               ▼
///                  last segment and no later batch header behind it?   error
///                     yes: cut             no: error
package struct JournalReader {
    /// How the newest segment ended.
    package enum Ending: Hashable, Sendable {
        /// With a whole batch, or with its header. `lastPart` is that batch or header.
        case whole(lastPart: Range<Int>)
        /// With a batch at `end` that is to be cut.
        case torn(end: Int, lastPart: Range<Int>)
        /// Before its header was whole: the segment is to be removed.
        case unbegun
    }

    fileprivate struct Log {
        /// A run without gaps that ends with the group's last index.
        var entries: [LogEntry] = []
        /// Entries up to here are in none of the segments read; fine if they turn out compacted.
        var missingUpTo: LogIndex = 0
    }

    private var state: JournalState?
    private var logs: [GroupID: Log] = [:]
    private var nextBatchSequence: UInt64 = 1
    private var chain = ChainValue.genesis
    private var seed = ChainValue.genesis.seed
    private var end = 0
    private var cut: RecoveredLog.Cut?

    package init() {}

    /// Reads the next segment.
    ///
    /// - Parameters:
    ///   - sequence: the number in the file's name.
    ///   - bytes: the whole file.
    ///   - isNewest: no later segment is there; only this one may have been torn.
    package mutating func read(
        segment sequence: UInt64, _ bytes: [UInt8], isNewest: Bool
    ) throws(JournalError) -> Ending {
        let header: SegmentHeader
        let headerByteCount: Int
        do throws(SegmentHeaderFlaw) {
            (header, headerByteCount) = try SegmentHeader.decode(bytes)
        } catch {
            switch error {
            case .unsupportedVersion(let version):
                throw .unsupportedVersion(segment: sequence, version: version)
            case .malformed:
                // A segment whose header was never synchronized: the one before is still there,
                // or it would have been the first. No batch can be in it.
                let mayBeUnbegun = isNewest && (state != nil || sequence == 1)
                guard mayBeUnbegun,
                    !holdsBatch(bytes, from: 0, number: nextBatchSequence, seed: chain.seed)
                else {
                    throw .corrupt(segment: sequence, offset: 0, .segmentHeader)
                }
                return .unbegun
            }
        }
        try begin(header, named: sequence)
        return try readBatches(bytes, from: headerByteCount, isNewest: isNewest)
    }

    /// What was read, once every segment has been.
    package func finish() throws(JournalError) -> RecoveredLog {
        var groups: [GroupID: RecoveredLog.Group] = [:]
        for (group, marks) in (state?.groups ?? [:]).sorted(by: { $0.key < $1.key }) {
            let log = logs[group] ?? Log()
            guard log.missingUpTo <= marks.compactedUpTo else {
                throw .missingEntries(group, upTo: log.missingUpTo)
            }
            groups[group] = RecoveredLog.Group(
                hardState: marks.hardState, compactedUpTo: marks.compactedUpTo,
                compactedTerm: marks.compactedTerm,
                entries: Array(log.entries.drop { $0.index <= marks.compactedUpTo }))
        }
        return RecoveredLog(groups: groups, cut: cut)
    }

    /// A writer that goes on behind the last whole batch; nil when no segment had begun.
    package func writer(segmentByteCount: Int) -> JournalWriter? {
        state.map {
            JournalWriter(
                state: $0, offset: end, nextBatchSequence: nextBatchSequence, chain: chain,
                seed: seed, segmentByteCount: segmentByteCount)
        }
    }

    private mutating func begin(
        _ header: SegmentHeader, named sequence: UInt64
    ) throws(JournalError) {
        if var known = state {
            known.roll()
            guard header.sequence == sequence, known.current.sequence == sequence,
                header.nextBatchSequence == nextBatchSequence, header.chain == chain,
                header.groups == known.groups
            else { throw .corrupt(segment: sequence, offset: 0, .segmentOrder) }
            state = known
        } else {
            guard header.sequence == sequence,
                sequence > 1 || (header.chain == .genesis && header.groups.isEmpty)
            else { throw .corrupt(segment: sequence, offset: 0, .segmentOrder) }
            state = JournalState(segment: sequence, groups: header.groups)
            logs = header.groups.mapValues { Log(missingUpTo: $0.lastIndex) }
            nextBatchSequence = header.nextBatchSequence
            chain = header.chain
        }
        seed = header.chain.seed
    }

    private mutating func readBatches(
        _ bytes: [UInt8], from start: Int, isNewest: Bool
    ) throws(JournalError) -> Ending {
        let segment = state!.current.sequence
        var lastPart = 0..<start
        end = start
        while let header = wholeBatch(in: bytes, at: end) {
            try apply(header, bytes, segment: segment)
            lastPart = end..<(end + header.batchByteCount)
            end = lastPart.upperBound
            nextBatchSequence += 1
            chain = header.chain
        }
        if bytes.isZero(from: end) { return .whole(lastPart: lastPart) }

        let damaged = BatchHeader(in: bytes, at: end, seed: seed)
        if let damaged, damaged.sequence != nextBatchSequence {
            throw .corrupt(segment: segment, offset: end, .batchOrder)
        }
        let behind = end + (damaged?.batchByteCount ?? JournalFormat.sectorByteCount)
        guard isNewest,
            !holdsBatch(bytes, from: behind, number: nextBatchSequence + 1, seed: seed)
        else {
            throw .corrupt(segment: segment, offset: end, .batch)
        }
        cut = RecoveredLog.Cut(segment: segment, offset: end)
        return .torn(end: end, lastPart: lastPart)
    }

    /// The header of the next batch if that is whole: right checksum, number, length and chain.
    private func wholeBatch(in bytes: [UInt8], at offset: Int) -> BatchHeader? {
        guard let header = BatchHeader(in: bytes, at: offset, seed: seed),
            header.sequence == nextBatchSequence,
            header.batchByteCount <= JournalFormat.batchByteCountMax,
            header.batchByteCount <= bytes.count - offset,
            header.chain == chain.following(bytes[offset..<(offset + header.batchByteCount)])
        else { return nil }
        return header
    }

    /// Whether the header of a batch with this or a later number stands at or behind `offset`.
    private func holdsBatch(
        _ bytes: [UInt8], from offset: Int, number: UInt64, seed: UInt32
    ) -> Bool {
        stride(from: offset, to: bytes.count, by: JournalFormat.sectorByteCount).contains {
            guard let header = BatchHeader(in: bytes, at: $0, seed: seed) else { return false }
            return header.sequence >= number
        }
    }

    /// Takes in a whole batch. Its chain is right, so a flaw in here is no torn write.
    private mutating func apply(
        _ header: BatchHeader, _ bytes: [UInt8], segment: UInt64
    ) throws(JournalError) {
        let start = end + JournalFormat.batchHeaderByteCount
        var rest = bytes[start..<(start + header.recordsByteCount)]
        for _ in 0..<header.recordCount {
            do throws(RecordFlaw) {
                let record = try JournalRecord.decode(from: &rest)
                guard state!.accepts(record) else { throw .malformed }
                state!.apply(record)
                keep(record)
            } catch {
                switch error {
                case .malformed: throw .corrupt(segment: segment, offset: end, .record)
                case .unsupported: throw .unsupportedRecord(segment: segment, offset: end)
                }
            }
        }
        guard rest.isEmpty else {
            throw .corrupt(segment: segment, offset: end, .record)
        }
    }

    private mutating func keep(_ record: JournalRecord) {
        switch record {
        case .entry(let group, let entry):
            logs[group, default: Log()].append(entry)
        case .hardState:
            break
        case .compacted(let group, let mark):
            logs[group, default: Log()].compact(mark)
        }
    }
}

extension JournalReader.Log {
    fileprivate mutating func append(_ entry: LogEntry) {
        if let last = entries.last, entry.index <= last.index {
            let replacedCount = Int(clamping: last.index - entry.index)
            entries.removeLast(min(entries.count - 1, replacedCount) + 1)
        }
        missingUpTo = min(missingUpTo, entry.index - 1)
        entries.append(entry)
    }

    fileprivate mutating func compact(_ mark: CompactionMark) {
        if mark.discardsSuffix {
            entries = []
            missingUpTo = 0
        } else if let last = entries.last, last.index <= mark.upTo {
            entries = []
        }
    }
}
