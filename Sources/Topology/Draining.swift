public import Primitives

// What a drained node leaves to nobody. Draining is never refused: whoever works on a machine knows
// why. But where no other node may lead, it does not do what it is for.

/// Groups that a node's draining does not take where they should go.
public struct DrainGaps: Hashable, Sendable {
    /// Nobody else who has a replica may lead: whoever leads now goes on.
    public internal(set) var kept: [GroupID] = []
    /// They have their home in the node's region, and nobody there may lead.
    public internal(set) var awayFromHome: [GroupID] = []
    /// No node of the cluster may lead.
    public internal(set) var isTotal = false

    public init() {}
}

extension Topology {
    /// What is wrong with a node being drained, among the groups that it has a replica of; empty
    /// while it is not drained.
    public func drainGaps(of id: MemberID) -> DrainGaps {
        var gaps = DrainGaps()
        guard let node = self[id], node.standing == .draining else { return gaps }
        let able = nodes.filter { $0.standing == .active }
        gaps.isTotal = able.isEmpty
        for group in shardGroups {
            guard let place = placement(of: group), place.replicas.contains(id) else { continue }
            let leaders = able.filter { place.replicas.contains($0.id) }
            if leaders.isEmpty {
                gaps.kept.append(group)
            } else if isOn(.leaderPreference), rule(of: group)?.home == node.region,
                !leaders.contains(where: { $0.region == node.region })
            {
                gaps.awayFromHome.append(group)
            }
        }
        return gaps
    }
}
