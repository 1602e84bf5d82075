import Primitives
import Testing
import Topology

/// The regions of a shard's replicas, sorted.
private func regions(_ replicas: [MemberID], _ topology: Topology) -> [String] {
    replicas.compactMap { topology[$0]?.region }.sorted()
}

private func loads(_ topology: Topology) -> [Int] {
    topology.nodes.map { topology.replicaCount(on: $0.id) }
}

/// With those of link shards.
private func allLoads(_ topology: Topology) -> [Int] {
    topology.nodes.map { node in
        topology.shardGroups.count {
            topology.placement(of: $0)?.replicas.contains(node.id) == true
        }
    }
}

@Test("Nine nodes in three regions hold each shard in all three")
func nineNodes() {
    let driven = Driven(
        "a1@a/x a2@a/y a3@a/z b1@b/x b2@b/y b3@b/z c1@c/x c2@c/y c3@c/z", shardCount: 9,
        replicaCount: 3)
    for shard in driven.topology.shards {
        #expect(regions(shard.replicas, driven.topology) == ["a", "b", "c"])
    }
    #expect(loads(driven.topology).allSatisfy { $0 == 3 })
    #expect(regions(driven.topology.meta.replicas, driven.topology) == ["a", "a", "b", "b", "c"])
}

@Test("Two replicas of a region are in two of its zones")
func zones() {
    let driven = Driven("a1@a/x a2@a/x a3@a/y", shardCount: 1, replicaCount: 3)
    #expect(driven.topology.shards[0].replicas == members(1, 2, 3))
    let pair = Driven("a1@a/x a2@a/x a3@a/y b1@b/x", shardCount: 1, replicaCount: 3)
    #expect(pair.topology.shards[0].replicas == members(1, 3, 4))
}

@Test("A cluster grows from one to three to five, and every shard with it")
func growth() {
    var driven = Driven("n1@a", shardCount: 4, replicaCount: 5)
    #expect(loads(driven.topology) == [4])
    driven.join("n2@b", token: 2)
    driven.settle()
    #expect(driven.topology.shards.allSatisfy { $0.replicas.count == 1 })
    driven.join("n3@c", token: 3)
    driven.settle()
    #expect(driven.topology.shards.allSatisfy { $0.replicas == members(1, 2, 3) })
    #expect(driven.topology.meta.replicas == members(1, 2, 3))
    driven.join("n4@a", token: 4)
    driven.join("n5@b", token: 5)
    driven.settle()
    #expect(driven.topology.shards.allSatisfy { $0.replicas.count == 5 })
    #expect(driven.topology.meta.replicas.count == 5)
}

@Test("A shard of links does not stand for one of merchants")
func kinds() {
    var driven = Driven("n1@a", shardCount: 4, replicaCount: 3)
    driven.settle()
    for (place, name) in ["n2@b", "n3@c", "n4@d", "n5@e"].enumerated() {
        driven.join(name, token: UInt64(place + 2))
        driven.settle()
    }
    #expect(driven.topology.linkShards.count == 5)
    #expect(loads(driven.topology).allSatisfy { (2...3).contains($0) }, "\(loads(driven.topology))")
}

@Test("A node that leaves gives its replicas to the others, and is gone only then")
func leaving() {
    var driven = Driven("a1@a a2@a b1@b b2@b c1@c c2@c", shardCount: 6, replicaCount: 3)
    #expect(driven.perform(.leave(name: "a1", allowsFewer: false)) == nil)
    #expect(driven.topology.node(called: "a1") != nil)
    driven.settle()
    #expect(driven.topology.node(called: "a1") == nil)
    for shard in driven.topology.shards {
        #expect(regions(shard.replicas, driven.topology) == ["a", "b", "c"])
    }
}

@Test("Nobody gets a replica who is not thought to be up")
func unreachable() {
    var driven = Driven("a1@a b1@b c1@c", shardCount: 2, replicaCount: 3)
    driven.join("a2@a", token: 2)
    driven.perform(.leave(name: "a1", allowsFewer: false))
    driven.settle(reachable: Set(members(1, 2, 3)))
    #expect(driven.topology.shards.allSatisfy { $0.replicas == members(1, 2, 3) })
    driven.settle()
    #expect(driven.topology.shards.allSatisfy { $0.replicas == members(2, 3, 4) })
}

@Test("Few shards move at a time for no need of theirs")
func boundedMoves() {
    var driven = Driven("a1@a a2@a b1@b", shardCount: 40, replicaCount: 1)
    driven.join("c1@c", token: 2)
    driven.settle()
    var most = 0
    var again = Driven("a1@a a2@a b1@b", shardCount: 40, replicaCount: 1)
    again.join("c1@c", token: 2)
    let up = Set(again.topology.nodes.map(\.id))
    while let step = again.topology.nextStep(reachable: up) {
        again.apply(step)
        let open = again.topology.openPlaces
        most = max(most, open.count)
        guard let first = open.first else { continue }
        again.perform(
            .settle(
                [SettledShard(group: first.group, epoch: first.place.epoch)], metaEpoch: nil))
    }
    #expect(most == 4)
    #expect(allLoads(again.topology).max()! - allLoads(again.topology).min()! <= 1)
    #expect(loads(driven.topology).reduce(0, +) == 40)
}

@Test("What was on its way to a node that is lost goes to another; what has arrived stays")
func lostOnTheWay() {
    var driven = Driven("a1@a b1@b c1@c", shardCount: 1, replicaCount: 3)
    driven.settle()
    driven.join("a2@a", token: 2)
    driven.join("a3@a", token: 3)
    driven.settle()
    let arrived = driven.topology.shards[0].replicas
    let all = Set(driven.topology.nodes.map(\.id))
    let lostReplica = Set(arrived.prefix(1))
    #expect(
        driven.topology.nextStep(reachable: all.subtracting(lostReplica), lost: lostReplica) == nil)
    guard let leaver = driven.topology[arrived[0]],
        driven.perform(.leave(name: leaver.name, allowsFewer: false)) == nil,
        let step = driven.topology.nextStep(reachable: all)
    else {
        Issue.record("nothing moves")
        return
    }
    driven.apply(step)
    let new = driven.topology.shards[0].replicas.filter { !arrived.contains($0) }
    #expect(new.count == 1)
    let up = all.subtracting(new)
    #expect(driven.topology.nextStep(reachable: up) == nil, "it may come back")
    guard let other = driven.topology.nextStep(reachable: up, lost: Set(new)) else {
        Issue.record("the lost node is waited for")
        return
    }
    driven.apply(other)
    let replicas = driven.topology.shards[0].replicas
    #expect(replicas.count == 3)
    #expect(!replicas.contains { new.contains($0) || $0 == leaver.id })
}

@Test("Nothing moves for a better spread while rebalancing is off, and what has to move does")
func rebalancingOff() {
    var driven = Driven("a1@a a2@a b1@b", shardCount: 12, replicaCount: 1)
    driven.settle()
    driven.perform(.set(.rebalancing, false))
    driven.join("c1@c", token: 2)
    driven.settle()
    #expect(driven.topology.replicaCount(on: MemberID(4)) == 0)
    driven.perform(.leave(name: "a1", allowsFewer: false))
    driven.settle()
    #expect(driven.topology.node(called: "a1") == nil)
    driven.perform(.set(.rebalancing, nil))
    driven.settle()
    #expect(driven.topology.replicaCount(on: MemberID(4)) >= 3)
}

@Test("Each region gets a link shard, at home there if it can be, and never another one")
func linkShards() {
    var driven = Driven("a1@a a2@a b1@b c1@c", shardCount: 2, replicaCount: 3)
    #expect(driven.topology.linkShards.isEmpty)
    // A majority of the founders has to be up.
    #expect(driven.topology.nextStep(reachable: Set(members(1))) == nil)
    driven.settle()
    #expect(driven.topology.linkShards.map(\.region) == ["a", "b", "c"])
    for shard in driven.topology.linkShards {
        #expect(regions(shard.place.replicas, driven.topology) == ["a", "b", "c"])
        #expect(
            driven.topology.linkGroup(of: shard.region).flatMap {
                driven.topology.linkShard($0)?.region
            } == shard.region)
    }
    #expect(driven.topology.linkGroups.map(\.rawValue) == [65536, 65537, 65538])
    driven.join("d1@d", token: 9)
    driven.settle()
    #expect(driven.topology.linkShards.map(\.region) == ["a", "b", "c", "d"])
    #expect(driven.topology.linkShards[3].place.replicas.contains(MemberID(5)))
    driven.perform(.leave(name: "d1", allowsFewer: false))
    driven.settle()
    #expect(driven.topology.linkShards.count == 4)
    driven.join("d2@d", token: 10)
    driven.settle()
    #expect(driven.topology.linkShards.count == 4)
    #expect(driven.topology.linkShards[3].place.replicas.contains(MemberID(6)))
    #expect(driven.topology.shards.count == 2)
}

@Test("What survives a zone stays at home, what survives a region is in three")
func goals() {
    let plan = "a1@a/x a2@a/y a3@a/z b1@b/x b2@b/y c1@c/x"
    let topology = Driven(
        plan,
        shardSets: [
            ShardSet(
                shardCount: 2,
                rule: PlacementRule(jurisdiction: "", home: "a", survival: .zone)),
            ShardSet(
                shardCount: 2,
                rule: PlacementRule(jurisdiction: "", home: "c", survival: .region)),
        ], replicaCount: 3
    ).topology
    #expect(topology.shards.prefix(2).allSatisfy { $0.replicas == members(1, 2, 3) })
    for shard in topology.shards.suffix(2) {
        #expect(regions(shard.replicas, topology) == ["a", "b", "c"])
    }
    // Five replicas in regions of three, two and one nodes: two, two and one.
    let wide = Driven(
        plan,
        shardSets: [
            ShardSet(shardCount: 1, rule: PlacementRule(jurisdiction: "", survival: .region))
        ]
    ).topology
    #expect(regions(wide.shards[0].replicas, wide) == ["a", "a", "b", "b", "c"])
}

@Test("What no nodes could keep is known before the cluster begins")
func impossibleRules() {
    let records = nodes("a1@a/x/eu a2@a/y/eu b1@b/x/us c1@c/x/us d1@d/x/us")
    func problem(
        _ jurisdiction: String, _ survival: SurvivalGoal?, home: String? = nil, wanted: Int = 3
    ) -> PlacementProblem? {
        PlacementRule(jurisdiction: jurisdiction, home: home, survival: survival)
            .problem(among: records, wanted: wanted)
    }
    #expect(problem("eu", nil) == nil)
    #expect(problem("us", .region) == nil)
    #expect(problem("us", .zone) == nil)
    #expect(problem("us", .region, wanted: 1) == .cannotSurvive(.region, found: 3))
    #expect(problem("eu", .zone) == .cannotSurvive(.zone, found: 2))
    #expect(problem("eu", .region) == .cannotSurvive(.region, found: 1))
    #expect(problem("ap", nil) == .noNodes)
    #expect(problem("eu", nil, home: "b") == .homeIsElsewhere)
}

@Test("A region is in one jurisdiction, and a goal is not given up unasked")
func jurisdictionRefusals() {
    let rule = PlacementRule(jurisdiction: "eu", survival: .zone)
    var driven = Driven(
        "a1@a/x/eu a2@a/y/eu a3@a/z/eu b1@b/x/us",
        shardSets: [
            ShardSet(shardCount: 1, rule: rule),
            ShardSet(shardCount: 1, rule: PlacementRule(jurisdiction: "us")),
        ], replicaCount: 3)
    driven.settle()
    #expect(driven.join("a4@a/x/us", token: 3) == .otherJurisdiction("eu"))
    #expect(driven.join("b1@a/x/eu", token: 3) == .otherJurisdiction("us"))
    #expect(driven.join("a4@a/x/eu", token: 4) == nil)
    driven.settle()
    // Three nodes would be left, in two zones.
    #expect(
        driven.perform(.leave(name: "a3", allowsFewer: false)) == .goalWouldBeLost(.zone))
    #expect(driven.perform(.leave(name: "a1", allowsFewer: false)) == nil)
    #expect(driven.perform(.leave(name: "b1", allowsFewer: true)) == .tooFewLeft(needed: 1))
    var other = driven.topology
    let outside = TopologyEvent.placed(
        [ShardMove(group: GroupID(0), replicas: members(1, 2, 4))], meta: nil)
    let isTaken = other.apply(TopologyChange(base: other.epoch, event: outside))
    #expect(!isTaken, "a replica outside its jurisdiction")
}

/// The jurisdiction of a region of the random walk.
private func law(of region: Int) -> String { region < 2 ? "eu" : "us" }

@Test(
    "Whatever joins and leaves, cards stay in their jurisdiction and goals are kept if they can be")
func jurisdictionWalk() {
    for seed in UInt64(1)...300 {
        var random = SeededRandom(seed: seed)
        func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
        func place() -> String {
            let region = pick(5)
            return "r\(region)/z\(pick(3))/\(law(of: region))"
        }
        let rules = [
            PlacementRule(jurisdiction: "eu", home: "r0"),
            PlacementRule(
                jurisdiction: "us", home: "r2",
                survival: [nil, .zone, .region][pick(3)]),
        ]
        let wanted = [1, 3, 5][pick(3)]
        let plan = "e1@r0/z0/eu e2@r0/z1/eu u1@r2/z0/us u2@r3/z1/us u3@r4/z2/us"
        guard rules.allSatisfy({ $0.problem(among: nodes(plan), wanted: wanted) == nil }) else {
            continue
        }
        var driven = Driven(
            plan, shardSets: rules.map { ShardSet(shardCount: 1 + pick(4), rule: $0) },
            replicaCount: wanted)
        for step in 0..<30 {
            let names = driven.topology.nodes.map(\.name)
            let name = names[pick(names.count)]
            switch pick(6) {
            case 0, 1: driven.join("s\(step)@\(place())", token: random.next() | 1)
            case 2: driven.join("\(name)@\(place())", token: random.next() | 1)
            case 3: driven.perform(.leave(name: name, allowsFewer: pick(3) == 0))
            case 4: driven.perform(.drain(name: name))
            default: driven.perform(.resume(name: name))
            }
            if pick(2) == 0 { driven.settle() }
        }
        for name in driven.topology.nodes.map(\.name) { driven.perform(.resume(name: name)) }
        driven.settle()
        checkRules(driven.topology, wanted, seed)
    }
}

private func checkRules(_ topology: Topology, _ wanted: Int, _ seed: UInt64) {
    let regionNames = Set(topology.nodes.map(\.region))
    #expect(regionNames.isSubset(of: topology.linkShards.map(\.region)), "seed \(seed)")
    for group in topology.shardGroups {
        guard let place = topology.placement(of: group), let rule = topology.rule(of: group) else {
            Issue.record("\(group) has no place")
            continue
        }
        let replicas = place.replicas.compactMap { topology[$0] }
        let able = topology.nodes.filter { $0.jurisdiction == rule.jurisdiction }
        #expect(replicas.allSatisfy { $0.jurisdiction == rule.jurisdiction }, "seed \(seed)")
        if let home = rule.home, able.contains(where: { $0.region == home }) {
            #expect(replicas.contains { $0.region == home }, "seed \(seed): \(group) is abroad")
        }
        guard let goal = rule.survival,
            PlacementRule(jurisdiction: rule.jurisdiction, survival: goal)
                .problem(among: able, wanted: wanted) == nil
        else { continue }
        let domains = Dictionary(grouping: replicas) {
            goal == .zone ? "\($0.region)/\($0.zone)" : $0.region
        }
        let worst = domains.values.map(\.count).max() ?? 0
        #expect(worst * 2 < replicas.count, "seed \(seed): \(group) loses with one \(goal)")
    }
}

@Test("Whatever joins and leaves, the placement comes to rest and keeps its promises")
func randomWalk() {
    for seed in UInt64(1)...300 {
        var random = SeededRandom(seed: seed)
        func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
        let replicaCount = [1, 3, 5, 7][pick(4)]
        var driven = Driven(
            (0...pick(6)).map { "n\($0)@r\(pick(4))/z\(pick(2))" }.joined(separator: " "),
            shardCount: 1 + pick(12), replicaCount: replicaCount)
        for step in 0..<30 {
            let names = driven.topology.nodes.map(\.name)
            let name = names[pick(names.count)]
            switch pick(6) {
            case 0, 1: driven.join("s\(step)@r\(pick(4))/z\(pick(2))", token: random.next() | 1)
            case 2: driven.join("\(name)@r\(pick(4))", token: random.next() | 1)
            case 3: driven.perform(.leave(name: name, allowsFewer: pick(3) == 0))
            case 4: driven.perform(.drain(name: name))
            default: driven.perform(.resume(name: name))
            }
            if pick(2) == 0 { driven.settle() }
        }
        for name in driven.topology.nodes.map(\.name) { driven.perform(.resume(name: name)) }
        driven.settle()
        let topology = driven.topology
        #expect(topology.nodes.allSatisfy { $0.standing == .active }, "seed \(seed)")
        let largest = topology.nodes.count.isMultiple(of: 2) ? -1 : 0
        let count = min(replicaCount, topology.nodes.count + largest)
        let regionCount = Set(topology.nodes.map(\.region)).count
        for shard in topology.shards {
            #expect(shard.replicas.count == count, "seed \(seed)")
            #expect(
                Set(regions(shard.replicas, topology)).count == min(count, regionCount),
                "seed \(seed)")
        }
    }
}
