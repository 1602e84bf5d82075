import CSQLite

/// What the open files of a disk share, by path.
struct FileTables: ~Copyable {
    var openFileCount = 0
    var locks: [String: FileLocks] = [:]
    var shared: [String: SharedMemory] = [:]
}

/// Who holds which lock on a database's file (SQLite, "File Locking And Concurrency").
struct FileLocks {
    private var levels: [ObjectIdentifier: Int32] = [:]

    var isFree: Bool { levels.isEmpty }
    var isReserved: Bool { levels.values.contains { $0 >= SQLITE_LOCK_RESERVED } }

    /// Raises the holder's lock; false where another's is in the way. Who waits for readers to end
    /// keeps others from beginning (`PENDING`).
    mutating func lock(to level: Int32, by holder: ObjectIdentifier) -> Bool {
        let own = levels[holder] ?? SQLITE_LOCK_NONE
        guard own < level else { return true }
        let highest = levels.reduce(SQLITE_LOCK_NONE) { highest, entry in
            entry.key == holder ? highest : max(highest, entry.value)
        }
        if level == SQLITE_LOCK_SHARED {
            guard highest < SQLITE_LOCK_PENDING else { return false }
        } else {
            guard highest < SQLITE_LOCK_RESERVED else { return false }
        }
        if level == SQLITE_LOCK_EXCLUSIVE, highest >= SQLITE_LOCK_SHARED {
            levels[holder] = SQLITE_LOCK_PENDING
            return false
        }
        levels[holder] = level
        return true
    }

    mutating func unlock(to level: Int32, by holder: ObjectIdentifier) {
        guard let own = levels[holder], own > level else { return }
        levels[holder] = level == SQLITE_LOCK_NONE ? nil : level
    }
}
