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
// quiet period first.

/// What came of a message.
enum LinkReply: Sendable {
    case answered(Message, session: UInt64)
    /// Provably not written: no session, too late, or too much in flight.
    case notSent
    /// Written, and not answered.
    case unanswered(UnknownReason, session: UInt64)
}

/// Whose answer a message waits for, so that a late one finds its payment.
struct LinkSubject: Hashable, Sendable {
    let payment: PaymentID
    let request: ProcessorRequest
}

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

/// The owner of a link: the only one who writes to its socket.
public actor ProcessorLinkActor {
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

    public nonisolated let options: LinkOptions
    private nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let network: any Network
    private let random: any RandomSource
    private let breaker: BreakerActor
    private let metrics: GatewayMetrics
    private var state = State.stopped
    /// Counts the streams; 0 stands for those of earlier processes.
    private var session: UInt64 = 0
    private var lastSessionEnd: MonotonicInstant
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
    private var upWaiters: [Resumption<Void>] = []
    private var onLateApproval: (@Sendable (LinkSubject) -> Void)?
    private var onUnmatchedApproval: (@Sendable (UnmatchedApproval) -> Void)?

    /// How many bytes may wait for the socket: a few thousand messages. Beyond it nothing is sent,
    /// which is a definite answer.
    private static let unsentByteCountMax = 1 << 20
    /// The longest wait before another try to connect.
    private static let retryMax = Duration.seconds(5)

    init(
        options: LinkOptions, loop: any NodeLoop, network: any Network,
        random: any RandomSource, breaker: BreakerActor, metrics: GatewayMetrics
    ) {
        self.options = options
        self.loop = loop
        self.network = network
        self.random = random
        self.breaker = breaker
        self.metrics = metrics
        lastSessionEnd = loop.now
    }

    func start(
        onLateApproval: @escaping @Sendable (LinkSubject) -> Void,
        onUnmatchedApproval: @escaping @Sendable (UnmatchedApproval) -> Void
    ) {
        self.onLateApproval = onLateApproval
        self.onUnmatchedApproval = onUnmatchedApproval
        connect()
    }

    /// Signs off and closes. What is in flight ends as unanswered.
    func stop() {
        let stream: (any ByteStream)? =
            switch state {
            case .up(let stream), .signingOn(let stream): stream
            case .stopped, .connecting, .waiting: nil
            }
        state = .stopped
        retryTimer?.cancel()
        echoTimer?.cancel()
        stream?.close()
        endSession()
        let waiters = upWaiters
        upWaiters.removeAll()
        for waiter in waiters { waiter.resume() }
    }

    /// True while messages can be written.
    var isUp: Bool {
        if case .up = state { true } else { false }
    }

    /// Returns once the link is up.
    func untilUp() async {
        guard !isUp else { return }
        await loop.suspend { upWaiters.append($0) }
    }

    /// Returns once nothing that was written in `session` or before can still arrive at the host.
    func untilQuiet(since session: UInt64) async {
        guard session < self.session || !isUp else { return }
        let rest = lastSessionEnd + options.quietPeriod - loop.now
        if rest > .zero { await loop.sleep(for: rest) }
    }

    /// Writes `message` and waits for its answer, at most the link's time.
    ///
    /// - Parameters:
    ///   - sendBy: past this instant, read right before the write, nothing is written.
    ///   - subject: who is told of an approval that comes after the time is up.
    ///   - mayWrite: whether the sender still acts for its shard; asked right before the write.
    func request(
        _ message: Message, subject: LinkSubject?, sendBy: MonotonicInstant,
        mayWrite: @Sendable () -> Bool
    ) async -> LinkReply {
        guard case .up(let stream) = state, mayWrite() else { return .notSent }
        return await send(message, subject: subject, sendBy: sendBy, over: stream)
    }

    private func send(
        _ message: Message, subject: LinkSubject?, sendBy: MonotonicInstant,
        over stream: any ByteStream
    ) async -> LinkReply {
        guard stream.unsentByteCount < Self.unsentByteCountMax else { return .notSent }
        let token = Token(id: nextTokenID, subject: subject)
        nextTokenID += 1
        guard var frame = frame(message) else { return .notSent }
        defer { frame.wipe() }
        let now = loop.now
        guard now < sendBy else { return .notSent }
        do {
            try matcher.register(message, token: token, deadline: now + options.answerTimeout)
        } catch {
            return .notSent
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
            assumeIsolated { $0.connected(result) }
        }
    }

    private func connected(_ result: Result<any ByteStream, NetworkError>) {
        guard case .connecting = state else {
            if case .success(let stream) = result { stream.abort() }
            return
        }
        switch result {
        case .failure:
            retryLater()
        case .success(let stream):
            session += 1
            decoder = FrameDecoder(.link)
            state = .signingOn(stream)
            stream.start(SessionHandler(link: self, session: session))
            Task { await self.signOn(stream, session: session) }
        }
    }

    private func signOn(_ stream: any ByteStream, session: UInt64) async {
        let reply = await send(
            control(.signOn), subject: nil, sendBy: loop.now + options.connectTimeout, over: stream)
        guard session == self.session, case .signingOn = state else { return }
        guard case .answered(let answer, _) = reply, answer.responseCode?.isApproved == true else {
            stream.abort()
            return
        }
        state = .up(stream)
        backoff.reset()
        metrics.linkIsUp(options.name, true)
        scheduleEcho()
        let waiters = upWaiters
        upWaiters.removeAll()
        for waiter in waiters { waiter.resume() }
    }

    private func control(_ code: NetworkManagementCode) -> Message {
        controlTrace = controlTrace % 999_999 + 1
        var message = Message.networkManagement(
            code, trace: TraceNumber(controlTrace)!, at: TransmissionTime(loop.wallTime))
        message.set(.terminal, text: "CONTROL ")
        return message
    }

    private func retryLater() {
        state = .waiting
        retryTimer = loop.schedule(after: backoff.next(chance: random.next())) { [self] in
            assumeIsolated { link in
                if case .waiting = link.state { link.connect() }
            }
        }
    }

    private func scheduleEcho() {
        echoTimer?.cancel()
        echoTimer = loop.schedule(after: options.echoInterval) { [self] in
            assumeIsolated { link in
                guard case .up(let stream) = link.state else { return }
                Task { await link.echo(stream, session: link.session) }
            }
        }
    }

    private func echo(_ stream: any ByteStream, session: UInt64) async {
        let reply = await send(
            control(.echoTest), subject: nil, sendBy: loop.now + options.connectTimeout,
            over: stream)
        guard session == self.session, case .up = state else { return }
        switch reply {
        case .answered: scheduleEcho()
        case .notSent, .unanswered: stream.abort()
        }
    }

    /// Everything in flight in the session that is over is unanswered.
    private func endSession() {
        lastSessionEnd = loop.now
        metrics.linkIsUp(options.name, false)
        for token in matcher.expireAll(now: loop.now) {
            resume(token, .unanswered(.connectionLost, session: session))
        }
    }

    // MARK: What the stream says

    fileprivate func received(_ bytes: [UInt8], session: UInt64) {
        guard session == self.session else { return }
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
        guard session == self.session else { return }
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
            assumeIsolated { $0.expire() }
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
        link.assumeIsolated { $0.received(bytes, session: session) }
    }

    func streamDrained() {}

    func streamEnded(_ end: StreamEnd) {
        link.assumeIsolated { $0.ended(end, session: session) }
    }
}
