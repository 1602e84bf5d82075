package import Primitives

/// What a group's log looks like without its entries.
package struct GroupMarks: Hashable, Sendable {
    package var hardState = HardState()
    /// Entries up to here are in the applied state and no longer in the log.
    package var compactedUpTo: LogIndex = 0
    package var compactedTerm: Term = 0
    /// The newest entry, or `compactedUpTo` when there is none behind it.
    package var lastIndex: LogIndex = 0

    package init() {}

    var isConsistent: Bool {
        compactedUpTo <= lastIndex && lastIndex <= JournalFormat.sequenceMax
    }
}

/// Why a segment header could not be read.
package enum SegmentHeaderFlaw: Error, Hashable, Sendable {
    /// Not whole.
    case malformed
    /// Whole, and of another format version.
    case unsupportedVersion(UInt16)
}

/// What a segment begins with.
package struct SegmentHeader: Hashable, Sendable {
    package let sequence: UInt64
    package let nextBatchSequence: UInt64
    /// The chain before the segment's first batch.
    package let chain: ChainValue
    package let groups: [GroupID: GroupMarks]
    /// Nil in a journal that was made without one.
    package let owner: JournalOwner?
    /// Whether the segment was written over an older one, which shows behind its last batch.
    package let isRecycled: Bool

    package init(
        sequence: UInt64, nextBatchSequence: UInt64, chain: ChainValue,
        groups: [GroupID: GroupMarks], owner: JournalOwner?, isRecycled: Bool
    ) {
        self.sequence = sequence
        self.nextBatchSequence = nextBatchSequence
        self.chain = chain
        self.groups = groups
        self.owner = owner
        self.isRecycled = isRecycled
    }

    /// The header's bytes and their copy: what a segment begins with.
    package func encodeTwice() -> [UInt8] {
        let bytes = encode()
        return bytes + bytes
    }

    /// The header's bytes, padded.
    package func encode() -> [UInt8] {
        precondition(
            groups.count <= JournalFormat.groupCountMax,
            "\(groups.count) groups; at most \(JournalFormat.groupCountMax)")
        let byteCount =
            JournalFormat.segmentHeaderFixedByteCount
            + groups.count * JournalFormat.groupByteCount
            + groups.values.reduce(0) { $0 + $1.hardState.optionalByteCount }
            + (owner?.byteCount ?? 0) + JournalFormat.checksumByteCount
        var writer = ByteWriter(capacity: JournalFormat.padded(byteCount))
        writer.writeRaw(JournalFormat.segmentMagic)
        writer.writeFixed(JournalFormat.version)
        writer.writeFixed(isRecycled ? Self.recycledFlag : 0)
        writer.writeFixed(UInt32(byteCount))
        writer.writeFixed(sequence)
        writer.writeFixed(nextBatchSequence)
        chain.encode(into: &writer)
        writer.writeFixed(UInt32(groups.count))
        writer.writeFixed(UInt32(owner?.byteCount ?? 0))
        for (group, marks) in groups.sorted(by: { $0.key < $1.key }) {
            Self.encode(group, marks, into: &writer)
        }
        for (_, marks) in groups.sorted(by: { $0.key < $1.key }) {
            if let promise = marks.hardState.promise { writer.writeRaw(promise.journalBytes) }
        }
        for (_, marks) in groups.sorted(by: { $0.key < $1.key }) {
            if let goal = marks.hardState.recovery { writer.writeRaw(goal.journalBytes) }
        }
        owner?.encode(into: &writer)
        writer.writeFixed(CRC32C.checksum(writer.bytes))
        writer.writeRaw(repeatElement(0, count: JournalFormat.padded(byteCount) - byteCount))
        return writer.bytes
    }

    private static let recycledFlag: UInt16 = 1

    private static func encode(
        _ group: GroupID, _ marks: GroupMarks, into writer: inout ByteWriter
    ) {
        writer.writeFixed(group.rawValue)
        writer.write(
            UInt8(marks.hardState.vote == nil ? 0 : 1)
                | UInt8(marks.hardState.promise == nil ? 0 : 2)
                | UInt8(marks.hardState.recovery == nil ? 0 : 4))
        writer.writeRaw([0, 0, 0])
        writer.writeFixed(marks.hardState.term)
        writer.writeFixed(marks.hardState.vote?.rawValue ?? 0)
        writer.writeFixed(marks.compactedUpTo)
        writer.writeFixed(marks.compactedTerm)
        writer.writeFixed(marks.lastIndex)
        writer.writeFixed(UInt64(0))
    }

    /// Reads the header at the start of `bytes`, a segment, or else its copy behind it.
    ///
    /// - Returns: the header, where the first batch begins, and whether header or copy is damaged.
    package static func decodeEither(
        _ bytes: [UInt8]
    ) throws(SegmentHeaderFlaw) -> (header: SegmentHeader, end: Int, damagedAt: Int?) {
        do throws(SegmentHeaderFlaw) {
            let (header, byteCount) = try decode(bytes)
            let isCopied =
                2 * byteCount <= bytes.count
                && bytes[..<byteCount] == bytes[byteCount..<(2 * byteCount)]
            return (header, 2 * byteCount, isCopied ? nil : byteCount)
        } catch {
            guard case .malformed = error else { throw error }
            // The copy begins where the header ends, and so says itself whether it is one.
            let last = min(bytes.count / 2, byteCountMax)
            let places = stride(
                from: JournalFormat.blockByteCount, through: last, by: JournalFormat.blockByteCount)
            for place in places
            where bytes[place...].starts(with: JournalFormat.segmentMagic) {
                let copy = Array(bytes[place..<min(2 * place, bytes.count)])
                if let (header, byteCount) = try? decode(copy), byteCount == place {
                    return (header, 2 * place, 0)
                }
            }
            throw error
        }
    }

    /// A header of every group there can be.
    private static let byteCountMax = JournalFormat.padded(
        JournalFormat.segmentHeaderFixedByteCount
            + JournalFormat.groupCountMax
            * (JournalFormat.groupByteCount + JournalFormat.promiseByteCount
                + JournalFormat.goalByteCount)
            + 2 * JournalOwner.nameByteCountMax + 11 + JournalFormat.checksumByteCount)

    /// Reads the header at the start of `bytes`.
    ///
    /// - Returns: the header and its byte count with the padding.
    package static func decode(
        _ bytes: [UInt8]
    ) throws(SegmentHeaderFlaw) -> (header: SegmentHeader, byteCount: Int) {
        do {
            return try decodeBody(bytes)
        } catch let flaw as SegmentHeaderFlaw {
            throw flaw
        } catch {
            throw .malformed
        }
    }

    private static func decodeBody(
        _ bytes: [UInt8]
    ) throws -> (header: SegmentHeader, byteCount: Int) {
        var reader = ByteReader(bytes)
        guard try reader.readRaw(8).elementsEqual(JournalFormat.segmentMagic) else {
            throw SegmentHeaderFlaw.malformed
        }
        let version = try reader.readFixed(UInt16.self)
        let flags = try reader.readFixed(UInt16.self)
        let byteCount = Int(try reader.readFixed(UInt32.self))
        guard byteCount >= reader.offset + JournalFormat.checksumByteCount,
            byteCount <= bytes.count
        else { throw SegmentHeaderFlaw.malformed }
        let checked = bytes[..<(byteCount - JournalFormat.checksumByteCount)]
        var trailer = ByteReader(bytes[checked.endIndex..<byteCount])
        guard try trailer.readFixed(UInt32.self) == CRC32C.checksum(checked) else {
            throw SegmentHeaderFlaw.malformed
        }
        guard version == JournalFormat.version else {
            throw SegmentHeaderFlaw.unsupportedVersion(version)
        }
        let end = JournalFormat.padded(byteCount)
        guard end <= bytes.count, flags <= recycledFlag else { throw SegmentHeaderFlaw.malformed }
        let header = try decodeFields(
            &reader, byteCount: byteCount, isRecycled: flags & recycledFlag != 0)
        return (header, end)
    }

    private static func decodeFields(
        _ reader: inout ByteReader, byteCount: Int, isRecycled: Bool
    ) throws -> SegmentHeader {
        let sequence = try reader.readFixed(UInt64.self)
        let nextBatchSequence = try reader.readFixed(UInt64.self)
        let chain = try ChainValue(from: &reader)
        let groupCount = Int(try reader.readFixed(UInt32.self))
        let ownerByteCount = Int(try reader.readFixed(UInt32.self))
        guard nextBatchSequence <= JournalFormat.sequenceMax,
            groupCount <= JournalFormat.groupCountMax
        else { throw SegmentHeaderFlaw.malformed }
        var groups: [GroupID: GroupMarks] = [:]
        groups.reserveCapacity(groupCount)
        var promised: [GroupID] = []
        var recovering: [GroupID] = []
        for _ in 0..<groupCount {
            let group = GroupID(try reader.readFixed(UInt32.self))
            let (marks, flags) = try decodeMarks(&reader)
            groups[group] = marks
            if flags & 2 != 0 { promised.append(group) }
            if flags & 4 != 0 { recovering.append(group) }
        }
        for group in promised {
            let bytes = try reader.readRaw(JournalFormat.promiseByteCount)
            groups[group]?.hardState.promise = LeaderPromise(journalBytes: bytes)
        }
        for group in recovering {
            let bytes = try reader.readRaw(JournalFormat.goalByteCount)
            groups[group]?.hardState.recovery = RecoveryGoal(journalBytes: bytes)
        }
        let owner = ownerByteCount == 0 ? nil : try JournalOwner(from: &reader)
        guard groups.count == groupCount, ownerByteCount == owner?.byteCount ?? 0,
            reader.offset == byteCount - JournalFormat.checksumByteCount
        else { throw SegmentHeaderFlaw.malformed }
        return SegmentHeader(
            sequence: sequence, nextBatchSequence: nextBatchSequence, chain: chain,
            groups: groups, owner: owner, isRecycled: isRecycled)
    }

    private static func decodeMarks(
        _ reader: inout ByteReader
    ) throws -> (marks: GroupMarks, flags: UInt8) {
        var marks = GroupMarks()
        let flags = try reader.readByte()
        guard flags <= 7 else { throw SegmentHeaderFlaw.malformed }
        let hasVoted = flags & 1 != 0
        _ = try reader.readRaw(3)
        marks.hardState.term = try reader.readFixed(UInt64.self)
        let vote = MemberID(try reader.readFixed(UInt64.self))
        marks.hardState.vote = hasVoted ? vote : nil
        marks.compactedUpTo = try reader.readFixed(UInt64.self)
        marks.compactedTerm = try reader.readFixed(UInt64.self)
        marks.lastIndex = try reader.readFixed(UInt64.self)
        _ = try reader.readRaw(8)
        guard marks.isConsistent else { throw SegmentHeaderFlaw.malformed }
        return (marks, flags)
    }
}
