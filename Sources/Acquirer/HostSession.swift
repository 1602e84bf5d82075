import Environment
import ISO8583
import Primitives

/// One connection from a gateway. Belongs to the host's actor.
final class HostSession {
    let id: SessionID
    let stream: any ByteStream
    var decoder: FrameDecoder
    var outbox = Outbox()
    /// Fires when the first item of the outbox is due.
    var timer: (any LoopTimer)?
    /// Whether reading stands still because the peer sends faster than it is answered.
    var isPaused = false
    /// Whether the connection will be closed once what was answered before is sent: nothing more is
    /// read.
    var isHangingUp = false
    /// Nothing more is read or sent.
    var isClosing = false

    init(id: SessionID, stream: any ByteStream, format: FrameFormat) {
        self.id = id
        self.stream = stream
        decoder = FrameDecoder(format)
    }

    /// What the connection makes the host keep: messages not answered, and answers not sent.
    var heldByteCount: Int { outbox.chargedByteCount + stream.unsentByteCount }
}

/// Hands the events of one connection to the host.
final class HostSessionHandler: ByteStreamHandler {
    private let host: AcquirerHost
    private let id: SessionID

    init(host: AcquirerHost, id: SessionID) {
        self.host = host
        self.id = id
    }

    func streamReceived(_ bytes: [UInt8]) {
        host.onLoop { $0.received(bytes, on: id) }
    }

    func streamDrained() {
        host.onLoop { $0.drained(id) }
    }

    func streamEnded(_ end: StreamEnd) {
        host.onLoop { $0.ended(id) }
    }
}
