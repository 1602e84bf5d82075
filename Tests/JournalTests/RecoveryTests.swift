import Environment
import Journal
import Primitives
import Testing

@Suite("Recovery")
struct RecoveryTests {
    static let group = GroupID(3)
    let group = RecoveryTests.group
    let disk = MemoryFileSystem()

    static func path(_ segment: UInt64) -> String {
        Life.directory + "/" + JournalFormat.fileName(ofSegment: segment)
    }

    /// Where the batches of a segment lie.
    static func batches(_ bytes: [UInt8]) throws -> [Range<Int>] {
        let (header, byteCount) = try SegmentHeader.decode(bytes)
        var ranges: [Range<Int>] = []
        var offset = 2 * byteCount
        while let batch = BatchHeader(in: bytes, at: offset, seed: header.chain.seed) {
            ranges.append(offset..<(offset + batch.batchByteCount))
            offset += batch.batchByteCount
        }
        return ranges
    }

    private func recover(_ contents: [String: [UInt8]]) throws(JournalError) -> RecoveredLog {
        let disk = MemoryFileSystem()
        disk.contents = contents
        return try Life(disk, segmentByteCount: 32768).recovered
    }

    /// Three small batches in one segment.
    private func threeBatches() throws -> [String: [UInt8]] {
        let life = try Life(disk, segmentByteCount: 65536)
        life.commit(group, entries(1...2), hardState: HardState(term: 1))
        life.commit(group, entries(3...4))
        life.commit(
            group, entries(5...20, payloadByteCount: 400), hardState: HardState(term: 2))
        return disk.contents
    }

    @Test("a batch torn at any byte is cut, and what was before it is whole")
    func tornAtEveryByte() throws {
        let contents = try threeBatches()
        let path = Self.path(1)
        let whole = try #require(contents[path])
        let last = try #require(try Self.batches(whole).last)
        for place in stride(from: last.lowerBound, to: last.upperBound, by: 41) {
            for fills in [false, true] {
                var bytes = Array(whole[..<place])
                if fills { bytes += [UInt8](repeating: 0, count: whole.count - place) }
                let recovered = try recover([path: bytes])
                let log = try #require(recovered.groups[group])
                if fills && bytes == whole {
                    #expect(log.lastIndex == 20)
                } else {
                    #expect(log.entries == entries(1...4))
                    #expect(log.hardState == HardState(term: 1))
                    let cut = place == last.lowerBound ? nil : last.lowerBound
                    #expect(recovered.cut?.offset == cut)
                }
            }
        }
    }

    @Test("a batch of which any single block was lost is cut")
    func lostBlock() throws {
        let contents = try threeBatches()
        let path = Self.path(1)
        let whole = try #require(contents[path])
        let last = try #require(try Self.batches(whole).last)
        #expect(last.count > 4096)
        for block in stride(from: last.lowerBound, to: last.upperBound, by: 4096) {
            var bytes = whole
            for place in block..<(block + 4096) { bytes[place] = 0 }
            let recovered = try recover([path: bytes])
            #expect(recovered.groups[group]?.entries == entries(1...4))
            #expect(recovered.cut == RecoveredLog.Cut(segment: 1, offset: last.lowerBound))
        }
    }

    @Test("after a cut the journal goes on, and reads again without a cut")
    func goesOnAfterACut() throws {
        var contents = try threeBatches()
        let last = try #require(try Self.batches(contents[Self.path(1)]!).last)
        contents[Self.path(1)]![last.lowerBound + 600] ^= 1
        disk.contents = contents
        let life = try Life(disk, segmentByteCount: 65536)
        #expect(life.recovered.cut != nil)
        life.commit(group, entries(5...5, term: 9))
        let recovered = try Life(disk).recovered
        #expect(recovered.cut == nil)
        #expect(recovered.groups[group]?.entries == entries(1...4) + entries(5...5, term: 9))
    }

    @Test("an acknowledged batch stays an error when the batch behind it was torn as well")
    func damageBeforeATornBatch() throws {
        var contents = try threeBatches()
        let batches = try Self.batches(contents[Self.path(1)]!)
        contents[Self.path(1)]![batches[2].lowerBound + 600] ^= 1
        contents[Self.path(1)]![batches[1].lowerBound] ^= 1
        #expect(throws: JournalError.corrupt(segment: 1, offset: batches[1].lowerBound, .batch)) {
            try recover(contents)
        }
    }

    @Test("a batch that is gone, under a later one, is known by what it held")
    func lostBatch() throws {
        let whole = try threeBatches()
        var zeros = whole
        let batches = try Self.batches(zeros[Self.path(1)]!)
        for place in batches[1] { zeros[Self.path(1)]![place] = 0 }
        // A later batch in its place, as a misdirected write would leave it.
        var moved = whole
        moved[Self.path(1)]!.removeSubrange(batches[1])
        for contents in [zeros, moved] {
            let recovered = try recover(contents)
            let log = try #require(recovered.groups[group])
            #expect(log.entries == entries(1...2))
            #expect(log.damaged == [3...4])
            #expect(log.entriesBehindDamage == entries(5...20, payloadByteCount: 400))
            #expect(log.hardState == HardState(term: 2))
            #expect(log.lastIndex == 20)
            #expect(recovered.damagedGroups == [group])
            #expect(
                recovered.damagedParts == [
                    .init(segment: 1, offset: batches[1].lowerBound, damage: .batch)
                ])
        }
    }

    @Test("two batches in a row that are gone are an error, as nothing says what the first did")
    func lostBatches() throws {
        let life = try Life(disk)
        for index in LogIndex(1)...5 { life.commit(group, entries(index...index)) }
        var contents = disk.contents
        let batches = try Self.batches(contents[Self.path(1)]!)
        contents[Self.path(1)]![batches[1].lowerBound] ^= 1
        contents[Self.path(1)]![batches[2].lowerBound] ^= 1
        #expect(throws: JournalError.corrupt(segment: 1, offset: batches[1].lowerBound, .batches)) {
            try recover(contents)
        }
    }

    @Test("a missing segment is an error in the middle, and known by its entries at the old end")
    func missingSegments() throws {
        let life = try Life(disk, segmentByteCount: 16384)
        for index in LogIndex(1)...7 { life.commit(group, entries(index...index)) }
        var contents = disk.contents
        contents[Self.path(2)] = nil
        #expect(throws: JournalError.missingSegment(2)) { try recover(contents) }
        contents[Self.path(1)] = nil
        let recovered = try recover(contents)
        #expect(recovered.groups[group]?.damaged == [1...4])
        #expect(recovered.groups[group]?.entries == [])
        #expect(recovered.groups[group]?.entriesBehindDamage == entries(5...7))
    }

    @Test("a segment in another one's place is reported")
    func swappedSegments() throws {
        let life = try Life(disk, segmentByteCount: 16384)
        for index in LogIndex(1)...9 { life.commit(group, entries(index...index)) }
        var contents = disk.contents
        contents[Self.path(2)] = contents[Self.path(3)]
        #expect(throws: JournalError.corrupt(segment: 2, offset: 0, .segmentOrder)) {
            try recover(contents)
        }
    }

    @Test("a segment whose header never reached the disk is made anew")
    func unbegunSegment() throws {
        var contents = try threeBatches()
        for bytes in [[], [UInt8](repeating: 0, count: 4096), Array("SUNNYJNL".utf8)] {
            contents[Self.path(2)] = bytes
            disk.contents = contents
            let life = try Life(disk, segmentByteCount: 32768)
            #expect(life.recovered.cut == nil)
            #expect(life.recovered.groups[group]?.lastIndex == 20)
            life.commit(group, entries(21...80, payloadByteCount: 1000))
            #expect(disk.segments.count == 2)
            let recovered = try Life(disk).recovered
            #expect(recovered.groups[group]?.lastIndex == 80)
            #expect(recovered.damagedParts == [])
        }
        let remnants = [UInt8](repeating: 7, count: 3000)
        disk.contents = [Self.path(1): remnants]
        let life = try Life(disk)
        #expect(life.recovered.groups.isEmpty)
        let again = try Life(disk).recovered
        #expect(again.cut == nil, "nothing of the earlier file is left behind the header")
        life.commit(group, entries(1...1))
        #expect(try Life(disk).recovered.groups[group]?.entries == entries(1...1))
    }

    @Test("the only segment left may not lose its header")
    func onlySegmentWithoutHeader() throws {
        let life = try Life(disk, segmentByteCount: 8192)
        life.commit(group, entries(1...9), hardState: HardState(term: 4))
        life.journal.compact(group, upTo: 9, term: 1) {}
        life.settle()
        var contents = disk.contents
        #expect(disk.segments.count == 1)
        contents[Self.path(2)] = [UInt8](repeating: 0, count: 1024)
        #expect(throws: JournalError.corrupt(segment: 2, offset: 0, .segmentHeader)) {
            try recover(contents)
        }
    }

    @Test("what recovery read is written and synchronized again before it is believed")
    func rewritesTheLastBatch() throws {
        let life = try Life(disk)
        life.commit(group, entries(1...1))
        disk.failSynchronize()
        life.commit(group, entries(2...2))
        #expect(life.halt.reasons.count == 1)
        // The process starts again and finds the batch in the system's cache.
        disk.recoverSynchronize()
        let (writes, syncs) = (disk.writes, disk.fileSynchronizations)
        #expect(try Life(disk).recovered.groups[group]?.entries == entries(1...2))
        #expect(disk.writes == writes + 1)
        #expect(disk.fileSynchronizations == syncs + 1)
        var random = SeededRandom(seed: 1)
        disk.crash(.nothing, &random)
        #expect(try Life(disk).recovered.groups[group]?.entries == entries(1...2))
    }
}
