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
    private static let promisedFlag: UInt8 = 8

    /// Appends the record's bytes.
    package func encode(into bytes: inout [UInt8]) {
        let start = bytes.count
        var payload: [UInt8] = []
        switch self {
        case .entry(_, let entry):
            payload = entry.payload
            appendHeader(
                to: &bytes, type: 1, kind: entry.kind.rawValue, payloadByteCount: payload.count,
                term: entry.term, index: entry.index)
        case .hardState(_, let state):
            payload = state.promise?.journalBytes ?? []
            appendHeader(
                to: &bytes, type: 2,
                flags: (state.vote == nil ? 0 : Self.votedFlag)
                    | (state.promise == nil ? 0 : Self.promisedFlag),
                payloadByteCount: payload.count, term: state.term,
                index: state.vote?.rawValue ?? 0)
        case .compacted(_, let mark):
            appendHeader(
                to: &bytes, type: 3, flags: mark.discardsSuffix ? Self.discardsFlag : 0,
                term: mark.term, index: mark.upTo)
        }
        bytes.appendFixed(CRC32C.checksum(payload, from: CRC32C.checksum(bytes[start...])))
        bytes.append(contentsOf: payload)
    }

    private func appendHeader(
        to bytes: inout [UInt8], type: UInt8, flags: UInt8 = 0, kind: UInt8 = 0,
        payloadByteCount: Int = 0, term: Term, index: UInt64
    ) {
        bytes.appendFixed(UInt32(payloadByteCount))
        bytes.append(type)
        bytes.append(flags)
        bytes.append(kind)
        bytes.append(0)
        bytes.appendFixed(group.rawValue)
        bytes.appendFixed(UInt32(0))
        bytes.appendFixed(term)
        bytes.appendFixed(index)
    }

    /// Reads the record that `bytes` begin with, and drops it from them.
    package static func decode(
        from bytes: inout ArraySlice<UInt8>
    ) throws(RecordFlaw) -> JournalRecord {
        let headerByteCount = JournalFormat.recordHeaderByteCount
        guard bytes.count >= headerByteCount else { throw .malformed }
        let raw = bytes.prefix(headerByteCount)
        let header = RecordHeader(raw)
        guard header.payloadByteCount <= JournalFormat.entryPayloadByteCountMax,
            header.payloadByteCount <= bytes.count - headerByteCount
        else { throw .malformed }
        let payload = bytes.dropFirst(headerByteCount).prefix(header.payloadByteCount)
        let checksum = CRC32C.checksum(payload, from: CRC32C.checksum(raw.dropLast(4)))
        guard checksum == header.checksum else { throw .malformed }
        bytes = bytes[payload.endIndex...]
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

        /// Takes apart exactly the bytes of a header.
        init(_ raw: ArraySlice<UInt8>) {
            payloadByteCount = Int(raw.fixed(UInt32.self, at: 0))
            type = raw.fixed(UInt8.self, at: 4)
            flags = raw.fixed(UInt8.self, at: 5)
            kind = raw.fixed(UInt8.self, at: 6)
            reserved = raw.fixed(UInt8.self, at: 7)
            group = GroupID(raw.fixed(UInt32.self, at: 8))
            keyID = raw.fixed(UInt32.self, at: 12)
            term = raw.fixed(UInt64.self, at: 16)
            index = raw.fixed(UInt64.self, at: 24)
            checksum = raw.fixed(UInt32.self, at: 32)
        }

        private func hardState(
            payload: ArraySlice<UInt8>
        ) throws(RecordFlaw) -> HardState {
            let hasVoted = flags & JournalRecord.votedFlag != 0
            let hasPromised = flags & JournalRecord.promisedFlag != 0
            guard hasVoted || index == 0,
                payload.count == (hasPromised ? JournalFormat.promiseByteCount : 0)
            else { throw .unsupported }
            return HardState(
                term: term, vote: hasVoted ? MemberID(index) : nil,
                promise: hasPromised ? LeaderPromise(journalBytes: payload) : nil)
        }

        func record(payload: ArraySlice<UInt8>) throws(RecordFlaw) -> JournalRecord {
            guard keyID == 0, reserved == 0 else { throw .unsupported }
            switch (type, flags) {
            case (1, 0):
                guard let kind = LogEntry.Kind(rawValue: kind) else { throw .unsupported }
                return .entry(
                    group, LogEntry(index: index, term: term, kind: kind, payload: Array(payload)))
            case (2, let flags)
            where kind == 0 && flags & ~(JournalRecord.votedFlag | JournalRecord.promisedFlag) == 0:
                return .hardState(group, try hardState(payload: payload))
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

extension LeaderPromise {
    /// Leader, term and epoch, as the format has them.
    var journalBytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendFixed(leader.rawValue)
        bytes.appendFixed(term)
        bytes.appendFixed(epoch)
        return bytes
    }

    /// Reads exactly `promiseByteCount` bytes.
    init(journalBytes bytes: ArraySlice<UInt8>) {
        self.init(
            leader: MemberID(bytes.fixed(UInt64.self, at: 0)),
            term: bytes.fixed(UInt64.self, at: 8), epoch: bytes.fixed(UInt64.self, at: 16))
    }
}
