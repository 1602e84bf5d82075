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
    /// The node that was told to stop.
    private var stoppedNode: Node?

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
        if stoppedNode != nil, gateway.running === stoppedNode { gateway.crashNode(.kill) }
        gateway.restartNode()
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
            world.fabric.resetStreams(gateway.node, gateway.acquirer)
        case 7:
            count("stall of the node's disk")
            gateway.node.stallWorkers(for: span(100...4000))
        case 8:
            count("pause of the node")
            gateway.pauseNode(for: span(50...12_000))
        case 9:
            count("jump of the wall clock")
            gateway.node.jumpWallClock(by: span(-10_800_000...10_800_000))
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
        gateway.crashNode(kind)
        world.schedule(after: span(50...5000)) { [unowned self] in gateway.restartNode() }
    }

    /// An orderly end: the node signs off, writes back, and is then ended.
    private func stopNode() {
        guard let node = gateway.running, let loop = gateway.node.incarnation?.loop else { return }
        count("orderly stop of the node")
        stoppedNode = node
        loop.start(node) { node in await node.stop() }
        world.schedule(after: span(3000...6000)) { [unowned self] in
            if !isStopped, gateway.running === node {
                gateway.crashNode(.kill)
                gateway.restartNode()
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
        count("partition")
        world.fabric.partition(gateway.node, gateway.acquirer)
        world.schedule(after: span(100...15_000)) { [unowned self] in
            world.fabric.heal(gateway.node, gateway.acquirer)
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
