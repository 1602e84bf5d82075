import DequeModule
import Environment
import Primitives

/// One end of a byte stream between two simulated processes.
///
///     open ──close()──▶ closing ──all handed over──▶ ended(closedHere)
///      │                   │
///      ├──abort()──────────┼──▶ ended(closedHere), and the peer is reset
///      ├──peer's end read──┘──▶ ended(closedByPeer)
///      └──reset, silence for too long──▶ ended(failed)
//
// Proof of `Sendable`: used on the world's thread only; calls check that it is on the loop.
final class SimulatedStream: ByteStream, @unchecked Sendable {
    private enum State {
        case open
        case closing
        case ended
    }

    private enum Segment {
        case bytes([UInt8])
        case end
    }

    private let identifier: Int
    private let incarnation: Incarnation
    private var peer: SimulatedStream?
    /// To the peer's machine; there as soon as the peer is.
    private var link: Link?
    private var state = State.open
    private var handler: (any ByteStreamHandler)?
    private var isStarted = false
    private var isReading = true
    /// An end that came before there was a handler.
    private var untoldEnd: StreamEnd?

    // Sending. Counts are of bytes since the beginning.
    private var unsent = ByteQueue()
    private var isFlushQueued = false
    private var segments = Deque<Segment>()
    private var lastArrivalNanoseconds: Int64 = 0
    private var sentByteCount = 0
    private var acknowledgedByteCount = 0
    private var windowEnd: Int
    private var silentSinceNanoseconds: Int64?
    private var isSilenceWatched = false

    // Receiving.
    private var received = ByteQueue()
    private var isEndReceived = false
    private var isDeliveryQueued = false
    private var receivedByteCount = 0
    private var consumedByteCount = 0
    private var announcedConsumedByteCount = 0

    init(incarnation: Incarnation) {
        self.incarnation = incarnation
        identifier = incarnation.process.world.fabric.nextStreamIdentifier()
        windowEnd = incarnation.process.world.parameters.windowByteCount
    }

    private var loop: SimulatedLoop { incarnation.loop }
    private var world: World { incarnation.loop.world }
    private var process: SimulatedProcess { incarnation.process }

    // MARK: ByteStream

    func start(_ handler: any ByteStreamHandler) {
        loop.requireIsolated()
        precondition(!isStarted, "a stream is started once")
        isStarted = true
        guard loop.isAlive else { return }
        self.handler = handler
        if let untoldEnd { return tell(untoldEnd) }
        queueDelivery()
    }

    func write(_ bytes: [UInt8]) {
        loop.requireIsolated()
        guard state == .open, !bytes.isEmpty else { return }
        unsent.append(bytes)
        queueFlush()
    }

    var unsentByteCount: Int { unsent.count }

    func pauseReading() {
        loop.requireIsolated()
        isReading = false
    }

    func resumeReading() {
        loop.requireIsolated()
        isReading = true
        queueDelivery()
    }

    func close() {
        loop.requireIsolated()
        guard state == .open else { return }
        state = .closing
        received.removeAll()
        queueFlush()
    }

    func abort() {
        loop.requireIsolated()
        guard state != .ended else { return }
        sendReset()
        end(.closedHere)
    }

    // MARK: For the network

    var isEnded: Bool { state == .ended }

    func connect(with peer: SimulatedStream) {
        join(peer)
        peer.join(self)
    }

    private func join(_ peer: SimulatedStream) {
        self.peer = peer
        link = world.fabric.link(from: process, to: peer.process)
    }

    /// Nothing may overtake the answer to the connection's request.
    func startSending(notBefore nanoseconds: Int64) {
        lastArrivalNanoseconds = nanoseconds + 1
    }

    func joins(_ first: SimulatedProcess, _ second: SimulatedProcess) -> Bool {
        guard let other = peer?.process else { return false }
        return process === first && other === second || process === second && other === first
    }

    /// The answer found nobody who still wanted the stream: the system resets it, unless the
    /// machine is gone.
    func refuseHalfOpen(hasAnswer: Bool) {
        state = .ended
        if hasAnswer { sendReset() }
    }

    func fail(_ error: NetworkError) {
        end(.failed(error))
    }

    /// The process has crashed. After a power loss peers hear nothing, or of a quick reboot; after
    /// a kill the system closes the socket, with a reset if there was something left to read.
    func die(_ kind: CrashKind) {
        guard state != .ended else { return }
        let hasUnread = !received.isEmpty
        let isReset = world.fabric.random.chance(1, in: 2)
        switch kind {
        case .kill where hasUnread || isReset: sendReset()
        case .kill: send(.end)
        case .powerLoss where isReset: sendReset()
        case .powerLoss: break
        }
        state = .ended
        if let handler { world.leak { _ = handler } }
        handler = nil
        unsent.removeAll()
        received.removeAll()
    }

    // MARK: Sending

    private func queueFlush() {
        guard !isFlushQueued else { return }
        isFlushQueued = true
        loop.addEndOfTurn { [self] in
            isFlushQueued = false
            transmit()
        }
    }

    /// Hands to the system what its window takes.
    private func transmit() {
        guard state != .ended else { return }
        let hadBytes = !unsent.isEmpty
        while !unsent.isEmpty, sentByteCount < windowEnd {
            let length = segmentLength(limit: min(unsent.count, windowEnd - sentByteCount))
            sentByteCount += length
            send(.bytes(unsent.take(length)))
        }
        guard unsent.isEmpty else { return }
        if state == .closing {
            send(.end)
            end(.closedHere)
        } else if hadBytes, state == .open {
            handler?.streamDrained()
        }
    }

    /// TCP keeps no boundaries: some of what is sent at once arrives in odd pieces.
    private func segmentLength(limit: Int) -> Int {
        let whole = min(limit, world.parameters.segmentByteLimit)
        let isWhole = !world.fabric.random.chance(1, in: world.parameters.oddSegmentOneIn)
        if isWhole { return whole }
        // Quadratic towards short pieces would make a large flow slow, so it is uniform.
        return Int.random(in: 1...whole, using: &world.fabric.random)
    }

    private func send(_ segment: Segment) {
        guard let peer, let link else { return }
        segments.append(segment)
        lastArrivalNanoseconds = world.fabric.carry(
            .segment, over: link, to: peer.process, notBefore: lastArrivalNanoseconds + 1
        ) { [self] in
            // Arrivals come in order, whatever was held on the way.
            if let first = segments.popFirst() { peer.arrived(first) }
        }
        if silentSinceNanoseconds == nil {
            silentSinceNanoseconds = world.elapsedNanoseconds
            watchSilence()
        }
    }

    private func sendReset() {
        guard let peer else { return }
        _ = world.fabric.carry(.segment, from: process, to: peer.process) {
            peer.fail(.reset(reason: "connection reset by peer"))
        }
    }

    private func watchSilence() {
        guard !isSilenceWatched, let since = silentSinceNanoseconds else { return }
        isSilenceWatched = true
        let limit = world.parameters.retransmissionLimit.wholeNanoseconds
        world.schedule(.stream, subject: loop.identifier, atNanoseconds: since + limit) {
            [self] in
            isSilenceWatched = false
            guard state != .ended, let since = silentSinceNanoseconds else { return }
            if since + limit <= world.elapsedNanoseconds {
                fail(.reset(reason: "no acknowledgement"))
            } else {
                watchSilence()
            }
        }
    }

    private func acknowledged(received: Int, consumed: Int) {
        guard state != .ended else { return }
        if received > acknowledgedByteCount {
            acknowledgedByteCount = received
            silentSinceNanoseconds = received < sentByteCount ? world.elapsedNanoseconds : nil
        }
        let end = consumed + world.parameters.windowByteCount
        guard end > windowEnd else { return }
        windowEnd = end
        if !unsent.isEmpty, !isFlushQueued {
            loop.push(.stream) { [self] in transmit() }
        }
    }

    // MARK: Receiving

    private func arrived(_ segment: Segment) {
        guard incarnation.isAlive else {
            // A machine that is up again, or whose process alone is gone, does not know the stream.
            if process.isMachineUp, case .bytes = segment { sendReset() }
            return
        }
        switch (segment, state) {
        case (.bytes(let bytes), .open):
            world.record(.segment, subject: identifier, value: bytes.count)
            received.append(bytes)
            receivedByteCount += bytes.count
            acknowledge()
            queueDelivery()
        case (.bytes, .closing), (.bytes, .ended):
            // Nobody will read them, so the system breaks the stream.
            sendReset()
        case (.end, .open):
            isEndReceived = true
            queueDelivery()
        case (.end, .closing):
            end(.closedHere)
        case (.end, .ended):
            break
        }
    }

    private func acknowledge() {
        guard let peer, let link else { return }
        announcedConsumedByteCount = consumedByteCount
        let (received, consumed) = (receivedByteCount, consumedByteCount)
        _ = world.fabric.carry(.acknowledgement, over: link, to: peer.process) {
            peer.acknowledged(received: received, consumed: consumed)
        }
    }

    private func queueDelivery() {
        guard handler != nil, isReading, state == .open, !isDeliveryQueued,
            isEndReceived || !received.isEmpty
        else { return }
        isDeliveryQueued = true
        loop.push(.stream) { [self] in
            isDeliveryQueued = false
            deliver()
        }
    }

    private func deliver() {
        guard let handler, isReading, state == .open else { return }
        if received.isEmpty {
            if isEndReceived { end(.closedByPeer) }
            return
        }
        let bytes = received.take(min(received.count, world.parameters.segmentByteLimit))
        consumedByteCount += bytes.count
        // The sender is told when a good part of its window is free again.
        let unannounced = consumedByteCount - announcedConsumedByteCount
        if unannounced >= world.parameters.windowByteCount / 4 { acknowledge() }
        handler.streamReceived(bytes)
        queueDelivery()
    }

    // MARK: The end

    private func end(_ how: StreamEnd) {
        guard state != .ended else { return }
        state = .ended
        unsent.removeAll()
        received.removeAll()
        guard incarnation.isAlive else { return }
        if isStarted { tell(how) } else { untoldEnd = how }
    }

    private func tell(_ how: StreamEnd) {
        untoldEnd = nil
        loop.push(.stream) { [self] in
            let handler = handler
            self.handler = nil
            handler?.streamEnded(how)
        }
    }
}
