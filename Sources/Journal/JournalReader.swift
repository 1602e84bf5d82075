import Primitives

/// Reads a journal's segments, oldest first, and ends up with the log and a writer that goes on:
/// the deciding half of recovery. A value; what it says to cut or remove, its owner does.
///
///     segment bytes ─▶ header fits? ─▶ batch whole? ─▶ records fit? ─▶ … ─▶ nothing more: end
///                        │ no              │ no            │ no
///                        ▼                 ▼               ▼
///                  its copy fits?    whole batch        error
///                  yes: noted        right behind?
///                  no: unbegun,      yes: lost, and known by the recaps of the one behind
///                      or error      no, and nothing behind, in the last segment: cut
///                                    otherwise: error
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

    /// A batch that is not whole, until the batch behind it says what it did.
    private struct LostBatch {
        let segment: UInt64
        let offset: Int
        /// The chain after it, when its header can be read.
        let chain: ChainValue?
        /// Its entries that can be read.
        let sound: [GroupID: [LogIndex: LogEntry]]
    }

    private var state: JournalState?
    private var logs: [GroupID: GroupLog] = [:]
    private var nextBatchSequence: UInt64 = 1
    private var chain = ChainValue.genesis
    private var seed = ChainValue.genesis.seed
    private var isRecycled = false
    private var end = 0
    private var cut: RecoveredLog.Cut?
    private var lost: LostBatch?
    /// What may be a lost batch at the end of a segment that is not the newest.
    private var tail: LostBatch?
    /// False until a batch was read: what the one before it did, is not known.
    private var isRecapKnown = false
    private var damagedParts: [RecoveredLog.DamagedPart] = []
    private let expectedOwner: JournalOwner?
    private var owner: JournalOwner?
    /// How many batches were read, the lost ones not counted.
    package private(set) var batchCount = 0
    /// Where the next batch goes in the newest segment.
    package var endOffset: Int { end }
    /// The newest segment's header, as it should be.
    package private(set) var header: SegmentHeader?

    /// - Parameter owner: whose journal it has to be; nil when anybody's will do.
    package init(owner: JournalOwner?) {
        expectedOwner = owner
    }

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
        let start: Int
        do throws(SegmentHeaderFlaw) {
            let found = try SegmentHeader.decodeEither(bytes)
            (header, start) = (found.header, found.end)
            if let offset = found.damagedAt {
                note(.segmentHeaderCopy, segment: sequence, at: offset)
            }
        } catch {
            switch error {
            case .unsupportedVersion(let version):
                throw .unsupportedVersion(segment: sequence, version: version)
            case .malformed:
                // A segment whose header was never synchronized: the one before is still there,
                // or it would have been the first. No batch can be in it.
                let mayBeUnbegun = isNewest && (state != nil || sequence == 1)
                guard mayBeUnbegun,
                    laterBatch(in: bytes, from: 0, number: nextBatchSequence, seed: chain.seed)
                        == nil
                else {
                    throw .corrupt(segment: sequence, offset: 0, .segmentHeader)
                }
                return .unbegun
            }
        }
        try begin(header, named: sequence)
        return try readBatches(bytes, from: start, isNewest: isNewest)
    }

    /// What was read, once every segment has been.
    package func finish() throws(JournalError) -> RecoveredLog {
        // A segment begins with a batch at once, so one without any says nothing of the one before.
        if let lost { throw .corrupt(segment: lost.segment, offset: lost.offset, .batch) }
        var groups: [GroupID: RecoveredLog.Group] = [:]
        for (group, marks) in (state?.groups ?? [:]).sorted(by: { $0.key < $1.key }) {
            groups[group] = (logs[group] ?? GroupLog()).recovered(marks)
        }
        return RecoveredLog(
            groups: groups, cut: cut, damagedParts: damagedParts, owner: owner)
    }

    /// A writer that goes on behind the last whole batch; nil when no segment had begun. Where
    /// something is damaged it begins a segment at once: the damage goes with the segments before,
    /// as soon as their entries are compacted, and no batch is added to a part that decays.
    ///
    /// - Parameter owner: whose journal it is from here on.
    package func writer(segmentByteCount: Int, owner: JournalOwner?) -> JournalWriter? {
        state.map {
            JournalWriter(
                state: $0, offset: damagedParts.isEmpty ? end : max(end, segmentByteCount),
                nextBatchSequence: nextBatchSequence, chain: chain,
                seed: seed, segmentByteCount: segmentByteCount, owner: owner)
        }
    }

    private mutating func note(_ damage: JournalError.Damage, segment: UInt64, at offset: Int) {
        damagedParts.append(
            RecoveredLog.DamagedPart(segment: segment, offset: offset, damage: damage))
    }
}

// MARK: - Segments

extension JournalReader {
    private mutating func begin(
        _ header: SegmentHeader, named sequence: UInt64
    ) throws(JournalError) {
        let disorder = JournalError.corrupt(segment: sequence, offset: 0, .segmentOrder)
        for expected in [expectedOwner, owner] {
            if let found = header.owner, let expected, !expected.admits(found) {
                throw .foreign(found: found, expected: expected)
            }
        }
        owner = header.owner ?? owner
        if var known = state {
            known.roll()
            guard header.sequence == sequence, known.current.sequence == sequence else {
                throw disorder
            }
            if header.nextBatchSequence == nextBatchSequence {
                guard header.chain == chain, header.groups == known.groups else { throw disorder }
            } else {
                guard let tail, header.nextBatchSequence == nextBatchSequence + 1,
                    tail.chain ?? header.chain == header.chain
                else { throw disorder }
                lost = tail
                nextBatchSequence += 1
                known.takeOver(header.groups)
            }
            state = known
        } else {
            guard header.sequence == sequence,
                sequence > 1 || (header.chain == .genesis && header.groups.isEmpty)
            else { throw disorder }
            state = JournalState(segment: sequence, groups: header.groups)
            logs = header.groups.mapValues { GroupLog(missingUpTo: $0.lastIndex) }
            nextBatchSequence = header.nextBatchSequence
        }
        self.header = header
        chain = header.chain
        seed = chain.seed
        isRecycled = header.isRecycled
        tail = nil
    }

    private mutating func readBatches(
        _ bytes: [UInt8], from start: Int, isNewest: Bool
    ) throws(JournalError) -> Ending {
        let segment = state!.current.sequence
        var lastPart = 0..<start
        end = start
        while true {
            if let header = wholeBatch(in: bytes, at: end) {
                try apply(header, bytes, segment: segment)
                lastPart = end..<(end + header.batchByteCount)
                end = lastPart.upperBound
                nextBatchSequence += 1
                batchCount += 1
                chain = header.chain
                continue
            }
            let damaged = BatchHeader(in: bytes, at: end, seed: seed).flatMap {
                $0.sequence == nextBatchSequence ? $0 : nil
            }
            let behind = laterBatch(
                in: bytes, from: end + (damaged?.batchByteCount ?? 0),
                number: nextBatchSequence + 1, seed: seed)
            guard let behind else {
                if isNewest { return ending(bytes, segment, lastPart) }
                tail = lostBatch(bytes, min(end, bytes.count)..<bytes.count, segment)
                return .whole(lastPart: lastPart)
            }
            try lose(bytes, until: behind, segment)
        }
    }

    /// Whether the newest segment ends, or has a batch to cut.
    private mutating func ending(
        _ bytes: [UInt8], _ segment: UInt64, _ lastPart: Range<Int>
    ) -> Ending {
        guard !bytes.isZero(from: end) else { return .whole(lastPart: lastPart) }
        // In a recycled segment older bytes are no sign; the next batch's number or chain is.
        if isRecycled,
            !BatchHeader.resembles(
                in: bytes, at: end, sequence: nextBatchSequence, previousChain: chain)
        {
            return .whole(lastPart: lastPart)
        }
        cut = RecoveredLog.Cut(segment: segment, offset: end)
        return .torn(end: end, lastPart: lastPart)
    }

    /// Passes over a batch that is not whole, to the whole one behind it.
    private mutating func lose(
        _ bytes: [UInt8], until place: Int, _ segment: UInt64
    ) throws(JournalError) {
        let behind = BatchHeader(in: bytes, at: place, seed: seed)!
        guard lost == nil, behind.sequence == nextBatchSequence + 1 else {
            throw .corrupt(segment: segment, offset: end, .batches)
        }
        guard behind.isWhole(in: bytes, at: place) else {
            throw .corrupt(segment: segment, offset: end, .batch)
        }
        let batch = lostBatch(bytes, end..<place, segment)
        guard batch.chain ?? behind.previousChain == behind.previousChain else {
            throw .corrupt(segment: segment, offset: end, .batchOrder)
        }
        lost = batch
        nextBatchSequence += 1
        chain = behind.previousChain
        end = place
    }

    /// The header of the next batch if that is whole: right checksum, number, length and chain.
    private func wholeBatch(in bytes: [UInt8], at offset: Int) -> BatchHeader? {
        guard let header = BatchHeader(in: bytes, at: offset, seed: seed),
            header.sequence == nextBatchSequence, header.previousChain == chain,
            header.isWhole(in: bytes, at: offset)
        else { return nil }
        return header
    }

    /// Where the header of a batch with this or a later number stands, at or behind `offset`.
    private func laterBatch(
        in bytes: [UInt8], from offset: Int, number: UInt64, seed: UInt32
    ) -> Int? {
        stride(from: offset, to: bytes.count, by: JournalFormat.blockByteCount).first {
            guard let header = BatchHeader(in: bytes, at: $0, seed: seed) else { return false }
            return header.sequence >= number
        }
    }
}

// MARK: - Batches

extension JournalReader {
    /// Takes in a whole batch. Its chain is right, so a flaw in here is no torn write.
    private mutating func apply(
        _ header: BatchHeader, _ bytes: [UInt8], segment: UInt64
    ) throws(JournalError) {
        let start = end + JournalFormat.batchHeaderByteCount
        var rest = bytes[start..<(start + header.recordsByteCount)]
        do throws(RecordFlaw) {
            try takeRecaps(header.recapCount, from: &rest, segment: segment)
            state!.beginBatch()
            for _ in header.recapCount..<header.recordCount {
                let record = try JournalRecord.decode(from: &rest, seed: seed)
                guard state!.accepts(record) else { throw .malformed }
                state!.apply(record)
                keep(record)
            }
            guard rest.isEmpty else { throw .malformed }
        } catch {
            switch error {
            case .malformed: throw .corrupt(segment: segment, offset: end, .record)
            case .unsupported: throw .unsupportedRecord(segment: segment, offset: end)
            }
        }
    }

    /// Reads what the batch before did: what is known already, unless that batch was lost.
    private mutating func takeRecaps(
        _ count: Int, from rest: inout ArraySlice<UInt8>, segment: UInt64
    ) throws(RecordFlaw) {
        var recaps: [GroupRecap] = []
        for _ in 0..<count { recaps.append(try GroupRecap.decode(from: &rest, seed: seed)) }
        defer { isRecapKnown = true }
        guard let lost else {
            guard !isRecapKnown || recaps == state!.recaps else { throw .malformed }
            return
        }
        self.lost = nil
        note(.batch, segment: lost.segment, at: lost.offset)
        for recap in recaps {
            let written = recap.writtenIndexes
            guard (written.map { $0.upperBound - $0.lowerBound } ?? 0) < Self.writtenCountMax else {
                throw .malformed
            }
            state!.adopt(recap, isInOlderSegment: lost.segment != segment)
            if let marks = recap.marks {
                logs[recap.group, default: GroupLog()].adopt(
                    recap, marks, sound: lost.sound[recap.group] ?? [:])
            } else {
                logs[recap.group] = nil
            }
        }
    }

    /// More entries than a batch can hold.
    private static let writtenCountMax = LogIndex(
        JournalFormat.batchByteCountMax / JournalFormat.recordHeaderByteCount)

    private mutating func keep(_ record: JournalRecord) {
        switch record {
        case .entry(let group, let entry):
            logs[group, default: GroupLog()].append(entry)
        case .restored(let group, let entry):
            logs[group, default: GroupLog()].restore(entry)
        case .hardState:
            break
        case .compacted(let group, let mark):
            logs[group, default: GroupLog()].compact(mark)
        case .removed(let group):
            logs[group] = nil
        }
    }

    /// What can be read of a batch that is not whole.
    private func lostBatch(
        _ bytes: [UInt8], _ range: Range<Int>, _ segment: UInt64
    ) -> LostBatch {
        var sound: [GroupID: [LogIndex: LogEntry]] = [:]
        var rest = bytes[range].dropFirst(JournalFormat.batchHeaderByteCount)
        while !rest.isEmpty {
            let before = rest
            do throws(RecordFlaw) {
                let record = try JournalRecord.decode(from: &rest, seed: seed)
                if case .entry(let group, let entry) = record {
                    sound[group, default: [:]][entry.index] = entry
                }
            } catch {
                if rest.count == before.count, !JournalRecord.skip(&rest) { break }
            }
        }
        let header = BatchHeader(in: bytes, at: range.lowerBound, seed: seed)
        return LostBatch(
            segment: segment, offset: range.lowerBound,
            chain: header.flatMap { $0.sequence == nextBatchSequence ? $0.chain : nil },
            sound: sound)
    }
}
