import Crypto
import Glibc
import Primitives

/// The file that keeps a development vault's master key: 8 bytes of name and version, 32 of key and
/// the CRC-32C of both, little-endian.
enum KeyFile {
    private static let magic = Array("sunnyvk1".utf8)
    private static let byteCount = magic.count + SoftwareKeyVault.keyByteCount + 4
    private static let ownerOnly: mode_t = 0o600

    /// The key in the file, which is made with a new key when it does not exist.
    ///
    /// A new file gets its name only when it is whole and synced; of two processes that make one at
    /// the same time, one succeeds and the other reads that one's.
    static func readOrMake(_ path: String) throws(VaultError) -> Secret<[UInt8]> {
        if let key = try read(path) { return key }
        try make(path)
        guard let key = try read(path) else {
            throw .keyFile(path: path, operation: "open", reason: "it vanished")
        }
        return key
    }

    /// - Returns: nil when there is no file.
    private static func read(_ path: String) throws(VaultError) -> Secret<[UInt8]>? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw failure("open", path) }
            return nil
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure("fstat", path) }
        guard status.st_mode & 0o077 == 0, status.st_uid == geteuid() else {
            throw .keyFileExposed(path: path)
        }
        // One byte more than there should be, so that a longer file is noticed.
        var bytes = [UInt8](repeating: 0, count: byteCount + 1)
        defer { wipe(&bytes) }
        let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw failure("read", path) }
        guard count == byteCount, bytes.starts(with: magic),
            CRC32C.checksum(bytes[..<(byteCount - 4)]) == checksum(in: bytes)
        else { throw .keyFileDamaged(path: path) }
        return Secret(Array(bytes[magic.count..<(byteCount - 4)]))
    }

    private static func checksum(in bytes: [UInt8]) -> UInt32 {
        bytes[(byteCount - 4)..<byteCount].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func make(_ path: String) throws(VaultError) {
        // The name has the process in it, so that two that start together do not share it.
        let draft = "\(path).\(getpid()).new"
        unsafe unlink(draft)
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, ownerOnly)
        guard descriptor >= 0 else { throw failure("open", draft) }
        defer { unsafe unlink(draft) }
        do {
            defer { close(descriptor) }
            try write(to: descriptor, draft)
        }
        // Unlike rename, link does not replace a key that somebody made meanwhile.
        guard unsafe link(draft, path) == 0 || errno == EEXIST else {
            throw failure("link", path)
        }
        try synchronizeDirectory(of: path)
    }

    private static func write(to descriptor: Int32, _ path: String) throws(VaultError) {
        guard fchmod(descriptor, ownerOnly) == 0 else { throw failure("fchmod", path) }
        // The key comes from the system's generator and not from the injected one: a file outlives
        // the run, and a seed must not be enough to open what was sealed under it.
        var bytes = magic
        bytes.reserveCapacity(byteCount)
        unsafe SymmetricKey(size: .bits256).withUnsafeBytes {
            unsafe bytes.append(contentsOf: $0)
        }
        defer { wipe(&bytes) }
        let checksum = CRC32C.checksum(bytes)
        for shift in stride(from: 0, to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: checksum >> UInt32(shift)))
        }
        guard unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw failure("write", path)
        }
        guard fsync(descriptor) == 0 else { throw failure("fsync", path) }
    }

    /// A name that was just made is lost with the power unless its folder is synced.
    private static func synchronizeDirectory(of path: String) throws(VaultError) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("fsync", folder) }
    }

    private static func failure(_ operation: StaticName, _ path: String) -> VaultError {
        unsafe .keyFile(
            path: path, operation: operation, reason: String(cString: strerror(errno)))
    }
}
