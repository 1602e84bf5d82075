import Environment
import GRDB
import Glibc
import Primitives

/// The file under a store: that it exists, is ours, and is for its owner's eyes only.
enum StateFile {
    private static let ownerOnly: mode_t = 0o600

    /// Makes the file if need be, and otherwise checks it without changing anything in it.
    static func prepare(_ path: String, on medium: StateMedium) throws(StateStoreError) {
        switch medium {
        case .machine:
            guard try create(path) else {
                try restrict(path)
                return try checkSchema(path, on: medium)
            }
            try synchronizeDirectory(of: path)
        case .mounted(_, let files):
            guard !files.exists(path) else { return try checkSchema(path, on: medium) }
            try create(path, in: files)
        }
    }

    /// The same steps where files have no mode.
    private static func create(
        _ path: String, in files: any FileSystem
    ) throws(StateStoreError) {
        do throws(FileError) {
            try files.open(path, create: true).close()
            try files.synchronizeDirectory(folder(of: path))
        } catch {
            throw .open(path: path, reason: error.reason)
        }
    }

    /// SQLite gives its `-wal` and `-shm` files the mode of the database, so that making the file
    /// before SQLite does is enough.
    ///
    /// - Returns: false if the file was there. A file that may be open is never opened here, since
    ///   closing any descriptor of a file drops the process's POSIX locks on it, SQLite's too.
    private static func create(_ path: String) throws(StateStoreError) -> Bool {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, ownerOnly)
        guard descriptor >= 0 else {
            guard errno == EEXIST else { throw failure(path) }
            return false
        }
        // The process's umask may have taken away more than it should; fchmod does not ask it.
        guard fchmod(descriptor, ownerOnly) == 0 else {
            Glibc.close(descriptor)
            throw failure(path)
        }
        Glibc.close(descriptor)
        return true
    }

    /// Syncs the write-ahead log of the store at `path`, if it can be opened: a checkpoint does not
    /// need that it was. SQLite takes no locks on it that a descriptor's end could drop.
    static func synchronizeLog(of path: String) throws(StateStoreError) {
        let descriptor = Glibc.open(path + "-wal", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { Glibc.close(descriptor) }
        guard fdatasync(descriptor) == 0 else {
            throw .io(operation: "sync the log", code: ResultCode.SQLITE_IOERR_FSYNC.rawValue)
        }
    }

    /// Opening for writing would already change the file, so the look comes first.
    private static func checkSchema(
        _ path: String, on medium: StateMedium
    ) throws(StateStoreError) {
        let connection = try StateConnection.readOnly(path: path, on: medium)
        do {
            try connection.reader.close()
        } catch {
            throw StateStoreError(error, opening: path)
        }
    }

    private static func restrict(_ path: String) throws(StateStoreError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure(path) }
        guard status.st_mode & 0o077 != 0 else { return }
        guard chmod(path, ownerOnly) == 0 else { throw failure(path) }
    }

    /// A name that was just made is lost with the power unless its folder is synced.
    private static func synchronizeDirectory(of path: String) throws(StateStoreError) {
        let folder = folder(of: path)
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(folder) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(folder) }
    }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    }

    private static func failure(_ path: String) -> StateStoreError {
        .open(path: path, reason: String(cString: strerror(errno)))
    }
}
