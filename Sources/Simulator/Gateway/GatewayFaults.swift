import Acquirer
import ISO8583
import Node
import Primitives

/// Breaks one thing after the other, and mends it, until it is told to stop.
final class GatewayFaults {
    private let gateway: GatewayWorld
    private var world: World { gateway.world }
    private var random: SeededRandom
    private(set) var counts: [String: Int] = [:]
    private var isStopped = false
    private let clients: [SimulatedClient]
    /// The nodes that were told to stop.
    private var stoppedNodes: [Node] = []

    init(_ gateway: GatewayWorld, clients: [SimulatedClient], seed: UInt64) {
        self.gateway = gateway
        self.clients = clients
        random = SeededRandom(seed: seed)
    }

    func start() {
        scheduleNext()
    }

    /// Mends everything; nothing breaks any more.
    func stop() {
        isStopped = true
        world.fabric.healAll()
        for node in gateway.nodes {
            if stoppedNodes.contains(where: { $0 === node.running }) { node.crash(.kill) }
            node.restart()
        }
        gateway.restartAcquirer()
        tellAcquirer(.reset)
    }

    private func scheduleNext() {
        let delay = Duration.milliseconds(Int64.random(in: 200...6000, using: &random))
        world.schedule(after: delay) { [unowned self] in
            guard !isStopped else { return }
            inject()
            scheduleNext()
        }
    }

    private func inject() {
        switch Int.random(in: 0..<19, using: &random) {
        case 0, 1: crashNode(.powerLoss, "power loss of the node")
        case 2, 3: crashNode(.kill, "kill of the node")
        case 4: crashAcquirer()
        case 5: partition()
        case 6:
            count("reset of the link")
            let (first, second) = pair()
            world.fabric.resetStreams(first, second)
        case 7:
            count("stall of the node's disk")
            anyNode().process.stallWorkers(for: span(100...4000))
        case 8:
            count("pause of the node")
            anyNode().pause(for: span(50...12_000))
        case 9:
            count("jump of the wall clock")
            anyNode().process.jumpWallClock(by: span(-10_800_000...10_800_000))
        case 10: acquirerFault("silence", .silence)
        case 11: acquirerFault("late answer", .late(milliseconds: milliseconds(9000...20_000)))
        case 12: acquirerFault("duplicate answer", .duplicate)
        case 13: acquirerFault("disconnect before", .disconnectBefore)
        case 15: stopNode()
        case 16:
            count("answer of an unknown outcome")
            if let code = ResponseCode("68") {
                tellAcquirer(.set(Fault(.decline(code), .authorization, count: 2)))
            }
        case 17: quiet()
        case 14: acquirerFault("disconnect after", .disconnectAfter)
        default: acquirerFault("delay", .delay(milliseconds: milliseconds(10...11_000)))
        }
    }

    private func crashNode(_ kind: CrashKind, _ label: String) {
        count(label)
        let node = anyNode()
        node.crash(kind)
        world.schedule(after: span(50...5000)) { node.restart() }
    }

    private func anyNode() -> SimulatedNode {
        gateway.nodes[Int.random(in: 0..<gateway.nodes.count, using: &random)]
    }

    /// Two processes that have a link: a node and the acquirer, or two nodes.
    private func pair() -> (SimulatedProcess, SimulatedProcess) {
        let first = anyNode().process
        let others = gateway.nodes.map(\.process).filter { $0 !== first } + [gateway.acquirer]
        return (first, others[Int.random(in: 0..<others.count, using: &random)])
    }

    /// An orderly end: the node signs off, writes back, and is then ended.
    private func stopNode() {
        let simulated = anyNode()
        guard let node = simulated.running, let loop = simulated.process.incarnation?.loop else {
            return
        }
        count("orderly stop of the node")
        stoppedNodes.append(node)
        loop.start(node) { node in await node.stop() }
        world.schedule(after: span(3000...6000)) { [unowned self] in
            if !isStopped, simulated.running === node {
                simulated.crash(.kill)
                simulated.restart()
            }
        }
    }

    /// Nothing happens for a while, so that timers of a quiet link are seen.
    private func quiet() {
        count("silence after a quiet link")
        for client in clients { client.rest(for: .seconds(13)) }
        world.schedule(after: .milliseconds(12_500)) { [unowned self] in
            tellAcquirer(.set(Fault(.silence, .authorization, count: 1)))
        }
    }

    private func crashAcquirer() {
        count("kill of the acquirer")
        gateway.crashAcquirer(.kill)
        world.schedule(after: span(50...8000)) { [unowned self] in gateway.restartAcquirer() }
    }

    private func partition() {
        let (first, second) = pair()
        if random.chance(1, in: 3) {
            count("partition one way")
            world.fabric.cut(from: first, to: second)
        } else {
            count("partition")
            world.fabric.partition(first, second)
        }
        world.schedule(after: span(100...15_000)) { [unowned self] in
            world.fabric.heal(first, second)
        }
    }

    private func acquirerFault(_ label: String, _ effect: Fault.Effect) {
        count(label)
        let groups: [MessageGroup] = [.all, .authorization, .advice, .reversal]
        let group = groups[Int.random(in: 0..<groups.count, using: &random)]
        let times = Int.random(in: 1...4, using: &random)
        tellAcquirer(.set(Fault(effect, group, count: times)))
    }

    private func tellAcquirer(_ command: ControlCommand) {
        guard let host = gateway.host, let loop = gateway.acquirer.incarnation?.loop else { return }
        loop.start(host) { host in _ = host.perform(command) }
    }

    private func count(_ label: String) {
        counts[label, default: 0] += 1
        world.note("fault: \(label)")
    }

    private func milliseconds(_ range: ClosedRange<Int64>) -> Int64 {
        Int64.random(in: range, using: &random)
    }

    private func span(_ range: ClosedRange<Int64>) -> Duration {
        .milliseconds(milliseconds(range))
    }
}
