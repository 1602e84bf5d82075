import Environment
import Primitives
import Transport

/// HTTP/1.1 load over keep-alive connections, open loop: requests are due at a fixed rate whatever
/// the answers do, and a latency counts from when its request was due, so that a slow server cannot
/// slow down its own measurement.
actor LoadGenerator {
    struct Result: Sendable {
        var latenciesMicroseconds: [Int64] = []
        var failureCount = 0
        /// The newest answer with its head.
        var lastAnswer: [UInt8] = []
        var elapsedNanoseconds: Int64 = 0

        var perSecond: Double {
            Double(latenciesMicroseconds.count) * 1e9 / Double(max(1, elapsedNanoseconds))
        }

        func percentile(_ percent: Int) -> Int64 {
            let sorted = latenciesMicroseconds.sorted()
            return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * percent / 100)]
        }
    }

    private nonisolated let loop: UVLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let network: UVNetwork
    private let address: SocketAddress
    private let makeRequest: @Sendable (Int) -> [UInt8]

    private var idle: [LoadConnection] = []
    private var connections: [LoadConnection] = []
    /// When the requests that wait for a connection were due.
    private var waiting: [MonotonicInstant] = []
    private var waitingHead = 0
    private var result = Result()
    private var sentCount = 0
    private var wantedCount = 0
    private var isOpenLoop = false
    private var begun = MonotonicInstant(nanoseconds: 0)
    private var finished: Resumption<Result>?

    init(
        loop: UVLoop, address: SocketAddress, makeRequest: @escaping @Sendable (Int) -> [UInt8]
    ) {
        self.loop = loop
        network = UVNetwork(loop: loop)
        self.address = address
        self.makeRequest = makeRequest
    }

    /// Sends `count` requests over `connectionCount` connections; `interval` is the time between
    /// two that are due, or nil for as many as the answers allow.
    func run(count: Int, connectionCount: Int, interval: Duration?) async -> Result {
        wantedCount = count
        for _ in 0..<connectionCount {
            guard let stream = await connect() else { continue }
            let connection = LoadConnection(generator: self, stream: stream)
            connections.append(connection)
            idle.append(connection)
            stream.start(connection)
        }
        guard !connections.isEmpty else {
            result.failureCount = count
            return result
        }
        begun = loop.now
        isOpenLoop = interval != nil
        if let interval {
            scheduleDue(number: 0, interval)
        } else {
            for _ in 0..<count { waiting.append(begun) }
        }
        watch(answeredBefore: 0)
        return await loop.suspend {
            finished = $0
            finishOrGoOn()
        }
    }

    private var answeredCount: Int {
        result.latenciesMicroseconds.count + result.failureCount
    }

    /// From one look at whether anything is answered to the next: what is silent for as long will
    /// not answer any more.
    private static let silenceMax = Duration.seconds(30)

    /// Gives up connections that have fallen silent.
    private func watch(answeredBefore: Int) {
        loop.schedule(after: Self.silenceMax) { [self] in
            assumeIsolated { generator in
                guard generator.finished != nil else { return }
                if generator.answeredCount == answeredBefore {
                    for connection in generator.connections { connection.abort() }
                }
                generator.watch(answeredBefore: generator.answeredCount)
            }
        }
    }

    private func connect() async -> (any ByteStream)? {
        let result = await loop.suspend {
            (resumption: Resumption<Swift.Result<any ByteStream, NetworkError>>) in
            network.connect(to: address, timeout: .seconds(5)) { resumption.resume(returning: $0) }
        }
        return try? result.get()
    }

    /// Makes everything due that is due by now, and looks again a millisecond later.
    private func scheduleDue(number: Int, _ interval: Duration) {
        var number = number
        while number < wantedCount, begun + interval * number <= loop.now {
            waiting.append(begun + interval * number)
            number += 1
        }
        pump()
        guard number < wantedCount else { return }
        loop.schedule(after: .milliseconds(1)) { [self, number] in
            assumeIsolated { $0.scheduleDue(number: number, interval) }
        }
    }

    private func pump() {
        while waitingHead < waiting.count, let connection = idle.popLast() {
            let due = waiting[waitingHead]
            waitingHead += 1
            sentCount += 1
            // Closed loop: what was not sent yet was not due yet either.
            connection.send(makeRequest(sentCount), due: isOpenLoop ? due : loop.now)
        }
    }

    fileprivate func answered(
        _ connection: LoadConnection, status: Int, due: MonotonicInstant, _ answer: [UInt8]
    ) {
        result.lastAnswer = answer
        if status == 200 {
            result.latenciesMicroseconds.append((loop.now - due).wholeNanoseconds / 1000)
        } else {
            result.failureCount += 1
        }
        idle.append(connection)
        finishOrGoOn()
    }

    fileprivate func broke(_ connection: LoadConnection, wasBusy: Bool) {
        idle.removeAll { $0 === connection }
        connections.removeAll { $0 === connection }
        if wasBusy { result.failureCount += 1 }
        if connections.isEmpty { wantedCount = answeredCount }
        finishOrGoOn()
    }

    private func finishOrGoOn() {
        guard answeredCount >= wantedCount else { return pump() }
        result.elapsedNanoseconds = (loop.now - begun).wholeNanoseconds
        finished?.resume(returning: result)
        finished = nil
        for connection in connections { connection.close() }
    }
}

/// One connection: one request at a time, its answer cut out by `Content-Length`.
// Proof: everything of a connection is touched on the generator's loop only.
private final class LoadConnection: ByteStreamHandler, @unchecked Sendable {
    private let generator: LoadGenerator
    private let stream: any ByteStream
    private var received: [UInt8] = []
    private var due: MonotonicInstant?

    init(generator: LoadGenerator, stream: any ByteStream) {
        self.generator = generator
        self.stream = stream
    }

    func send(_ request: [UInt8], due: MonotonicInstant) {
        self.due = due
        received.removeAll(keepingCapacity: true)
        stream.write(request)
    }

    func close() { stream.close() }
    func abort() { stream.abort() }

    func streamReceived(_ bytes: [UInt8]) {
        received += bytes
        guard let due, let status = completeStatus() else { return }
        self.due = nil
        generator.assumeIsolated { $0.answered(self, status: status, due: due, received) }
    }

    func streamDrained() {}

    func streamEnded(_ end: StreamEnd) {
        generator.assumeIsolated { $0.broke(self, wasBusy: due != nil) }
    }

    /// The status once head and body are there.
    private func completeStatus() -> Int? {
        let separator: [UInt8] = [13, 10, 13, 10]
        guard received.count > 12,
            let headEnd = received.indices.dropLast(3).first(where: {
                received[$0...].starts(with: separator)
            })
        else { return nil }
        let head = String(decoding: received[..<headEnd], as: UTF8.self).lowercased()
        var length = 0
        for line in head.split(separator: "\r\n") where line.hasPrefix("content-length:") {
            length = Int(line.dropFirst(15).filter { $0 != " " }) ?? 0
        }
        guard received.count >= headEnd + 4 + length else { return nil }
        return Int(String(decoding: received[9..<12], as: UTF8.self))
    }
}
