import Environment
import Primitives

/// What a disk was asked to do.
public struct DiskCounters: Hashable, Sendable {
    public var synchronizations = 0
    public var directorySynchronizations = 0
    public var writes = 0
    public var bytesWritten = 0
}

/// A machine's disk: it outlives the processes that write to it, and forgets what was not synced
/// when its machine loses power.
//
// Proof of `Sendable`: reached from the world's thread only: through a `SimulatedFileSystem`, which
// checks it, or by the scenario.
public final class SimulatedDisk: @unchecked Sendable {
    public private(set) var counters = DiskCounters()
    public var faults = DiskFaults()

    private var names = DiskNames()
    private var random: SeededRandom

    init(random: SeededRandom) {
        self.random = random
    }

    /// Makes a folder and those above it, as if they had always been there.
    public func prepareDirectory(_ path: String) {
        names.prepareDirectory(DiskNames.normalized(path))
    }

    /// What would be in a file if its machine lost power now and nothing unsynced survived; nil
    /// when not even its name would.
    public func durableContents(_ path: String) -> [UInt8]? {
        guard let file = names.durableFile(DiskNames.normalized(path)) else { return nil }
        return file.durable.read(at: 0, count: file.durable.byteCount)
    }

    /// What programs read in a file; nil when there is none.
    public func contents(_ path: String) -> [UInt8]? {
        guard case .file(let file)? = names.current[DiskNames.normalized(path)] else { return nil }
        return file.current.read(at: 0, count: file.current.byteCount)
    }

    /// What all files with a name take, holes included.
    public var usedByteCount: Int { names.files().reduce(0) { $0 + $1.current.byteCount } }

    /// The names in a folder, sorted.
    public func names(in directory: String) -> [String] {
        names.list(DiskNames.normalized(directory))
    }

    /// Flips a bit of a file, on the medium and in the cache; false when there is no such byte.
    public func flipBit(_ bit: Int, ofByteAt offset: Int, in path: String) -> Bool {
        guard case .file(let file)? = names.current[DiskNames.normalized(path)],
            offset >= 0, offset < file.current.byteCount
        else { return false }
        file.flipBit(bit, ofByteAt: offset)
        return true
    }

    /// Replaces the disk by an empty one.
    public func erase() {
        names = DiskNames()
    }

    func losePower() {
        // A file whose new name does not survive may survive under its old one: all that have
        // either are asked.
        let files = names.files()
        names.losePower(&random)
        var seen: Set<ObjectIdentifier> = []
        for file in files + names.files() where seen.insert(ObjectIdentifier(file)).inserted {
            file.losePower(&random)
        }
    }

    // MARK: What a file system asks for

    func createDirectory(_ path: String) throws(FileError) {
        var missing: [String] = []
        var ancestor = DiskNames.normalized(path)
        while names.current[ancestor] == nil {
            missing.append(ancestor)
            ancestor = DiskNames.parent(of: ancestor)
        }
        guard case .directory? = names.current[ancestor] else {
            throw .make("mkdir", path, .notDirectory)
        }
        if faults.isFull, !missing.isEmpty { throw .make("mkdir", path, .noSpace) }
        for directory in missing.reversed() { names.apply([(directory, .directory)]) }
    }

    func list(_ path: String) throws(FileError) -> [String] {
        let path = DiskNames.normalized(path)
        try requireDirectory(path, for: "opendir")
        return names.list(path)
    }

    func exists(_ path: String) -> Bool { names.current[DiskNames.normalized(path)] != nil }

    func open(_ path: String, create: Bool) throws(FileError) -> DiskFile {
        let path = DiskNames.normalized(path)
        switch names.current[path] {
        case .file(let file)?: return file
        case .directory?: throw .make("open", path, .isDirectory)
        case nil:
            guard create else { throw .make("open", path, .notFound) }
            try requireDirectory(DiskNames.parent(of: path), for: "open")
            guard !faults.isFull else { throw .make("open", path, .noSpace) }
            let file = DiskFile()
            names.apply([(path, .file(file))])
            return file
        }
    }

    func rename(_ path: String, to newPath: String) throws(FileError) {
        let (path, newPath) = (DiskNames.normalized(path), DiskNames.normalized(newPath))
        guard let entry = names.current[path] else { throw .make("rename", path, .notFound) }
        guard case .file = entry else { throw .make("rename", path, .isDirectory) }
        if case .directory? = names.current[newPath] {
            throw .make("rename", newPath, .isDirectory)
        }
        try requireDirectory(DiskNames.parent(of: newPath), for: "rename")
        guard path != newPath else { return }
        names.apply([(path, nil), (newPath, entry)])
    }

    func remove(_ path: String) throws(FileError) {
        let path = DiskNames.normalized(path)
        switch names.current[path] {
        case nil: throw .make("unlink", path, .notFound)
        case .directory? where path == "/" || !names.list(path).isEmpty:
            throw .make("rmdir", path, .notEmpty)
        case .directory?, .file?: names.apply([(path, nil)])
        }
    }

    func synchronizeDirectory(_ path: String) throws(FileError) {
        let path = DiskNames.normalized(path)
        try requireDirectory(path, for: "fsync")
        counters.directorySynchronizations += 1
        try failIfTold("fsync", path)
        names.synchronize(directory: path)
    }

    func write(_ bytes: [UInt8], at offset: Int, to file: DiskFile, _ path: String)
        throws(FileError)
    {
        guard offset >= 0 else { throw .make("pwrite", path, .invalid) }
        guard hasRoom(for: offset + bytes.count, in: file) else {
            throw .make("pwrite", path, .noSpace)
        }
        counters.writes += 1
        counters.bytesWritten += bytes.count
        guard !bytes.isEmpty, let place = faults.place(ofWriteAt: offset) else { return }
        file.write(bytes, at: place)
    }

    func resize(_ file: DiskFile, to byteCount: Int, operation: String, _ path: String)
        throws(FileError)
    {
        guard byteCount >= 0 else { throw .make(operation, path, .invalid) }
        guard hasRoom(for: byteCount, in: file) else { throw .make(operation, path, .noSpace) }
        file.resize(to: byteCount)
    }

    func synchronize(_ file: DiskFile, _ path: String) throws(FileError) {
        counters.synchronizations += 1
        do {
            try failIfTold("fdatasync", path)
        } catch {
            file.failSynchronize()
            throw error
        }
        file.synchronize()
    }

    private func hasRoom(for byteCount: Int, in file: DiskFile) -> Bool {
        guard byteCount > file.current.byteCount else { return true }
        if faults.isFull { return false }
        guard let capacity = faults.capacityByteCount else { return true }
        return usedByteCount - file.current.byteCount + byteCount <= capacity
    }

    private func failIfTold(_ operation: String, _ path: String) throws(FileError) {
        guard faults.failingSynchronizationCount > 0 else { return }
        faults.failingSynchronizationCount -= 1
        throw .make(operation, path, .inputOutput)
    }

    private func requireDirectory(_ path: String, for operation: String) throws(FileError) {
        switch names.current[path] {
        case .directory?: return
        case .file?: throw .make(operation, path, .notDirectory)
        case nil: throw .make(operation, path, .notFound)
        }
    }
}

/// The error numbers of Linux that a simulated disk gives.
enum SimulatedErrorNumber: Int32 {
    case notFound = 2
    case inputOutput = 5
    case badDescriptor = 9
    case notDirectory = 20
    case isDirectory = 21
    case invalid = 22
    case noSpace = 28
    case notEmpty = 39

    var reason: String {
        switch self {
        case .notFound: return "No such file or directory"
        case .inputOutput: return "Input/output error"
        case .badDescriptor: return "Bad file descriptor"
        case .notDirectory: return "Not a directory"
        case .isDirectory: return "Is a directory"
        case .invalid: return "Invalid argument"
        case .noSpace: return "No space left on device"
        case .notEmpty: return "Directory not empty"
        }
    }
}

extension FileError {
    static func make(
        _ operation: String, _ path: String, _ number: SimulatedErrorNumber
    ) -> FileError {
        FileError(
            operation: operation, path: path, code: number.rawValue, reason: number.reason)
    }
}
