import CSQLite
import Synchronization

/// What SQLite has of an open file: its own structure, and behind it our reference, in memory that
/// SQLite allocates by `szOsFile` and zeroes before it opens.
enum FileSlot {
    private static let offset = unsafe MemoryLayout<sqlite3_file>.stride
    static let byteCount = offset + (unsafe MemoryLayout<UnsafeMutableRawPointer>.stride)

    /// Holds the file until `take`. From here on SQLite closes it.
    static func fill(_ place: UnsafeMutablePointer<sqlite3_file>, with file: OpenFile) {
        let reference = unsafe Unmanaged.passRetained(file).toOpaque()
        unsafe UnsafeMutableRawPointer(place).storeBytes(
            of: reference, toByteOffset: offset, as: UnsafeMutableRawPointer.self)
        unsafe place.pointee.pMethods = unsafe FileCalls.shared.pointer
    }

    /// The file of a place that `fill` has filled: SQLite has the methods from there only.
    static func file(_ place: UnsafeMutablePointer<sqlite3_file>?) -> OpenFile? {
        guard let reference = unsafe reference(place) else { return nil }
        return unsafe Unmanaged<OpenFile>.fromOpaque(reference).takeUnretainedValue()
    }

    /// The same, given up: SQLite closes a file once.
    static func take(_ place: UnsafeMutablePointer<sqlite3_file>?) -> OpenFile? {
        guard let reference = unsafe reference(place) else { return nil }
        return unsafe Unmanaged<OpenFile>.fromOpaque(reference).takeRetainedValue()
    }

    private static func reference(
        _ place: UnsafeMutablePointer<sqlite3_file>?
    ) -> UnsafeMutableRawPointer? {
        guard let place = unsafe place else { return nil }
        return unsafe UnsafeRawPointer(place).load(
            fromByteOffset: offset, as: UnsafeMutableRawPointer.self)
    }
}

/// What SQLite calls on an open file, as C functions. Pointers are SQLite's and used within the
/// call only.
//
// Proof of `Sendable`: written once, before anybody has the pointer, and never freed.
@safe final class FileCalls: @unchecked Sendable {
    static let shared = FileCalls()
    let pointer: UnsafePointer<sqlite3_io_methods>

    private init() {
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        unsafe methods.initialize(to: sqlite3_io_methods())
        unsafe methods.pointee.iVersion = 2
        unsafe Self.fillContent(&methods.pointee)
        unsafe Self.fillLocks(&methods.pointee)
        unsafe Self.fillSharedMemory(&methods.pointee)
        unsafe pointer = unsafe UnsafePointer(methods)
    }

    private static func fillContent(_ methods: inout sqlite3_io_methods) {
        unsafe methods.xClose = { place in unsafe FileSlot.take(place)?.close() ?? SQLITE_OK }
        unsafe methods.xRead = { place, bytes, count, offset in
            guard let file = unsafe FileSlot.file(place) else { return FileCode.read }
            return unsafe file.read(
                into: UnsafeMutableRawBufferPointer(start: bytes, count: Int(count)), at: offset)
        }
        unsafe methods.xWrite = { place, bytes, count, offset in
            guard let file = unsafe FileSlot.file(place) else { return FileCode.write }
            return unsafe file.write(
                UnsafeRawBufferPointer(start: bytes, count: Int(count)), at: offset)
        }
        unsafe methods.xTruncate = { place, byteCount in
            unsafe FileSlot.file(place)?.truncate(to: byteCount) ?? FileCode.truncate
        }
        unsafe methods.xSync = { place, _ in
            unsafe FileSlot.file(place)?.synchronize() ?? FileCode.synchronize
        }
        unsafe methods.xFileSize = { place, result in
            guard let count = unsafe FileSlot.file(place)?.byteCount() else {
                return FileCode.status
            }
            unsafe result?.pointee = count
            return SQLITE_OK
        }
        // Nothing that a node asks for is more than a hint.
        unsafe methods.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
        // Both as `os_unix.c` has them: what is beside a write is not touched by it.
        unsafe methods.xSectorSize = { _ in 4096 }
        unsafe methods.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
    }

    private static func fillLocks(_ methods: inout sqlite3_io_methods) {
        unsafe methods.xLock = { place, level in
            unsafe FileSlot.file(place)?.lock(to: level) ?? SQLITE_MISUSE
        }
        unsafe methods.xUnlock = { place, level in
            unsafe FileSlot.file(place)?.unlock(to: level) ?? SQLITE_MISUSE
        }
        unsafe methods.xCheckReservedLock = { place, result in
            guard let file = unsafe FileSlot.file(place) else { return SQLITE_MISUSE }
            unsafe result?.pointee = file.isReserved ? 1 : 0
            return SQLITE_OK
        }
    }

    private static func fillSharedMemory(_ methods: inout sqlite3_io_methods) {
        unsafe methods.xShmMap = { place, region, byteCount, isMade, result in
            guard let file = unsafe FileSlot.file(place) else { return SQLITE_MISUSE }
            unsafe result?.pointee = unsafe file.mapShared(
                Int(region), byteCount: Int(byteCount), isMade: isMade != 0)
            return SQLITE_OK
        }
        unsafe methods.xShmLock = { place, offset, count, flags in
            guard let file = unsafe FileSlot.file(place) else { return SQLITE_MISUSE }
            let slots = Int(offset)..<Int(offset + count)
            if flags & SQLITE_SHM_UNLOCK != 0 {
                file.unlockShared(slots)
                return SQLITE_OK
            }
            return file.lockShared(slots, isExclusive: flags & SQLITE_SHM_EXCLUSIVE != 0)
        }
        unsafe methods.xShmBarrier = { _ in
            atomicMemoryFence(ordering: .sequentiallyConsistent)
        }
        unsafe methods.xShmUnmap = { place, _ in
            unsafe FileSlot.file(place)?.unmapShared()
            return SQLITE_OK
        }
    }
}
