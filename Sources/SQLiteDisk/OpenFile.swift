import CSQLite
import Environment
import Synchronization

/// A file that SQLite has open. One connection uses it, on one thread at a time.
//
// Proof of `Sendable`: SQLite calls a file's methods only under the mutex, or the promise, that
// keeps its connection to one thread at a time; what files share is behind the disk's mutex.
final class OpenFile: @unchecked Sendable {
    let path: String
    private let disk: SQLiteDisk
    private let file: any File
    /// The file was made, and its name is not synced yet.
    private var isNameUnsynced: Bool
    private let isRemovedAtClose: Bool

    init(
        _ file: any File, path: String, of disk: SQLiteDisk, isNameUnsynced: Bool,
        isRemovedAtClose: Bool
    ) {
        self.file = file
        self.path = path
        self.disk = disk
        self.isNameUnsynced = isNameUnsynced
        self.isRemovedAtClose = isRemovedAtClose
        disk.tables.withLock { $0.openFileCount += 1 }
    }

    private var identity: ObjectIdentifier { ObjectIdentifier(self) }

    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    func close() -> Int32 {
        unmapShared()
        _ = unlock(to: SQLITE_LOCK_NONE)
        file.close()
        if isRemovedAtClose { _ = disk.delete(path, isSynced: false) }
        disk.tables.withLock { $0.openFileCount -= 1 }
        return SQLITE_OK
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int32 {
        do throws(FileError) {
            let bytes = try file.read(at: Int(offset), count: buffer.count)
            unsafe buffer.copyBytes(from: bytes)
            guard bytes.count < buffer.count else { return SQLITE_OK }
            // SQLite counts on zeros behind the end of the file.
            for position in bytes.count..<buffer.count { unsafe buffer[position] = 0 }
            return FileCode.shortRead
        } catch {
            return FileCode.read
        }
    }

    func write(_ buffer: UnsafeRawBufferPointer, at offset: Int64) -> Int32 {
        do throws(FileError) {
            try file.write(unsafe Array(buffer), at: Int(offset))
            return SQLITE_OK
        } catch {
            return FileCode.ofWrite(error)
        }
    }

    func truncate(to byteCount: Int64) -> Int32 {
        do throws(FileError) {
            try file.truncate(to: Int(byteCount))
            return SQLITE_OK
        } catch {
            return FileCode.truncate
        }
    }

    func synchronize() -> Int32 {
        do throws(FileError) {
            try file.synchronize()
        } catch {
            return FileCode.synchronize
        }
        if isNameUnsynced {
            // `unixSync` asks once, and takes no error of it: without its name a log is lost whole,
            // and with it what no checkpoint has promised.
            try? disk.files.synchronizeDirectory(Self.folder(of: path))
            isNameUnsynced = false
        }
        return SQLITE_OK
    }

    /// nil for an error.
    func byteCount() -> Int64? {
        do throws(FileError) {
            return Int64(try file.byteCount())
        } catch {
            return nil
        }
    }

    // MARK: Locks and shared memory

    func lock(to level: Int32) -> Int32 {
        disk.tables.withLock { tables in
            tables.locks[path, default: FileLocks()].lock(to: level, by: identity)
                ? SQLITE_OK : SQLITE_BUSY
        }
    }

    func unlock(to level: Int32) -> Int32 {
        disk.tables.withLock { tables in
            tables.locks[path]?.unlock(to: level, by: identity)
            if tables.locks[path]?.isFree == true { tables.locks[path] = nil }
        }
        return SQLITE_OK
    }

    var isReserved: Bool {
        disk.tables.withLock { $0.locks[path]?.isReserved == true }
    }

    /// The address of a piece of the shared memory; nil where there is none and none is to be made.
    func mapShared(
        _ region: Int, byteCount: Int, isMade: Bool
    ) -> UnsafeMutableRawPointer? {
        let address = disk.tables.withLock { tables in
            tables.shared[path, default: SharedMemory()]
                .map(region, byteCount: byteCount, isMade: isMade, for: identity)
        }
        return unsafe address.flatMap { unsafe UnsafeMutableRawPointer(bitPattern: $0) }
    }

    func lockShared(_ slots: Range<Int>, isExclusive: Bool) -> Int32 {
        disk.tables.withLock { tables in
            tables.shared[path, default: SharedMemory()]
                .lock(slots, isExclusive: isExclusive, by: identity) ? SQLITE_OK : SQLITE_BUSY
        }
    }

    func unlockShared(_ slots: Range<Int>) {
        disk.tables.withLock { $0.shared[path]?.unlock(slots, by: identity) }
    }

    /// The last one to let go frees the memory.
    func unmapShared() {
        disk.tables.withLock { tables in
            tables.shared[path]?.leave(identity)
            if tables.shared[path]?.isUnused == true { tables.shared[path] = nil }
        }
    }
}
