import Cluster
import Environment
import Glibc
import Journal
import Logging
import Node
import Operations
import Primitives
import SecureLink
import Synchronization
import Topology
import Transport

/// Finds out which member a node is, and asks its cluster for a seat if it has none.
struct NodeJoining {
    let file: NodeFile
    let loop: UVLoop
    let network: any Network
    let channels: TLSChannels?
    let logger: Logger

    /// How often a signal is looked for while the cluster does not answer.
    private static let lookMilliseconds = 50

    /// Blocks until there is a seat. A signal that ends processes ends this one.
    func seat(_ signals: Signals) throws(CommandFailure) -> Seat {
        let files = PosixFileSystem()
        let found: NodeSeat
        do throws(NodeStartError) {
            found = try NodeSeat.look(file.configuration, files, random: SystemRandom())
        } catch {
            throw failure(error)
        }
        switch found {
        case .found(let seat):
            return seat
        case .mustJoin:
            let listener = WaitingListener(file, loop: loop, logger: logger)
            defer { listener?.stop() }
            let seat = try join(signals)
            do throws(NodeStartError) {
                try NodeSeat.take(seat, file.configuration, files)
            } catch {
                throw failure(error)
            }
            logger.info("joined", metadata: ["as": "\(seat.member)"])
            return seat
        }
    }

    private func failure(_ error: NodeStartError) -> CommandFailure {
        CommandFailure(
            .badConfiguration, "\(error)", at: file.configuration.dataDirectory,
            remedy: "the folder is left as it was; keep a copy of it before anything else")
    }

    // MARK: Joining

    private enum End: Sendable {
        case seat(Seat)
        case refused(Joining.Trouble)
    }

    /// Where the loop's thread leaves what became of it.
    private final class Outcome: Sendable {
        let end = Mutex<End?>(nil)
    }

    private func join(_ signals: Signals) throws(CommandFailure) -> Seat {
        guard let channels else {
            throw CommandFailure(
                .badConfiguration, "the node has no certificate to join its cluster with",
                at: file.configuration.dataDirectory, remedy: "name it under cluster.tls")
        }
        let others = file.plan.others.map(\.profile.name).joined(separator: ", ")
        logger.info("the data folder is empty; joining the cluster", metadata: ["by": "\(others)"])
        let outcome = Outcome()
        let joining = Joining(
            plan: file.plan, shardCount: file.configuration.shardCount, loop: loop,
            network: network, channels: channels, random: SystemRandom(),
            onTrouble: trouble(outcome))
        Task {
            if let seat = await joining.run() { outcome.end.withLock { $0 = .seat(seat) } }
        }
        while true {
            switch outcome.end.withLock({ $0 }) {
            case .seat(let seat)?: return seat
            case .refused(let trouble)?: throw refusal(trouble)
            case nil: break
            }
            let signal = signals.next(within: Self.lookMilliseconds)
            if let signal, signal != SIGHUP { endProcess(Signals.status(of: signal)) }
        }
    }

    /// Logs what stands in the way once in a while, and notes what ends it.
    private func trouble(_ outcome: Outcome) -> @Sendable (Joining.Trouble) -> Void {
        let throttle = Mutex(NewsThrottle<String>(interval: .seconds(10)))
        return { [logger, loop] trouble in
            switch trouble {
            case .unanswered(let node, let reason):
                let heldBack = throttle.withLock { $0.admit(node, at: loop.now) }
                guard let heldBack else { return }
                logger.warning(
                    "not admitted yet",
                    metadata: [
                        "by": "\(node)", "reason": "\(reason)", "not_logged": "\(heldBack)",
                    ])
            case .nobodyToAsk, .refused:
                outcome.end.withLock { $0 = .refused(trouble) }
            }
        }
    }

    private func refusal(_ trouble: Joining.Trouble) -> CommandFailure {
        let place = file.configuration.dataDirectory
        switch trouble {
        case .refused(let refusal):
            let (what, remedy) = TopologyText.explain(refusal)
            return CommandFailure(
                .badConfiguration, "the cluster does not admit this node: \(what)", at: place,
                remedy: remedy)
        case .nobodyToAsk, .unanswered:
            return CommandFailure(
                .badConfiguration,
                "the data folder is empty, and the file lists no other node of the cluster",
                at: place,
                remedy: "restore the folder, or list a node that knows the cluster under "
                    + "cluster.nodes, to join it")
        }
    }
}

/// What the topology says, in words.
enum TopologyText {
    /// What draining a node does not do; nil where it does what it is for.
    static func warning(drained name: String, _ topology: Topology) -> String? {
        guard let node = topology.node(called: name) else { return nil }
        let gaps = topology.drainGaps(of: node.id)
        if gaps.isTotal {
            return "no node of the cluster is left that takes the lead: whoever leads a shard goes "
                + "on leading it"
        }
        var parts: [String] = []
        if !gaps.kept.isEmpty {
            parts.append(
                "no other node that has \(list(gaps.kept, topology)) takes the lead: whoever leads "
                    + "them goes on leading them")
        }
        if !gaps.awayFromHome.isEmpty {
            parts.append(
                "no node of \(node.region) is left that takes the lead: another region leads "
                    + list(gaps.awayFromHome, topology))
        }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// Such as `shards 0, 2 and the links of eu`.
    private static func list(_ groups: [GroupID], _ topology: Topology) -> String {
        let shards = groups.compactMap { topology.shardNumber($0) }.map(String.init)
        let regions = groups.compactMap { topology.linkShard($0)?.region }
        var parts: [String] = []
        if !shards.isEmpty {
            parts.append(
                "shard\(shards.count == 1 ? "" : "s") \(shards.joined(separator: ", "))")
        }
        if !regions.isEmpty { parts.append("the links of \(regions.joined(separator: ", "))") }
        return parts.joined(separator: " and ")
    }

    static func explain(_ refusal: TopologyRefusal) -> (what: String, remedy: String) {
        switch refusal {
        case .notFounded:
            ("it has not begun yet", "start a majority of the nodes that it begins with")
        case .shardCount(let count):
            ("it has \(count) shards", "set node.shards to \(count)")
        case .full:
            (
                "it has \(Topology.nodeCountMax) nodes, and no room for more",
                "remove one: sunny cluster remove NAME"
            )
        case .unsoundProfile:
            ("its name, region, zone or address cannot be used", "correct it")
        case .otherJurisdiction(let name):
            (
                "its region, or the node that had its name, is in the jurisdiction \(name)",
                "correct cluster.regions, or give the node another region and name"
            )
        case .tooManyRegions:
            (
                "it has had \(LinkShard.countMax) regions, and can have no more",
                "put the node into a region that there is"
            )
        case .goalWouldBeLost(let goal):
            (
                "shards that have to survive a \(goal) could not any more",
                "add a node to their jurisdiction first, or allow it: --allow-fewer-replicas"
            )
        case .noSuchNode:
            ("it has no such node", "sunny cluster members lists them")
        case .isLeaving:
            ("the node is leaving", "let it finish; it can join again with an empty folder")
        case .tooFewLeft(let needed):
            (
                "its shards need \(needed) nodes",
                "add another node first, or allow fewer replicas: --allow-fewer-replicas"
            )
        }
    }
}
