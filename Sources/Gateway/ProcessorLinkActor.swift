public import Environment
import ISO8583
import Payments
import Primitives
import Resilience

// A link to one acquirer.
//
//   stopped ── start ──▶ connecting ── stream open ──▶ signingOn ── 0810 RC 00 ──▶ up
//                            ▲                            │                        │
//                            │         refused, ended, no answer, echo unanswered  │
//                            └──── waiting (backoff) ◀────┴────────────────────────┘
//
// Each stream is a session. Within a session messages arrive in the order in which they were
// written; between sessions they do not, so whoever undoes an attempt of an older session waits a
// quiet period first. A link lives for one term of its owner (`LinkOwner`), and writes nothing,
// whatever it is, but while the owner may: that is asked on a fresh clock before each write.

/// How a link is reached and how long it waits.
public struct LinkOptions: Sendable {
    public let name: String
    public let address: SocketAddress
    /// Live money or the test world: keys of one mode never reach a link of the other.
    public let isLive: Bool
    /// How long an answer may take.
    public var answerTimeout: Duration = .seconds(10)
    /// How long after the end of a session its messages may still arrive at the host.
    public var quietPeriod: Duration = .seconds(1)
    public var connectTimeout: Duration = .seconds(5)
    /// How often an idle link asks whether the host is there.
    public var echoInterval: Duration = .seconds(20)

    public init(name: String, address: SocketAddress, isLive: Bool) {
        self.name = name
        self.address = address
        self.isLive = isLive
    }
}

/// The only one who writes to a link's socket.
actor ProcessorLinkActor: LoopActor {
    private enum State {
        case stopped
        case connecting
        case signingOn(any ByteStream)
        case up(any ByteStream)
        case waiting
    }

    private struct Token: Sendable {
        let id: UInt64
        let subject: LinkSubject?
    }

    nonisolated let options: LinkOptions
    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let network: any Network
    private let random: any RandomSource
    private let metrics: GatewayMetrics
    /// Whose link it is: the region's name, which the host is told.
    private let station: String
    private let owner: LinkFence
    /// Whether the owner still is one; by a fresh look at the clock.
    private let mayWrite: @Sendable () -> Bool
    private var state = State.stopped
    /// Counts the streams.
    private var stream: UInt64 = 0
    private var session: LinkSession {
        LinkSession(group: owner.group, term: owner.term, stream: stream)
    }
    /// When the last session ended; before the first, when the owner's term began: from then on no
    /// earlier owner can write.
    private var lastSessionEnd: MonotonicInstant
    private let begunAt: MonotonicInstant
    /// It was up, or could not be reached: until then it is new.
    private var isKnown = false
    private var decoder = FrameDecoder(.link)
    private var matcher = InFlightMatcher<Token>()
    private var waiting: [UInt64: Resumption<LinkReply>] = [:]
    private var nextTokenID: UInt64 = 1
    private var expiryTimer: (timer: any LoopTimer, instant: MonotonicInstant)?
    private var echoTimer: (any LoopTimer)?
    private var retryTimer: (any LoopTimer)?
    private var backoff = Backoff(
        base: .milliseconds(100), cap: ProcessorLinkActor.retryMax)!
    private var controlTrace: UInt32 = 0
    private var onLateApproval: (@Sendable (LinkSubject) -> Void)?
    private var onUnmatchedApproval: (@Sendable (UnmatchedApproval) -> Void)?

    /// How many bytes may wait for the socket: a few thousand messages. Beyond it nothing is sent,
    /// which is a definite answer.
    private static let unsentByteCountMax = 1 << 20
    /// The longest wait before another try to connect.
    private static let retryMax = Duration.seconds(5)
    /// How long a new link may refuse to sign on before it counts as down: a host that takes one
    /// session only sees by then that the last one is over.
    private static let openingMax = Duration.seconds(10)

    init(
        options: LinkOptions, station: String, owner: LinkFence, loop: any NodeLoop,
        network: any Network, random: any RandomSource, metrics: GatewayMetrics,
        mayWrite: @escaping @Sendable () -> Bool
    ) {
        self.options = options
        self.station = station
        self.owner = owner
        self.loop = loop
        self.network = network
        self.random = random
        self.metrics = metrics
        self.mayWrite = mayWrite
        begunAt = loop.now
        lastSessionEnd = begunAt
    }

    func start(
        onLateApproval: @escaping @Sendable (LinkSubject) -> Void,
        onUnmatchedApproval: @escaping @Sendable (UnmatchedApproval) -> Void
    ) {
        self.onLateApproval = onLateApproval
        self.onUnmatchedApproval = onUnmatchedApproval
        connect()
    }

    /// Closes at once: what is not written yet never will be. What is in flight ends as
    /// unanswered.
    func stop() {
        let stream = currentStream
        state = .stopped
        retryTimer?.cancel()
        echoTimer?.cancel()
        expiryTimer?.timer.cancel()
        expiryTimer = nil
        stream?.abort()
        endSession()
    }

    /// Whether messages can be written.
    var sessionState: LinkStatus.Session {
        switch state {
        case .up: .up
        case .connecting, .signingOn, .waiting:
            isKnown || loop.now >= begunAt + Self.openingMax ? .down : .opening
        case .stopped: .down
        }
    }

    /// Messages without an answer.
    var inFlightCount: Int { matcher.inFlightCount }

    /// How long it takes until what was written before can no longer arrive behind what is written
    /// now; nil when it cannot, now. In the session that stands it never could.
    ///
    /// An earlier owner was last able to write when this one's term began.
    func timeToWait(behind undone: LinkOrder.Undone) -> Duration? {
        if case .up = state, undone.session == session { return nil }
        let rest = max(.zero, lastSessionEnd + options.quietPeriod - loop.now)
        return rest == .zero && undone.isQuiet ? nil : rest
    }

    /// Writes `message` and waits for its answer, at most the link's time.
    ///
    /// - Parameters:
    ///   - sendBy: past this instant, read right before the write, nothing is written.
    ///   - subject: who is told of an approval that comes after the time is up.
    func request(
        _ message: Message, subject: LinkSubject?, sendBy: MonotonicInstant
    ) async -> LinkReply {
        guard case .up(let stream) = state else { return .notSent(.refused) }
        return await send(message, subject: subject, sendBy: sendBy, over: stream)
    }

    private func send(
        _ message: Message, subject: LinkSubject?, sendBy: MonotonicInstant,
        over stream: any ByteStream
    ) async -> LinkReply {
        guard stream.unsentByteCount < Self.unsentByteCountMax else { return .notSent(.refused) }
        let token = Token(id: nextTokenID, subject: subject)
        nextTokenID += 1
        guard var frame = frame(message) else { return .notSent(.refused) }
        defer { frame.wipe() }
        let now = loop.now
        guard now < sendBy else { return .notSent(.refused) }
        guard mayWrite() else { return .notSent(.elsewhere) }
        do {
            try matcher.register(message, token: token, deadline: now + options.answerTimeout)
        } catch {
            return .notSent(.refused)
        }
        return await loop.suspend { resumption in
            waiting[token.id] = resumption
            frame.reveal { stream.write($0) }
            // The stream has copied it, or holds it alone from here on.
            frame.wipe()
            metrics.messageSent(link: options.name)
            scheduleExpiry()
        }
    }

    private func frame(_ message: Message) -> Secret<[UInt8]>? {
        guard var bytes = try? Codec.encode(message, specification: .sunny1987) else { return nil }
        defer { for index in bytes.indices { bytes[index] = 0 } }
        return (try? Frame.encode(bytes, .link)).map { Secret($0) }
    }

    // MARK: The session

    private func connect() {
        state = .connecting
        network.connect(to: options.address, timeout: options.connectTimeout) { [self] result in
            onLoop { $0.connected(result) }
        }
    }

    private func connected(_ result: Result<any ByteStream, NetworkError>) {
        guard case .connecting = state else {
            if case .success(let stream) = result { stream.abort() }
            return
        }
        switch result {
        case .failure:
            isKnown = true
            retryLater()
        case .success(let stream):
            self.stream += 1
            decoder = FrameDecoder(.link)
            state = .signingOn(stream)
            stream.start(SessionHandler(link: self, session: self.stream))
            let session = self.stream
            Task { await self.signOn(stream, session: session) }
        }
    }

    private func signOn(_ stream: any ByteStream, session: UInt64) async {
        let reply = await send(
            control(.signOn), subject: nil, sendBy: loop.now + options.connectTimeout, over: stream)
        guard session == self.stream, case .signingOn = state else { return }
        guard case .answered(let answer, _) = reply, answer.responseCode?.isApproved == true else {
            stream.abort()
            return
        }
        state = .up(stream)
        isKnown = true
        backoff.reset()
        metrics.linkIsUp(options.name, station, true)
        scheduleEcho()
    }

    private func control(_ code: NetworkManagementCode) -> Message {
        controlTrace = controlTrace % 999_999 + 1
        var message = Message.networkManagement(
            code, trace: TraceNumber(controlTrace)!, at: TransmissionTime(loop.wallTime))
        message.set(.terminal, text: "CONTROL ")
        if code == .signOn { message.set(.privateData, text: StationElement.text(of: station)) }
        return message
    }

    private func retryLater() {
        state = .waiting
        retryTimer = loop.schedule(after: backoff.next(chance: random.next())) { [self] in
            onLoop { link in
                if case .waiting = link.state { link.connect() }
            }
        }
    }

    private func scheduleEcho() {
        echoTimer?.cancel()
        echoTimer = loop.schedule(after: options.echoInterval) { [self] in
            onLoop { link in
                guard case .up(let stream) = link.state else { return }
                Task { await link.echo(stream, session: link.stream) }
            }
        }
    }

    private func echo(_ stream: any ByteStream, session: UInt64) async {
        let reply = await send(
            control(.echoTest), subject: nil, sendBy: loop.now + options.connectTimeout,
            over: stream)
        guard session == self.stream, case .up = state else { return }
        switch reply {
        case .answered, .notSent(.elsewhere): scheduleEcho()
        case .notSent(.refused), .notSent(.tooEarly), .unanswered: stream.abort()
        }
    }

    /// Everything in flight in the session that is over is unanswered.
    private func endSession() {
        lastSessionEnd = loop.now
        metrics.linkIsUp(options.name, station, false)
        for token in matcher.expireAll(now: loop.now) {
            resume(token, .unanswered(.connectionLost, session: session))
        }
    }

    // MARK: What the stream says

    fileprivate func received(_ bytes: [UInt8], session: UInt64) {
        guard session == self.stream else { return }
        decoder.feed(bytes)
        do {
            while let frame = try decoder.next() {
                switch frame {
                case .keepAlive: break
                case .message(let bytes):
                    received(try Codec.decode(bytes, specification: .sunny1987))
                }
            }
        } catch {
            // What is not a message of ours cannot be answered, and nothing behind it can be read.
            metrics.protocolViolation(link: options.name)
            currentStream?.abort()
        }
    }

    private var currentStream: (any ByteStream)? {
        switch state {
        case .up(let stream), .signingOn(let stream): stream
        case .stopped, .connecting, .waiting: nil
        }
    }

    private func received(_ message: Message) {
        switch matcher.match(message, now: loop.now) {
        case .matched(let token):
            resume(token, .answered(message, session: session))
        case .late(let token):
            metrics.lateAnswer(link: options.name)
            if let subject = token.subject, mayHoldMoney(message) { onLateApproval?(subject) }
        case .duplicate:
            metrics.unmatchedAnswer(link: options.name)
        case .unknown:
            metrics.unmatchedAnswer(link: options.name)
            guard mayHoldMoney(message),
                let approval = UnmatchedApproval(message, link: options.name)
            else { return }
            onUnmatchedApproval?(approval)
        }
    }

    private func mayHoldMoney(_ answer: Message) -> Bool {
        guard let code = answer.responseCode else { return true }
        return code.isApproved || code == .partialApproval
    }

    fileprivate func ended(_ end: StreamEnd, session: UInt64) {
        guard session == self.stream else { return }
        switch state {
        case .stopped: return
        case .connecting, .waiting, .signingOn, .up: break
        }
        echoTimer?.cancel()
        endSession()
        retryLater()
    }

    // MARK: Time

    private func scheduleExpiry() {
        guard let next = matcher.nextInstant else { return }
        if let scheduled = expiryTimer {
            guard next < scheduled.instant else { return }
            scheduled.timer.cancel()
        }
        let timer = loop.schedule(after: max(.zero, next - loop.now)) { [self] in
            onLoop { $0.expire() }
        }
        expiryTimer = (timer, next)
    }

    private func expire() {
        expiryTimer = nil
        for token in matcher.expire(now: loop.now) {
            resume(token, .unanswered(.timedOut, session: session))
        }
        scheduleExpiry()
    }

    private func resume(_ token: Token, _ reply: LinkReply) {
        waiting.removeValue(forKey: token.id)?.resume(returning: reply)
    }
}

/// Ties a stream to the session that it is, so that a late callback of an old one changes nothing.
private final class SessionHandler: ByteStreamHandler {
    private let link: ProcessorLinkActor
    private let session: UInt64

    init(link: ProcessorLinkActor, session: UInt64) {
        self.link = link
        self.session = session
    }

    func streamReceived(_ bytes: [UInt8]) {
        link.onLoop { $0.received(bytes, session: session) }
    }

    func streamDrained() {}

    func streamEnded(_ end: StreamEnd) {
        link.onLoop { $0.ended(end, session: session) }
    }
}
