import Environment
import PeerWire
import Primitives

/// One stream to a peer, its channel and its frames. Ends once, and says so to the links.
actor PeerConnection: LoopActor, ByteStreamHandler {
    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let stream: any ByteStream
    private let channel: any SecureChannel
    private let links: PeerLinks
    private let handshakeTimeout: Duration
    private let silenceMax: Duration
    private var decoder = PeerFrameDecoder()
    private var verified: VerifiedPeer?
    private var memberID: MemberID?
    private var lastReceived: MonotonicInstant
    private var hasEnded = false

    /// What may wait to be written: a snapshot's chunks and appends in flight to one peer. Beyond
    /// it messages are dropped, as a network drops them.
    private static let unsentByteCountMax = 32 << 20

    init(
        loop: any NodeLoop, stream: any ByteStream, channel: sending any SecureChannel,
        links: PeerLinks, handshakeTimeout: Duration, silenceMax: Duration
    ) {
        self.loop = loop
        self.stream = stream
        self.channel = channel
        self.links = links
        self.handshakeTimeout = handshakeTimeout
        self.silenceMax = silenceMax
        lastReceived = loop.now
    }

    /// The peer, once it is verified and known.
    nonisolated var member: MemberID? {
        get { onLoop { $0.memberID } }
        set { onLoop { $0.memberID = newValue } }
    }

    nonisolated func start() {
        onLoop { connection in
            connection.stream.start(self)
            connection.writeOutgoing()
            connection.loop.schedule(after: connection.handshakeTimeout) { [self] in
                onLoop { $0.checkHandshake() }
            }
        }
    }

    /// False when the frame was not taken.
    nonisolated func write(_ frame: [UInt8]) -> Bool {
        onLoop { connection in
            guard !connection.hasEnded, connection.verified != nil,
                connection.stream.unsentByteCount + frame.count <= Self.unsentByteCountMax,
                connection.channel.send(frame)
            else { return false }
            connection.writeOutgoing()
            return true
        }
    }

    /// Tells the peer that nothing follows, and closes.
    nonisolated func close() {
        onLoop { connection in
            guard !connection.hasEnded else { return }
            connection.hasEnded = true
            connection.channel.close()
            connection.writeOutgoing()
            connection.stream.close()
        }
    }

    nonisolated func abort() {
        onLoop { connection in
            connection.hasEnded = true
            connection.stream.abort()
        }
    }

    /// Ends the connection for a reason of this side.
    nonisolated func end(_ trouble: PeerLinks.Trouble) {
        onLoop { connection in
            guard !connection.hasEnded else { return }
            connection.hasEnded = true
            connection.writeOutgoing()
            connection.stream.close()
            connection.links.onLoop { $0.ended(self, trouble) }
        }
    }

    private func writeOutgoing() {
        let bytes = channel.takeOutgoing()
        if !bytes.isEmpty { stream.write(bytes) }
    }

    private func checkHandshake() {
        guard !hasEnded else { return }
        guard memberID != nil else { return end(.handshakeTimedOut) }
        checkSilence()
    }

    private func checkSilence() {
        guard !hasEnded else { return }
        let rest = lastReceived + silenceMax - loop.now
        guard rest > .zero else { return end(.silent) }
        // A link does not outlive the certificate that it was opened with.
        guard let verified, loop.wallTime < verified.validUntil else {
            return end(.certificateOver)
        }
        loop.schedule(after: rest) { [self] in onLoop { $0.checkSilence() } }
    }

    // MARK: The stream

    nonisolated func streamReceived(_ bytes: [UInt8]) {
        onLoop { connection in
            guard !connection.hasEnded else { return }
            connection.lastReceived = connection.loop.now
            connection.take(connection.channel.receive(bytes))
        }
    }

    nonisolated func streamDrained() {}

    nonisolated func streamEnded(_ end: StreamEnd) {
        onLoop { connection in
            guard !connection.hasEnded else { return }
            switch end {
            case .failed(let error): connection.end(.network(error))
            case .closedByPeer, .closedHere:
                connection.take(connection.channel.receiveEnd())
                connection.end(.network(.reset(reason: "closed by the peer")))
            }
        }
    }

    private func take(_ events: [SecureChannelEvent]) {
        writeOutgoing()
        for event in events {
            guard !hasEnded else { return }
            switch event {
            case .established(let peer):
                verified = peer
                links.onLoop { $0.established(peer, self) }
            case .received(let bytes):
                takeFrames(bytes)
            case .closed:
                end(.network(.reset(reason: "closed by the peer")))
            case .failed(let error):
                end(.channel(error))
            }
        }
    }

    private func takeFrames(_ bytes: [UInt8]) {
        decoder.feed(bytes)
        do {
            while !hasEnded, let frame = try decoder.next() {
                let message = try PeerMessage(frame)
                if let memberID {
                    links.onLoop { $0.received(message, from: memberID) }
                } else if let verified {
                    links.onLoop { $0.opened(by: message, verified, self) }
                }
            }
        } catch {
            end(.frame)
        }
    }
}
