import Environment
import Synchronization
import Testing
import Transport

/// Sends back what it receives, and stops reading while too much of it is unsent.
private final class Echo: ByteStreamHandler {
    static let highWaterByteCount = 256 * 1024

    private let stream: any ByteStream
    /// Called on each pause.
    private let onPause: @Sendable () -> Void
    private let greatestUnsent = Mutex(0)

    init(_ stream: any ByteStream, onPause: @escaping @Sendable () -> Void = {}) {
        self.stream = stream
        self.onPause = onPause
    }

    var greatestUnsentByteCount: Int { greatestUnsent.withLock { $0 } }

    func streamReceived(_ bytes: [UInt8]) {
        stream.write(bytes)
        let unsent = stream.unsentByteCount
        greatestUnsent.withLock { $0 = max($0, unsent) }
        guard unsent > Self.highWaterByteCount else { return }
        stream.pauseReading()
        onPause()
    }

    func streamDrained() { stream.resumeReading() }
    func streamEnded(_ end: StreamEnd) {}
}

@Suite struct UVNetworkTests {
    @Test("bytes come back whole and in order through a peer that pauses, with bounded buffers")
    func echoes() async throws {
        try await withLoop { loop in
            let pair = try await StreamPair(on: loop)
            // More than the system buffers of both directions can hold.
            let sent = pattern(24 << 20)
            let recorder = Recorder()
            let (client, server) = (pair.client, pair.server)
            let echo = Echo(server) { client.resumeReading() }
            try await loop.run {
                server.start(echo)
                // The client reads only after the echo had to pause.
                client.pauseReading()
                client.start(recorder)
                client.write(sent)
                #expect(client.unsentByteCount == sent.count)
            }
            let received = await recorder.bytes(sent.count)
            #expect(received == sent)
            let bound = Echo.highWaterByteCount + 2 * 65_536
            #expect(echo.greatestUnsentByteCount > Echo.highWaterByteCount)
            #expect(echo.greatestUnsentByteCount <= bound)
        }
    }

    @Test("writes of one turn, small and large, arrive in order, and then the queue is empty")
    func gathersWrites() async throws {
        try await withLoop { loop in
            let pair = try await StreamPair(on: loop)
            let parts = [1, 3, 20_000, 0, 7, 100_000, 5, 16_384].map(pattern)
            let (client, server) = (Recorder(), Recorder())
            try await loop.run {
                pair.server.start(server)
                pair.client.start(client)
                for part in parts { pair.client.write(part) }
                #expect(pair.client.unsentByteCount == parts.joined().count)
            }
            let received = await server.bytes(parts.joined().count)
            #expect(received == Array(parts.joined()))
            try await loop.run { #expect(pair.client.unsentByteCount == 0) }
        }
    }

    @Test("a graceful close sends all that is queued though the peer sends without being read")
    func closesGracefully() async throws {
        try await withLoop { loop in
            let pair = try await StreamPair(on: loop)
            let sent = pattern(12 << 20)
            let (client, server) = (Recorder(), Recorder())
            try await loop.run {
                pair.client.start(client)
                pair.client.write(pattern(3 << 20))
                pair.server.pauseReading()
                pair.server.start(server)
                pair.server.write(sent)
                pair.server.close()
                pair.server.write([1, 2, 3])
                pair.server.close()
            }
            let (received, end) = await client.untilEnd()
            #expect(received == sent)
            #expect(end == .closedByPeer)
            #expect(await server.untilEnd().end == .closedHere)
        }
    }

    @Test("what is queued when the peer ends its side is still sent to it")
    func answersAfterPeersEnd() async throws {
        try await withLoop { loop in
            let worker = try WorkerThread(name: "peer", loop: loop)
            let recorder = Recorder()
            let sent = pattern(12 << 20)
            let listener = try await loop.run {
                try UVNetwork(loop: loop).listen(on: SocketAddress(host: "127.0.0.1", port: 0)) {
                    $0.start(recorder)
                    $0.write(sent)
                }
            }
            let received = await withCheckedContinuation { continuation in
                worker.submit {
                    bytesAfterHalfClose(at: listener.address)
                } then: {
                    continuation.resume(returning: $0)
                }
            }
            #expect(received == sent)
            #expect(await recorder.untilEnd().end == .closedByPeer)
            worker.stop()
        }
    }

    @Test("a graceful close to a peer that reads nothing ends at its limit")
    func closeTimesOut() async throws {
        try await withLoop { loop in
            let pair = try await StreamPair(on: loop, closeTimeout: .milliseconds(20))
            let recorder = Recorder()
            try await loop.run {
                pair.client.start(recorder)
                pair.client.write(pattern(24 << 20))
                pair.client.close()
            }
            #expect(await recorder.untilEnd().end == .failed(.timedOut))
        }
    }

    @Test("an abort resets the connection: the peer hears of a failure, this side of its own end")
    func aborts() async throws {
        try await withLoop { loop in
            let pair = try await StreamPair(on: loop)
            let (client, server) = (Recorder(), Recorder())
            try await loop.run {
                pair.server.start(server)
                pair.client.start(client)
                pair.client.write(pattern(1 << 20))
                pair.client.abort()
                pair.client.abort()
                pair.client.close()
                #expect(pair.client.unsentByteCount == 0)
            }
            let end = await server.untilEnd().end
            guard case .failed(.reset) = end else {
                Issue.record("ended with \(String(describing: end))")
                return
            }
            #expect(await client.untilEnd().end == .closedHere)
        }
    }

    @Test("a stream that ended before it was started tells its handler so")
    func startsTooLate() async throws {
        try await withLoop { loop in
            let pair = try await StreamPair(on: loop)
            try await loop.run { pair.client.abort() }
            try await loop.run {}
            let recorder = Recorder()
            try await loop.run { pair.client.start(recorder) }
            #expect(await recorder.untilEnd().end == .closedHere)
        }
    }

    @Test("nobody listens: refused")
    func isRefused() async throws {
        let socket = try MuteSocket(backlog: nil)
        let address = socket.address
        try await withLoop { loop in
            let result = await UVNetwork(loop: loop).connect(to: address, on: loop)
            guard case .failure(.refused) = result else {
                Issue.record("\(result)")
                return
            }
        }
    }

    @Test("a listener whose queue is full does not answer: timed out")
    func timesOut() async throws {
        // Nobody accepts, so the system drops what comes once its queue is full.
        let socket = try MuteSocket(backlog: 0)
        let address = socket.address
        try await withLoop { loop in
            let network = UVNetwork(loop: loop)
            var timedOut = 0
            for _ in 0..<8 {
                switch await network.connect(
                    to: address, timeout: .milliseconds(100), on: loop)
                {
                case .success: continue
                case .failure(let error):
                    #expect(error == .timedOut)
                    timedOut += 1
                }
                break
            }
            #expect(timedOut == 1)
        }
    }

    @Test("a name is resolved, and each of its addresses is tried")
    func resolvesNames() async throws {
        try await withLoop { loop in
            let network = UVNetwork(loop: loop)
            let recorder = Recorder()
            let listener = try await loop.run {
                try network.listen(on: SocketAddress(host: "127.0.0.1", port: 0)) {
                    $0.start(recorder)
                    $0.close()
                }
            }
            #expect(listener.address.host == "127.0.0.1")
            #expect(listener.address.port != 0)
            let named = SocketAddress(host: "localhost", port: listener.address.port)
            let stream = try await network.connect(to: named, on: loop).get()
            try await loop.run { stream.close() }
            let end = await recorder.untilEnd().end
            #expect(end == .closedHere || end == .closedByPeer)
        }
    }

    @Test("a name that cannot be one is unreachable, and cannot be listened on")
    func refusesNames() async throws {
        let nowhere = SocketAddress(host: String(repeating: "a", count: 300), port: 80)
        try await withLoop { loop in
            let network = UVNetwork(loop: loop)
            let result = await network.connect(to: nowhere, on: loop)
            guard case .failure(.unreachable) = result else {
                Issue.record("\(result)")
                return
            }
            await #expect(throws: NetworkError.self) {
                try await loop.run { _ = try network.listen(on: nowhere) { _ in } }
            }
        }
    }

    @Test("an address that is in use cannot be listened on")
    func refusesUsedAddress() async throws {
        let socket = try MuteSocket(backlog: 1)
        let address = socket.address
        try await withLoop { loop in
            let error = await #expect(throws: NetworkError.self) {
                try await loop.run {
                    _ = try UVNetwork(loop: loop).listen(on: address) { _ in }
                }
            }
            guard case .cannotListen = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test("stopping the loop ends its streams, listeners and attempts, and joins the thread")
    func stopsWithOpenStreams() async throws {
        let loop = try UVLoop(name: "stopped")
        try loop.start()
        let network = UVNetwork(loop: loop)
        let socket = try MuteSocket(backlog: 0)
        let address = socket.address
        let pair = try await StreamPair(on: loop)
        let (client, server) = (Recorder(), Recorder())
        let attempts = Mutex(0)
        let (results, sink) = AsyncStream<Bool>.makeStream()
        try await loop.run {
            pair.server.pauseReading()
            pair.server.start(server)
            pair.client.start(client)
            pair.client.write(pattern(24 << 20))
            _ = try network.listen(on: SocketAddress(host: "127.0.0.1", port: 0)) { _ in }
            for _ in 0..<8 {
                network.connect(to: address, timeout: .seconds(3600)) { _ in
                    attempts.withLock { $0 += 1 }
                    sink.yield(true)
                }
            }
        }
        loop.stop()
        #expect(attempts.withLock { $0 } == 8)
        sink.finish()
        var count = 0
        for await _ in results { count += 1 }
        #expect(count == 8)
        #expect(await client.untilEnd().end == .closedHere)
        let end = await server.untilEnd().end
        #expect(end != nil)
    }
}

@Suite struct SendQueueTests {
    @Test("nothing of what was sent stays in the queue's buffer")
    func wipes() throws {
        var queue = SendQueue()
        queue.append(pattern(300))
        queue.append(pattern(400))
        var kept: UnsafePointer<UInt8>?
        queue.send { bytes in
            bytes.withUnsafeBufferPointer { kept = $0.baseAddress }
            return bytes.count
        }
        // The queue keeps the buffer for its next writes.
        let start = try #require(kept)
        #expect(UnsafeBufferPointer(start: start, count: 700).allSatisfy { $0 == 0 })
        #expect(queue.isEmpty)
    }

    @Test("bytes leave in the order of appending, however few are taken at a time")
    func keepsOrder() {
        let sizes = [0, 1, 5000, 16_384, 3, 70_000, 2]
        for step in [1 << 20, 4099, 61] {
            var queue = SendQueue()
            var sent: [UInt8] = []
            var expected: [UInt8] = []
            for (number, size) in sizes.enumerated() {
                let part = [UInt8](repeating: UInt8(number), count: size) + pattern(size)
                queue.append(part)
                expected += part
                queue.send { bytes in
                    sent += bytes.prefix(step)
                    return min(step, bytes.count)
                }
            }
            #expect(queue.byteCount == expected.count - sent.count)
            while !queue.isEmpty {
                queue.send { bytes in
                    sent += bytes.prefix(step)
                    return min(step, bytes.count)
                }
            }
            #expect(sent == expected)
            #expect(queue.byteCount == 0)
        }
    }
}
