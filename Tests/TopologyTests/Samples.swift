import Primitives
import Topology

/// Nodes of a plan such as `a1@a a2@a b1@b/z1/eu`: a name and a region each, and a zone and a
/// jurisdiction.
func nodes(_ plan: String) -> [NodeRecord] {
    plan.split(separator: " ").enumerated().map { index, text in
        NodeRecord(id: MemberID(UInt64(index + 1)), profile: profile(String(text)))
    }
}

func profile(_ text: String) -> NodeProfile {
    let parts = text.split(separator: "@")
    let places = parts[1].split(separator: "/")
    return NodeProfile(
        name: String(parts[0]), region: String(places[0]),
        zone: places.count > 1 ? String(places[1]) : "",
        jurisdiction: places.count > 2 ? String(places[2]) : "", address: "\(parts[0]):7001")
}

extension Topology {
    /// The groups that are not where they shall be.
    var openPlaces: [(group: GroupID, place: ShardPlacement)] {
        shardGroups.compactMap { group in
            placement(of: group).flatMap { $0.isSettled ? nil : (group, $0) }
        }
    }
}

func members(_ numbers: UInt64...) -> [MemberID] { numbers.map { MemberID($0) } }

/// A cluster, driven as its leader drives it.
struct Driven {
    var topology = Topology()
    var changeCount = 0

    init(_ plan: String, shardCount: Int = 4, replicaCount: Int = 5) {
        let founding = Founding(
            nodes: nodes(plan), shardCount: shardCount, replicaCount: replicaCount)
        apply(.founded(founding))
    }

    /// With shards of several rules.
    init(_ plan: String, shardSets: [ShardSet], replicaCount: Int = 5) {
        apply(
            .founded(
                Founding(nodes: nodes(plan), shardSets: shardSets, replicaCount: replicaCount)))
    }

    mutating func apply(_ event: TopologyEvent) {
        let change = TopologyChange(base: topology.epoch, event: event)
        precondition(topology.apply(change), "\(event) was not taken")
        changeCount += 1
    }

    /// What came of a command: nil when it was done already.
    @discardableResult
    mutating func perform(_ command: TopologyCommand) -> TopologyRefusal? {
        switch topology.decide(command) {
        case .success(.change(let event)): apply(event)
        case .success(.done): break
        case .failure(let refusal): return refusal
        }
        return nil
    }

    @discardableResult
    mutating func join(_ text: String, token: UInt64 = 7) -> TopologyRefusal? {
        perform(.join(profile(text), token: token, shardCount: topology.shards.count))
    }

    /// Groups get to where they shall be, and the placement goes on, until nothing is left to do.
    mutating func settle(reachable: Set<MemberID>? = nil) {
        for _ in 0..<1000 {
            let settled = topology.openPlaces.map {
                SettledShard(group: $0.group, epoch: $0.place.epoch)
            }
            perform(.settle(settled, metaEpoch: topology.meta.epoch))
            let up = reachable ?? Set(topology.nodes.map(\.id))
            guard let step = topology.nextStep(reachable: up) else { return }
            apply(step)
        }
        preconditionFailure("the placement does not come to rest: \(topology)")
    }
}
