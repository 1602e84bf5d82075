import Acquirer
import Environment
import ISO8583
import Primitives
import Testing
import Transport

/// Over TCP, a real loop and a file: the parts as they run.
struct NetworkTests {
    /// A client whose bytes a test awaits.
    private final class Client: ByteStreamHandler {
        private let chunks: AsyncStream<[UInt8]>
        private let sink: AsyncStream<[UInt8]>.Continuation

        init() { (chunks, sink) = AsyncStream.makeStream() }

        func streamReceived(_ bytes: [UInt8]) { sink.yield(bytes) }
        func streamDrained() {}
        func streamEnded(_ end: StreamEnd) { sink.finish() }

        /// The next answers.
        func messages(_ count: Int) async throws -> [Message] {
            var decoder = FrameDecoder(.link)
            var messages: [Message] = []
            for await chunk in chunks {
                decoder.feed(chunk)
                while case .message(let bytes) = try decoder.next() {
                    messages.append(try Codec.decode(bytes, specification: .sunny1987))
                }
                if messages.count >= count { break }
            }
            return messages
        }

        /// What arrives up to a line feed.
        func line() async -> String {
            var bytes: [UInt8] = []
            for await chunk in chunks {
                bytes += chunk
                if bytes.last == UInt8(ascii: "\n") { break }
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private static func connect(
        to address: SocketAddress?, _ network: UVNetwork, on loop: UVLoop
    ) async throws -> (any ByteStream, Client) {
        let address = try #require(address)
        let client = Client()
        let result = await withCheckedContinuation { continuation in
            loop.post {
                network.connect(to: address, timeout: .seconds(20)) { result in
                    if case .success(let stream) = result { stream.start(client) }
                    continuation.resume(returning: result)
                }
            }
        }
        return (try result.get(), client)
    }

    @Test("Over TCP a payment is made, captured and found in the journal's file")
    func endToEnd() async throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/acquirer.db"
        let loop = try UVLoop(name: "acquirer test")
        try loop.start()
        let worker = try WorkerThread(name: "acquirer disk", loop: loop)
        defer {
            worker.stop()
            loop.stop()
        }
        let network = UVNetwork(loop: loop)
        let journal = try AcquirerJournal(path: path)
        let any = SocketAddress(host: "127.0.0.1", port: 0)
        let host = AcquirerHost(
            options: AcquirerHost.Options(id: "alpha", address: any, controlAddress: any),
            journal: journal, loop: loop, network: network, worker: worker, halt: HaltRecorder())
        try await host.start()
        let (stream, client) = try await Self.connect(to: host.address, network, on: loop)
        let (control, lines) = try await Self.connect(to: host.controlAddress, network, on: loop)
        loop.post { control.write(Array("duplicate advice count 1\n".utf8)) }
        #expect(await lines.line() == "ok duplicate advice count 1\n")

        let frames = try [
            Messages.request(code: "123"), Messages.capture(1000, trace: 2),
        ].map { message in
            let bytes = try Codec.encode(message, specification: .sunny1987)
            return try Frame.message(bytes[...]).encode(.link)
        }
        loop.post { for frame in frames { stream.write(frame) } }
        let answers = try await client.messages(3)
        #expect(answers.map(\.type.description) == ["0110", "0230", "0230"])
        #expect(answers.allSatisfy { $0.responseCode == .approved })
        #expect(try AcquirerJournalReader(path: path).transactions().map(\.state) == [.captured])
        await host.stop()
        try journal.close()
        #expect(await host.snapshot().map(\.state) == [.captured])
    }
}
