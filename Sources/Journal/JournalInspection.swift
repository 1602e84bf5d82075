package import Environment
package import Primitives

/// What a journal that nobody has open holds, and what is wrong with it. Changes nothing.
package struct JournalInspection: Sendable {
    package struct Segment: Hashable, Sendable {
        package let sequence: UInt64
        package let byteCount: Int
        /// Up to the end of the last batch that can be read.
        package let usedByteCount: Int
        /// Batches that can be read.
        package let batchCount: Int
        /// The number of the first batch.
        package let firstBatch: UInt64
        package let isRecycled: Bool
    }

    /// The segments that could be read, oldest first.
    package private(set) var segments: [Segment] = []
    /// What the segments hold; nil when they cannot be put together.
    package private(set) var log: RecoveredLog?
    /// Why they cannot.
    package private(set) var error: JournalError?

    /// Reads every segment in the folder.
    package init(_ fileSystem: any FileSystem, directory: String) throws(FileError) {
        let names = try fileSystem.list(directory)
        do throws(JournalError) {
            try read(fileSystem, directory, try SegmentStore.segments(names))
        } catch {
            if case .file(let error) = error { throw error }
            self.error = error
        }
    }

    private mutating func read(
        _ fileSystem: any FileSystem, _ directory: String, _ sequences: [UInt64]
    ) throws(JournalError) {
        var reader = JournalReader(owner: nil)
        for sequence in sequences {
            let path = directory + "/" + JournalFormat.fileName(ofSegment: sequence)
            let bytes = try SegmentStore.readAll(fileSystem, path, segment: sequence)
            let before = reader.batchCount
            let ending = try reader.read(
                segment: sequence, bytes, isNewest: sequence == sequences.last)
            if case .unbegun = ending { continue }
            segments.append(
                Segment(
                    sequence: sequence, byteCount: bytes.count, usedByteCount: reader.endOffset,
                    batchCount: reader.batchCount - before,
                    firstBatch: reader.header?.nextBatchSequence ?? 0,
                    isRecycled: reader.header?.isRecycled ?? false))
        }
        log = try reader.finish()
    }

    /// Groups of a member that recovers: entries are gone that it had acknowledged.
    package var recoveringGroups: [GroupID] {
        (log?.groups ?? [:]).filter { $0.value.hardState.recovery != nil }.keys.sorted()
    }

    /// Whether everything that was acknowledged can be read, and nothing is as it was not written.
    /// A torn end was not acknowledged.
    package var isWhole: Bool {
        error == nil && recoveringGroups.isEmpty
            && log.map { $0.damagedParts.isEmpty && $0.damagedGroups.isEmpty } ?? false
    }
}

extension RecoveredLog.Group {
    /// The runs of entries of the same term that can be read, rising.
    package var termRuns: [(term: Term, indices: ClosedRange<LogIndex>)] {
        var runs: [(term: Term, indices: ClosedRange<LogIndex>)] = []
        for entry in entries + entriesBehindDamage {
            if let last = runs.last, last.term == entry.term,
                last.indices.upperBound + 1 == entry.index
            {
                runs[runs.count - 1].indices = last.indices.lowerBound...entry.index
            } else {
                runs.append((entry.term, entry.index...entry.index))
            }
        }
        return runs
    }
}
