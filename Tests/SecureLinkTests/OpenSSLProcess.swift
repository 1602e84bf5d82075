import Foundation
import Glibc
import Synchronization

/// A running `openssl`, whose input is in the test's hands and whose output is read to its end.
///
/// Not Foundation's `Process`: it sometimes misses that a child that lived shortly has ended, and
/// its pipes are held open by children that are started later.
final class OpenSSLProcess: Sendable {
    struct Failure: Error {
        let text: String
    }

    private let identifier: pid_t
    /// The writing end of its input; -1 once it is closed.
    private let input: Mutex<Int32>
    private let output: AsyncStream<[UInt8]>
    /// What was printed so far, on both outputs.
    private let bytes = Mutex<[UInt8]>([])

    init(_ arguments: [String]) throws {
        signal(SIGPIPE, SIG_IGN)
        let (identifier, reading, writing) = try Self.spawning.withLock { _ in
            try Self.spawn(["openssl"] + arguments)
        }
        self.identifier = identifier
        input = Mutex(writing)
        let (output, sink) = AsyncStream<[UInt8]>.makeStream()
        self.output = output
        // A thread of its own, which may block, reads until the end.
        Thread.detachNewThread {
            var part = [UInt8](repeating: 0, count: 65_536)
            while case let count = read(reading, &part, part.count), count > 0 {
                sink.yield(Array(part[..<count]))
            }
            close(reading)
            sink.finish()
        }
    }

    /// One at a time, so that no child gets pipes of another before they are marked.
    private static let spawning = Mutex(())

    /// Starts a program with pipes for its input and outputs; our ends are given.
    private static func spawn(
        _ words: [String]
    ) throws -> (identifier: pid_t, reading: Int32, writing: Int32) {
        var (input, output): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard pipe(&input) == 0, pipe(&output) == 0 else {
            throw Failure(text: "pipe: \(errno)")
        }
        for descriptor in input + output { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input[0], 0)
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        posix_spawn_file_actions_adddup2(&actions, output[1], 2)
        var words = words.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var identifier = pid_t()
        let status = posix_spawnp(&identifier, words[0]!, &actions, nil, &words, environ)
        close(input[0])
        close(output[1])
        guard status == 0 else { throw Failure(text: "posix_spawnp: \(status)") }
        return (identifier, output[0], input[1])
    }

    deinit { closeInput() }

    func write(_ line: String) {
        let line = Array(line.utf8)
        input.withLock { _ = Glibc.write($0, line, line.count) }
    }

    func closeInput() {
        input.withLock { descriptor in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
    }

    var printed: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }

    /// What `match` finds in all that was printed so far, as soon as it finds it; nil at the end.
    func untilPrinted<Found: Sendable>(_ match: (String) -> Found?) async -> Found? {
        if let found = match(printed) { return found }
        for await part in output {
            bytes.withLock { $0 += part }
            if let found = match(printed) { return found }
        }
        return nil
    }

    /// Everything that was printed, and the status as `waitpid` says it. Once.
    func untilEnd() async -> (text: String, status: Int32) {
        _ = await untilPrinted { _ -> Bool? in nil }
        var status: Int32 = -1
        // Its outputs are closed: it ends.
        while waitpid(identifier, &status, 0) < 0, errno == EINTR {}
        return (printed, status)
    }

    /// Runs a command to its end.
    static func run(_ arguments: String...) async throws { try await run(arguments) }

    /// Runs a command to its end.
    static func run(_ arguments: [String]) async throws {
        let process = try OpenSSLProcess(arguments)
        process.closeInput()
        let (text, status) = await process.untilEnd()
        guard status == 0 else { throw Failure(text: text) }
    }
}
