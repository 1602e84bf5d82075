import CProcess
import FoundationEssentials
import Glibc
import Operations

/// Small files, whole.
enum Files {
    /// nil when there is none.
    static func read(_ path: String) -> [UInt8]? {
        FileManager.default.contents(atPath: path).map { Array($0) }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// What is in a folder, sorted.
    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    /// Copies a small file, for its owner only.
    static func copy(_ path: String, to copy: String) throws(CommandFailure) {
        guard let bytes = read(path) else { throw failure("read", path) }
        try write(bytes, to: copy)
    }

    /// Replaces the file in one step, readable by its owner only: whoever looks sees all of the old
    /// content or all of the new.
    static func write(_ text: String, to path: String) throws(CommandFailure) {
        try write(Array(text.utf8), to: path)
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
        let draft = "\(path).\(getpid()).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("write", draft) }
        let isWritten = Console.write(bytes, to: descriptor) && fsync(descriptor) == 0
        let failed = isWritten ? 0 : errno
        close(descriptor)
        errno = failed
        guard isWritten, rename(draft, path) == 0 else {
            let failure = failure("write", path)
            unlink(draft)
            throw failure
        }
    }

    /// Makes a folder for its owner only, and those above it.
    static func makeFolder(_ path: String) throws(CommandFailure) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw CommandFailure(
                .unavailable, "the folder cannot be made", at: path,
                remedy: "look at who owns the folders above it, and whether there is room")
        }
    }

    static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path from the root, without links in it; as it is when it does not exist.
    static func absolute(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else {
            return path.hasPrefix("/")
                ? path : FileManager.default.currentDirectoryPath + "/" + path
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func failure(_ operation: String, _ path: String) -> CommandFailure {
        CommandFailure(
            .unavailable, "cannot \(operation) it: \(String(cString: strerror(errno)))", at: path,
            remedy: "look at who owns the folder, and whether there is room")
    }
}

/// An advisory lock on a file, held until the value or its process goes.
final class FileLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock; nil when another process holds it.
    init?(_ path: String, waits: Bool = false) throws(CommandFailure) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure(
                .unavailable, "cannot open it: \(String(cString: strerror(errno)))", at: path,
                remedy: "look at who owns the folder")
        }
        let code = sunny_lock_file(descriptor, 1, waits ? 1 : 0)
        guard code == 0 else {
            close(descriptor)
            guard code == EWOULDBLOCK else {
                throw CommandFailure(
                    .unavailable, "cannot lock it: \(String(cString: strerror(code)))", at: path,
                    remedy: "use a file system that has locks")
            }
            return nil
        }
    }

    deinit { close(descriptor) }
}
