public import Environment
import ISO8583
import Primitives

/// The shell of the host: it listens, feeds the instance, commits to the journal, and then answers.
///
///     bytes ─▶ frames ─▶ instance ─▶ directives ─┬─▶ batch ──end of turn──▶ journal (worker)
///                                                └─▶ outbox of the connection ◀──committed──┘
///                                                       └─▶ bytes, in the connection's order
///
/// One commit is under way at a time; what comes in meanwhile shares the next. A commit that fails
/// halts the host: what it decided since can neither be kept nor taken back.
public actor AcquirerHost: LoopActor {
    /// Late answers that wait outside their connection's order. A fault beyond them is silence.
    static let lateAnswerCountMaximum = 4096

    public nonisolated let options: Options
    public nonisolated let loop: any NodeLoop
    let network: any Network
    private let journal: AcquirerJournal
    private let worker: any BlockingWorker
    private let halt: any NodeHalt

    private enum Phase {
        case idle
        /// Reads the journal.
        case starting
        case running(any StreamListener)
        /// Stopped, or halted.
        case ended
    }

    private var phase = Phase.idle
    private var instance: AcquirerInstance
    /// In the order of their ids; at most `sessionCountMaximum`.
    private var sessions: [HostSession] = []
    private var sessionCount: UInt64 = 0
    private var lateAnswerCount = 0
    var controlPort: ControlPort?

    /// What the next commit writes. Bounded by what the connections may hold.
    private var batch = JournalBatch()
    /// The number of `batch`.
    private var openBatch: UInt64 = 1
    private var committedBatch: UInt64 = 0
    private var isCommitting = false
    private var isCommitPlanned = false
    /// Called when nothing is left to be committed.
    private var waitingForQuiet: [@Sendable () -> Void] = []

    /// A host that does nothing yet.
    ///
    /// - Parameters:
    ///   - journal: Opened for this host alone. It outlives the host, which neither opens nor
    ///     closes it, so that a host in memory can be started again.
    ///   - worker: Where the journal is written.
    ///   - halt: Told when the journal cannot be written.
    public init(
        options: Options, journal: AcquirerJournal, loop: any NodeLoop, network: any Network,
        worker: any BlockingWorker, halt: any NodeHalt
    ) {
        self.options = options
        self.journal = journal
        self.loop = loop
        self.network = network
        self.worker = worker
        self.halt = halt
        instance = AcquirerInstance()
    }

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    /// Rebuilds the state from the journal, then listens. Once.
    public func start() async throws(AcquirerHostError) {
        let result = await loop.suspend {
            (resumption: Resumption<Result<Void, AcquirerHostError>>) in
            start { resumption.resume(returning: $0) }
        }
        try result.get()
    }

    /// As `start()`, for callers on the loop that do not suspend.
    package func start(
        then completion: @escaping @Sendable (Result<Void, AcquirerHostError>) -> Void
    ) {
        guard case .idle = phase else { preconditionFailure("a host is started once") }
        phase = .starting
        worker.submit { [journal] in
            Result { () throws(AcquirerJournalError) in try journal.records() }
        } then: { [self] records in
            completion(onLoop { host in host.started(with: records) })
        }
    }

    private func started(
        with read: Result<JournalRecords, AcquirerJournalError>
    ) -> Result<Void, AcquirerHostError> {
        // It may have been stopped meanwhile.
        guard case .starting = phase else { return .success(()) }
        let records: JournalRecords
        switch read {
        case .success(let found): records = found
        case .failure(let error):
            phase = .ended
            return .failure(.journal(error))
        }
        instance = AcquirerInstance(
            options: AcquirerInstance.Options(
                forgetsUnknownReversals: options.forgetsUnknownReversals,
                recordCountMaximum: options.recordCountMaximum,
                overcapturePercent: options.overcapturePercent,
                takesOneSession: options.takesOneSession),
            records: records)
        do throws(NetworkError) {
            if let address = options.controlAddress {
                controlPort = try ControlPort(host: self, on: address)
            }
            phase = .running(
                try network.listen(on: options.address) { [self] stream in
                    onLoop { $0.accepted(stream) }
                })
            return .success(())
        } catch {
            controlPort?.close()
            phase = .ended
            return .failure(.network(error))
        }
    }

    /// Stops listening, closes the connections without further answers, and returns when everything
    /// that was decided is in the journal.
    public func stop() async {
        await loop.suspend { (resumption: Resumption<Void>) in
            stop { resumption.resume() }
        }
    }

    /// As `stop()`, for callers on the loop that do not suspend.
    package func stop(then completion: @escaping @Sendable () -> Void) {
        if case .running(let listener) = phase { listener.close() }
        phase = .ended
        closeAllSessions()
        controlPort?.close()
        guard isCommitting || !batch.isEmpty else { return completion() }
        waitingForQuiet.append(completion)
    }

    /// Where gateways connect, with the port that the system chose; nil unless it is running.
    public var address: SocketAddress? {
        guard case .running(let listener) = phase else { return nil }
        return listener.address
    }

    /// Where the control port listens; nil when there is none.
    public var controlAddress: SocketAddress? { controlPort?.address }

    /// All transactions, in the order of their ids. The newest may not be committed yet: then no
    /// answer about them has left.
    public func snapshot() -> [AcquirerTransaction] { instance.transactions }

    /// Does what the control port would do for the command.
    @discardableResult
    public func perform(_ command: ControlCommand) -> ControlReply {
        let (reply, directives) = instance.onCommand(command)
        for directive in directives { if directive == .closeAll { closeAllSessions() } }
        return reply
    }
}

// MARK: Connections

extension AcquirerHost {
    private func accepted(_ stream: any ByteStream) {
        guard case .running = phase, sessions.count < options.sessionCountMaximum else {
            return stream.abort()
        }
        sessionCount += 1
        let session = HostSession(
            id: SessionID(sessionCount), stream: stream, format: options.frameFormat)
        sessions.append(session)
        stream.start(HostSessionHandler(host: self, id: session.id))
    }

    func received(_ bytes: [UInt8], on id: SessionID) {
        guard let session = session(id), !session.isClosing, !session.isHangingUp else { return }
        session.decoder.feed(bytes)
        pump(session)
    }

    func drained(_ id: SessionID) {
        guard let session = session(id) else { return }
        pump(session)
    }

    func ended(_ id: SessionID) {
        guard let session = session(id) else { return }
        session.timer?.cancel()
        session.isClosing = true
        sessions.removeAll { $0.id == id }
        instance.onSessionEnded(id)
    }

    private func session(_ id: SessionID) -> HostSession? {
        sessions.first { $0.id == id }
    }

    private func closeAllSessions() {
        // The handlers take the sessions out of the list.
        for session in sessions {
            session.isClosing = true
            session.stream.abort()
        }
    }

    private func end(_ session: HostSession) {
        session.isClosing = true
        session.timer?.cancel()
        session.stream.abort()
    }

    private func close(_ session: HostSession) {
        session.isClosing = true
        session.timer?.cancel()
        session.stream.close()
    }

    /// Takes what the decoder holds, as far as the connection's bound allows.
    private func pump(_ session: HostSession) {
        while !session.isClosing, !session.isHangingUp {
            guard session.heldByteCount < options.heldByteCountMaximum else {
                if !session.isPaused { session.stream.pauseReading() }
                session.isPaused = true
                return
            }
            do throws(FrameError) {
                guard let frame = try session.decoder.next() else { break }
                switch frame {
                case .keepAlive: session.stream.write(try frame.encode(options.frameFormat))
                case .message(let bytes): handle(bytes, session)
                }
            } catch {
                return close(session)
            }
        }
        if session.isPaused, !session.isClosing, !session.isHangingUp {
            session.isPaused = false
            session.stream.resumeReading()
        }
    }
}

// MARK: Messages

extension AcquirerHost {
    private func handle(_ bytes: ArraySlice<UInt8>, _ session: HostSession) {
        let specification = options.specification
        let now = loop.wallTime
        let directives: [Directive]
        do throws(MessageError) {
            let message = try Codec.decode(bytes, specification: specification)
            directives = instance.onMessage(message, from: session.id, at: now)
        } catch {
            let readable = MessageSalvage.readable(bytes, error, specification)
            directives = instance.onMalformed(readable, from: session.id, at: now)
        }
        var action = Outbox.Action.keepQuiet
        var dueAt = loop.now
        for directive in directives {
            batch.add(directive)
            switch directive {
            case .saveTransaction, .saveAdvice, .log, .closeAll: break
            case .end(let other): if let other = self.session(other) { end(other) }
            case .close: action = .close
            case .answer(let message, _, let delivery):
                guard let answer = encode(message, copyCount: delivery.copyCount) else {
                    action = .close
                    continue
                }
                if delivery.keepsOrder {
                    action = .write(answer)
                    dueAt = dueAt + .milliseconds(delivery.afterMilliseconds)
                } else {
                    sendLate(answer, after: delivery.afterMilliseconds, on: session.id)
                }
            }
        }
        if action == .close { session.isHangingUp = true }
        session.outbox.append(
            Outbox.Item(
                action: action, batch: batch.isEmpty ? committedBatch : openBatch, dueAt: dueAt,
                chargedByteCount: bytes.count))
        planCommit()
        // Without anything to commit it may leave now.
        if batch.isEmpty { flush(session) }
    }

    /// Nil when an echoed element does not fit the specification, which a decoded message's do.
    private func encode(_ message: Message, copyCount: Int) -> [UInt8]? {
        guard let bytes = try? Codec.encode(message, specification: options.specification),
            let frame = try? Frame.message(bytes[...]).encode(options.frameFormat)
        else { return nil }
        return Array(repeatElement(frame, count: copyCount).joined())
    }

    /// Joins the end of the outbox when its time has come, so that it is committed and yet
    /// overtaken.
    private func sendLate(_ answer: [UInt8], after milliseconds: Int64, on id: SessionID) {
        guard lateAnswerCount < Self.lateAnswerCountMaximum else { return }
        lateAnswerCount += 1
        let batch = openBatch
        loop.schedule(after: .milliseconds(milliseconds)) { [self] in
            onLoop { host in
                host.lateAnswerCount -= 1
                guard let session = host.session(id), !session.isClosing else { return }
                session.outbox.append(
                    Outbox.Item(
                        action: .write(answer), batch: batch, dueAt: host.loop.now,
                        chargedByteCount: 0))
                host.flush(session)
            }
        }
    }

    /// Sends what is committed and due.
    private func flush(_ session: HostSession) {
        guard !session.isClosing else { return }
        session.timer?.cancel()
        session.timer = nil
        for action in session.outbox.takeReady(committed: committedBatch, at: loop.now) {
            switch action {
            case .write(let bytes): session.stream.write(bytes)
            case .keepQuiet: break
            case .close: return close(session)
            }
        }
        if let dueAt = session.outbox.dueAt(committed: committedBatch) {
            let id = session.id
            session.timer = loop.schedule(after: dueAt - loop.now) { [self] in
                onLoop { host in
                    if let session = host.session(id) { host.flush(session) }
                }
            }
        }
        if session.isPaused { pump(session) }
    }
}

// MARK: Commits

extension AcquirerHost {
    /// Commits at the end of the turn, or right after the commit that is under way.
    private func planCommit() {
        guard !batch.isEmpty, !isCommitting, !isCommitPlanned else { return }
        isCommitPlanned = true
        loop.atEndOfTurn { [self] in
            onLoop { host in
                host.isCommitPlanned = false
                host.commit()
            }
        }
    }

    private func commit() {
        guard !batch.isEmpty, !isCommitting else { return }
        isCommitting = true
        let (number, content, journal) = (openBatch, batch, journal)
        batch = JournalBatch()
        openBatch += 1
        worker.submit {
            Result { () throws(AcquirerJournalError) in try journal.append(content) }
        } then: { [self] result in
            onLoop { $0.committed(number, result) }
        }
    }

    private func committed(_ number: UInt64, _ result: Result<Void, AcquirerJournalError>) {
        isCommitting = false
        if case .failure(let error) = result { return fail(error) }
        committedBatch = number
        for session in sessions { flush(session) }
        commit()
        guard !isCommitting else { return }
        releaseWaiting()
    }

    /// Nothing that was decided since the last commit may be answered, and nothing more decided.
    private func fail(_ error: AcquirerJournalError) {
        if case .running(let listener) = phase { listener.close() }
        phase = .ended
        closeAllSessions()
        batch = JournalBatch()
        halt.halt("acquirer \(options.id): \(error)")
        releaseWaiting()
    }

    private func releaseWaiting() {
        let waiting = waitingForQuiet
        waitingForQuiet = []
        for completion in waiting { completion() }
    }
}
