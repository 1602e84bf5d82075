import Environment
import PeerWire
import Primitives

/// One question of a node that has no seat yet, to one node of the cluster. Ends once.
actor GuestConnection: LoopActor, ByteStreamHandler {
    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let stream: any ByteStream
    private let channel: any SecureChannel
    private let question: [UInt8]
    private var decoder = PeerFrameDecoder()
    private var resumption: Resumption<GuestOutcome>?
    private var timer: (any LoopTimer)?

    /// - Parameter question: a frame.
    init(
        loop: any NodeLoop, stream: any ByteStream, channel: sending any SecureChannel,
        question: [UInt8]
    ) {
        self.loop = loop
        self.stream = stream
        self.channel = channel
        self.question = question
    }

    func ask(within timeout: Duration) async -> GuestOutcome {
        await loop.suspend { resumption in
            self.resumption = resumption
            timer = loop.schedule(after: timeout) { [self] in
                onLoop { $0.finish(.failed("it did not answer in time")) }
            }
            stream.start(self)
            writeOutgoing()
        }
    }

    private func finish(_ outcome: GuestOutcome) {
        guard let resumption else { return }
        self.resumption = nil
        timer?.cancel()
        channel.close()
        writeOutgoing()
        stream.close()
        resumption.resume(returning: outcome)
    }

    private func writeOutgoing() {
        let bytes = channel.takeOutgoing()
        if !bytes.isEmpty { stream.write(bytes) }
    }

    nonisolated func streamReceived(_ bytes: [UInt8]) {
        onLoop { $0.take($0.channel.receive(bytes)) }
    }

    nonisolated func streamDrained() {}

    nonisolated func streamEnded(_ end: StreamEnd) {
        onLoop { connection in
            switch end {
            case .failed(let error): connection.finish(.failed("\(error)"))
            case .closedByPeer, .closedHere:
                connection.take(connection.channel.receiveEnd())
                connection.finish(.failed("it closed the connection"))
            }
        }
    }

    private func take(_ events: [SecureChannelEvent]) {
        writeOutgoing()
        for event in events where resumption != nil {
            switch event {
            case .established:
                _ = channel.send(question)
                writeOutgoing()
            case .received(let bytes): takeFrames(bytes)
            case .closed: finish(.failed("it closed the connection"))
            case .failed(let error): finish(.failed("\(error)"))
            }
        }
    }

    private func takeFrames(_ bytes: [UInt8]) {
        decoder.feed(bytes)
        do {
            while let frame = try decoder.next() {
                guard case .answer(_, let answer) = try PeerMessage(frame) else { continue }
                return finish(.answered(answer))
            }
        } catch {
            finish(.failed("it is no node of this version"))
        }
    }
}

/// What became of a guest's question.
enum GuestOutcome: Hashable, Sendable {
    case answered(AskAnswer)
    case failed(String)
}
