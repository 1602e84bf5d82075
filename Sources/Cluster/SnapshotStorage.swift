public import Environment
public import Primitives
import StateStore

/// Where and with what a node's shards keep the snapshots that are on their way.
///
/// They are not needed beyond the process: a receiver that starts again is offered one anew.
public struct SnapshotStorage: Sendable {
    let fileSystem: any FileSystem
    let directory: String
    /// The thread of the state's writes.
    let writer: any BlockingWorker
    /// Told what a sync of the store covers, before the journal forgets it. Loop only.
    let synchronized: (@Sendable ([GroupID: LogIndex]) -> Void)?

    public init(
        fileSystem: any FileSystem, directory: String, writer: any BlockingWorker,
        synchronized: (@Sendable ([GroupID: LogIndex]) -> Void)? = nil
    ) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.writer = writer
        self.synchronized = synchronized
    }

    /// Makes the folder, and removes what a process that is gone has left in it. Blocks: before
    /// the node starts.
    public func prepare() throws(FileError) {
        if !fileSystem.exists(directory) {
            try fileSystem.createDirectory(directory)
            // It has to be there when the disk is full.
            try fileSystem.synchronizeDirectory(dataDirectory)
        }
        for name in try fileSystem.list(directory) { try fileSystem.remove(path(name)) }
    }

    /// The folder around it.
    var dataDirectory: String {
        guard let end = directory.lastIndex(of: "/") else { return "." }
        return end == directory.startIndex ? "/" : String(directory[..<end])
    }

    private func path(_ name: String) -> String { directory + "/" + name }

    /// A snapshot made here.
    func madePath(_ group: GroupID, id: UInt64) -> String {
        path("\(group)-\(String(id, radix: 16)).snapshot")
    }

    /// The snapshot that is being received.
    func receivedPath(_ group: GroupID) -> String {
        path("\(group).received")
    }
}

// MARK: - On a worker

extension SnapshotStorage {
    /// A snapshot as it was written.
    struct Written: Hashable, Sendable {
        let position: LogPosition
        let byteCount: Int
        let checksum: UInt32
    }

    /// Writes the shard's stored state, as of one moment, to a file; nil when nothing is stored.
    func make(
        _ group: GroupID, id: UInt64, from store: StateStore
    ) throws(SnapshotError) -> Written? {
        let file: any File
        do throws(FileError) {
            file = try fileSystem.open(madePath(group, id: id), create: true)
        } catch {
            throw .file(error)
        }
        defer { file.close() }
        var written: Result<(SnapshotWriter, LogPosition), SnapshotError>?
        do throws(StateStoreError) {
            _ = try store.export(
                group, countMax: SnapshotFormat.blockRowCountMax,
                byteCountMax: SnapshotFormat.blockPayloadByteCountMax
            ) { applied, rows in
                let position = LogPosition(index: applied.index, term: applied.term)
                do throws(SnapshotError) {
                    guard case .success((var writer, _))? = written else {
                        let header = SnapshotHeader(group: group, position: position)
                        written = .success((try SnapshotWriter(file, header), position))
                        return true
                    }
                    try writer.write(rows)
                    written = .success((writer, position))
                    return true
                } catch {
                    written = .failure(error)
                    return false
                }
            }
        } catch {
            throw .store(error)
        }
        guard let (writer, position) = try written?.get() else { return nil }
        return Written(
            position: position, byteCount: writer.byteCount, checksum: writer.checksum)
    }

    func read(_ path: String, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let file = try fileSystem.open(path, create: false)
        defer { file.close() }
        return try file.read(at: offset, count: count)
    }

    /// Appends to what was received; the first bytes begin a new file.
    func receive(_ bytes: [UInt8], at offset: Int, for group: GroupID) throws(FileError) {
        let file = try fileSystem.open(receivedPath(group), create: true)
        defer { file.close() }
        if offset == 0 { try file.truncate(to: 0) }
        try file.write(bytes, at: offset)
    }

    func remove(_ path: String) throws(FileError) {
        guard fileSystem.exists(path) else { return }
        try fileSystem.remove(path)
    }
}
