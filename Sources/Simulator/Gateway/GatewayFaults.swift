import Acquirer
import Node
import Primitives

/// Breaks what a script says, when it says so, and mends it, until it is told to stop.
final class GatewayFaults {
    private let gateway: GatewayWorld
    private var world: World { gateway.world }
    private var rest: ArraySlice<GatewayFault>
    private(set) var counts: [String: Int] = [:]
    let membership: MembershipFaults
    private var isStopped = false
    private let clients: [SimulatedClient]
    /// The nodes that were told to stop.
    private var stoppedNodes: [Node] = []

    init(_ gateway: GatewayWorld, clients: [SimulatedClient], script: [GatewayFault]) {
        self.gateway = gateway
        membership = MembershipFaults(gateway)
        self.clients = clients
        rest = script.sorted { $0.at < $1.at }[...]
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
        guard let fault = rest.popFirst() else { return }
        world.schedule(after: .milliseconds(fault.at) - world.elapsed) { [unowned self] in
            guard !isStopped else { return }
            inject(fault)
            scheduleNext()
        }
    }

    private func inject(_ fault: GatewayFault) {
        counts[fault.label, default: 0] += 1
        world.note("fault: \(fault)")
        switch fault.kind {
        case .crash(let place, let kind, let milliseconds):
            let node = gateway.nodes[place]
            node.crash(kind)
            world.schedule(after: .milliseconds(milliseconds)) { node.restart() }
        case .stop(let place, let milliseconds):
            stop(gateway.nodes[place], for: .milliseconds(milliseconds))
        case .killAcquirer(let milliseconds):
            gateway.crashAcquirer(.kill)
            world.schedule(after: .milliseconds(milliseconds)) { [unowned self] in
                gateway.restartAcquirer()
            }
        case .partition(let first, let second, let isOneWay, let milliseconds):
            partition(process(first), process(second), isOneWay, .milliseconds(milliseconds))
        case .reset(let first, let second):
            world.fabric.resetStreams(process(first), process(second))
        case .stall(let place, let milliseconds):
            gateway.nodes[place].process.stallWorkers(for: .milliseconds(milliseconds))
        case .pause(let place, let milliseconds):
            gateway.nodes[place].pause(for: .milliseconds(milliseconds))
        case .jumpWallClock(let place, let milliseconds):
            gateway.nodes[place].process.jumpWallClock(by: .milliseconds(milliseconds))
        case .loseDisk(let place, let milliseconds):
            membership.loseDisk(
                of: gateway.nodes[place], for: .milliseconds(milliseconds))
        case .remove(let place): membership.remove(gateway.nodes[place])
        case .acquirer(let fault): tellAcquirer(.set(fault))
        case .quiet: quiet()
        }
    }

    private func process(_ place: GatewayFault.Place) -> SimulatedProcess {
        switch place {
        case .node(let number): gateway.nodes[number].process
        case .acquirer: gateway.acquirer
        }
    }

    private func stop(_ simulated: SimulatedNode, for duration: Duration) {
        guard let node = simulated.running, let loop = simulated.process.incarnation?.loop else {
            return
        }
        stoppedNodes.append(node)
        loop.start(node) { node in await node.stop() }
        world.schedule(after: duration) { [unowned self] in
            if !isStopped, simulated.running === node {
                simulated.crash(.kill)
                simulated.restart()
            }
        }
    }

    private func quiet() {
        for client in clients { client.sender.rest(for: .seconds(13)) }
        world.schedule(after: .milliseconds(12_500)) { [unowned self] in
            tellAcquirer(.set(Fault(.silence, .authorization, count: 1)))
        }
    }

    private func partition(
        _ first: SimulatedProcess, _ second: SimulatedProcess, _ isOneWay: Bool,
        _ duration: Duration
    ) {
        if isOneWay {
            world.fabric.cut(from: first, to: second)
        } else {
            world.fabric.partition(first, second)
        }
        world.schedule(after: duration) { [unowned self] in world.fabric.heal(first, second) }
    }

    private func tellAcquirer(_ command: ControlCommand) {
        guard let host = gateway.host, let loop = gateway.acquirer.incarnation?.loop else { return }
        loop.start(host) { host in _ = host.perform(command) }
    }
}
