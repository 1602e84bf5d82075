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
        /// Segments that nothing needs any more.
        package var removable: [UInt64] = []
        package var pinningGroups: [GroupID] = []
    }

    private struct Desk {
        var writer: JournalWriter
        var file: any File
    }

    private let fileSystem: any FileSystem
    private let directory: String
    /// The lock is never contended: the worker does one piece of work at a time.
    private let desk: Mutex<Desk>

    private init(fileSystem: any FileSystem, directory: String, desk: Desk) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.desk = Mutex(desk)
    }

    /// Writes one batch and makes it durable, beginning a segment before it where needed.
    package func write(_ records: [JournalRecord]) throws(FileError) -> Report {
        try desk.withLock { desk throws(FileError) in
            var report = Report()
            let batch = desk.writer.encodeBatch(records)
            if let segment = batch.newSegment {
                desk.file.close()
                desk.file = try Self.begin(segment, fileSystem, directory)
                report.segmentsBegun = 1
                report.synchronizations += 1
                report.byteCount += segment.header.count
            }
            try desk.file.write(batch.bytes, at: batch.offset)
            try desk.file.synchronize()
            report.synchronizations += 1
            report.byteCount += batch.bytes.count
            report.removable = desk.writer.takeRemovableSegments()
            report.pinningGroups = desk.writer.state.pinningGroups
            return report
        }
    }

    /// Removes old segments, oldest first. The folder is synchronized after each, so that no crash
    /// can leave a gap.
    package func remove(_ segments: [UInt64]) throws(FileError) {
        for segment in segments {
            try fileSystem.remove(Self.path(directory, segment))
            try fileSystem.synchronizeDirectory(directory)
        }
    }

    private static func path(_ directory: String, _ segment: UInt64) -> String {
        directory + "/" + JournalFormat.fileName(ofSegment: segment)
    }

    /// Makes a segment durable with its name, before anything is written to it.
    private static func begin(
        _ segment: JournalWriter.SegmentStart, _ fileSystem: any FileSystem, _ directory: String
    ) throws(FileError) -> any File {
        let file = try fileSystem.open(path(directory, segment.sequence), create: true)
        // A crash may have left a file of this name without a header.
        try file.truncate(to: 0)
        try file.allocate(byteCount: segment.byteCount)
        try file.write(segment.header, at: 0)
        try file.synchronize()
        try fileSystem.synchronizeDirectory(directory)
        return file
    }
}

extension SegmentStore {
    /// Recovers the journal in the folder, or begins one.
    package static func open(
        _ fileSystem: any FileSystem, directory: String, segmentByteCount: Int
    ) throws(JournalError) -> (store: SegmentStore, log: RecoveredLog) {
        var reader = JournalReader()
        var newest: NewestSegment?
        let segments = try segments(fileSystem, directory)
        for segment in segments {
            let path = path(directory, segment)
            let bytes = try readAll(fileSystem, path, segment: segment)
            let ending = try reader.read(
                segment: segment, bytes, isNewest: segment == segments.last)
            switch ending {
            case .whole(let lastPart), .torn(_, let lastPart):
                newest = NewestSegment(
                    path: path, byteCount: bytes.count, ending: ending, lastPart: lastPart,
                    lastPartBytes: Array(bytes[lastPart]))
            case .unbegun:
                newest?.unbegunSuccessor = path
            }
        }
        let log = try reader.finish()
        let desk = try filing { () throws(FileError) in
            guard let writer = reader.writer(segmentByteCount: segmentByteCount), let newest else {
                let (writer, segment) = JournalWriter.new(segmentByteCount: segmentByteCount)
                return Desk(writer: writer, file: try begin(segment, fileSystem, directory))
            }
            let file = try newest.makeReady(fileSystem, directory, segmentByteCount)
            return Desk(writer: writer, file: file)
        }
        let store = SegmentStore(fileSystem: fileSystem, directory: directory, desk: desk)
        let removable = store.desk.withLock { $0.writer.takeRemovableSegments() }
        try filing { () throws(FileError) in try store.remove(removable) }
        return (store, log)
    }

    /// The segments in the folder, oldest first and without a gap.
    private static func segments(
        _ fileSystem: any FileSystem, _ directory: String
    ) throws(JournalError) -> [UInt64] {
        let names = try filing { () throws(FileError) in
            try Self.createDurably(directory, fileSystem)
            return try fileSystem.list(directory)
        }
        let segments = names.compactMap(JournalFormat.segment(ofFileName:)).sorted()
        for (earlier, later) in zip(segments, segments.dropFirst()) where later != earlier + 1 {
            throw .missingSegment(earlier + 1)
        }
        return segments
    }

    private static func readAll(
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

    private static func filing<Output>(
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
    /// Its last whole batch, or its header when it has none.
    let lastPart: Range<Int>
    let lastPartBytes: [UInt8]
    /// A segment behind it whose header was never made durable.
    var unbegunSuccessor: String?

    /// Cuts what was torn and makes what was read durable, before anybody acts on it.
    ///
    /// The last part may stand in the system's cache alone: its synchronization failed, or the
    /// process was killed before. After a failed one the cache counts as clean, so synchronizing
    /// again would do nothing; writing the same bytes again first is what brings them to the disk.
    func makeReady(
        _ fileSystem: any FileSystem, _ directory: String, _ segmentByteCount: Int
    ) throws(FileError) -> any File {
        if let unbegunSuccessor { try fileSystem.remove(unbegunSuccessor) }
        let file = try fileSystem.open(path, create: false)
        var byteCount = byteCount
        if case .torn(let end, _) = ending {
            try file.truncate(to: end)
            byteCount = end
        }
        if byteCount < segmentByteCount { try file.allocate(byteCount: segmentByteCount) }
        try file.write(lastPartBytes, at: lastPart.lowerBound)
        try file.synchronize()
        try fileSystem.synchronizeDirectory(directory)
        return file
    }
}
