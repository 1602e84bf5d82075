import Environment
import Primitives

/// The journal's folder: its segments, the spares that segments are written over, and the reserve.
/// A value that blocks; its owner is on the worker's thread, or opens the journal.
struct SegmentFolder: Sendable {
    let fileSystem: any FileSystem
    let directory: String
    /// The size of a spare, and of a segment that can become one.
    let segmentByteCount: Int
    let reserveByteCount: Int
    /// The names of spares, oldest first.
    private(set) var spares: [String] = []
    /// What is left of old segments that go piece by piece, under names of spares; oldest first.
    private(set) var discarded: [String] = []
    private(set) var isReserveHeld = false

    /// One spare is written over while the next becomes one; more would only take room.
    static let spareCountMax = 2
    /// How much of an old segment goes at once: a file system takes some milliseconds for it, and
    /// for 64 MiB thirty, in which no batch would be written.
    static let discardByteCount = 4 << 20

    init(
        _ fileSystem: any FileSystem, directory: String, segmentByteCount: Int,
        reserveByteCount: Int
    ) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.segmentByteCount = segmentByteCount
        self.reserveByteCount = reserveByteCount
    }

    func path(_ name: String) -> String { directory + "/" + name }

    func path(ofSegment sequence: UInt64) -> String {
        path(JournalFormat.fileName(ofSegment: sequence))
    }

    /// Removes the spares of an earlier life, and makes the reserve if there is room for it. Where
    /// renaming is not one step on the disk, such a spare might be a segment by another name.
    mutating func prepare(_ names: [String]) throws(FileError) {
        for name in names where JournalFormat.isSpare(fileName: name) {
            try fileSystem.remove(path(name))
        }
        try restoreReserve()
    }

    /// Makes a segment durable with its name, before anything is written to it.
    mutating func begin(_ segment: JournalWriter.SegmentStart) throws(FileError) -> any File {
        let path = path(ofSegment: segment.sequence)
        if segment.isRecycled, let spare = spares.first {
            // The header stands before the name says that the file is a segment.
            let file = try fileSystem.open(self.path(spare), create: false)
            try write(segment, to: file)
            try fileSystem.rename(self.path(spare), to: path)
            spares.removeFirst()
            try fileSystem.synchronizeDirectory(directory)
            return file
        }
        let file = try fileSystem.open(path, create: true)
        do throws(FileError) {
            // A crash may have left a file of this name without a header.
            try file.truncate(to: 0)
            try write(segment, to: file)
        } catch {
            // What it has taken of a full disk is given back.
            if error.isNoRoom { try? file.truncate(to: 0) }
            throw error
        }
        try fileSystem.synchronizeDirectory(directory)
        return file
    }

    private func write(
        _ segment: JournalWriter.SegmentStart, to file: any File
    ) throws(FileError) {
        try file.allocate(byteCount: segment.byteCount)
        try file.write(segment.header, at: 0)
        try file.synchronize()
    }

    /// Removes old segments, oldest first, or makes spares of them, or leaves them to
    /// `discardPiece`. The folder is synchronized after each, so that no crash can leave a gap, nor
    /// give a spare its old name back.
    mutating func remove(_ segments: [UInt64]) throws(FileError) {
        for segment in segments {
            let old = path(ofSegment: segment)
            let byteCount = try byteCount(of: old)
            let becomesSpare = spares.count < Self.spareCountMax && byteCount == segmentByteCount
            if becomesSpare || byteCount > Self.discardByteCount {
                let name = JournalFormat.spareFileName(ofSegment: segment)
                try fileSystem.rename(old, to: path(name))
                if becomesSpare { spares.append(name) } else { discarded.append(name) }
            } else {
                try fileSystem.remove(old)
            }
            try fileSystem.synchronizeDirectory(directory)
        }
    }

    /// Gives a piece of an old segment back to the disk. What a crash leaves of it goes with the
    /// next start, as spares do.
    ///
    /// - Returns: whether anything is left.
    mutating func discardPiece() throws(FileError) -> Bool {
        guard let name = discarded.first else { return false }
        let file = try fileSystem.open(path(name), create: false)
        defer { file.close() }
        let byteCount = try file.byteCount()
        if byteCount > Self.discardByteCount {
            try file.truncate(to: byteCount - Self.discardByteCount)
        } else {
            try fileSystem.remove(path(name))
            discarded.removeFirst()
        }
        return !discarded.isEmpty
    }

    private func byteCount(of path: String) throws(FileError) -> Int {
        let file = try fileSystem.open(path, create: false)
        defer { file.close() }
        return try file.byteCount()
    }

    /// Gives the reserve's room away, to finish what is begun; false when it is gone already.
    mutating func releaseReserve() throws(FileError) -> Bool {
        guard isReserveHeld else { return false }
        try fileSystem.remove(path(JournalFormat.reserveFileName))
        isReserveHeld = false
        return true
    }

    /// Makes the reserve where there is none; without room for it, none is held.
    mutating func restoreReserve() throws(FileError) {
        guard !isReserveHeld, reserveByteCount > 0 else { return }
        let path = path(JournalFormat.reserveFileName)
        do throws(FileError) {
            let file = try fileSystem.open(path, create: true)
            defer { file.close() }
            try file.allocate(byteCount: reserveByteCount)
            isReserveHeld = true
        } catch {
            guard error.isNoRoom else { throw error }
            if fileSystem.exists(path) { try fileSystem.remove(path) }
        }
    }
}

extension FileError {
    /// Whether there is no room, on the disk (ENOSPC) or for this user (EDQUOT). A failed sync is
    /// never that: what it has dropped cannot be known.
    package var isNoRoom: Bool {
        (code == 28 || code == 122) && operation != "fdatasync" && operation != "fsync"
    }
}
