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
    #expect(loads(again.topology).max()! - loads(again.topology).min()! <= 1)
    #expect(loads(driven.topology).reduce(0, +) == 40)
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
