public import Primitives

// Where replicas shall be: spread over regions first, over zones within them next, and over nodes
// by how much each has. What is well placed stays.
//
// A move costs a copy of a shard, so that a shard moves for three reasons only: a node that it is
// on is leaving, it has fewer replicas than it could, or its replicas could be spread better. The
// last two wait until few others are on their way.

/// Replicas being placed, one group after the other. A value.
struct Placement {
    private let nodes: [NodeRecord]
    /// How many replicas each node has.
    private var loads: [MemberID: Int]

    init(nodes: [NodeRecord], shards: [ShardPlacement]) {
        self.nodes = nodes
        loads = Dictionary(uniqueKeysWithValues: nodes.map { ($0.id, 0) })
        for member in shards.flatMap(\.replicas) { loads[member]? += 1 }
    }

    /// The replicas of one group more.
    mutating func add(count: Int) -> [MemberID] {
        let chosen = choose(from: [], count: count)
        for member in chosen { loads[member]? += 1 }
        return chosen
    }

    /// A group's replicas are others now.
    mutating func move(_ old: [MemberID], to new: [MemberID]) {
        for member in old { loads[member]? -= 1 }
        for member in new { loads[member]? += 1 }
    }

    /// So many replicas, of `current` as many as can stay; by rising id.
    ///
    /// - Parameter admits: whether a node may get a replica that it has not.
    func choose(
        from current: [MemberID], count: Int, admits: (MemberID) -> Bool = { _ in true }
    ) -> [MemberID] {
        var chosen = nodes.filter { current.contains($0.id) && $0.standing != .leaving }
        while chosen.count > count {
            let costs = chosen.map { cost(of: $0, in: chosen) }
            guard let worst = costs.max() else { break }
            chosen.removeAll { $0.id == worst.id }
        }
        while chosen.count < count {
            let candidates = nodes.filter { node in
                node.standing == .active && admits(node.id)
                    && !chosen.contains { $0.id == node.id }
            }
            let costs = candidates.map { cost(of: $0, in: chosen) }
            guard let best = costs.min(), let node = candidates.first(where: { $0.id == best.id })
            else { break }
            chosen.append(node)
        }
        return chosen.map(\.id).sorted()
    }

    /// One replica of a group elsewhere, so that they are spread better; nil when they are well.
    func improve(
        _ current: [MemberID], admits: (MemberID) -> Bool
    ) -> [MemberID]? {
        let chosen = nodes.filter { current.contains($0.id) }
        let candidates = nodes.filter {
            $0.standing == .active && admits($0.id) && !current.contains($0.id)
        }
        var best: (cost: Cost, replicas: [MemberID])?
        for out in chosen {
            let rest = chosen.filter { $0.id != out.id }
            let before = cost(of: out, in: rest)
            for candidate in candidates {
                let after = cost(of: candidate, in: rest)
                guard after.isWorth(movingFrom: before) else { continue }
                if let best, best.cost < after || best.cost == after { continue }
                best = (after, (rest.map(\.id) + [candidate.id]).sorted())
            }
        }
        return best?.replicas
    }

    /// How little a node adds to what a group outlives, and how much it carries already.
    private struct Cost: Comparable {
        let inRegion: Int
        let inZone: Int
        let load: Int
        let id: MemberID

        static func < (left: Cost, right: Cost) -> Bool {
            (left.inRegion, left.inZone, left.load, left.id)
                < (right.inRegion, right.inZone, right.load, right.id)
        }

        /// Better spread, or two replicas fewer: with one fewer the next look would move it back.
        func isWorth(movingFrom other: Cost) -> Bool {
            (inRegion, inZone) < (other.inRegion, other.inZone)
                || (inRegion, inZone) == (other.inRegion, other.inZone) && load + 2 <= other.load
        }
    }

    private func cost(of node: NodeRecord, in chosen: [NodeRecord]) -> Cost {
        let others = chosen.filter { $0.id != node.id && $0.region == node.region }
        return Cost(
            inRegion: others.count, inZone: others.count { $0.zone == node.zone },
            load: loads[node.id] ?? 0, id: node.id)
    }
}

extension Topology {
    /// How many groups are copied to better places at a time. Each copy is read from a leader's
    /// disk; what must move, moves at once.
    static let improvementCountMax = 4

    /// What shall be placed otherwise now, or who may go; nil when all is as it should be.
    ///
    /// - Parameter reachable: nodes that are thought to be up. A hint: no others get new replicas.
    public func nextStep(reachable: Set<MemberID>) -> TopologyEvent? {
        guard isFounded else { return nil }
        if let gone = nodes.first(where: { $0.standing == .leaving && !holdsReplicas($0.id) }) {
            return .departed(gone.id)
        }
        var places = Placement(nodes: nodes, shards: shards)
        var moves: [ShardMove] = []
        var openCount = shards.count { !$0.isSettled }
        for (number, shard) in shards.enumerated() {
            guard let next = nextPlace(of: shard, replicaCount, places, reachable, openCount)
            else { continue }
            places.move(shard.replicas, to: next)
            moves.append(ShardMove(shard: number, replicas: next))
            openCount += shard.isSettled ? 1 : 0
        }
        let voters = nextPlace(
            of: meta, Self.metaReplicaCount, Placement(nodes: nodes, shards: []), reachable, 0)
        guard !moves.isEmpty || voters != nil else { return nil }
        return .placed(moves, meta: voters)
    }

    private func nextPlace(
        of shard: ShardPlacement, _ wanted: Int, _ places: Placement,
        _ reachable: Set<MemberID>, _ openCount: Int
    ) -> [MemberID]? {
        let stayingCount = nodes.count { $0.standing != .leaving }
        // Never fewer than now but where somebody has asked for it, by letting nodes leave.
        let count = Self.voterCount(wanted: wanted, nodeCount: stayingCount)
        let isOnLeaving = shard.replicas.contains { self[$0]?.standing == .leaving }
        if isOnLeaving || shard.replicas.count > count {
            let chosen = places.choose(
                from: shard.replicas, count: count, admits: { reachable.contains($0) })
            let isComplete = chosen.count == count && chosen != shard.replicas
            return isComplete ? chosen : nil
        }
        guard shard.isSettled, openCount < Self.improvementCountMax else { return nil }
        if shard.replicas.count < count {
            let chosen = places.choose(
                from: shard.replicas, count: count, admits: { reachable.contains($0) })
            return chosen.count == count ? chosen : nil
        }
        return places.improve(shard.replicas, admits: { reachable.contains($0) })
    }
}
