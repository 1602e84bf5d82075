import CLibUV
import Environment

/// What a loop knows of one open TCP connection. Loop only; others hold its `UVStream`.
///
/// open ──close()──▶ flushing ──all sent, our side shut down──▶ lingering ──peer's end──▶ closing
///      │ ╲                 ▲    ╲                                     │ limit                  ▲
///      │  ╲──peer's end────┘     ╲──limit or failure──────────────────┴────────────────────────┤
///      └──────failure, abort(), the loop's end──────────────────────────────────────────────────┘
///                                                                      closing ─callback─▶ closed
///
/// | from      | event                     | to        | the handler hears              |
/// |-----------|---------------------------|-----------|--------------------------------|
/// | open      | `close()`                 | flushing  | –                              |
/// | open      | the peer's end            | flushing  | `closedByPeer`                 |
/// | open      | failure                   | closing   | `failed`                       |
/// | flushing  | our side is shut down     | lingering | `closedHere`, unless told      |
/// | flushing  | failure, or the limit     | closing   | `failed`, unless told          |
/// | lingering | the peer's end, any limit | closing   | –                              |
/// | any       | `abort()`, loop's end     | closing   | `closedHere` from the callback |
///
/// It lingers because a socket that is closed while the peer still sends answers with a reset, and
/// the system then throws away what it has not sent yet (RFC 1122, 4.2.2.13; RFC 9112, 9.6).
final class StreamCore: LoopResident {
    /// After this silence the system probes the peer; the links above have heartbeats of their own.
    static let keepAliveSeconds: UInt32 = 30

    private enum Phase {
        case open
        case flushing
        case lingering
        case closing
        case closed
    }

    private let core: LoopCore
    private let handle: TCPHandle
    private let closeTimeout: Duration
    private var phase = Phase.open
    private var handler: (any ByteStreamHandler)?
    /// How the stream ended for the handler, once it has.
    private var end: StreamEnd?
    private var outgoing = SendQueue()
    private var isFlushPlanned = false
    private var isWriting = false
    private var isReading = false
    private var isPaused = false
    private var hasPeerEnded = false
    private var closeTimer: TimerQueue.Identifier?
    private var resident: UInt64?

    /// Takes over a connected handle.
    init(_ handle: TCPHandle, on core: LoopCore, closeTimeout: Duration) {
        self.core = core
        self.handle = handle
        self.closeTimeout = closeTimeout
        handle.tune(keepAliveSeconds: Self.keepAliveSeconds)
        handle.onConnected = nil
        handle.onInput = { self.received($0) }
        handle.onWritten = { self.written(status: $0) }
        handle.onShutDown = { self.shutDown(status: $0) }
        handle.onClosed = { self.closed() }
        resident = core.add(self)
    }

    // MARK: The caller's side

    func start(_ handler: any ByteStreamHandler) {
        precondition(self.handler == nil, "a stream was started twice")
        if let end {
            core.soon { handler.streamEnded(end) }
        } else {
            self.handler = handler
            updateReading()
        }
    }

    func write(_ bytes: [UInt8]) {
        guard case .open = phase, !bytes.isEmpty else { return }
        outgoing.append(bytes)
        planFlush()
    }

    var unsentByteCount: Int {
        switch phase {
        case .open, .flushing: outgoing.byteCount + handle.unwrittenByteCount
        case .lingering, .closing, .closed: 0
        }
    }

    func setPaused(_ isPaused: Bool) {
        self.isPaused = isPaused
        updateReading()
    }

    func close() {
        guard case .open = phase else { return }
        beginFlushing()
    }

    func abort() {
        switch phase {
        case .open, .flushing, .lingering: closeHandle(reset: true)
        case .closing, .closed: break
        }
    }

    func loopWillStop() {
        switch phase {
        // A peer that gets less than was written must not take the end for an orderly one.
        case .open, .flushing, .lingering: closeHandle(reset: unsentByteCount > 0)
        case .closing, .closed: break
        }
    }

    // MARK: Sending

    private func planFlush() {
        guard !isFlushPlanned, !isWriting else { return }
        isFlushPlanned = true
        core.atEndOfTurn { self.flush() }
    }

    private func flush() {
        isFlushPlanned = false
        switch phase {
        case .open, .flushing: break
        case .lingering, .closing, .closed: return
        }
        var failure: Int32?
        while !outgoing.isEmpty, failure == nil, !isWriting {
            outgoing.send { bytes in
                let count = handle.tryWrite(bytes)
                if count >= 0 { return count }
                guard count == Int(UV_EAGAIN.rawValue) else {
                    failure = Int32(count)
                    return 0
                }
                let copied = handle.write(bytes)
                guard copied >= 0 else {
                    failure = Int32(copied)
                    return 0
                }
                isWriting = true
                return copied
            }
        }
        if let failure {
            fail(status: failure)
        } else if !isWriting {
            drained()
        }
    }

    private func written(status: Int32) {
        isWriting = false
        switch phase {
        case .open, .flushing:
            if status == 0 { flush() } else { fail(status: status) }
        case .lingering, .closing, .closed:
            break
        }
    }

    private func drained() {
        switch phase {
        case .open:
            handler?.streamDrained()
        case .flushing:
            let status = handle.shutDown()
            if status != 0 { fail(status: status) }
        case .lingering, .closing, .closed:
            break
        }
    }

    // MARK: Receiving

    private func updateReading() {
        let wantsInput: Bool
        switch phase {
        case .open: wantsInput = handler != nil && !isPaused
        // The peer's bytes are taken and dropped, so that its end can come.
        case .flushing, .lingering: wantsInput = !hasPeerEnded
        case .closing, .closed: wantsInput = false
        }
        guard wantsInput != isReading else { return }
        isReading = wantsInput
        guard wantsInput else { return handle.stopReading() }
        let status = handle.startReading()
        // Nothing is told inside a call of the handler's owner.
        if status != 0 { core.soon { self.fail(status: status) } }
    }

    private func received(_ input: TCPHandle.Input) {
        switch (input, phase) {
        case (.bytes(let bytes), .open):
            handler?.streamReceived(bytes)
        case (.end, .open):
            hasPeerEnded = true
            beginFlushing()
            tell(.closedByPeer)
        case (.end, .flushing):
            hasPeerEnded = true
            updateReading()
        case (.end, .lingering), (.failure, .lingering):
            closeHandle(reset: false)
        case (.failure(let status), .open), (.failure(let status), .flushing):
            fail(status: status)
        case (.bytes, .flushing), (.bytes, .lingering), (_, .closing), (_, .closed):
            break
        }
    }

    // MARK: Ending

    private func beginFlushing() {
        phase = .flushing
        closeTimer = core.schedule(after: closeTimeout) { self.closeTimedOut() }
        updateReading()
        planFlush()
    }

    private func shutDown(status: Int32) {
        guard case .flushing = phase else { return }
        guard status == 0 else { return fail(status: status) }
        if hasPeerEnded {
            closeHandle(reset: false)
        } else {
            phase = .lingering
        }
        tell(.closedHere)
    }

    private func closeTimedOut() {
        switch phase {
        case .flushing:
            closeHandle(reset: true)
            tell(.failed(.timedOut))
        case .lingering:
            closeHandle(reset: false)
        case .open, .closing, .closed:
            break
        }
    }

    private func fail(status: Int32) {
        switch phase {
        case .open, .flushing, .lingering: break
        case .closing, .closed: return
        }
        closeHandle(reset: false)
        tell(.failed(.broken(status: status)))
    }

    private func closeHandle(reset: Bool) {
        phase = .closing
        if let closeTimer { core.cancel(closeTimer) }
        closeTimer = nil
        outgoing.removeAll()
        if reset { handle.closeReset() } else { handle.close() }
    }

    private func closed() {
        phase = .closed
        if let resident { core.remove(resident: resident) }
        resident = nil
        tell(.closedHere)
    }

    /// Tells the handler how the stream ended, if it has not been told before.
    private func tell(_ end: StreamEnd) {
        guard self.end == nil else { return }
        self.end = end
        let handler = self.handler
        self.handler = nil
        handler?.streamEnded(end)
    }
}
