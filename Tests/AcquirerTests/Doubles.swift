import Acquirer
import Environment
import ISO8583
import Primitives
import Synchronization
import Testing

/// A loop that runs when the test says so, on the test's thread, with a clock of its own.
///
/// Like the other doubles here it belongs to the one thread of its test.
final class ManualLoop: NodeLoop {
    private struct Timer {
        let id: Int
        let dueAt: MonotonicInstant
        let action: @Sendable () -> Void
    }

    private struct State {
        var now = MonotonicInstant(nanoseconds: 0)
        var ready: [Work] = []
        var ends: [@Sendable () -> Void] = []
        var timers: [Timer] = []
        var timerCount = 0
        var isRunning = false
    }

    private enum Work {
        case job(UnownedJob)
        case action(@Sendable () -> Void)
    }

    private let state = Mutex(State())

    var now: MonotonicInstant { state.withLock { $0.now } }
    var wallTime: Timestamp { Timestamp(milliseconds: now.nanoseconds / 1_000_000) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.ready.append(.job(job)) }
    }

    func checkIsolated() {
        precondition(state.withLock { $0.isRunning }, "not on the loop")
    }

    func post(_ action: @escaping @Sendable () -> Void) {
        state.withLock { $0.ready.append(.action(action)) }
    }

    func atEndOfTurn(_ action: @escaping @Sendable () -> Void) {
        state.withLock { $0.ends.append(action) }
    }

    func schedule(
        after delay: Duration, _ action: @escaping @Sendable () -> Void
    ) -> any LoopTimer {
        let id = state.withLock { state in
            state.timerCount += 1
            state.timers.append(
                Timer(id: state.timerCount, dueAt: state.now + delay, action: action))
            return state.timerCount
        }
        return ManualTimer(loop: self, id: id)
    }

    fileprivate func cancel(_ id: Int) {
        state.withLock { $0.timers.removeAll { $0.id == id } }
    }

    /// Runs `action` and everything that it makes ready, ends of turns included; timers that are
    /// due too.
    func turn(_ action: @escaping @Sendable () -> Void = {}) {
        post(action)
        state.withLock { $0.isRunning = true }
        defer { state.withLock { $0.isRunning = false } }
        while let work = takeWork() {
            switch work {
            case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            case .action(let action): action()
            }
        }
    }

    /// Lets time pass, timer by timer.
    func pass(milliseconds: Int64) {
        let end = now + .milliseconds(milliseconds)
        while true {
            let next = state.withLock { state in
                let dueAt = state.timers.map(\.dueAt).min().map { max($0, state.now) }
                state.now = min(dueAt ?? end, end)
                return state.now
            }
            turn()
            if next == end { return }
        }
    }

    private func takeWork() -> Work? {
        state.withLock { state in
            if !state.ready.isEmpty { return state.ready.removeFirst() }
            if !state.ends.isEmpty { return .action(state.ends.removeFirst()) }
            let due = state.timers.indices.filter { state.timers[$0].dueAt <= state.now }
            let first = due.min {
                (state.timers[$0].dueAt, state.timers[$0].id)
                    < (state.timers[$1].dueAt, state.timers[$1].id)
            }
            return first.map { .action(state.timers.remove(at: $0).action) }
        }
    }
}

private struct ManualTimer: LoopTimer {
    let loop: ManualLoop
    let id: Int

    func cancel() { loop.cancel(id) }
}

/// A worker that works when the test says so; each piece's completion runs on the loop.
final class ManualWorker: BlockingWorker {
    private let loop: ManualLoop
    private let pending = Mutex<[@Sendable () -> Void]>([])

    init(loop: ManualLoop) { self.loop = loop }

    var pendingCount: Int { pending.withLock { $0.count } }

    func submit<Output: Sendable>(
        _ work: @escaping @Sendable () -> Output,
        then completion: @escaping @Sendable (Output) -> Void
    ) {
        pending.withLock { [loop] in
            $0.append {
                let output = work()
                loop.post { completion(output) }
            }
        }
    }

    /// Does one piece of work and runs the loop; false when there is none.
    @discardableResult
    func workOnce() -> Bool {
        guard let work = pending.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
            return false
        }
        work()
        loop.turn()
        return true
    }

    /// Works until there is nothing to do.
    func workAll() {
        while workOnce() {}
    }
}

/// Remembers why it was told to halt.
final class HaltRecorder: NodeHalt {
    private let recorded = Mutex<[String]>([])

    var reasons: [String] { recorded.withLock { $0 } }

    func halt(_ reason: String) { recorded.withLock { $0.append(reason) } }
}

/// The host's side of a stream whose peer is the test.
final class TestStream: ByteStream {
    private struct State {
        var handler: (any ByteStreamHandler)?
        var written: [UInt8] = []
        var unsentByteCount = 0
        var isReading = true
        var isOpen = true
    }

    private let loop: ManualLoop
    private let state = Mutex(State())

    init(loop: ManualLoop) { self.loop = loop }

    var unsentByteCount: Int { state.withLock { $0.unsentByteCount } }
    var isReading: Bool { state.withLock { $0.isReading } }
    var isOpen: Bool { state.withLock { $0.isOpen } }

    func start(_ handler: any ByteStreamHandler) { state.withLock { $0.handler = handler } }
    func write(_ bytes: [UInt8]) { state.withLock { if $0.isOpen { $0.written += bytes } } }
    func pauseReading() { state.withLock { $0.isReading = false } }
    func resumeReading() { state.withLock { $0.isReading = true } }
    func close() { end(.closedHere) }
    func abort() { end(.closedHere) }

    func end(_ end: StreamEnd) {
        let handler = state.withLock { state in
            defer {
                state.handler = nil
                state.isOpen = false
            }
            return state.isOpen ? state.handler : nil
        }
        loop.post { handler?.streamEnded(end) }
    }

    /// The peer sends bytes, in one turn of the loop.
    func send(_ bytes: [UInt8]) {
        loop.turn { [self] in state.withLock { $0.handler }?.streamReceived(bytes) }
    }

    /// Bytes that the system has not taken, for the host to notice.
    func setUnsent(_ count: Int) {
        state.withLock { $0.unsentByteCount = count }
        if count == 0 { loop.turn { [self] in state.withLock { $0.handler }?.streamDrained() } }
    }

    /// What the host has sent since the last look.
    func takeWritten() -> [UInt8] {
        state.withLock { state in
            defer { state.written = [] }
            return state.written
        }
    }
}

/// Listeners by port, to which the test connects.
final class TestNetwork: Network {
    private let loop: ManualLoop
    private let accepts = Mutex<[UInt16: @Sendable (any ByteStream) -> Void]>([:])

    init(loop: ManualLoop) { self.loop = loop }

    func listen(
        on address: SocketAddress, onAccept: @escaping @Sendable (any ByteStream) -> Void
    ) throws(NetworkError) -> any StreamListener {
        let isFree = accepts.withLock { $0.updateValue(onAccept, forKey: address.port) == nil }
        guard isFree else { throw .cannotListen(reason: "in use") }
        return TestListener(address: address, network: self)
    }

    func connect(
        to address: SocketAddress, timeout: Duration,
        completion: @escaping @Sendable (Result<any ByteStream, NetworkError>) -> Void
    ) {
        completion(.failure(.refused))
    }

    /// Connects as the peer; nil when nobody listens.
    func connect(port: UInt16) -> TestStream? {
        guard let accept = accepts.withLock({ $0[port] }) else { return nil }
        let stream = TestStream(loop: loop)
        loop.turn { accept(stream) }
        return stream
    }

    fileprivate func close(_ port: UInt16) {
        accepts.withLock { $0[port] = nil }
    }
}

private struct TestListener: StreamListener {
    let address: SocketAddress
    let network: TestNetwork

    func close() { network.close(address.port) }
}

/// A value that a turn of the loop hands back to its test.
final class Box<Value: Sendable>: Sendable {
    private let content: Mutex<Value>

    init(_ value: Value) { content = Mutex(value) }

    var value: Value {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }
}
