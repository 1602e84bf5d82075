import Primitives

/// Why a record could not be read.
package enum RecordFlaw: Error, Hashable, Sendable {
    /// Not what a writer of this format writes.
    case malformed
    /// Sealed, or with a type or flag of a later version.
    case unsupported
}

extension JournalRecord {
    private static let votedFlag: UInt8 = 2
    private static let discardsFlag: UInt8 = 4

    /// Appends the record's bytes.
    package func encode(into bytes: inout [UInt8]) {
        var header = ByteWriter(capacity: JournalFormat.recordHeaderByteCount)
        var payload: [UInt8] = []
        switch self {
        case .entry(_, let entry):
            payload = entry.payload
            writeHeader(
                &header, type: 1, kind: entry.kind.rawValue, payloadByteCount: payload.count,
                term: entry.term, index: entry.index)
        case .hardState(_, let state):
            writeHeader(
                &header, type: 2, flags: state.vote == nil ? 0 : Self.votedFlag,
                term: state.term, index: state.vote?.rawValue ?? 0)
        case .compacted(_, let mark):
            writeHeader(
                &header, type: 3, flags: mark.discardsSuffix ? Self.discardsFlag : 0,
                term: mark.term, index: mark.upTo)
        }
        header.writeFixed(CRC32C.checksum(payload, from: CRC32C.checksum(header.bytes)))
        bytes.append(contentsOf: header.bytes)
        bytes.append(contentsOf: payload)
    }

    private func writeHeader(
        _ header: inout ByteWriter, type: UInt8, flags: UInt8 = 0, kind: UInt8 = 0,
        payloadByteCount: Int = 0, term: Term, index: UInt64
    ) {
        header.writeFixed(UInt32(payloadByteCount))
        header.write(type)
        header.write(flags)
        header.write(kind)
        header.write(UInt8(0))
        header.writeFixed(group.rawValue)
        header.writeFixed(UInt32(0))
        header.writeFixed(term)
        header.writeFixed(index)
    }

    /// Reads the record at the reader's place.
    package static func decode(
        from reader: inout ByteReader
    ) throws(RecordFlaw) -> JournalRecord {
        let header: RecordHeader
        let payload: ArraySlice<UInt8>
        do throws(DecodingError) {
            let raw = try reader.readRaw(JournalFormat.recordHeaderByteCount)
            header = try RecordHeader(raw)
            guard header.payloadByteCount <= JournalFormat.entryPayloadByteCountMax else {
                throw .invalid(what: "payload length", offset: 0)
            }
            payload = try reader.readRaw(header.payloadByteCount)
            let checksum = CRC32C.checksum(
                payload, from: CRC32C.checksum(raw.prefix(raw.count - 4)))
            guard checksum == header.checksum else {
                throw .invalid(what: "record checksum", offset: 0)
            }
        } catch {
            throw .malformed
        }
        return try header.record(payload: payload)
    }

    /// The fixed part of a record, taken apart.
    private struct RecordHeader {
        let payloadByteCount: Int
        let type: UInt8
        let flags: UInt8
        let kind: UInt8
        let reserved: UInt8
        let group: GroupID
        let keyID: UInt32
        let term: Term
        let index: UInt64
        let checksum: UInt32

        init(_ raw: ArraySlice<UInt8>) throws(DecodingError) {
            var reader = ByteReader(raw)
            payloadByteCount = Int(try reader.readFixed(UInt32.self))
            type = try reader.readByte()
            flags = try reader.readByte()
            kind = try reader.readByte()
            reserved = try reader.readByte()
            group = GroupID(try reader.readFixed(UInt32.self))
            keyID = try reader.readFixed(UInt32.self)
            term = try reader.readFixed(UInt64.self)
            index = try reader.readFixed(UInt64.self)
            checksum = try reader.readFixed(UInt32.self)
        }

        func record(payload: ArraySlice<UInt8>) throws(RecordFlaw) -> JournalRecord {
            guard keyID == 0, reserved == 0 else { throw .unsupported }
            switch (type, flags) {
            case (1, 0):
                guard let kind = LogEntry.Kind(rawValue: kind) else { throw .unsupported }
                return .entry(
                    group, LogEntry(index: index, term: term, kind: kind, payload: Array(payload)))
            case (2, 0) where kind == 0 && payload.isEmpty && index == 0:
                return .hardState(group, HardState(term: term))
            case (2, JournalRecord.votedFlag) where kind == 0 && payload.isEmpty:
                return .hardState(group, HardState(term: term, vote: MemberID(index)))
            case (3, 0) where kind == 0 && payload.isEmpty,
                (3, JournalRecord.discardsFlag) where kind == 0 && payload.isEmpty:
                return .compacted(
                    group, CompactionMark(upTo: index, term: term, discardsSuffix: flags != 0))
            default:
                // The checksum is right, so this is what its writer meant: a version that seals
                // entries (flag bit 0) or knows more types.
                throw .unsupported
            }
        }
    }
}
