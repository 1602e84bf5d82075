public import Environment
import Glibc

/// The machine's disk. Files are made readable for their owner alone (0600), folders too (0700).
public struct PosixFileSystem: FileSystem {
    public init() {}

    public func createDirectory(_ path: String) throws(FileError) {
        var partial = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            let parent = partial.isEmpty ? "." : partial
            partial += partial.isEmpty || partial.hasSuffix("/") ? part : "/" + part
            if mkdir(partial, 0o700) == 0 {
                try synchronizeDirectory(parent)
            } else if errno != EEXIST {
                throw FileError("mkdir", partial, errno)
            }
        }
        guard try isDirectory(path) else { throw FileError("mkdir", path, ENOTDIR) }
    }

    public func list(_ path: String) throws(FileError) -> [String] {
        guard let stream = opendir(path) else { throw FileError("opendir", path, errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) {
                    String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw FileError("readdir", path, errno) }
        return names.sorted()
    }

    public func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }

    public func open(_ path: String, create: Bool) throws(FileError) -> any File {
        let flags = O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0)
        let descriptor = try openDescriptor(path, flags)
        return PosixFile(owning: descriptor, path: path)
    }

    public func rename(_ path: String, to newPath: String) throws(FileError) {
        guard Glibc.rename(path, newPath) == 0 else { throw FileError("rename", path, errno) }
    }

    public func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 else { throw FileError("unlink", path, errno) }
    }

    public func synchronizeDirectory(_ path: String) throws(FileError) {
        let descriptor = try openDescriptor(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError("fsync", path, errno) }
    }

    private func isDirectory(_ path: String) throws(FileError) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileError("stat", path, errno) }
        return status.st_mode & S_IFMT == S_IFDIR
    }

    private func openDescriptor(_ path: String, _ flags: Int32) throws(FileError) -> Int32 {
        while true {
            let descriptor = Glibc.open(path, flags, 0o600)
            if descriptor >= 0 { return descriptor }
            guard errno == EINTR else { throw FileError("open", path, errno) }
        }
    }
}

extension FileError {
    /// The error of a system call, with the system's words for it.
    init(_ operation: String, _ path: String, _ code: Int32) {
        var buffer = [CChar](repeating: 0, count: 256)
        let reason = buffer.withUnsafeMutableBufferPointer { buffer in
            strerror_r(code, buffer.baseAddress!, buffer.count) == 0
                ? String(cString: buffer.baseAddress!) : "error \(code)"
        }
        self.init(operation: operation, path: path, code: code, reason: reason)
    }
}
