import Environment
import Foundation
import Glibc
import Journal
import Operations
import Primitives
import Synchronization

/// What the machine itself gives: the disk's sync, and the loopback's round trip.
struct MachineProbe {
    struct Times {
        /// Of one writer, or one connection.
        let perSecond: Double
        let p50Microseconds: Double
        let p99Microseconds: Double

        fileprivate init(_ nanoseconds: [Int64], seconds: Double) {
            let sorted = nanoseconds.sorted()
            perSecond = Double(sorted.count) / seconds
            p50Microseconds = Double(sorted[sorted.count / 2]) / 1000
            p99Microseconds = Double(sorted[sorted.count * 99 / 100]) / 1000
        }
    }

    let directory: String
    static let seconds = 1.0
    /// What a writer has written when it begins anew at its file's start: a segment.
    private static let fileByteCount = 64 << 20

    /// Writes and `fdatasync`s of `byteCount` bytes into reserved files, as a new segment of the
    /// journal is, by so many writers at a time, each with a file of its own.
    func sync(byteCount: Int, writers: Int) throws -> Times {
        let results = Mutex<[Result<[Int64], any Error>]>([])
        let files = try (0..<writers).map { try makeFile($0, byteCount: byteCount) }
        defer { for number in 0..<writers { unlink(path(number)) } }
        Self.onThreads(writers) { number in
            let result = Result { try Self.write(files[number], byteCount) }
            results.withLock { $0.append(result) }
        }
        let times = try results.withLock { try $0.flatMap { try $0.get() } }
        return Times(times, seconds: Self.seconds * Double(writers))
    }

    private func path(_ number: Int) -> String { directory + "/probe-\(number)" }

    private func makeFile(_ number: Int, byteCount: Int) throws -> any File {
        let files = PosixFileSystem()
        try files.createDirectory(directory)
        let file = try files.open(path(number), create: true)
        try file.allocate(byteCount: max(Self.fileByteCount, byteCount))
        return file
    }

    private static func write(_ file: any File, _ byteCount: Int) throws -> [Int64] {
        defer { file.close() }
        // What a journal writes is a whole number of the disk's blocks.
        let bytes = [UInt8](repeating: 0x5A, count: (max(1, byteCount) + 511) / 512 * 512)
        var offset = 0
        return try repeated {
            try file.write(bytes, at: offset)
            try file.synchronize()
            offset += bytes.count
            if offset + bytes.count > fileByteCount { offset = 0 }
        }
    }

    /// Round trips over TCP on the loopback, between two threads: `byteCount` bytes there, and an
    /// answer of 64 back.
    func roundTrip(byteCount: Int) throws -> Times {
        guard let (client, server) = LocalSocket.pair() else {
            throw CommandFailure(
                .unavailable, "the loopback takes no connection",
                remedy: "look at 'ip link show lo'")
        }
        let answerByteCount = 64
        let times = Mutex<[Int64]>([])
        Self.onThreads(2) { number in
            if number == 0 {
                defer { close(client) }
                let times_ = Self.repeated {
                    Self.send(client, byteCount)
                    _ = Self.receive(client, answerByteCount)
                }
                times.withLock { $0 = times_ }
            } else {
                defer { close(server) }
                while Self.receive(server, byteCount) { Self.send(server, answerByteCount) }
            }
        }
        return Times(times.withLock { $0 }, seconds: Self.seconds)
    }

    private static func send(_ descriptor: Int32, _ byteCount: Int) {
        Console.write([UInt8](repeating: 1, count: byteCount), to: descriptor)
    }

    private static func receive(_ descriptor: Int32, _ byteCount: Int) -> Bool {
        var buffer = [UInt8](repeating: 0, count: byteCount)
        var received = 0
        while received < byteCount {
            let count = read(descriptor, &buffer, byteCount - received)
            guard count > 0 else { return false }
            received += count
        }
        return true
    }

    /// Nanoseconds of each of the calls that fit the time.
    private static func repeated<Failure: Error>(
        _ body: () throws(Failure) -> Void
    ) throws(Failure) -> [Int64] {
        let clock = ContinuousClock()
        let begun = clock.now
        var times: [Int64] = []
        var last = begun
        while last - begun < .seconds(seconds) {
            try body()
            let now = clock.now
            times.append((now - last).wholeNanoseconds)
            last = now
        }
        return times
    }

    /// Runs `body` on so many threads at once, and waits for all of them.
    private static func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let done = DispatchSemaphore(value: 0)
        for number in 0..<count {
            Thread.detachNewThread {
                body(number)
                done.signal()
            }
        }
        for _ in 0..<count { done.wait() }
    }
}
