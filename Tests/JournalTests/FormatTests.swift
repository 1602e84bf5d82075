import Environment
import Journal
import Primitives
import Testing

@Suite("The journal's format")
struct FormatTests {
    let group = GroupID(5)
    let path = RecoveryTests.path(1)

    /// A segment with one batch whose record bytes are `records`, with right checksums and chain.
    private func segment(records: [UInt8], count: UInt32 = 1) -> [UInt8] {
        let header = SegmentHeader(
            sequence: 1, nextBatchSequence: 1, chain: .genesis, groups: [:], owner: nil,
            isRecycled: false)
        var batch = ByteWriter()
        batch.writeRaw(JournalFormat.batchMagic)
        batch.writeFixed(UInt32(0))
        batch.writeFixed(UInt64(1))
        batch.writeFixed(UInt32(records.count))
        batch.writeFixed(count)
        var body = records
        body += [UInt8](
            repeating: 0, count: JournalFormat.padded(64 + records.count) - 64 - records.count)
        let chain = ChainValue.genesis.following(
            (batch.bytes + [UInt8](repeating: 0, count: 40) + body)[...],
            recordsByteCount: records.count)
        chain.encode(into: &batch)
        ChainValue.genesis.encode(into: &batch)
        batch.writeFixed(UInt32(0))
        batch.writeFixed(CRC32C.checksum(batch.bytes, from: ChainValue.genesis.seed))
        return header.encodeTwice() + batch.bytes + body
    }

    private func encoded(_ record: JournalRecord) -> [UInt8] {
        var bytes: [UInt8] = []
        record.encode(into: &bytes, seed: 0)
        return bytes
    }

    /// The record with some header bytes changed and the checksum made right again.
    private func changed(_ record: JournalRecord, _ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes = encoded(record)
        change(&bytes)
        let checksum = CRC32C.checksum(bytes[36...], from: CRC32C.checksum(bytes[..<32]))
        for place in 0..<4 {
            bytes[32 + place] = UInt8(truncatingIfNeeded: checksum >> (8 * place))
        }
        return bytes
    }

    private func open(_ bytes: [UInt8]) throws(JournalError) -> RecoveredLog {
        let disk = MemoryFileSystem()
        disk.contents = [path: bytes]
        return try Life(disk).recovered
    }

    @Test("records read back as they were written")
    func recordsRoundTrip() throws {
        let records: [JournalRecord] = [
            .entry(group, LogEntry(index: 7, term: 3, kind: .command, payload: [1, 2, 3])),
            .entry(
                group, LogEntry(index: 7, term: 3, kind: .command, keyID: .max, payload: [1])),
            .restored(
                group, LogEntry(index: 7, term: 3, kind: .command, keyID: 1, payload: [1])),
            .entry(group, LogEntry(index: .max, term: .max, kind: .noOperation, payload: [])),
            .hardState(group, HardState(term: 3)),
            .hardState(group, HardState(term: 3, vote: MemberID(0))),
            .hardState(
                group, HardState(term: 3, recovery: RecoveryGoal(index: 7, term: 2))),
            .compacted(group, CompactionMark(upTo: 9, term: 2, discardsSuffix: true)),
            .removed(group),
            .restored(group, LogEntry(index: 7, term: 3, kind: .command, payload: [1, 2, 3])),
        ]
        for record in records {
            let bytes = encoded(record)
            #expect(bytes.count == record.byteCount)
            var rest = bytes[...]
            #expect(try JournalRecord.decode(from: &rest, seed: 0) == record)
            #expect(rest.isEmpty)
        }
    }

    @Test("a record's layout stays what format version 2 says")
    func recordLayout() {
        let entry = LogEntry(
            index: 0x0102_0304_0506_0708, term: 0x1112_1314_1516_1718, kind: .configuration,
            payload: [0xAA])
        let bytes = encoded(.entry(GroupID(0x2122_2324), entry))
        #expect(
            bytes[..<32] == [
                1, 0, 0, 0, 1, 0, 2, 0, 0x24, 0x23, 0x22, 0x21, 0, 0, 0, 0,
                0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 8, 7, 6, 5, 4, 3, 2, 1,
            ])
        #expect(bytes[36...] == [0xAA])
        let sealed = LogEntry(
            index: 1, term: 2, kind: .command, keyID: 0x0102_0304, payload: [0xAA])
        #expect(
            encoded(.entry(group, sealed))[..<24] == [
                1, 0, 0, 0, 1, 1, 1, 0, 5, 0, 0, 0, 4, 3, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0,
            ])
    }

    @Test("a seal without a key, a key without a seal, and what is never sealed are refused")
    func sealsThatAreNone() {
        let sealed = LogEntry(index: 1, term: 2, kind: .command, keyID: 7, payload: [1])
        let entry = JournalRecord.entry(group, sealed)
        let state = JournalRecord.hardState(group, HardState(term: 3))
        for bytes in [
            changed(entry) { $0[12] = 0 },
            changed(entry) { $0[5] = 0 },
            changed(entry) { $0[6] = LogEntry.Kind.configuration.rawValue },
            changed(state) { ($0[5], $0[12]) = (1, 7) },
            changed(.removed(group)) { ($0[5], $0[12]) = (1, 7) },
        ] {
            var rest = bytes[...]
            #expect(throws: RecordFlaw.unsupported) {
                try JournalRecord.decode(from: &rest, seed: 0)
            }
        }
    }

    @Test("a segment header with groups reads back")
    func segmentHeaderRoundTrip() throws {
        var marks = GroupMarks()
        marks.hardState = HardState(
            term: 4, vote: MemberID(2), recovery: RecoveryGoal(index: 7, term: 2))
        marks.compactedUpTo = 10
        marks.compactedTerm = 3
        marks.lastIndex = 12
        var groups: [GroupID: GroupMarks] = [:]
        for number in 0..<40 { groups[GroupID(UInt32(number))] = marks }
        let header = SegmentHeader(
            sequence: 9, nextBatchSequence: 77,
            chain: ChainValue.genesis.following(
                [UInt8](repeating: 1, count: 512)[...], recordsByteCount: 448),
            groups: groups,
            owner: JournalOwner(cluster: "c", node: "nød-1", member: MemberID(9)),
            isRecycled: true)
        let bytes = header.encode()
        #expect(bytes.count.isMultiple(of: 4096))
        let decoded = try SegmentHeader.decode(bytes)
        #expect(decoded.header == header)
        #expect(decoded.byteCount == bytes.count)
    }

    @Test("names of segments are read exactly")
    func fileNames() {
        #expect(JournalFormat.fileName(ofSegment: 26) == "000000000000001a.journal")
        #expect(JournalFormat.segment(ofFileName: "000000000000001a.journal") == 26)
        for name in [
            "000000000000001A.journal", "1a.journal", "0000000000000000.journal",
            "ffffffffffffffff.journal", "+00000000000001a.journal", "lost+found", "",
        ] {
            #expect(JournalFormat.segment(ofFileName: name) == nil)
        }
    }

    @Test("a length that lies is refused before anything is allocated for it")
    func lyingLengths() throws {
        let entry = JournalRecord.entry(group, entries(1...1)[0])
        let lying = changed(entry) { $0.replaceSubrange(0..<4, with: [0xF0, 0xFF, 0xFF, 0xFF]) }
        #expect(throws: JournalError.corrupt(segment: 1, offset: 8192, .record)) {
            try open(segment(records: lying))
        }
        #expect(throws: JournalError.corrupt(segment: 1, offset: 8192, .record)) {
            try open(segment(records: encoded(entry), count: .max))
        }

        var batch = segment(records: encoded(entry))
        batch.replaceSubrange(8208..<8212, with: [0xFF, 0xFF, 0xFF, 0xFF])
        let checksum = CRC32C.checksum(batch[8192..<8252], from: ChainValue.genesis.seed)
        for place in 0..<4 {
            batch[8252 + place] = UInt8(truncatingIfNeeded: checksum >> (8 * place))
        }
        #expect(BatchHeader(in: batch, at: 8192, seed: 0)?.recordsByteCount == 0xFFFF_FFFF)
        #expect(try open(batch).cut == RecoveredLog.Cut(segment: 1, offset: 8192))

        var header = segment(records: encoded(entry))
        header.replaceSubrange(48..<52, with: [0xFF, 0xFF, 0xFF, 0xFF])
        let crc = CRC32C.checksum(header[..<56])
        for place in 0..<4 { header[56 + place] = UInt8(truncatingIfNeeded: crc >> (8 * place)) }
        header.replaceSubrange(4096..<8192, with: header[..<4096])
        #expect(throws: JournalError.corrupt(segment: 1, offset: 0, .segmentHeader)) {
            try open(header)
        }
    }

    @Test("what a later version writes is named, not guessed at")
    func laterVersions() throws {
        let entry = JournalRecord.entry(group, entries(1...1)[0])
        #expect(try open(segment(records: encoded(entry))).groups[group]?.entries.count == 1)
        let unsupported = JournalError.unsupportedRecord(segment: 1, offset: 8192)
        for change: (inout [UInt8]) -> Void in [
            { $0[5] = 1 }, { $0[4] = 7 }, { $0[12] = 1 }, { $0[6] = 3 }, { $0[7] = 1 },
        ] {
            #expect(throws: unsupported) {
                try open(segment(records: changed(entry, change)))
            }
        }
        var bytes = segment(records: encoded(entry))
        bytes[8] = 3
        let checksum = CRC32C.checksum(bytes[..<56])
        for place in 0..<4 {
            bytes[56 + place] = UInt8(truncatingIfNeeded: checksum >> (8 * place))
        }
        #expect(throws: JournalError.unsupportedVersion(segment: 1, version: 3)) {
            try open(bytes)
        }
    }

    @Test("records that contradict the log are reported")
    func contradictingRecords() {
        let gap = encoded(.entry(group, entries(2...2)[0]))
        let zero = encoded(.entry(group, entries(0...0)[0]))
        let noMark = encoded(
            .compacted(group, CompactionMark(upTo: 0, term: 0, discardsSuffix: false)))
        for records in [gap, zero, noMark] {
            #expect(throws: JournalError.corrupt(segment: 1, offset: 8192, .record)) {
                try open(segment(records: records))
            }
        }
    }

    @Test("no damage makes recovery trap", arguments: 0..<20)
    func fuzzing(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let disk = MemoryFileSystem()
        let life = try Life(disk, segmentByteCount: 16384)
        for index in LogIndex(1)...8 { life.commit(group, entries(index...index)) }
        let contents = disk.contents
        for _ in 0..<100 {
            var changed = contents
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let path = RecoveryTests.path(UInt64.random(in: 1...3, using: &random))
                let place = Int.random(in: 0..<16384, using: &random)
                guard place < changed[path]!.count else { continue }
                if random.chance(1, in: 10) {
                    changed[path]!.removeLast(place)
                } else {
                    changed[path]![place] = UInt8.random(in: 0...255, using: &random)
                }
            }
            disk.contents = changed
            do throws(JournalError) {
                let recovered = try Life(disk, segmentByteCount: 16384).recovered
                let log = recovered.groups[group]
                for entry in (log?.entries ?? []) + (log?.entriesBehindDamage ?? []) {
                    #expect(entry == entries(entry.index...entry.index)[0])
                }
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }
}
