import Environment
import Foundation
import Journal
import Primitives
import Synchronization
import Transport

/// The journal's commits beside a bare write and `fdatasync` on the same disk, in the same run.
struct JournalBench {
    struct Row {
        let name: String
        let commitsPerSecond: Double
        let entriesPerSecond: Double
        let p50Microseconds: Double
        let p99Microseconds: Double
    }

    let directory: String
    static let commitCount = 2000
    private static let entryByteCount = 256

    func run() async throws -> [Row] {
        var rows: [Row] = []
        for file in ProbedFile.allCases { rows.append(try probe(file, byteCount: 4096)) }
        rows.append(try probe(.overwritten, byteCount: 20_480))
        for isRecycled in [false, true] {
            for batch in [1, 64] {
                rows.append(try await journal(batchCount: batch, isRecycled: isRecycled))
            }
        }
        return rows
    }

    /// What a sync has to write beside the bytes: the file's new size and its blocks, that reserved
    /// blocks hold something now, or nothing.
    private enum ProbedFile: String, CaseIterable {
        case growing, reserved, overwritten
    }

    private func probe(_ kind: ProbedFile, byteCount: Int) throws -> Row {
        let files = PosixFileSystem()
        try files.createDirectory(directory)
        let path = directory + "/probe-\(byteCount)"
        let file = try files.open(path, create: true)
        defer { file.close() }
        let bytes = [UInt8](repeating: 0x5A, count: byteCount)
        switch kind {
        case .growing: break
        case .reserved: try file.allocate(byteCount: byteCount * (Self.commitCount + 1))
        case .overwritten:
            for number in 0..<Self.commitCount { try file.write(bytes, at: number * byteCount) }
            try file.synchronize()
        }
        let clock = ContinuousClock()
        var times: [Int64] = []
        let begun = clock.now
        for number in 0..<Self.commitCount {
            let start = clock.now
            try file.write(bytes, at: number * byteCount)
            try file.synchronize()
            times.append((clock.now - start).wholeNanoseconds)
        }
        let row = Self.row(
            "bare, \(kind.rawValue) file, \(byteCount) bytes", times, clock.now - begun, entries: 1)
        try files.remove(path)
        return row
    }

    private func journal(batchCount: Int, isRecycled: Bool) async throws -> Row {
        let loop = try UVLoop(name: "bench")
        try loop.start()
        defer { loop.stop() }
        let worker = try WorkerThread(name: "bench journal", loop: loop)
        defer { worker.stop() }
        let path = directory + "/journal-\(batchCount)"
        let journal = try Journal.open(
            loop: loop, worker: worker, fileSystem: PosixFileSystem(), directory: path,
            halt: ProcessHalt()
        ).journal
        let driver = Driver(loop: loop, journal: journal, batchCount: batchCount)
        if isRecycled { await driver.fillUntilRecycled() }
        let clock = ContinuousClock()
        let begun = clock.now
        let times = await driver.run(Self.commitCount, entryByteCount: Self.entryByteCount)
        let row = Self.row(
            "journal, \(isRecycled ? "recycled" : "fresh"), \(batchCount) × "
                + "\(Self.entryByteCount) bytes", times,
            clock.now - begun, entries: batchCount)
        try? FileManager.default.removeItem(atPath: path)
        return row
    }

    private static func row(
        _ name: String, _ nanoseconds: [Int64], _ elapsed: Duration, entries: Int
    ) -> Row {
        let sorted = nanoseconds.sorted()
        let seconds = Double(elapsed.wholeNanoseconds) / 1e9
        let commits = Double(nanoseconds.count) / seconds
        return Row(
            name: name, commitsPerSecond: commits, entriesPerSecond: commits * Double(entries),
            p50Microseconds: Double(sorted[sorted.count / 2]) / 1000,
            p99Microseconds: Double(sorted[sorted.count * 99 / 100]) / 1000)
    }

    /// Commits one batch after the other on the journal's loop.
    private actor Driver {
        private nonisolated let loop: UVLoop
        nonisolated var unownedExecutor: UnownedSerialExecutor {
            loop.asUnownedSerialExecutor()
        }
        private let journal: Journal
        private let batchCount: Int

        init(loop: UVLoop, journal: Journal, batchCount: Int) {
            self.loop = loop
            self.journal = journal
            self.batchCount = batchCount
        }

        private var index: LogIndex = 0

        func run(_ commitCount: Int, entryByteCount: Int) async -> [Int64] {
            var times: [Int64] = []
            for _ in 0..<commitCount {
                times.append(await commit(batchCount, entryByteCount: entryByteCount))
            }
            return times
        }

        /// Writes and compacts until the segment lies over an older one.
        func fillUntilRecycled() async {
            while journal.counters.segmentsRecycled == 0 {
                _ = await commit(8, entryByteCount: 1 << 20)
                journal.compact(GroupID(0), upTo: index, term: 1)
            }
        }

        /// Nanoseconds of one commit.
        private func commit(_ count: Int, entryByteCount: Int) async -> Int64 {
            let payload = [UInt8](repeating: 0x5A, count: entryByteCount)
            var entries: [LogEntry] = []
            for _ in 0..<count {
                index += 1
                entries.append(LogEntry(index: index, term: 1, kind: .command, payload: payload))
            }
            let start = loop.now
            await loop.suspend { (resumption: Resumption<Void>) in
                journal.append(GroupID(0), entries: entries, hardState: nil) {
                    resumption.resume()
                }
            }
            return (loop.now - start).wholeNanoseconds
        }
    }
}
