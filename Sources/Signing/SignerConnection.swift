import Environment
import PeerWire
import Primitives
import Renewal
import SecureLink

/// One stream to the signer: a handshake, a request, an answer. Ends once.
actor SignerConnection: LoopActor, ByteStreamHandler {
    private enum State {
        case securing
        case waiting(VerifiedPeer)
        case answering
        case ended
    }

    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let stream: any ByteStream
    private let channel: any SecureChannel
    private let service: SignerService
    private var frames = OneFrame(payloadByteCountMax: SigningRules.requestByteCountMax)
    private var state = State.securing
    private var timer: (any LoopTimer)?

    init(
        loop: any NodeLoop, stream: any ByteStream, channel: sending any SecureChannel,
        service: SignerService
    ) {
        self.loop = loop
        self.stream = stream
        self.channel = channel
        self.service = service
    }

    nonisolated func start(within limit: Duration) {
        onLoop { connection in
            connection.stream.start(self)
            connection.timer = connection.loop.schedule(after: limit) { [self] in
                onLoop { $0.timeOut() }
            }
        }
    }

    nonisolated func abort() {
        onLoop { connection in
            connection.stream.abort()
            connection.end(nil)
        }
    }

    private func timeOut() {
        switch state {
        case .securing, .waiting: end(.silent)
        case .answering: end(nil)
        case .ended: break
        }
    }

    private func end(_ reason: SignerService.Unheard?) {
        if case .ended = state { return }
        state = .ended
        timer?.cancel()
        channel.close()
        writeOutgoing()
        stream.close()
        service.onLoop { $0.ended(self, reason) }
    }

    private func writeOutgoing() {
        let bytes = channel.takeOutgoing()
        if !bytes.isEmpty { stream.write(bytes) }
    }

    // MARK: The stream

    nonisolated func streamReceived(_ bytes: [UInt8]) {
        onLoop { connection in
            switch connection.state {
            case .securing, .waiting: connection.take(connection.channel.receive(bytes))
            // One request a stream: what follows it is not looked at.
            case .answering, .ended: break
            }
        }
    }

    nonisolated func streamDrained() {}

    nonisolated func streamEnded(_ end: StreamEnd) {
        onLoop { connection in
            switch connection.state {
            case .securing, .waiting: connection.end(.channel(.truncated))
            case .answering: connection.end(nil)
            case .ended: break
            }
        }
    }

    private func take(_ events: [SecureChannelEvent]) {
        writeOutgoing()
        for event in events {
            switch (state, event) {
            case (.securing, .established(let peer)): state = .waiting(peer)
            case (.waiting(let peer), .received(let bytes)): takeRequest(bytes, of: peer)
            case (_, .closed): end(.silent)
            case (_, .failed(let error)): end(.channel(error))
            case (.securing, .received), (.waiting, .established), (.answering, _), (.ended, _):
                break
            }
        }
    }

    private func takeRequest(_ bytes: [UInt8], of peer: VerifiedPeer) {
        let frame: PeerFrame?
        do throws(OneFrame.Trouble) {
            frame = try frames.feed(bytes)
        } catch {
            switch error {
            case .notAFrame: return end(.frame(peer.identity))
            case .tooLong:
                return say(service.onLoop { $0.refuse(.tooLong, peer.identity) })
            }
        }
        guard let frame else { return }
        guard frame.header.kind == .certificateRequest else {
            return end(.frame(peer.identity))
        }
        state = .answering
        let request = Array(frame.payload)
        _ = Task {
            let answer = await service.answer(request, of: peer)
            say(answer)
        }
    }

    private func say(_ answer: [UInt8]) {
        if case .ended = state { return }
        _ = channel.send(answer)
        end(nil)
    }
}
