import Environment
import SecureLink
import Testing
import Transport

/// A channel on a stream of the loop, as an owner of a link has it.
actor Endpoint {
    private nonisolated let loop: UVLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    nonisolated let events: AsyncStream<SecureChannelEvent>
    private let sink: AsyncStream<SecureChannelEvent>.Continuation
    private let stream: any ByteStream
    private let channel: any SecureChannel

    init(_ stream: any ByteStream, _ channel: sending any SecureChannel, on loop: UVLoop) {
        self.loop = loop
        self.stream = stream
        self.channel = channel
        (events, sink) = AsyncStream.makeStream()
    }

    func start() {
        stream.start(EndpointHandler(endpoint: self))
        stream.write(channel.takeOutgoing())
    }

    func send(_ text: String) -> Bool {
        let isSent = channel.send(Array(text.utf8))
        stream.write(channel.takeOutgoing())
        return isSent
    }

    func close() {
        channel.close()
        stream.write(channel.takeOutgoing())
        stream.close()
    }

    fileprivate func received(_ bytes: [UInt8]) {
        tell(channel.receive(bytes))
        stream.write(channel.takeOutgoing())
        switch channel.state {
        case .handshaking, .open: break
        case .closed, .failed: stream.close()
        }
    }

    fileprivate func ended() {
        tell(channel.receiveEnd())
        sink.finish()
    }

    private func tell(_ events: [SecureChannelEvent]) {
        for event in events { sink.yield(event) }
    }

    /// All events until there is one that `isLast` is true for, or the stream's end.
    nonisolated func events(
        until isLast: ([SecureChannelEvent]) -> Bool = { _ in false }
    ) async -> [SecureChannelEvent] {
        var all: [SecureChannelEvent] = []
        for await event in events {
            all.append(event)
            if isLast(all) { break }
        }
        return all
    }
}

private final class EndpointHandler: ByteStreamHandler {
    private let endpoint: Endpoint

    init(endpoint: Endpoint) { self.endpoint = endpoint }

    func streamReceived(_ bytes: [UInt8]) { endpoint.assumeIsolated { $0.received(bytes) } }
    func streamDrained() {}
    func streamEnded(_ end: StreamEnd) { endpoint.assumeIsolated { $0.ended() } }
}

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
