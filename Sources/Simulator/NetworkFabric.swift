import Environment
import Primitives

/// One direction between two processes.
final class Link {
    var latency: LatencyModel
    var isCut = false
    var stalledUntilNanoseconds: Int64 = 0
    /// What arrived while nothing could pass. The senders' windows bound it.
    var held: [() -> Void] = []

    init(latency: LatencyModel) {
        self.latency = latency
    }

    func isBlocked(at nanoseconds: Int64) -> Bool {
        isCut || stalledUntilNanoseconds > nanoseconds
    }
}

/// The network between all processes of a world. A process's name is its host name.
///
/// What cannot pass is held and passes later, as TCP retransmits; a sender whose bytes stay
/// unacknowledged too long gives its stream up.
//
// Proof of `Sendable`: used on the world's thread only: by simulated networks and streams, whose
// entries check it, and by the scenario.
public final class NetworkFabric: @unchecked Sendable {
    private struct Pair: Hashable {
        let from: Int
        let to: Int
    }

    /// Set by the world that owns it, as it begins.
    unowned var world: World!
    private var links: [Pair: Link] = [:]
    private var listeners: [SocketAddress: SimulatedListener] = [:]
    /// Streams that may still be open, oldest first.
    private var streams: [SimulatedStream] = []
    private var nextPort: UInt16 = 40_000
    private var streamCount = 0
    var random: SeededRandom

    init(random: SeededRandom) {
        self.random = random
    }

    // MARK: Faults

    /// Lets nothing pass from one process to another, until `heal`.
    public func cut(from sender: SimulatedProcess, to receiver: SimulatedProcess) {
        world.requireThread()
        link(from: sender, to: receiver).isCut = true
    }

    /// Lets nothing pass between two processes, until `heal`.
    public func partition(_ first: SimulatedProcess, _ second: SimulatedProcess) {
        cut(from: first, to: second)
        cut(from: second, to: first)
    }

    /// Ends cuts and stalls between two processes, in both directions.
    public func heal(_ first: SimulatedProcess, _ second: SimulatedProcess) {
        world.requireThread()
        for link in [link(from: first, to: second), link(from: second, to: first)] {
            link.isCut = false
            link.stalledUntilNanoseconds = 0
            release(link)
        }
    }

    /// Ends all cuts and stalls.
    public func healAll() {
        for first in world.processes {
            for second in world.processes where first.identifier < second.identifier {
                heal(first, second)
            }
        }
    }

    /// Lets nothing pass from one process to another for `duration`.
    public func stall(
        from sender: SimulatedProcess, to receiver: SimulatedProcess, for duration: Duration
    ) {
        world.requireThread()
        let link = link(from: sender, to: receiver)
        let end = world.elapsedNanoseconds + duration.wholeNanoseconds
        link.stalledUntilNanoseconds = max(link.stalledUntilNanoseconds, end)
        world.schedule(.link, subject: 0, atNanoseconds: end) { [self] in release(link) }
    }

    /// Breaks every stream between two processes with a reset, on both sides at once.
    public func resetStreams(_ first: SimulatedProcess, _ second: SimulatedProcess) {
        world.requireThread()
        for stream in streams where stream.joins(first, second) {
            stream.fail(.reset(reason: "connection reset by peer"))
        }
    }

    /// Sets how long bytes take from one process to the other and back.
    public func setLatency(
        _ first: SimulatedProcess, _ second: SimulatedProcess, _ latency: LatencyModel
    ) {
        world.requireThread()
        link(from: first, to: second).latency = latency
        link(from: second, to: first).latency = latency
    }

    // MARK: For networks and streams

    /// Carries something from a process's machine to another's; it happens there on arrival.
    func carry(
        _ kind: StepKind, from sender: SimulatedProcess, to receiver: SimulatedProcess,
        notBefore earliest: Int64 = 0, _ arrival: @escaping () -> Void
    ) -> Int64 {
        carry(
            kind, over: link(from: sender, to: receiver), to: receiver, notBefore: earliest,
            arrival)
    }

    /// The same over a link that was looked up before.
    func carry(
        _ kind: StepKind, over link: Link, to receiver: SimulatedProcess,
        notBefore earliest: Int64 = 0, _ arrival: @escaping () -> Void
    ) -> Int64 {
        let time = max(
            world.elapsedNanoseconds + link.latency.draw(&random), earliest)
        world.schedule(kind, subject: receiver.identifier, atNanoseconds: time) { [world] in
            if link.isBlocked(at: world.elapsedNanoseconds) {
                link.held.append(arrival)
            } else {
                arrival()
            }
        }
        return time
    }

    func listener(at address: SocketAddress) -> SimulatedListener? { listeners[address] }

    func add(_ listener: SimulatedListener) { listeners[listener.address] = listener }

    func remove(_ listener: SimulatedListener) {
        if listeners[listener.address] === listener { listeners[listener.address] = nil }
    }

    func add(_ stream: SimulatedStream) {
        if streams.count >= 64, streams.count.nonzeroBitCount == 1 {
            streams.removeAll { $0.isEnded }
        }
        streams.append(stream)
    }

    func nextStreamIdentifier() -> Int {
        streamCount += 1
        return streamCount
    }

    /// A port that no listener of this host has. The range of 20,000 bounds a process's listeners.
    func freePort(host: String) -> UInt16? {
        for _ in 0..<20_000 {
            nextPort = nextPort == 59_999 ? 40_000 : nextPort + 1
            if listeners[SocketAddress(host: host, port: nextPort)] == nil { return nextPort }
        }
        return nil
    }

    func tearDown() {
        links = [:]
        listeners = [:]
        streams = []
    }

    func link(from sender: SimulatedProcess, to receiver: SimulatedProcess) -> Link {
        let pair = Pair(from: sender.identifier, to: receiver.identifier)
        if let link = links[pair] { return link }
        let parameters = world.parameters
        let link = Link(
            latency: sender === receiver ? parameters.loopbackLatency : parameters.networkLatency)
        links[pair] = link
        return link
    }

    /// Sends on what was held, in its order.
    private func release(_ link: Link) {
        guard !link.isBlocked(at: world.elapsedNanoseconds) else { return }
        let held = link.held
        link.held = []
        let latency = link.latency.draw(&random)
        for (index, arrival) in held.enumerated() {
            world.schedule(.link, subject: 0, afterNanoseconds: latency + Int64(index)) {
                [world] in
                if link.isBlocked(at: world.elapsedNanoseconds) {
                    link.held.append(arrival)
                } else {
                    arrival()
                }
            }
        }
    }
}
