import CSQLite
import Environment
import Primitives

/// What SQLite calls on a disk, as C functions. Pointers are SQLite's and used within the call
/// only.
enum DiskCalls {
    /// The longest path; one of a node's data folder is far shorter.
    private static let pathByteCountMax: Int32 = 4096

    static func fill(_ system: inout sqlite3_vfs) {
        unsafe system.iVersion = 2
        unsafe system.szOsFile = Int32(FileSlot.byteCount)
        unsafe system.mxPathname = pathByteCountMax
        unsafe system.xOpen = { system, name, file, flags, outFlags in
            guard let disk = unsafe DiskCalls.disk(system), let file = unsafe file else {
                return SQLITE_MISUSE
            }
            return unsafe disk.open(name, file, flags, outFlags)
        }
        unsafe system.xDelete = { system, name, isSynced in
            guard let disk = unsafe DiskCalls.disk(system), let path = unsafe DiskCalls.text(name)
            else { return FileCode.delete }
            return disk.delete(path, isSynced: isSynced != 0)
        }
        unsafe system.xAccess = { system, name, flags, result in
            guard let disk = unsafe DiskCalls.disk(system), let path = unsafe DiskCalls.text(name)
            else { return FileCode.access }
            let isFound = disk.hasContent(path, mayBeEmpty: flags != SQLITE_ACCESS_EXISTS)
            unsafe result?.pointee = isFound ? 1 : 0
            return SQLITE_OK
        }
        unsafe system.xFullPathname = { _, name, count, full in
            guard let name = unsafe name, let full = unsafe full, count > 0 else {
                return SQLITE_CANTOPEN
            }
            // A path of a disk's file begins at its root.
            var position = 0
            while position < Int(count) {
                unsafe full[position] = unsafe name[position]
                if unsafe name[position] == 0 { return SQLITE_OK }
                position += 1
            }
            return SQLITE_CANTOPEN
        }
        unsafe fillMachine(&system)
    }

    /// Libraries, chance, sleep and time.
    private static func fillMachine(_ system: inout sqlite3_vfs) {
        unsafe system.xDlOpen = { _, _ in nil }
        unsafe system.xDlError = { _, count, text in
            if count > 0 { unsafe text?.pointee = 0 }
        }
        unsafe system.xDlSym = { _, _, _ in nil }
        unsafe system.xDlClose = { _, _ in }
        unsafe system.xRandomness = { system, count, bytes in
            guard let disk = unsafe DiskCalls.disk(system), let bytes = unsafe bytes, count > 0
            else { return 0 }
            for (position, byte) in disk.random.bytes(Int(count)).enumerated() {
                unsafe bytes[position] = CChar(bitPattern: byte)
            }
            return count
        }
        // Who holds a lock holds it within one piece of work of a worker: there is nobody to wait
        // for, and time passes between pieces of work only.
        unsafe system.xSleep = { _, microseconds in microseconds }
        unsafe system.xCurrentTime = { system, days in
            guard let disk = unsafe DiskCalls.disk(system) else { return SQLITE_ERROR }
            unsafe days?.pointee = Double(disk.julianMilliseconds) / 86_400_000
            return SQLITE_OK
        }
        unsafe system.xCurrentTimeInt64 = { system, milliseconds in
            guard let disk = unsafe DiskCalls.disk(system) else { return SQLITE_ERROR }
            unsafe milliseconds?.pointee = disk.julianMilliseconds
            return SQLITE_OK
        }
        unsafe system.xGetLastError = { _, _, _ in 0 }
    }

    /// The disk behind SQLite's structure. It lives, as it holds the registration.
    private static func disk(_ system: UnsafeMutablePointer<sqlite3_vfs>?) -> SQLiteDisk? {
        guard let context = unsafe system?.pointee.pAppData else { return nil }
        return unsafe Unmanaged<SQLiteDisk>.fromOpaque(context).takeUnretainedValue()
    }

    private static func text(_ name: UnsafePointer<CChar>?) -> String? {
        guard let name = unsafe name else { return nil }
        return unsafe String(cString: name)
    }
}

extension SQLiteDisk {
    func open(
        _ name: UnsafePointer<CChar>?, _ place: UnsafeMutablePointer<sqlite3_file>,
        _ flags: Int32, _ outFlags: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        // Without methods SQLite does not close what was not opened.
        unsafe place.pointee.pMethods = nil
        // A temporary file: a node keeps them in memory.
        guard let name = unsafe name else { return SQLITE_CANTOPEN }
        do throws(FileError) {
            let file = try open(unsafe String(cString: name), flags)
            unsafe FileSlot.fill(place, with: file)
            unsafe outFlags?.pointee = flags
            return SQLITE_OK
        } catch {
            // As `unixOpen`, which says so of a full disk, too.
            return SQLITE_CANTOPEN
        }
    }

    private func open(_ path: String, _ flags: Int32) throws(FileError) -> OpenFile {
        let isMade = flags & SQLITE_OPEN_CREATE != 0 && !files.exists(path)
        let file = try files.open(path, create: isMade)
        // The name of a log is synced with its content, that of the database by whoever made it.
        let named = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL
        return OpenFile(
            file, path: path, of: self, isNameUnsynced: isMade && flags & named != 0,
            isRemovedAtClose: flags & SQLITE_OPEN_DELETEONCLOSE != 0)
    }

    func delete(_ path: String, isSynced: Bool) -> Int32 {
        guard files.exists(path) else { return FileCode.deleteMissing }
        do throws(FileError) {
            try files.remove(path)
        } catch {
            return FileCode.delete
        }
        guard isSynced else { return SQLITE_OK }
        do throws(FileError) {
            try files.synchronizeDirectory(OpenFile.folder(of: path))
            return SQLITE_OK
        } catch {
            return FileCode.synchronizeFolder
        }
    }

    /// - Parameter mayBeEmpty: false where an empty file counts as none (`unixAccess`).
    func hasContent(_ path: String, mayBeEmpty: Bool) -> Bool {
        guard files.exists(path) else { return false }
        if mayBeEmpty { return true }
        do throws(FileError) {
            let file = try files.open(path, create: false)
            defer { file.close() }
            return try file.byteCount() > 0
        } catch {
            return false
        }
    }
}
