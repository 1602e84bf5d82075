public import Primitives

// Where replicas shall be: as the group's rule has it (PlacementRule.swift), then spread over
// regions, over zones within them, and over nodes by how much each has. What is well placed stays.
//
// A move costs a copy of a shard, so that a shard moves for three reasons only: a node that it is
// on is leaving, it has fewer replicas than it could, or its replicas could be spread better. The
// last two wait until few others are on their way.

/// Replicas being placed, one group after the other. A value.
struct Placement {
    private let nodes: [NodeRecord]
    /// How many replicas of this kind of groups each node has.
    private var loads: [MemberID: Int]
    /// How many it has of others: a shard of merchants carries payments, one of links a few lines,
    /// so that they are not counted together.
    private let otherLoads: [MemberID: Int]

    init(nodes: [NodeRecord], shards: [ShardPlacement], beside others: [ShardPlacement] = []) {
        self.nodes = nodes
        loads = Self.loads(of: shards, on: nodes)
        otherLoads = Self.loads(of: others, on: nodes)
    }

    private static func loads(
        of shards: [ShardPlacement], on nodes: [NodeRecord]
    ) -> [MemberID: Int] {
        // Counted by place: nodes are few, and shards may be a thousand.
        var counts = [Int](repeating: 0, count: nodes.count)
        for shard in shards {
            for member in shard.replicas {
                if let place = nodes.firstIndex(where: { $0.id == member }) { counts[place] += 1 }
            }
        }
        return Dictionary(uniqueKeysWithValues: zip(nodes.map(\.id), counts))
    }

    /// The replicas of one group more.
    mutating func add(
        count: Int, _ rule: PlacementRule, admits: (MemberID) -> Bool = { _ in true }
    ) -> [MemberID] {
        var chosen = choose(from: [], count: count, rule, admits: admits)
        // Whoever is not there yet may come; whoever is goes first.
        if chosen.count < count { chosen = choose(from: chosen, count: count, rule) }
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
        from current: [MemberID], count: Int, _ rule: PlacementRule,
        admits: (MemberID) -> Bool = { _ in true }
    ) -> [MemberID] {
        var chosen = nodes.filter {
            current.contains($0.id) && $0.standing != .leaving && rule.admits($0)
        }
        while chosen.count > count {
            // Those that are not there go first: what stays has to decide.
            let absent = chosen.filter { !admits($0.id) }
            let costs = (absent.isEmpty ? chosen : absent).map {
                cost(of: $0, in: chosen, count, rule)
            }
            guard let worst = costs.max() else { break }
            chosen.removeAll { $0.id == worst.id }
        }
        while chosen.count < count {
            let candidates = nodes.filter { node in
                node.standing == .active && admits(node.id) && rule.admits(node)
                    && !chosen.contains { $0.id == node.id }
            }
            let costs = candidates.map { cost(of: $0, in: chosen, count, rule) }
            guard let best = costs.min(), let node = candidates.first(where: { $0.id == best.id })
            else { break }
            chosen.append(node)
        }
        return chosen.map(\.id).sorted()
    }

    /// One replica of a group elsewhere, so that they are spread better; nil when they are well.
    func improve(
        _ current: [MemberID], _ rule: PlacementRule, admits: (MemberID) -> Bool
    ) -> [MemberID]? {
        let candidates = nodes.filter {
            !current.contains($0.id) && $0.standing == .active && admits($0.id) && rule.admits($0)
        }
        if candidates.isEmpty { return nil }
        let chosen = nodes.filter { current.contains($0.id) }
        var best: (cost: Cost, replicas: [MemberID])?
        for out in chosen {
            let rest = chosen.filter { $0.id != out.id }
            let before = cost(of: out, in: rest, chosen.count, rule)
            for candidate in candidates {
                let after = cost(of: candidate, in: rest, chosen.count, rule)
                guard after.isWorth(movingFrom: before) else { continue }
                if let best, best.cost < after || best.cost == after { continue }
                best = (after, (rest.map(\.id) + [candidate.id]).sorted())
            }
        }
        return best?.replicas
    }

    /// How little a node adds to what a group outlives, and how much it carries already.
    private struct Cost: Comparable {
        /// 1 where too many would be lost together.
        let overGoal: Int
        /// How much farther from its home the group is.
        let farFromHome: Int
        let inRegion: Int
        let inZone: Int
        let load: Int
        let otherLoad: Int
        let id: MemberID

        private var spread: (Int, Int, Int, Int) { (overGoal, farFromHome, inRegion, inZone) }

        static func < (left: Cost, right: Cost) -> Bool {
            if left.spread != right.spread { return left.spread < right.spread }
            return (left.load, left.otherLoad, left.id) < (right.load, right.otherLoad, right.id)
        }

        /// Better spread, or two replicas fewer: with one fewer the next look would move it back.
        func isWorth(movingFrom other: Cost) -> Bool {
            spread < other.spread || spread == other.spread && load + 2 <= other.load
        }
    }

    /// - Parameter count: how many replicas the group shall have.
    private func cost(
        of node: NodeRecord, in chosen: [NodeRecord], _ count: Int, _ rule: PlacementRule
    ) -> Cost {
        let others = chosen.filter { $0.id != node.id }
        let near = others.filter { $0.region == node.region }
        let together = others.count { rule.domain(of: $0) == rule.domain(of: node) } + 1
        let isOver = rule.survival != nil && together > PlacementRule.lostCountMax(of: count)
        return Cost(
            overGoal: isOver ? 1 : 0, farFromHome: Self.farFromHome(node, others, rule),
            inRegion: near.count, inZone: near.count { $0.zone == node.zone },
            load: loads[node.id] ?? 0, otherLoad: otherLoads[node.id] ?? 0, id: node.id)
    }

    /// One replica at home is enough, but where no other region has to be there for a commit.
    private static func farFromHome(
        _ node: NodeRecord, _ others: [NodeRecord], _ rule: PlacementRule
    ) -> Int {
        guard let home = rule.home else { return 0 }
        let isHome = node.region == home
        guard rule.survival != .zone else { return isHome ? 0 : 1 }
        return isHome || others.contains { $0.region == home } ? 0 : 1
    }
}

extension Topology {
    /// How many groups are copied to better places at a time. Each copy is read from a leader's
    /// disk; what must move, moves at once.
    static let improvementCountMax = 4

    /// What shall be placed otherwise now, or who may go; nil when all is as it should be.
    ///
    /// - Parameters:
    ///   - reachable: nodes that are thought to be up. A hint: no others get new replicas.
    ///   - lost: nodes that have been down for so long that nobody waits for them any more: what
    ///     was on its way to one goes to another. A replica that has arrived stays where it is, as
    ///     its node may come back with it.
    public func nextStep(
        reachable: Set<MemberID>, lost: Set<MemberID> = []
    ) -> TopologyEvent? {
        guard isFounded else { return nil }
        if let gone = nodes.first(where: { $0.standing == .leaving && !holdsReplicas($0.id) }) {
            return .departed(gone.id)
        }
        if let new = newLinkShards(reachable) { return .extended(new) }
        let links = linkShards.map(\.place)
        let merchantGroups = shardGroups.prefix(shards.count)
        let linkGroups = shardGroups.dropFirst(shards.count)
        var openCount = (shards + links).count { !$0.isSettled }
        let kinds = [
            (merchantGroups, Placement(nodes: nodes, shards: shards, beside: links)),
            (linkGroups, Placement(nodes: nodes, shards: links, beside: shards)),
        ]
        // Never fewer than now but where somebody has asked for it, by letting nodes leave.
        let staying = nodes.filter { $0.standing != .leaving }
        var counts: [PlacementRule: Int] = [:]
        var moves: [ShardMove] = []
        for (groups, start) in kinds {
            var places = start
            for group in groups {
                guard let shard = placement(of: group), let rule = rule(of: group) else { continue }
                let count =
                    counts[rule] ?? rule.replicaCount(among: staying, wanted: replicaCount)
                counts[rule] = count
                guard
                    let next = nextPlace(
                        of: shard, rule, count, places, (reachable, lost), openCount)
                else { continue }
                places.move(shard.replicas, to: next)
                moves.append(ShardMove(group: group, replicas: next))
                openCount += shard.isSettled ? 1 : 0
            }
        }
        let voterCount = PlacementRule.anywhere.replicaCount(
            among: staying, wanted: Self.metaReplicaCount)
        let voters = nextPlace(
            of: meta, .anywhere, voterCount, Placement(nodes: nodes, shards: []),
            (reachable, lost), 0)
        guard !moves.isEmpty || voters != nil else { return nil }
        return .placed(moves, meta: voters)
    }

    /// Link shards for regions that have none, once a majority of each is there to begin it.
    private func newLinkShards(_ reachable: Set<MemberID>) -> [LinkShard]? {
        var places = Placement(nodes: nodes, shards: linkShards.map(\.place), beside: shards)
        var new: [LinkShard] = []
        for region in regionsWithoutLinkShard
        where linkShards.count + new.count < LinkShard.countMax {
            let rule = PlacementRule(jurisdiction: region.jurisdiction, home: region.name)
            let able = nodes.filter { $0.standing == .active }
            let count = rule.replicaCount(among: able, wanted: replicaCount)
            let founders = places.add(count: count, rule, admits: { reachable.contains($0) })
            let lost = founders.count { !reachable.contains($0) }
            guard !founders.isEmpty, lost <= PlacementRule.lostCountMax(of: founders.count)
            else { continue }
            new.append(
                LinkShard(
                    region: region.name, jurisdiction: region.jurisdiction, founders: founders))
        }
        return new.isEmpty ? nil : new
    }

    private func nextPlace(
        of shard: ShardPlacement, _ rule: PlacementRule, _ count: Int, _ places: Placement,
        _ hints: (reachable: Set<MemberID>, lost: Set<MemberID>), _ openCount: Int
    ) -> [MemberID]? {
        let reachable = hints.reachable
        let isOnLeaving = nodes.contains {
            $0.standing == .leaving && shard.replicas.contains($0.id)
        }
        if isOnLeaving || shard.replicas.count > count {
            let chosen = places.choose(
                from: shard.replicas, count: count, rule, admits: { reachable.contains($0) })
            let isComplete = chosen.count == count && chosen != shard.replicas
            return isComplete ? chosen : nil
        }
        guard shard.isSettled else {
            return replace(shard.replicas, rule, places, reachable, hints.lost)
        }
        guard openCount < Self.improvementCountMax else { return nil }
        if shard.replicas.count < count {
            let chosen = places.choose(
                from: shard.replicas, count: count, rule, admits: { reachable.contains($0) })
            return chosen.count == count ? chosen : nil
        }
        guard isOn(.rebalancing) else { return nil }
        return places.improve(shard.replicas, rule, admits: { reachable.contains($0) })
    }

    /// Other replicas for a group that does not get where it shall be, because some are lost.
    private func replace(
        _ replicas: [MemberID], _ rule: PlacementRule, _ places: Placement,
        _ reachable: Set<MemberID>, _ lost: Set<MemberID>
    ) -> [MemberID]? {
        let left = replicas.filter { !lost.contains($0) }
        guard left.count < replicas.count else { return nil }
        let chosen = places.choose(
            from: left, count: replicas.count, rule, admits: { reachable.contains($0) })
        return chosen.count == replicas.count ? chosen : nil
    }
}
