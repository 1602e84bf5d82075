public import Environment
import Primitives

/// A process's sockets on the world's network.
//
// Proof of `Sendable`: used on the world's thread only; calls check that it is on the loop.
public final class SimulatedNetwork: Network, @unchecked Sendable {
    private unowned let incarnation: Incarnation
    private let loop: SimulatedLoop
    private let fabric: NetworkFabric
    private var listeners: [SimulatedListener] = []
    private var streams: [SimulatedStream] = []

    init(incarnation: Incarnation) {
        self.incarnation = incarnation
        loop = incarnation.loop
        fabric = incarnation.process.world.fabric
    }

    /// Listens on a port of this process, whatever host `address` names: a machine has one address,
    /// its process's name.
    public func listen(
        on address: SocketAddress, onAccept: @escaping @Sendable (any ByteStream) -> Void
    ) throws(NetworkError) -> any StreamListener {
        loop.requireIsolated()
        guard loop.isAlive else { throw .cannotListen(reason: "the process has crashed") }
        let host = incarnation.process.name
        guard let port = address.port == 0 ? fabric.freePort(host: host) : address.port else {
            throw .cannotListen(reason: "no free port")
        }
        let bound = SocketAddress(host: host, port: port)
        guard fabric.listener(at: bound) == nil else {
            throw .cannotListen(reason: "address already in use")
        }
        let listener = SimulatedListener(
            address: bound, incarnation: incarnation, fabric: fabric, onAccept: onAccept)
        listeners.append(listener)
        fabric.add(listener)
        return listener
    }

    public func connect(
        to address: SocketAddress, timeout: Duration,
        completion: @escaping @Sendable (Result<any ByteStream, NetworkError>) -> Void
    ) {
        loop.requireIsolated()
        guard loop.isAlive else { return loop.world.leak { _ = completion } }
        guard let target = loop.world.process(named: address.host) else {
            return loop.push(.connection) {
                completion(.failure(.unreachable(reason: "unknown host \(address.host)")))
            }
        }
        let attempt = ConnectAttempt(
            from: incarnation, to: target, address: address, completion: completion)
        attempt.begin(timeout: timeout)
    }

    func add(_ stream: SimulatedStream) {
        if streams.count >= 64, streams.count.nonzeroBitCount == 1 {
            streams.removeAll { $0.isEnded }
        }
        streams.append(stream)
    }

    func die(_ kind: CrashKind) {
        for listener in listeners { listener.die() }
        listeners = []
        for stream in streams { stream.die(kind) }
        streams = []
    }
}

/// A listening socket of a simulated process.
//
// Proof of `Sendable`: used on the world's thread only; `close` checks that it is on the loop.
final class SimulatedListener: StreamListener, @unchecked Sendable {
    let address: SocketAddress
    let incarnation: Incarnation
    private let fabric: NetworkFabric
    private let onAccept: @Sendable (any ByteStream) -> Void
    private var isOpen = true

    init(
        address: SocketAddress, incarnation: Incarnation, fabric: NetworkFabric,
        onAccept: @escaping @Sendable (any ByteStream) -> Void
    ) {
        self.address = address
        self.incarnation = incarnation
        self.fabric = fabric
        self.onAccept = onAccept
    }

    func close() {
        incarnation.loop.requireIsolated()
        isOpen = false
        fabric.remove(self)
    }

    func accept(_ stream: SimulatedStream) {
        incarnation.loop.push(.connection) { [self] in
            if isOpen { onAccept(stream) } else { stream.abort() }
        }
    }

    func die() {
        isOpen = false
        fabric.remove(self)
        incarnation.loop.world.leak { [onAccept] in _ = onAccept }
    }
}

/// A connection that is being opened: request, answer, or silence until the time is up.
private final class ConnectAttempt {
    private let incarnation: Incarnation
    private let target: SimulatedProcess
    private let address: SocketAddress
    private var completion: (@Sendable (Result<any ByteStream, NetworkError>) -> Void)?
    private var timer: Event?

    init(
        from incarnation: Incarnation, to target: SimulatedProcess, address: SocketAddress,
        completion: @escaping @Sendable (Result<any ByteStream, NetworkError>) -> Void
    ) {
        self.incarnation = incarnation
        self.target = target
        self.address = address
        self.completion = completion
    }

    private var world: World { incarnation.loop.world }

    func begin(timeout: Duration) {
        let process = incarnation.process
        let time = process.clock.worldTime(
            reaching: incarnation.loop.now + max(timeout, .zero))
        timer = world.schedule(
            .connection, subject: incarnation.loop.identifier, atNanoseconds: time,
            isOfProcess: true
        ) { [self] in
            finish(.failure(.timedOut))
        }
        _ = world.fabric.carry(.connection, from: process, to: target) { [self] in
            requestArrived()
        }
    }

    private func requestArrived() {
        // A machine without power answers nothing.
        guard target.isMachineUp else { return }
        guard let listener = world.fabric.listener(at: address) else {
            _ = world.fabric.carry(.connection, from: target, to: incarnation.process) {
                [self] in
                finish(.failure(.refused))
            }
            return
        }
        let client = SimulatedStream(incarnation: incarnation)
        let server = SimulatedStream(incarnation: listener.incarnation)
        client.connect(with: server)
        listener.incarnation.network.add(server)
        world.fabric.add(server)
        listener.accept(server)
        let arrival = world.fabric.carry(.connection, from: target, to: incarnation.process) {
            [self] in
            answerArrived(client)
        }
        server.startSending(notBefore: arrival)
    }

    private func answerArrived(_ client: SimulatedStream) {
        guard completion != nil, incarnation.isAlive else {
            return client.refuseHalfOpen(hasAnswer: incarnation.process.isMachineUp)
        }
        incarnation.network.add(client)
        world.fabric.add(client)
        finish(.success(client))
    }

    private func finish(_ result: Result<any ByteStream, NetworkError>) {
        timer?.cancel()
        timer = nil
        guard let completion else { return }
        self.completion = nil
        incarnation.loop.push(.connection) { completion(result) }
    }
}
