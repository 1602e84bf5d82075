package import Environment
package import Primitives
package import StateStore

// A shard's state as a file, made by one node and installed by another.
//
//   header   magic "SNYS"; version u16; zero u16; group u32; applied index u64; term u64
//   block …  byte count u32; row …
//   row      kind u8; id; owner; created; version; whether it is open; payload
//
// Integers are little-endian, or as `ByteWriter` writes them. Rows rise by kind and id. A block is
// what is stored in one transaction. Length and CRC-32C of the whole file are in the descriptor
// that goes ahead of it, so that the file does not vouch for itself.

/// What is fixed about snapshot files.
enum SnapshotFormat {
    static let magic: [UInt8] = Array("SNYS".utf8)
    static let version: UInt16 = 1
    static let headerByteCount = 4 + 2 + 2 + 4 + 8 + 8

    /// Rows of a block: some ten milliseconds of SQLite, so that the write-back of other shards
    /// does not wait for long.
    static let blockRowCountMax = 1_000
    /// Payload of a block of several rows, for the same reason.
    static let blockPayloadByteCountMax = 1 << 20
    /// What a reader takes for a block: the largest payload that the store takes (64 MiB), and as
    /// much again for what is around it.
    static let blockByteCountMax = 128 << 20
    /// Beyond it a shard is not sent: at a gigabit a second it would take minutes, and a shard of
    /// that size should have been split.
    static let fileByteCountMax = 16 << 30
    /// How much is read at a time to check a file.
    static let readByteCount = 1 << 20
}

/// What is wrong with a snapshot that a peer sent.
package enum SnapshotFlaw: Error, Hashable, Sendable {
    case byteCount(found: Int, promised: UInt64)
    case checksum
    case notASnapshot
    case unsupportedVersion(UInt16)
    case otherGroup(GroupID)
    case otherPosition(LogPosition)
    /// A block that is not whole, or a row that cannot be read.
    case block(offset: Int)
    /// Rows that do not rise.
    case order(offset: Int)
}

/// Why a snapshot was not made, read or stored.
package enum SnapshotError: Error, Hashable, Sendable {
    /// This node's disk failed.
    case file(FileError)
    case store(StateStoreError)
    /// This node's file is not what it was when it was checked.
    case changed(SnapshotFlaw)
    /// The shard is beyond `fileByteCountMax`.
    case tooLarge
}

/// Where in the log a snapshot was taken.
package struct SnapshotHeader: Hashable, Sendable {
    package let group: GroupID
    package let position: LogPosition

    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: SnapshotFormat.headerByteCount)
        writer.writeRaw(SnapshotFormat.magic)
        writer.writeFixed(SnapshotFormat.version)
        writer.writeFixed(UInt16(0))
        writer.writeFixed(group.rawValue)
        writer.writeFixed(position.index)
        writer.writeFixed(position.term)
        return writer.bytes
    }

    package init(group: GroupID, position: LogPosition) {
        self.group = group
        self.position = position
    }

    init(_ bytes: [UInt8]) throws(SnapshotFlaw) {
        var reader = ByteReader(bytes)
        do {
            guard try Array(reader.readRaw(4)) == SnapshotFormat.magic else {
                throw SnapshotFlaw.notASnapshot
            }
            let version = try reader.readFixed(UInt16.self)
            guard version == SnapshotFormat.version else {
                throw SnapshotFlaw.unsupportedVersion(version)
            }
            _ = try reader.readFixed(UInt16.self)
            group = GroupID(try reader.readFixed(UInt32.self))
            position = LogPosition(
                index: try reader.readFixed(UInt64.self), term: try reader.readFixed(UInt64.self))
        } catch let flaw as SnapshotFlaw {
            throw flaw
        } catch {
            throw .notASnapshot
        }
    }
}

// MARK: - Writing

/// Writes a snapshot from its first byte to its last. On a worker.
package struct SnapshotWriter {
    private let file: any File
    package private(set) var byteCount = 0
    package private(set) var checksum: UInt32 = 0

    package init(_ file: any File, _ header: SnapshotHeader) throws(SnapshotError) {
        self.file = file
        try write(header.bytes)
    }

    /// Writes a block.
    package mutating func write(_ rows: [AggregateRow]) throws(SnapshotError) {
        var content = ByteWriter(capacity: SnapshotFormat.blockPayloadByteCountMax)
        for row in rows { content.write(row) }
        var length = ByteWriter(capacity: 4)
        length.writeFixed(UInt32(content.byteCount))
        try write(length.bytes)
        try write(content.bytes)
    }

    private mutating func write(_ bytes: [UInt8]) throws(SnapshotError) {
        guard byteCount + bytes.count <= SnapshotFormat.fileByteCountMax else { throw .tooLarge }
        do throws(FileError) {
            try file.write(bytes, at: byteCount)
        } catch {
            throw .file(error)
        }
        checksum = CRC32C.checksum(bytes, from: checksum)
        byteCount += bytes.count
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ row: AggregateRow) {
        write(row.key.kind.rawValue)
        write(row.key.id)
        write(row.owner)
        writeSigned(row.created)
        writeVarint(row.version)
        write(row.isOpen)
        write(row.payload)
    }
}

extension ByteReader {
    fileprivate mutating func readRow(
        of group: GroupID
    ) throws(Primitives.DecodingError) -> AggregateRow {
        let kind = AggregateKind(rawValue: try readByte())
        let key = AggregateKey(group: group, kind: kind, id: try readString())
        return AggregateRow(
            key: key, owner: try readString(), created: try readSigned(),
            version: try readVarint(), isOpen: try readBool(), payload: try readBytes())
    }
}

// MARK: - Reading

/// What reading a file may end with: this node's disk, or what is in the file.
package enum SnapshotReadError: Error, Hashable, Sendable {
    case file(FileError)
    case flawed(SnapshotFlaw)
}

/// Reads a snapshot block by block. On a worker; a value that goes from one piece of work to the
/// next.
package struct SnapshotReader: Sendable {
    package let header: SnapshotHeader
    private let file: any File
    private let byteCount: Int
    private var offset = SnapshotFormat.headerByteCount
    private var lastKey: AggregateKey?

    init(_ file: any File) throws(SnapshotReadError) {
        self.file = file
        byteCount = try file.size()
        let bytes = try file.bytes(at: 0, count: SnapshotFormat.headerByteCount)
        do throws(SnapshotFlaw) {
            header = try SnapshotHeader(bytes)
        } catch {
            throw .flawed(error)
        }
    }

    /// The rows of the next block, one at least; nil behind the last one.
    package mutating func next() throws(SnapshotReadError) -> [AggregateRow]? {
        guard offset < byteCount else { return nil }
        let start = offset
        let length = try file.bytes(at: offset, count: 4)
        let rest = byteCount - offset - 4
        guard length.count == 4 else { throw .flawed(.block(offset: start)) }
        let count = length.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard count > 0, count <= rest, count <= SnapshotFormat.blockByteCountMax else {
            throw .flawed(.block(offset: start))
        }
        var reader = ByteReader(try file.bytes(at: offset + 4, count: count))
        offset += 4 + count
        var rows: [AggregateRow] = []
        while reader.remainingCount > 0 {
            guard let row = try? reader.readRow(of: header.group) else {
                throw .flawed(.block(offset: start))
            }
            if let lastKey, !lastKey.comesBefore(row.key) { throw .flawed(.order(offset: start)) }
            lastKey = row.key
            rows.append(row)
        }
        return rows
    }
}

extension SnapshotReader {
    /// Holds a file that was received against what was promised, and every row against `isSound`.
    ///
    /// - Returns: a reader at the first block.
    package static func check(
        _ file: any File, group: GroupID, position: LogPosition, byteCount: UInt64,
        checksum: UInt32, _ isSound: (AggregateRow) -> Bool
    ) throws(SnapshotReadError) -> SnapshotReader {
        let size = try file.size()
        guard UInt64(size) == byteCount else {
            throw .flawed(.byteCount(found: size, promised: byteCount))
        }
        var crc: UInt32 = 0
        for offset in stride(from: 0, to: size, by: SnapshotFormat.readByteCount) {
            crc = CRC32C.checksum(
                try file.bytes(at: offset, count: SnapshotFormat.readByteCount), from: crc)
        }
        guard crc == checksum else { throw .flawed(.checksum) }
        let start = try SnapshotReader(file)
        guard start.header.group == group else {
            throw .flawed(.otherGroup(start.header.group))
        }
        guard start.header.position == position else {
            throw .flawed(.otherPosition(start.header.position))
        }
        var reader = start
        while true {
            let offset = reader.offset
            guard let rows = try reader.next() else { return start }
            guard rows.allSatisfy(isSound) else { throw .flawed(.block(offset: offset)) }
        }
    }
}

extension AggregateKey {
    /// The store's order: by kind, then by the bytes of the id.
    fileprivate func comesBefore(_ other: AggregateKey) -> Bool {
        guard kind == other.kind else { return kind < other.kind }
        return id.utf8.lexicographicallyPrecedes(other.id.utf8)
    }
}

extension File {
    fileprivate func size() throws(SnapshotReadError) -> Int {
        do throws(FileError) { return try byteCount() } catch { throw .file(error) }
    }

    fileprivate func bytes(
        at offset: Int, count: Int
    ) throws(SnapshotReadError) -> [UInt8] {
        do throws(FileError) {
            return try read(at: offset, count: count)
        } catch {
            throw .file(error)
        }
    }
}
