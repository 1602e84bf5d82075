import Cluster
import Node
import Primitives
import Topology

/// Takes a node's disk away, or the node out of the cluster, and brings it back as a new member.
///
/// One at a time: a cluster that loses a second disk while it replaces the first may lose its
/// majority, and has every right to. So the next one waits until the new member sees every group
/// where it shall be.
final class MembershipFaults {
    private enum State {
        case idle
        /// The node is asked whether everything is where it shall be.
        case looking
        /// It is without its disk until `backAt`.
        case away(SimulatedNode, backAt: Duration)
        /// It has been told to leave, and ends once it has.
        case leaving(SimulatedNode)
        /// It is back, and becomes a member.
        case joining(SimulatedNode)
    }

    private let gateway: GatewayWorld
    private var world: World { gateway.world }
    private var state = State.idle
    private(set) var replacedCount = 0

    private static let lookInterval = Duration.milliseconds(300)

    init(_ gateway: GatewayWorld) {
        self.gateway = gateway
    }

    var isAtRest: Bool { if case .idle = state { true } else { false } }

    /// Takes the node's disk away for a while, if the others have everything.
    func loseDisk(of node: SimulatedNode, for duration: Duration) {
        ifSettled(node) { [unowned self] in
            node.crash(.powerLoss)
            node.replaceDisk()
            state = .away(node, backAt: world.elapsed + duration)
            look()
        }
    }

    /// Removes the node from the cluster, as an operator would, by way of another one.
    func remove(_ node: SimulatedNode) {
        guard let other = gateway.nodes.first(where: { $0 !== node && $0.running != nil }),
            let asked = other.running, let loop = other.process.incarnation?.loop
        else { return }
        let name = node.process.name
        ifSettled(node) { [unowned self] in
            state = .leaving(node)
            loop.start(asked) { asked in
                _ = await asked.change(.leave(name: name, allowsFewer: true))
            }
            look()
        }
    }

    /// Does something once the node itself has said that all groups are where they shall be.
    private func ifSettled(_ node: SimulatedNode, _ action: @escaping () -> Void) {
        guard case .idle = state, node.running != nil else { return }
        state = .looking
        ask(node) { [unowned self] topology, member in
            state = .idle
            let others = gateway.nodes.filter { $0 !== node }
            // Whoever has not joined yet would be in the way of whoever comes back.
            guard topology.isSettled, others.allSatisfy(\.hasJoined),
                Self.isWhole(topology, without: member)
            else { return }
            action()
        }
    }

    /// Whether a majority of each group's replicas is elsewhere. A node that was held up may know
    /// of a cluster that was smaller, where it had something alone.
    private static func isWhole(_ topology: Topology, without member: MemberID) -> Bool {
        let places = topology.shards + topology.linkShards.map(\.place) + [topology.meta]
        return places.allSatisfy { place in
            place.replicas.count { $0 != member } * 2 > place.replicas.count
        }
    }

    private func look() {
        world.schedule(after: Self.lookInterval) { [unowned self] in proceed() }
    }

    private func proceed() {
        switch state {
        case .idle, .looking:
            return
        case .away(let node, let backAt):
            if world.elapsed >= backAt {
                node.restart()
                state = .joining(node)
            }
        case .leaving(let node):
            // A node that was down when it left hears of it when it is back.
            if node.hasDeparted {
                node.crash(.kill)
                node.replaceDisk()
                node.restart()
                state = .joining(node)
            }
        case .joining(let node):
            ask(node) { [unowned self] topology, member in
                guard topology.isSettled, topology[member] != nil else { return }
                replacedCount += 1
                state = .idle
            }
        }
        look()
    }

    /// Asks the node what it knows, if it runs.
    private func ask(
        _ node: SimulatedNode, _ body: @escaping (Topology, MemberID) -> Void
    ) {
        guard let running = node.running, let loop = node.process.incarnation?.loop else {
            if case .looking = state { state = .idle }
            return
        }
        let callback = TopologyCallback(body: body)
        loop.start(running) { running in
            callback.body(running.cluster.topology, running.cluster.seat.member)
        }
    }
}

// Proof: a world and all its loops run on one thread.
private struct TopologyCallback: @unchecked Sendable {
    let body: (Topology, MemberID) -> Void
}
