public import Acquirer
import ISO8583
import Primitives

/// Something that breaks at a moment of a run, with all that chance would decide of it, so that a
/// script of them can be printed, cut down and played again.
public struct GatewayFault: Hashable, Sendable {
    /// A machine of the world.
    public enum Place: Hashable, Sendable {
        /// From 0 on.
        case node(Int)
        case acquirer
    }

    public enum Kind: Hashable, Sendable {
        case crash(node: Int, CrashKind, milliseconds: Int64)
        /// An orderly end: the node signs off, writes back, and is then ended.
        case stop(node: Int, milliseconds: Int64)
        case killAcquirer(milliseconds: Int64)
        /// `isOneWay`: only what the first one sends is lost.
        case partition(Place, Place, isOneWay: Bool, milliseconds: Int64)
        case reset(Place, Place)
        /// The node's disk does not answer.
        case stall(node: Int, milliseconds: Int64)
        case pause(node: Int, milliseconds: Int64)
        case jumpWallClock(node: Int, milliseconds: Int64)
        /// The node comes back with an empty disk, as a new member.
        case loseDisk(node: Int, milliseconds: Int64)
        /// The node is removed from the cluster, and comes back as a new member.
        case remove(node: Int)
        /// The acquirer does something wrong.
        case acquirer(Fault)
        /// Clients rest, so that timers of a quiet link are seen, and then an answer stays away.
        case quiet
    }

    /// Milliseconds since the run began.
    public var at: Int64
    public let kind: Kind

    public init(at: Int64, _ kind: Kind) {
        self.at = at
        self.kind = kind
    }

    /// When it is over, in milliseconds since the run began.
    var end: Int64 {
        switch kind {
        case .crash(_, _, let milliseconds), .stop(_, let milliseconds),
            .killAcquirer(let milliseconds), .partition(_, _, _, let milliseconds),
            .stall(_, let milliseconds), .pause(_, let milliseconds),
            .loseDisk(_, let milliseconds):
            at + milliseconds
        case .quiet: at + 13_000
        case .reset, .jumpWallClock, .remove, .acquirer: at
        }
    }

    /// What it is called where faults are counted.
    var label: String {
        switch kind {
        case .crash(_, .powerLoss, _): "power loss of the node"
        case .crash(_, .kill, _): "kill of the node"
        case .stop: "orderly stop of the node"
        case .killAcquirer: "kill of the acquirer"
        case .partition(_, _, isOneWay: true, _): "partition one way"
        case .partition(_, _, isOneWay: false, _): "partition"
        case .reset: "reset of the link"
        case .stall: "stall of the node's disk"
        case .pause: "pause of the node"
        case .jumpWallClock: "jump of the wall clock"
        case .loseDisk: "loss of the node's disk"
        case .remove: "removal of the node"
        case .quiet: "silence after a quiet link"
        case .acquirer(let fault):
            switch fault.effect {
            case .delay: "delay"
            case .late: "late answer"
            case .silence: "silence"
            case .duplicate: "duplicate answer"
            case .disconnectBefore: "disconnect before"
            case .disconnectAfter: "disconnect after"
            case .refuse: "refusal"
            case .decline: "answer of an unknown outcome"
            }
        }
    }
}

// MARK: Chance

extension GatewayFault {
    /// What breaks in a run of this seed: one thing after the other, from half a second on.
    static func script(seed: UInt64, nodeCount: Int, through end: Int64) -> [GatewayFault] {
        var faults: [GatewayFault] = []
        var maker = Maker(random: SeededRandom(seed: seed), nodeCount: nodeCount)
        var at: Int64 = 500
        while true {
            at += maker.milliseconds(200...6000)
            guard at <= end else { return faults }
            if let kind = maker.kind() { faults.append(GatewayFault(at: at, kind)) }
        }
    }

    private struct Maker {
        var random: SeededRandom
        let nodeCount: Int

        mutating func milliseconds(_ range: ClosedRange<Int64>) -> Int64 {
            Int64.random(in: range, using: &random)
        }

        private mutating func node() -> Int { Int.random(in: 0..<nodeCount, using: &random) }

        /// Two machines that have a link: a node and the acquirer, or two nodes.
        private mutating func pair() -> (Place, Place) {
            let first = node()
            let others = (0..<nodeCount).filter { $0 != first }.map(Place.node) + [.acquirer]
            return (.node(first), others[Int.random(in: 0..<others.count, using: &random)])
        }

        mutating func kind() -> Kind? {
            switch Int.random(in: 0..<(nodeCount > 1 ? 21 : 19), using: &random) {
            case 0, 1:
                return .crash(node: node(), .powerLoss, milliseconds: milliseconds(50...5000))
            case 2, 3: return .crash(node: node(), .kill, milliseconds: milliseconds(50...5000))
            case 4: return .killAcquirer(milliseconds: milliseconds(50...8000))
            case 5: return partition()
            case 6:
                let (first, second) = pair()
                return .reset(first, second)
            case 7: return .stall(node: node(), milliseconds: milliseconds(100...4000))
            case 8: return .pause(node: node(), milliseconds: milliseconds(50...12_000))
            case 9:
                return .jumpWallClock(
                    node: node(), milliseconds: milliseconds(-10_800_000...10_800_000))
            case 10: return acquirer(.silence)
            case 11: return acquirer(.late(milliseconds: milliseconds(9000...20_000)))
            case 12: return acquirer(.duplicate)
            case 13: return acquirer(.disconnectBefore)
            case 14: return acquirer(.disconnectAfter)
            case 15: return .stop(node: node(), milliseconds: milliseconds(3000...6000))
            case 16:
                return ResponseCode("68").map {
                    .acquirer(Fault(.decline($0), .authorization, count: 2))
                }
            case 17: return .quiet
            case 19: return .loseDisk(node: node(), milliseconds: milliseconds(50...8000))
            case 20: return .remove(node: node())
            default: return acquirer(.delay(milliseconds: milliseconds(10...11_000)))
            }
        }

        private mutating func partition() -> Kind {
            let (first, second) = pair()
            let isOneWay = random.chance(1, in: 3)
            return .partition(
                first, second, isOneWay: isOneWay, milliseconds: milliseconds(100...15_000))
        }

        private mutating func acquirer(_ effect: Fault.Effect) -> Kind {
            let groups: [MessageGroup] = [.all, .authorization, .advice, .reversal]
            let group = groups[Int.random(in: 0..<groups.count, using: &random)]
            let times = Int.random(in: 1...4, using: &random)
            return .acquirer(Fault(effect, group, count: times))
        }
    }
}
