import Environment
import PeerWire
import Primitives
import Renewal
import SecureLink

/// What became of a request to the signer.
enum SignerAnswer: Hashable, Sendable {
    /// In PEM; nothing of it was checked yet.
    case certificate([UInt8])
    case refused(SignerRefusal)
    case failed(RenewalTrouble)
}

/// One request of a node to the signer. Ends once.
actor SignerInquiry: LoopActor, ByteStreamHandler {
    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let stream: any ByteStream
    private let channel: any SecureChannel
    private let signer: NodeIdentity
    private let request: [UInt8]
    private var frames = OneFrame(payloadByteCountMax: SignerWire.certificateByteCountMax)
    private var resumption: Resumption<SignerAnswer>?
    private var timer: (any LoopTimer)?

    /// - Parameters:
    ///   - signer: who has to answer.
    ///   - request: a frame.
    init(
        loop: any NodeLoop, stream: any ByteStream, channel: sending any SecureChannel,
        signer: NodeIdentity, request: [UInt8]
    ) {
        self.loop = loop
        self.stream = stream
        self.channel = channel
        self.signer = signer
        self.request = request
    }

    func answer(within timeout: Duration) async -> SignerAnswer {
        await loop.suspend { resumption in
            self.resumption = resumption
            timer = loop.schedule(after: timeout) { [self] in
                onLoop { $0.finish(.failed(.silent)) }
            }
            stream.start(self)
            writeOutgoing()
        }
    }

    private func finish(_ answer: SignerAnswer) {
        guard let resumption else { return }
        self.resumption = nil
        timer?.cancel()
        channel.close()
        writeOutgoing()
        stream.close()
        resumption.resume(returning: answer)
    }

    private func writeOutgoing() {
        let bytes = channel.takeOutgoing()
        if !bytes.isEmpty { stream.write(bytes) }
    }

    nonisolated func streamReceived(_ bytes: [UInt8]) {
        onLoop { inquiry in
            guard inquiry.resumption != nil else { return }
            inquiry.take(inquiry.channel.receive(bytes))
        }
    }

    nonisolated func streamDrained() {}

    nonisolated func streamEnded(_ end: StreamEnd) {
        onLoop { inquiry in
            switch end {
            case .failed(let error): inquiry.finish(.failed(.network(error)))
            case .closedByPeer, .closedHere: inquiry.finish(.failed(.channel(.truncated)))
            }
        }
    }

    private func take(_ events: [SecureChannelEvent]) {
        writeOutgoing()
        for event in events where resumption != nil {
            switch event {
            case .established(let peer):
                // The channel has asked for the name; a node of another region may have it.
                guard peer.identity == signer else {
                    return finish(
                        .failed(
                            .channel(.otherNode(dialled: signer.name, found: peer.identity))))
                }
                _ = channel.send(request)
                writeOutgoing()
            case .received(let bytes): takeAnswer(bytes)
            case .closed: finish(.failed(.channel(.truncated)))
            case .failed(let error): finish(.failed(.channel(error)))
            }
        }
    }

    private func takeAnswer(_ bytes: [UInt8]) {
        do throws(OneFrame.Trouble) {
            guard let frame = try frames.feed(bytes) else { return }
            switch frame.header.kind {
            case .certificate: finish(.certificate(Array(frame.payload)))
            case .certificateRefusal:
                guard frame.payload.count == 1,
                    let refusal = SignerRefusal(rawValue: frame.payload.first!)
                else { return finish(.failed(.unreadable)) }
                finish(.refused(refusal))
            default: finish(.failed(.unreadable))
            }
        } catch {
            finish(.failed(.unreadable))
        }
    }
}
