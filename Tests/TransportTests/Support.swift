import Environment
import Glibc
import Synchronization
import Transport

/// Runs `body` with a loop that is running, and stops the loop afterwards.
func withLoop<Output>(_ body: (UVLoop) async throws -> Output) async throws -> Output {
    let loop = try UVLoop(name: "test loop")
    try loop.start()
    defer { loop.stop() }
    return try await body(loop)
}

extension UVLoop {
    /// Runs `body` on the loop and gives what it returns.
    func run<Output: Sendable>(
        _ body: @escaping @Sendable () throws -> Output
    ) async throws -> Output {
        try await withCheckedThrowingContinuation { continuation in
            post { continuation.resume(with: Result { try body() }) }
        }
    }
}

/// Lines that any thread may add, in the order of adding.
final class Transcript: Sendable {
    private let entries = Mutex<[String]>([])

    var lines: [String] { entries.withLock { $0 } }

    func add(_ line: String) { entries.withLock { $0.append(line) } }
}

/// A handler that writes down what happens, for a test to await.
final class Recorder: ByteStreamHandler {
    enum Event: Sendable {
        case received([UInt8])
        case drained
        case ended(StreamEnd)
    }

    private let events: AsyncStream<Event>
    private let sink: AsyncStream<Event>.Continuation

    init() { (events, sink) = AsyncStream.makeStream() }

    func streamReceived(_ bytes: [UInt8]) { sink.yield(.received(bytes)) }
    func streamDrained() { sink.yield(.drained) }

    func streamEnded(_ end: StreamEnd) {
        sink.yield(.ended(end))
        sink.finish()
    }

    /// Everything that was received until the end, and the end, which must be the last event.
    func untilEnd() async -> (bytes: [UInt8], end: StreamEnd?) {
        var bytes: [UInt8] = []
        var end: StreamEnd?
        for await event in events {
            switch event {
            case .received(let part): bytes += part
            case .drained: break
            case .ended(let reason): end = reason
            }
        }
        return (bytes, end)
    }

    /// What is received until there are `count` bytes, or the stream ends.
    func bytes(_ count: Int) async -> [UInt8] {
        var bytes: [UInt8] = []
        guard count > 0 else { return bytes }
        for await event in events {
            guard case .received(let part) = event else { continue }
            bytes += part
            if bytes.count >= count { break }
        }
        return bytes
    }
}

/// A connected pair on 127.0.0.1, both ends on `loop` and neither of them started.
struct StreamPair: Sendable {
    let client: any ByteStream
    let server: any ByteStream

    init(on loop: UVLoop, closeTimeout: Duration = .seconds(10)) async throws {
        let network = UVNetwork(loop: loop, closeTimeout: closeTimeout)
        let (accepted, sink) = AsyncStream<any ByteStream>.makeStream()
        let listener = try await loop.run {
            try network.listen(on: SocketAddress(host: "127.0.0.1", port: 0)) { sink.yield($0) }
        }
        client = try await network.connect(to: listener.address, on: loop).get()
        var iterator = accepted.makeAsyncIterator()
        guard let server = await iterator.next() else { throw NetworkError.timedOut }
        self.server = server
        try await loop.run { listener.close() }
    }
}

extension UVNetwork {
    /// Connects from outside of the loop.
    func connect(
        to address: SocketAddress, timeout: Duration = .seconds(20), on loop: UVLoop
    ) async -> Result<any ByteStream, NetworkError> {
        await withCheckedContinuation { continuation in
            loop.post {
                connect(to: address, timeout: timeout) { continuation.resume(returning: $0) }
            }
        }
    }
}

/// A socket that is bound to a port of 127.0.0.1: refusing, or listening and never accepting.
struct MuteSocket: ~Copyable {
    private let descriptor: Int32
    let address: SocketAddress

    /// With `backlog` nil the system refuses whoever connects.
    init(backlog: Int32?) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (descriptor, size) = (descriptor, length)
        let status = withUnsafeMutableBytes(of: &name) { bytes in
            guard let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
                bind(descriptor, pointer, size) == 0
            else { return Int32(-1) }
            return getsockname(descriptor, pointer, &length)
        }
        guard status == 0, backlog.map({ listen(descriptor, $0) }) ?? 0 == 0 else {
            throw NetworkError.cannotListen(reason: "errno \(errno)")
        }
        address = SocketAddress(host: "127.0.0.1", port: UInt16(bigEndian: name.sin_port))
    }

    deinit { Glibc.close(descriptor) }
}

/// Connects, says that nothing follows, and gives all that comes then. Blocks.
func bytesAfterHalfClose(at address: SocketAddress) -> [UInt8] {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { Glibc.close(descriptor) }
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    name.sin_port = address.port.bigEndian
    let status = withUnsafeBytes(of: &name) { bytes in
        connect(
            descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
            socklen_t(bytes.count))
    }
    guard status == 0, shutdown(descriptor, Int32(SHUT_WR)) == 0 else { return [] }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(descriptor, &part, part.count)
        guard count > 0 else { return bytes }
        bytes += part[..<count]
    }
}

/// Bytes that show a gap, a repetition or a swap.
func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8 ^ $0 >> 16) }
}
