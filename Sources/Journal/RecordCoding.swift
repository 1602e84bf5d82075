import Primitives

/// Why a record could not be read.
package enum RecordFlaw: Error, Hashable, Sendable {
    /// Not what a writer of this format writes.
    case malformed
    /// With a type or flag of a later version.
    case unsupported
}

/// The bits of a record's flags.
private enum RecordFlags {
    static let sealed: UInt8 = 1
    static let voted: UInt8 = 2
    static let discards: UInt8 = 4
    static let promised: UInt8 = 8
    static let removed: UInt8 = 16
    static let isRun: UInt8 = 32
    static let recovers: UInt8 = 64
    static let ofHardState = voted | promised | recovers

    static func of(_ state: HardState) -> UInt8 {
        (state.vote == nil ? 0 : voted) | (state.promise == nil ? 0 : promised)
            | (state.recovery == nil ? 0 : recovers)
    }
}

extension JournalRecord {
    /// Appends the record's bytes; its checksum begins with the seed of the segment.
    package func encode(into bytes: inout [UInt8], seed: UInt32) {
        let start = bytes.count
        var payload: [UInt8] = []
        switch self {
        case .entry(_, let entry):
            payload = entry.payload
            Self.append(entry, type: 1, to: &bytes, group)
        case .restored(_, let entry):
            payload = entry.payload
            Self.append(entry, type: 5, to: &bytes, group)
        case .hardState(_, let state):
            payload = state.journalBytes
            RecordHeader.append(
                to: &bytes, group, type: 2, flags: RecordFlags.of(state),
                payloadByteCount: payload.count, term: state.term,
                index: state.vote?.rawValue ?? 0)
        case .compacted(_, let mark):
            RecordHeader.append(
                to: &bytes, group, type: 3, flags: mark.discardsSuffix ? RecordFlags.discards : 0,
                term: mark.term, index: mark.upTo)
        case .removed:
            RecordHeader.append(to: &bytes, group, type: 4, term: 0, index: 0)
        }
        bytes.seal(from: start, payload, seed: seed)
    }

    private static func append(
        _ entry: LogEntry, type: UInt8, to bytes: inout [UInt8], _ group: GroupID
    ) {
        RecordHeader.append(
            to: &bytes, group, type: type, flags: entry.keyID == 0 ? 0 : RecordFlags.sealed,
            kind: entry.kind.rawValue, payloadByteCount: entry.payload.count,
            keyID: entry.keyID, term: entry.term, index: entry.index)
    }

    /// Reads the record that `bytes` begin with, and drops it from them. What is whole and not
    /// supported is dropped as well.
    package static func decode(
        from bytes: inout ArraySlice<UInt8>, seed: UInt32
    ) throws(RecordFlaw) -> JournalRecord {
        let (header, payload) = try RecordHeader.decode(from: &bytes, seed: seed)
        return try header.record(payload: payload)
    }

    /// Drops the record that `bytes` begin with unread; false when its length cannot be right.
    package static func skip(_ bytes: inout ArraySlice<UInt8>) -> Bool {
        guard bytes.count >= JournalFormat.recordHeaderByteCount else { return false }
        let header = RecordHeader(bytes.prefix(JournalFormat.recordHeaderByteCount))
        guard header.type != 0, header.payloadByteCount <= JournalFormat.entryPayloadByteCountMax,
            header.payloadByteCount <= bytes.count - JournalFormat.recordHeaderByteCount
        else { return false }
        bytes = bytes.dropFirst(JournalFormat.recordHeaderByteCount + header.payloadByteCount)
        return true
    }
}

extension GroupRecap {
    /// Appends the recap's bytes.
    package func encode(into bytes: inout [UInt8], seed: UInt32) {
        let start = bytes.count
        let state = marks?.hardState ?? HardState()
        var payload: [UInt8] = []
        for value in [
            marks?.compactedUpTo ?? 0, marks?.compactedTerm ?? 0, marks?.lastIndex ?? 0, firstIndex,
        ] {
            payload.appendFixed(value)
        }
        payload += state.journalBytes
        RecordHeader.append(
            to: &bytes, group, type: 6,
            flags: RecordFlags.of(state)
                | (marks == nil ? RecordFlags.removed : 0)
                | (isRun ? RecordFlags.isRun : 0),
            payloadByteCount: payload.count, term: state.term, index: state.vote?.rawValue ?? 0)
        bytes.seal(from: start, payload, seed: seed)
    }

    /// Reads the recap that `bytes` begin with, and drops it from them.
    package static func decode(
        from bytes: inout ArraySlice<UInt8>, seed: UInt32
    ) throws(RecordFlaw) -> GroupRecap {
        let (header, payload) = try RecordHeader.decode(from: &bytes, seed: seed)
        return try header.recap(payload: payload)
    }
}

extension [UInt8] {
    /// Ends a record whose header begins at `start`: its checksum and its payload.
    fileprivate mutating func seal(from start: Int, _ payload: [UInt8], seed: UInt32) {
        let checksum = CRC32C.checksum(self[start...], from: seed)
        appendFixed(CRC32C.checksum(payload, from: checksum))
        append(contentsOf: payload)
    }
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

    /// Appends all of a header but its checksum.
    static func append(
        to bytes: inout [UInt8], _ group: GroupID, type: UInt8, flags: UInt8 = 0, kind: UInt8 = 0,
        payloadByteCount: Int = 0, keyID: UInt32 = 0, term: Term, index: UInt64
    ) {
        bytes.appendFixed(UInt32(payloadByteCount))
        bytes.append(type)
        bytes.append(flags)
        bytes.append(kind)
        bytes.append(0)
        bytes.appendFixed(group.rawValue)
        bytes.appendFixed(keyID)
        bytes.appendFixed(term)
        bytes.appendFixed(index)
    }

    /// Reads a whole record, and drops it from `bytes`.
    static func decode(
        from bytes: inout ArraySlice<UInt8>, seed: UInt32
    ) throws(RecordFlaw) -> (header: RecordHeader, payload: ArraySlice<UInt8>) {
        let headerByteCount = JournalFormat.recordHeaderByteCount
        guard bytes.count >= headerByteCount else { throw .malformed }
        let raw = bytes.prefix(headerByteCount)
        let header = RecordHeader(raw)
        guard header.payloadByteCount <= JournalFormat.entryPayloadByteCountMax,
            header.payloadByteCount <= bytes.count - headerByteCount
        else { throw .malformed }
        let payload = bytes.dropFirst(headerByteCount).prefix(header.payloadByteCount)
        let checksum = CRC32C.checksum(raw.dropLast(4), from: seed)
        guard CRC32C.checksum(payload, from: checksum) == header.checksum else {
            throw .malformed
        }
        bytes = bytes[payload.endIndex...]
        let isSealed = header.flags & RecordFlags.sealed != 0
        guard (header.keyID != 0) == isSealed, header.reserved == 0 else { throw .unsupported }
        return (header, payload)
    }

    /// - Parameter payload: promise and goal of a recovery, where there are any.
    private func hardState(_ payload: ArraySlice<UInt8>) throws(RecordFlaw) -> HardState {
        let hasVoted = flags & RecordFlags.voted != 0
        let hasPromised = flags & RecordFlags.promised != 0
        let recovers = flags & RecordFlags.recovers != 0
        let promiseByteCount = hasPromised ? JournalFormat.promiseByteCount : 0
        guard hasVoted || index == 0,
            payload.count == promiseByteCount + (recovers ? JournalFormat.goalByteCount : 0)
        else { throw .unsupported }
        return HardState(
            term: term, vote: hasVoted ? MemberID(index) : nil,
            promise: hasPromised ? LeaderPromise(journalBytes: payload) : nil,
            recovery: recovers
                ? RecoveryGoal(journalBytes: payload.dropFirst(promiseByteCount)) : nil)
    }

    private func entry(_ payload: ArraySlice<UInt8>) throws(RecordFlaw) -> LogEntry {
        guard let kind = LogEntry.Kind(rawValue: kind), keyID == 0 || kind == .command else {
            throw .unsupported
        }
        return LogEntry(
            index: index, term: term, kind: kind, keyID: keyID, payload: Array(payload))
    }

    func record(payload: ArraySlice<UInt8>) throws(RecordFlaw) -> JournalRecord {
        switch (type, flags) {
        case (1, 0), (1, RecordFlags.sealed):
            return .entry(group, try entry(payload))
        case (2, let flags)
        where kind == 0 && flags & ~RecordFlags.ofHardState == 0:
            return .hardState(group, try hardState(payload))
        case (3, 0) where kind == 0 && payload.isEmpty,
            (3, RecordFlags.discards) where kind == 0 && payload.isEmpty:
            return .compacted(
                group, CompactionMark(upTo: index, term: term, discardsSuffix: flags != 0))
        case (4, 0) where kind == 0 && payload.isEmpty:
            return .removed(group)
        case (5, 0), (5, RecordFlags.sealed):
            return .restored(group, try entry(payload))
        default:
            // The checksum is right, so this is what its writer meant: a version that knows more.
            throw .unsupported
        }
    }

    func recap(payload: ArraySlice<UInt8>) throws(RecordFlaw) -> GroupRecap {
        let fixedByteCount = JournalFormat.recapByteCount - JournalFormat.recordHeaderByteCount
        guard type == 6, kind == 0, keyID == 0, payload.count >= fixedByteCount else {
            throw .unsupported
        }
        var marks = GroupMarks()
        marks.hardState = try hardState(payload.dropFirst(fixedByteCount))
        marks.compactedUpTo = payload.fixed(UInt64.self, at: 0)
        marks.compactedTerm = payload.fixed(UInt64.self, at: 8)
        marks.lastIndex = payload.fixed(UInt64.self, at: 16)
        let firstIndex = payload.fixed(UInt64.self, at: 24)
        guard marks.isConsistent, firstIndex <= JournalFormat.sequenceMax else {
            throw .malformed
        }
        return GroupRecap(
            group: group, marks: flags & RecordFlags.removed == 0 ? marks : nil,
            firstIndex: firstIndex, isRun: flags & RecordFlags.isRun != 0)
    }
}

extension HardState {
    /// What follows the fixed part of a record: promise and goal, where there are any.
    fileprivate var journalBytes: [UInt8] {
        (promise?.journalBytes ?? []) + (recovery?.journalBytes ?? [])
    }

    /// The size of those.
    var optionalByteCount: Int {
        (promise == nil ? 0 : JournalFormat.promiseByteCount)
            + (recovery == nil ? 0 : JournalFormat.goalByteCount)
    }
}

extension RecoveryGoal {
    /// Index and term, as the format has them.
    var journalBytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendFixed(index)
        bytes.appendFixed(term)
        return bytes
    }

    /// Reads exactly `goalByteCount` bytes.
    init(journalBytes bytes: ArraySlice<UInt8>) {
        self.init(index: bytes.fixed(UInt64.self, at: 0), term: bytes.fixed(UInt64.self, at: 8))
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
