public import Environment

/// A process's way to its machine's disk. After the process has crashed every call fails and
/// changes nothing: what still runs of it cannot write any more.
public final class SimulatedFileSystem: FileSystem {
    private let incarnation: Incarnation

    init(incarnation: Incarnation) {
        self.incarnation = incarnation
    }

    private var disk: SimulatedDisk { incarnation.process.disk }

    private func requireAlive(_ operation: String, _ path: String) throws(FileError) {
        incarnation.process.world.requireThread()
        guard incarnation.isAlive else { throw .make(operation, path, .inputOutput) }
    }

    public func createDirectory(_ path: String) throws(FileError) {
        try requireAlive("mkdir", path)
        try disk.createDirectory(path)
    }

    public func list(_ path: String) throws(FileError) -> [String] {
        try requireAlive("opendir", path)
        return try disk.list(path)
    }

    public func exists(_ path: String) -> Bool {
        incarnation.process.world.requireThread()
        return disk.exists(path)
    }

    public func open(_ path: String, create: Bool) throws(FileError) -> any File {
        try requireAlive("open", path)
        let file = try disk.open(path, create: create)
        return SimulatedFile(file, path: path, incarnation: incarnation)
    }

    public func rename(_ path: String, to newPath: String) throws(FileError) {
        try requireAlive("rename", path)
        try disk.rename(path, to: newPath)
    }

    public func remove(_ path: String) throws(FileError) {
        try requireAlive("unlink", path)
        try disk.remove(path)
    }

    public func synchronizeDirectory(_ path: String) throws(FileError) {
        try requireAlive("fsync", path)
        try disk.synchronizeDirectory(path)
    }
}

/// An open file of a simulated process.
//
// Proof of `Sendable`: used on the world's thread only, which every operation checks.
private final class SimulatedFile: File, @unchecked Sendable {
    private let path: String
    private let incarnation: Incarnation
    private var file: DiskFile?

    init(_ file: DiskFile, path: String, incarnation: Incarnation) {
        self.file = file
        self.path = path
        self.incarnation = incarnation
    }

    private func opened(_ operation: String) throws(FileError) -> DiskFile {
        incarnation.process.world.requireThread()
        guard incarnation.isAlive else { throw .make(operation, path, .inputOutput) }
        guard let file else { throw .make(operation, path, .badDescriptor) }
        return file
    }

    func byteCount() throws(FileError) -> Int { try opened("fstat").current.byteCount }

    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let file = try opened("pread")
        guard offset >= 0, count >= 0 else { throw .make("pread", path, .invalid) }
        return file.current.read(at: offset, count: count)
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        try incarnation.process.disk.write(bytes, at: offset, to: opened("pwrite"), path)
    }

    func synchronize() throws(FileError) {
        try incarnation.process.disk.synchronize(opened("fdatasync"), path)
    }

    func allocate(byteCount: Int) throws(FileError) {
        let file = try opened("fallocate")
        guard byteCount > file.current.byteCount else { return }
        try incarnation.process.disk.resize(
            file, to: byteCount, operation: "fallocate", path)
    }

    func truncate(to byteCount: Int) throws(FileError) {
        try incarnation.process.disk.resize(
            opened("ftruncate"), to: byteCount, operation: "ftruncate", path)
    }

    func close() {
        incarnation.process.world.requireThread()
        file = nil
    }
}
