import Cluster
import Environment
import Primitives
import StateStore
import Synchronization
import Testing

/// A file in memory.
private final class BytesFile: File {
    private let content: Mutex<[UInt8]>

    init(_ bytes: [UInt8] = []) {
        content = Mutex(bytes)
    }

    var bytes: [UInt8] { content.withLock { $0 } }

    func byteCount() throws(FileError) -> Int { bytes.count }

    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        Array(bytes.dropFirst(offset).prefix(count))
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        content.withLock { content in
            precondition(offset == content.count, "the writer goes from the first byte to the last")
            content += bytes
        }
    }

    func synchronize() throws(FileError) {}
    func allocate(byteCount: Int) throws(FileError) {}
    func truncate(to byteCount: Int) throws(FileError) {}
    func close() {}
}

/// A shard's state as a file: what was written is read, and nothing else is.
@Suite("Snapshot files")
struct SnapshotFileTests {
    private static let group = GroupID(2)
    private static let position = LogPosition(index: 70, term: 4)

    private static func row(_ kind: UInt8, _ id: String, _ payload: [UInt8] = [1, 2])
        -> AggregateRow
    {
        AggregateRow(
            key: AggregateKey(group: group, kind: AggregateKind(rawValue: kind), id: id),
            owner: "acct_1", created: -5, version: .max, isOpen: kind == 1, payload: payload)
    }

    private static let blocks: [[AggregateRow]] = [
        [row(1, ""), row(1, "a\u{0}b"), row(1, "b", [])],
        [row(1, "ü", [UInt8](repeating: 9, count: 300))],
        [row(2, "a"), row(255, "a")],
    ]

    private static func write(
        _ blocks: [[AggregateRow]], group: GroupID = group
    ) throws -> (bytes: [UInt8], checksum: UInt32) {
        let file = BytesFile()
        var writer = try SnapshotWriter(file, SnapshotHeader(group: group, position: position))
        for block in blocks { try writer.write(block) }
        #expect(writer.byteCount == file.bytes.count)
        return (file.bytes, writer.checksum)
    }

    private static func check(
        _ bytes: [UInt8], checksum: UInt32? = nil, position: LogPosition = position,
        byteCount: Int? = nil, _ isSound: (AggregateRow) -> Bool = { _ in true }
    ) throws(SnapshotReadError) -> [[AggregateRow]] {
        var reader = try SnapshotReader.check(
            BytesFile(bytes), group: group, position: position,
            byteCount: UInt64(byteCount ?? bytes.count),
            checksum: checksum ?? CRC32C.checksum(bytes), isSound)
        var blocks: [[AggregateRow]] = []
        while let block = try reader.next() { blocks.append(block) }
        return blocks
    }

    @Test("Blocks are read as they were written, and a shard without rows has none")
    func roundTrip() throws {
        let file = try Self.write(Self.blocks)
        #expect(try Self.check(file.bytes, checksum: file.checksum) == Self.blocks)
        #expect(try Self.check(try Self.write([]).bytes) == [])
    }

    @Test("What is not what was promised is said")
    func promises() throws {
        let (bytes, checksum) = try Self.write(Self.blocks)
        let count = bytes.count
        #expect(
            throws: SnapshotReadError.flawed(.byteCount(found: count, promised: UInt64(count + 1)))
        ) { try Self.check(bytes, byteCount: count + 1) }
        #expect(throws: SnapshotReadError.flawed(.checksum)) {
            try Self.check(bytes, checksum: checksum ^ 1)
        }
        #expect(throws: SnapshotReadError.flawed(.otherPosition(Self.position))) {
            try Self.check(bytes, position: LogPosition(index: 70, term: 5))
        }
        let foreign = try Self.write(Self.blocks, group: GroupID(9)).bytes
        #expect(throws: SnapshotReadError.flawed(.otherGroup(GroupID(9)))) {
            try Self.check(foreign)
        }
        var later = bytes
        later[4] = 2
        #expect(throws: SnapshotReadError.flawed(.unsupportedVersion(2))) {
            try Self.check(later)
        }
        #expect(throws: SnapshotReadError.flawed(.notASnapshot)) { try Self.check([]) }
        #expect(throws: SnapshotReadError.flawed(.notASnapshot)) {
            try Self.check([0] + bytes.dropFirst())
        }
    }

    @Test("A row that the machine cannot read, or that does not rise, spoils the file")
    func rows() throws {
        let bytes = try Self.write(Self.blocks).bytes
        let second = 28 + 4 + bytes.count(ofBlockAt: 28)
        #expect(throws: SnapshotReadError.flawed(.block(offset: second))) {
            try Self.check(bytes) { $0.payload.count < 300 }
        }
        for rows in [
            [Self.row(1, "b"), Self.row(1, "a")], [Self.row(1, "a"), Self.row(1, "a")],
            [Self.row(2, "a"), Self.row(1, "b")],
        ] {
            let together = try Self.write([rows]).bytes
            #expect(throws: SnapshotReadError.flawed(.order(offset: 28))) {
                try Self.check(together)
            }
            let apart = try Self.write(rows.map { [$0] }).bytes
            let place = 28 + 4 + apart.count(ofBlockAt: 28)
            #expect(throws: SnapshotReadError.flawed(.order(offset: place))) {
                try Self.check(apart)
            }
        }
    }

    /// Each changed byte is caught by the checksum; here the liar knows it.
    @Test("Changed bytes under a right checksum end in rows or in a flaw, and never in a trap")
    func fuzz() throws {
        let bytes = try Self.write(Self.blocks).bytes
        var random = SeededRandom(seed: 41)
        var readCount = 0
        var flawCount = 0
        func look(_ changed: [UInt8]) throws {
            do throws(SnapshotReadError) {
                let keys = try Self.check(changed).joined().map(\.key)
                #expect(Set(keys).count == keys.count)
                readCount += 1
            } catch {
                guard case .flawed = error else { throw error }
                flawCount += 1
            }
        }
        for end in 0..<bytes.count { try look(Array(bytes[..<end])) }
        for _ in 0..<20_000 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<changed.count, using: &random)
                switch random.next() % 4 {
                case 0: changed[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: changed[place] = 0xFF
                case 2: changed.remove(at: place)
                default: changed.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
                }
            }
            try look(changed)
        }
        #expect(readCount > 100 && flawCount > 10_000)
    }
}

extension [UInt8] {
    fileprivate func count(ofBlockAt offset: Int) -> Int {
        self[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
