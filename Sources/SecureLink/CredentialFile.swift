import Glibc
import Primitives

/// Files of certificates and keys.
enum CredentialFile {
    /// A certificate of ours is under 1 KiB; 64 KiB hold a chain and dozens of authorities.
    static let byteCountMax = 65_536

    private static let ownerOnly: mode_t = 0o600

    /// All of a file. A secret one has to be a regular file that nobody but this user may read.
    static func read(
        _ path: String, isSecret: Bool
    ) throws(LinkCredentialError) -> SensitiveBytes {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure("fstat", path) }
        if isSecret {
            guard status.st_mode & 0o077 == 0, status.st_uid == geteuid() || status.st_uid == 0
            else { throw .keyExposed(path: path) }
        }
        // One byte more than there may be, so that a longer file is noticed.
        var part = [UInt8](repeating: 0, count: byteCountMax + 1)
        defer { wipe(&part) }
        let bytes = SensitiveBytes(capacity: byteCountMax)
        while true {
            let count = unsafe Glibc.read(descriptor, &part, part.count - bytes.count)
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { return bytes }
            guard bytes.count + count <= byteCountMax else {
                throw .fileTooLong(path: path, maximum: byteCountMax)
            }
            bytes.append(part[..<count])
        }
    }

    /// Replaces a file: whoever reads it sees the old one or the new one, and after a loss of power
    /// it is one of the two. Only its owner may read it.
    static func write(_ bytes: SensitiveBytes, to path: String) throws(LinkCredentialError) {
        // The name has the process in it, so that two that write at once do not share it.
        let draft = "\(path).\(getpid()).new"
        unsafe unlink(draft)
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, ownerOnly)
        guard descriptor >= 0 else { throw failure("open", draft) }
        defer { unsafe unlink(draft) }
        do {
            defer { close(descriptor) }
            guard fchmod(descriptor, ownerOnly) == 0 else { throw failure("fchmod", draft) }
            let count = unsafe bytes.read { bytes in
                unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            }
            guard count == bytes.count else { throw failure("write", draft) }
            guard fsync(descriptor) == 0 else { throw failure("fsync", draft) }
        }
        try rename(draft, to: path)
    }

    /// Gives a file the name of another one, which is gone then; after a loss of power it has one
    /// name or the other.
    static func rename(_ path: String, to other: String) throws(LinkCredentialError) {
        guard unsafe Glibc.rename(path, other) == 0 else { throw failure("rename", other) }
        try synchronizeFolder(of: other)
    }

    /// Makes a folder for its owner only, if there is none.
    static func makeFolder(_ path: String) throws(LinkCredentialError) {
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw failure("mkdir", path)
        }
    }

    /// A name that was just made is lost with the power unless its folder is synced.
    private static func synchronizeFolder(of path: String) throws(LinkCredentialError) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("fsync", folder) }
    }

    private static func failure(_ operation: StaticName, _ path: String) -> LinkCredentialError {
        .file(path: path, operation: operation, reason: unsafe String(cString: strerror(errno)))
    }
}

/// Not inlined, so that nobody sees that the zeros are never read and leaves them out.
@inline(never)
private func wipe(_ bytes: inout [UInt8]) {
    for index in bytes.indices { bytes[index] = 0 }
}
