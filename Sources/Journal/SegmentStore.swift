package import Environment
package import Primitives
import Synchronization

/// The doing half of the journal: the folder, the open segment and the writer. Every call blocks;
/// they come one at a time, from the worker or from the opening of the journal.
package final class SegmentStore: Sendable {
    /// What writing a batch took.
    package struct Report: Hashable, Sendable {
        package var synchronizations = 0
        package var byteCount = 0
        package var segmentsBegun = 0
        package var segmentsRecycled = 0
        /// Segments that nothing needs any more.
        package var removable: [UInt64] = []
        /// The full segments that are left.
        package var closedSegmentCount = 0
        /// Who keeps the oldest of them; nil when that is as before.
        package var pinningGroups: [GroupID]?
        package var isReserveHeld = true
    }

    /// What a write came to.
    package enum Outcome: Hashable, Sendable {
        case durable(Report)
        /// Nothing is written and nothing is lost; `retry` takes it up again.
        case noRoom(FileError)
        case failed(FileError)
    }

    /// A batch that is encoded and not yet durable.
    fileprivate struct Pending {
        let batch: JournalWriter.Batch
        var report = Report()
    }

    fileprivate struct Desk {
        var folder: SegmentFolder
        var writer: JournalWriter
        var file: any File
        var pending: Pending?
        /// The oldest full segment as it was last reported: its number, and how many keep it.
        var reportedPins: [UInt64] = []
    }

    /// The lock is never contended: the worker does one piece of work at a time.
    private let desk: Mutex<Desk>

    private init(desk: Desk) {
        self.desk = Mutex(desk)
    }

    /// Writes one batch and makes it durable, beginning a segment before it where needed. Without
    /// records, the batch says that everything before it is durable.
    package func write(_ records: [JournalRecord]) -> Outcome {
        desk.withLock { desk in
            precondition(desk.pending == nil, "a batch waits for room")
            let batch = desk.writer.encodeBatch(records, hasSpare: !desk.folder.spares.isEmpty)
            desk.pending = Pending(batch: batch)
            return desk.writePending()
        }
    }

    /// Tries again to write the batch that found no room.
    package func retry() -> Outcome {
        desk.withLock { $0.writePending() }
    }

    /// Removes old segments, oldest first, or keeps them as spares.
    ///
    /// - Returns: whether something of them is left to `discardPiece`.
    @discardableResult
    package func remove(_ segments: [UInt64]) throws(FileError) -> Bool {
        try desk.withLock { desk throws(FileError) in
            try desk.folder.remove(segments)
            return !desk.folder.discarded.isEmpty
        }
    }

    /// Gives a piece of old segments back to the disk; false when nothing of them is left.
    package func discardPiece() throws(FileError) -> Bool {
        try desk.withLock { desk throws(FileError) in try desk.folder.discardPiece() }
    }

    /// Makes the reserve again if there is room for it.
    ///
    /// - Returns: whether the reserve is held.
    package func restoreReserve() throws(FileError) -> Bool {
        try desk.withLock { desk throws(FileError) in
            try desk.folder.restoreReserve()
            return desk.folder.isReserveHeld || desk.folder.reserveByteCount == 0
        }
    }
}

extension SegmentStore.Desk {
    fileprivate mutating func writePending() -> SegmentStore.Outcome {
        while true {
            do throws(FileError) {
                return .durable(try finishPending())
            } catch {
                guard error.isNoRoom else { return .failed(error) }
                do throws(FileError) {
                    guard try folder.releaseReserve() else { return .noRoom(error) }
                } catch {
                    return .failed(error)
                }
            }
        }
    }

    private mutating func finishPending() throws(FileError) -> SegmentStore.Report {
        guard let batch = pending?.batch else { preconditionFailure("no batch waits") }
        if let segment = batch.newSegment, pending?.report.segmentsBegun == 0 {
            let next = try folder.begin(segment)
            file.close()
            file = next
            pending?.report.segmentsBegun = 1
            pending?.report.segmentsRecycled = segment.isRecycled ? 1 : 0
            pending?.report.synchronizations += 1
            pending?.report.byteCount += segment.header.count
        }
        try file.write(batch.bytes, at: batch.offset)
        try file.synchronize()
        var report = pending?.report ?? SegmentStore.Report()
        pending = nil
        report.synchronizations += 1
        report.byteCount += batch.bytes.count
        report.removable = writer.takeRemovableSegments()
        report.closedSegmentCount = writer.state.closed.count
        report.pinningGroups = changedPins()
        report.isReserveHeld = folder.isReserveHeld || folder.reserveByteCount == 0
        return report
    }

    /// Who keeps the oldest full segment, when there are others than last time. Within a segment
    /// groups only go, so their count says whether any has.
    private mutating func changedPins() -> [GroupID]? {
        let oldest = writer.state.closed.first
        let pins = oldest.map { [$0.sequence, UInt64($0.highestIndex.count)] } ?? []
        guard pins != reportedPins else { return nil }
        reportedPins = pins
        return writer.state.pinningGroups
    }
}

// MARK: - Opening

extension SegmentStore {
    /// Recovers the journal in the folder, or begins one.
    package static func open(
        _ fileSystem: any FileSystem, directory: String, options: Journal.Options
    ) throws(JournalError) -> (store: SegmentStore, log: RecoveredLog) {
        var folder = SegmentFolder(
            fileSystem, directory: directory, segmentByteCount: options.segmentByteCount,
            reserveByteCount: options.reserveByteCount)
        let names = try filing { () throws(FileError) in
            try createDurably(directory, fileSystem)
            return try fileSystem.list(directory)
        }
        let (reader, newest) = try read(folder, try segments(names), owner: options.owner)
        let log = try reader.finish()
        let owner = options.owner.map { log.owner?.succeeded(by: $0) ?? $0 } ?? log.owner
        let desk = try filing { () throws(FileError) in
            try folder.prepare(names)
            let found = reader.writer(segmentByteCount: options.segmentByteCount, owner: owner)
            guard let writer = found, let newest else {
                let (writer, segment) = JournalWriter.new(
                    segmentByteCount: options.segmentByteCount, owner: owner)
                let file = try folder.begin(segment)
                return Desk(folder: folder, writer: writer, file: file)
            }
            let file = try newest.makeReady(folder)
            return Desk(folder: folder, writer: writer, file: file)
        }
        let store = SegmentStore(desk: desk)
        let removable = store.desk.withLock { $0.writer.takeRemovableSegments() }
        try filing { () throws(FileError) in
            var isMoreLeft = try store.remove(removable)
            // Nobody writes yet who would wait.
            while isMoreLeft { isMoreLeft = try store.discardPiece() }
        }
        return (store, log)
    }

    private static func read(
        _ folder: SegmentFolder, _ segments: [UInt64], owner: JournalOwner?
    ) throws(JournalError) -> (JournalReader, NewestSegment?) {
        var reader = JournalReader(owner: owner)
        var newest: NewestSegment?
        for segment in segments {
            let path = folder.path(ofSegment: segment)
            let bytes = try readAll(folder.fileSystem, path, segment: segment)
            let ending = try reader.read(
                segment: segment, bytes, isNewest: segment == segments.last)
            switch ending {
            case .whole(let lastPart), .torn(_, let lastPart):
                // A header of which one copy is damaged is made whole again by that.
                let part =
                    lastPart.lowerBound == 0
                    ? reader.header?.encodeTwice() ?? [] : Array(bytes[lastPart])
                newest = NewestSegment(
                    path: path, byteCount: bytes.count, ending: ending,
                    lastPart: lastPart.lowerBound, lastPartBytes: part)
            case .unbegun:
                newest?.unbegunSuccessor = path
            }
        }
        return (reader, newest)
    }

    /// The segments among the names, oldest first and without a gap.
    package static func segments(_ names: [String]) throws(JournalError) -> [UInt64] {
        let segments = names.compactMap(JournalFormat.segment(ofFileName:)).sorted()
        for (earlier, later) in zip(segments, segments.dropFirst()) where later != earlier + 1 {
            throw .missingSegment(earlier + 1)
        }
        return segments
    }

    package static func readAll(
        _ fileSystem: any FileSystem, _ path: String, segment: UInt64
    ) throws(JournalError) -> [UInt8] {
        let bytes = try filing { () throws(FileError) -> [UInt8]? in
            let file = try fileSystem.open(path, create: false)
            defer { file.close() }
            let byteCount = try file.byteCount()
            guard byteCount <= JournalFormat.segmentByteCountMax else { return nil }
            return try file.read(at: 0, count: byteCount)
        }
        guard let bytes else { throw .corrupt(segment: segment, offset: 0, .segmentSize) }
        return bytes
    }

    package static func filing<Output>(
        _ body: () throws(FileError) -> Output
    ) throws(JournalError) -> Output {
        do throws(FileError) {
            return try body()
        } catch {
            throw .file(error)
        }
    }

    /// Makes the folder, and its name durable in every folder above it that was made as well: a
    /// journal whose folder a loss of power takes away has forgotten everything.
    private static func createDurably(
        _ directory: String, _ fileSystem: any FileSystem
    ) throws(FileError) {
        var made: [String] = []
        var path = directory
        while !path.isEmpty, path != "/", !fileSystem.exists(path) {
            path = parent(of: path)
            made.append(path)
        }
        try fileSystem.createDirectory(directory)
        for path in made.reversed() { try fileSystem.synchronizeDirectory(path) }
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// The segment that writing goes on in, as recovery found it.
private struct NewestSegment {
    let path: String
    let byteCount: Int
    let ending: JournalReader.Ending
    /// Where its last whole batch begins, or its header when it has none.
    let lastPart: Int
    let lastPartBytes: [UInt8]
    /// A segment behind it whose header was never made durable.
    var unbegunSuccessor: String?

    /// Cuts what was torn and makes what was read durable, before anybody acts on it.
    ///
    /// The last part may stand in the system's cache alone: its synchronization failed, or the
    /// process was killed before. After a failed one the cache counts as clean, so synchronizing
    /// again would do nothing; writing the same bytes again first is what brings them to the disk.
    func makeReady(_ folder: SegmentFolder) throws(FileError) -> any File {
        if let unbegunSuccessor { try folder.fileSystem.remove(unbegunSuccessor) }
        let file = try folder.fileSystem.open(path, create: false)
        var byteCount = byteCount
        if case .torn(let end, _) = ending {
            try file.truncate(to: end)
            byteCount = end
        }
        if byteCount < folder.segmentByteCount {
            try file.allocate(byteCount: folder.segmentByteCount)
        }
        try file.write(lastPartBytes, at: lastPart)
        try file.synchronize()
        try folder.fileSystem.synchronizeDirectory(folder.directory)
        return file
    }
}
