import CSQLite
import Glibc

/// The structure that SQLite keeps of a disk; one owner, which frees it after it is taken back.
//
// Proof of `Sendable`: the memory is written before SQLite learns of it and after it has forgotten
// it. In between only SQLite writes to it, to `pNext`, under its own mutex.
@safe final class Registration: @unchecked Sendable {
    private let system: UnsafeMutablePointer<sqlite3_vfs>
    private var isActive = false

    init(name: String) throws(SQLiteDiskError) {
        unsafe system = .allocate(capacity: 1)
        unsafe system.initialize(to: sqlite3_vfs())
        guard let copy = unsafe strdup(name) else { throw .refused(SQLITE_NOMEM) }
        unsafe system.pointee.zName = unsafe UnsafePointer(copy)
    }

    /// Tells SQLite of the disk, which is not made the default.
    func activate(for disk: SQLiteDisk) throws(SQLiteDiskError) {
        // Not retained: the disk ends the registration before it is gone.
        unsafe system.pointee.pAppData = unsafe Unmanaged.passUnretained(disk).toOpaque()
        unsafe DiskCalls.fill(&system.pointee)
        let code = unsafe sqlite3_vfs_register(system, 0)
        guard code == SQLITE_OK else { throw .refused(code) }
        isActive = true
    }

    deinit {
        if isActive { unsafe sqlite3_vfs_unregister(system) }
        unsafe free(UnsafeMutableRawPointer(mutating: system.pointee.zName))
        unsafe system.deinitialize(count: 1)
        unsafe system.deallocate()
    }
}
