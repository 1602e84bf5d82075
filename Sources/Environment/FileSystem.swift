/// Why a file operation failed.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The operation, as its system call is called: `open`, `pwrite`, `fdatasync`.
    public let operation: String
    public let path: String
    /// The `errno` value.
    public let code: Int32
    /// What the system says of the code.
    public let reason: String

    public init(operation: String, path: String, code: Int32, reason: String) {
        self.operation = operation
        self.path = path
        self.code = code
        self.reason = reason
    }

    public var description: String { "\(operation) \(path): \(reason) (errno \(code))" }
}

/// The node's disk. Every call blocks: only on a `BlockingWorker`, or before the node starts.
///
/// What was written counts as durable after `File.synchronize`, and a name after
/// `synchronizeDirectory`; until then a crash may keep all, some or nothing of it.
public protocol FileSystem: Sendable {
    /// Makes the folder and the folders above it, where they do not exist.
    func createDirectory(_ path: String) throws(FileError)
    /// The names in a folder, sorted.
    func list(_ path: String) throws(FileError) -> [String]
    func exists(_ path: String) -> Bool
    /// Opens for reading and writing; makes the file when `create` says so.
    func open(_ path: String, create: Bool) throws(FileError) -> any File
    func rename(_ path: String, to newPath: String) throws(FileError)
    func remove(_ path: String) throws(FileError)
    /// Makes names that were created, renamed or removed in the folder durable.
    func synchronizeDirectory(_ path: String) throws(FileError)
}

/// An open file. One owner; closed when the last reference goes, or by `close`.
public protocol File: AnyObject, Sendable {
    func byteCount() throws(FileError) -> Int
    /// Up to `count` bytes at `offset`; fewer only at the end of the file.
    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8]
    /// Writes all of `bytes` at `offset`, growing the file where needed.
    func write(_ bytes: [UInt8], at offset: Int) throws(FileError)
    /// `fdatasync`: what was written before is durable when it returns. An error is final: what was
    /// dropped by the system cannot be known, so the caller ends the process.
    func synchronize() throws(FileError)
    /// Reserves space, so that later writes change no metadata. Reads of it give zeros.
    func allocate(byteCount: Int) throws(FileError)
    func truncate(to byteCount: Int) throws(FileError)
    func close()
}
