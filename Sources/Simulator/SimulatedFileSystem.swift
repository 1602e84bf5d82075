public import Environment

/// A process's way to its machine's disk. After the process has crashed every call fails and
/// changes nothing: what still runs of it cannot write any more.
public final class SimulatedFileSystem: FileSystem {
    private let user: DiskUser

    init(incarnation: Incarnation) {
        user = DiskUser(process: incarnation.process, incarnation: incarnation)
    }

    /// The way of whoever looks after the machine, whether the process runs or not.
    init(machineOf process: SimulatedProcess) {
        user = DiskUser(process: process, incarnation: nil)
    }

    private var disk: SimulatedDisk { user.process.disk }

    private func requireAlive(_ operation: String, _ path: String) throws(FileError) {
        try user.requireAlive(operation, path)
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
        user.process.world.requireThread()
        return disk.exists(path)
    }

    public func open(_ path: String, create: Bool) throws(FileError) -> any File {
        try requireAlive("open", path)
        let file = try disk.open(path, create: create)
        return SimulatedFile(file, path: path, user: user)
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

/// Who uses a disk: a life of its machine's process, or somebody else on the machine.
private struct DiskUser {
    let process: SimulatedProcess
    let incarnation: Incarnation?

    func requireAlive(_ operation: String, _ path: String) throws(FileError) {
        process.world.requireThread()
        guard incarnation?.isAlive != false else { throw .make(operation, path, .inputOutput) }
    }
}

/// An open file of a simulated process.
//
// Proof of `Sendable`: used on the world's thread only, which every operation checks.
private final class SimulatedFile: File, @unchecked Sendable {
    private let path: String
    private let user: DiskUser
    private var file: DiskFile?

    init(_ file: DiskFile, path: String, user: DiskUser) {
        self.file = file
        self.path = path
        self.user = user
    }

    private func opened(_ operation: String) throws(FileError) -> DiskFile {
        try user.requireAlive(operation, path)
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
        try user.process.disk.write(bytes, at: offset, to: opened("pwrite"), path)
    }

    func synchronize() throws(FileError) {
        try user.process.disk.synchronize(opened("fdatasync"), path)
    }

    func allocate(byteCount: Int) throws(FileError) {
        let file = try opened("fallocate")
        guard byteCount > file.current.byteCount else { return }
        try user.process.disk.resize(
            file, to: byteCount, operation: "fallocate", path)
    }

    func truncate(to byteCount: Int) throws(FileError) {
        try user.process.disk.resize(
            opened("ftruncate"), to: byteCount, operation: "ftruncate", path)
    }

    func close() {
        user.process.world.requireThread()
        file = nil
    }
}
