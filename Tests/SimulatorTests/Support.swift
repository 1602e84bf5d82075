import Environment
import Primitives
import Simulator
import Synchronization

/// What happened, in order.
final class Log: Sendable {
    private let state = Mutex<[String]>([])

    func add(_ line: String) { state.withLock { $0.append(line) } }
    var lines: [String] { state.withLock { $0 } }
}

/// An actor that lives on a loop.
actor Resident {
    nonisolated let loop: any NodeLoop
    private let log: Log
    private(set) var count = 0
    private var waiter: CheckedContinuation<Int, Never>?

    init(loop: any NodeLoop, log: Log = Log()) {
        self.loop = loop
        self.log = log
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func increment() { count += 1 }

    func add(_ line: String) { log.add(line) }

    func call(_ other: Resident) async -> Int {
        await other.increment()
        return await other.count
    }

    func wait() async -> Int {
        await withCheckedContinuation { waiter = $0 }
    }

    func answer(_ value: Int) {
        waiter?.resume(returning: value)
        waiter = nil
    }

    func tick(times: Int, every duration: Duration) async {
        for _ in 0..<times {
            await loop.sleep(for: duration)
            count += 1
            log.add("tick \(count)")
        }
    }
}

/// A stream's handler that keeps what it is told.
final class Collector: ByteStreamHandler {
    struct State {
        var bytes: [UInt8] = []
        var pieces = 0
        var drained = 0
        var ends: [StreamEnd] = []
        var stream: (any ByteStream)?
    }

    private let state = Mutex(State())
    private let echoes: Bool

    init(echoes: Bool = false) {
        self.echoes = echoes
    }

    var bytes: [UInt8] { state.withLock { $0.bytes } }
    var pieces: Int { state.withLock { $0.pieces } }
    var drained: Int { state.withLock { $0.drained } }
    var ends: [StreamEnd] { state.withLock { $0.ends } }
    var stream: (any ByteStream)? { state.withLock { $0.stream } }

    func attach(_ stream: any ByteStream) {
        state.withLock { $0.stream = stream }
        stream.start(self)
    }

    func streamReceived(_ bytes: [UInt8]) {
        state.withLock {
            $0.bytes += bytes
            $0.pieces += 1
        }
        if echoes { stream?.write(bytes) }
    }

    func streamDrained() { state.withLock { $0.drained += 1 } }

    func streamEnded(_ end: StreamEnd) { state.withLock { $0.ends.append(end) } }
}

/// A server on process `b` and a client on process `a`, connected.
struct Pair {
    let world: World
    let a: SimulatedProcess
    let b: SimulatedProcess
    let client = Collector()
    let server: Collector
    let errors = Log()

    init(
        _ world: World, echoes: Bool = false, serverIsPaused: Bool = false
    ) throws {
        self.world = world
        server = Collector(echoes: echoes)
        a = world.addProcess("a")
        b = world.addProcess("b")
        b.start { [server, errors] incarnation in
            do {
                _ = try incarnation.network.listen(on: SocketAddress(host: "b", port: 7000)) {
                    server.attach($0)
                    if serverIsPaused { $0.pauseReading() }
                }
            } catch {
                errors.add("\(error)")
            }
        }
        try world.run(for: .milliseconds(1))
        a.start { [client, errors] incarnation in
            incarnation.network.connect(
                to: SocketAddress(host: "b", port: 7000), timeout: .seconds(5)
            ) { result in
                switch result {
                case .success(let stream): client.attach(stream)
                case .failure(let error): errors.add("\(error)")
                }
            }
        }
        try world.run(for: .seconds(1))
    }

    /// Runs on the client's loop, soon.
    func onClient(_ action: @escaping @Sendable (any ByteStream) -> Void) {
        a.incarnation?.loop.post { [client] in client.stream.map(action) }
    }

    func onServer(_ action: @escaping @Sendable (any ByteStream) -> Void) {
        b.incarnation?.loop.post { [server] in server.stream.map(action) }
    }
}

/// Bytes whose order shows.
func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
}

func encoded(_ text: String) -> [UInt8] { Array(text.utf8) }
