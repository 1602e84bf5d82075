import Primitives
import Testing
import Topology

@Test("A node that is drained beside others that may lead leaves nothing undone")
func drainsWell() {
    var driven = Driven("a1@a a2@a b1@b c1@c d1@d", replicaCount: 5)
    driven.settle()
    #expect(driven.topology.drainGaps(of: MemberID(1)) == DrainGaps())
    driven.perform(.drain(name: "a1"))
    // Its region's links have another node there.
    #expect(driven.topology.drainGaps(of: MemberID(1)) == DrainGaps())
    #expect(driven.topology.drainGaps(of: MemberID(9)) == DrainGaps())
}

@Test("The last node that may lead, of the cluster or of a jurisdiction, goes on leading")
func drainsTheLast() {
    let world = [
        ShardSet(shardCount: 2, rule: PlacementRule(jurisdiction: "eu")),
        ShardSet(shardCount: 1, rule: PlacementRule(jurisdiction: "us")),
    ]
    var driven = Driven(
        "a@eu-1/z/eu b@eu-2/z/eu c@eu-3/z/eu d@us-1/z/us", shardSets: world, replicaCount: 3)
    driven.settle()
    driven.perform(.drain(name: "d"))
    let alone = driven.topology.drainGaps(of: MemberID(4))
    let links = driven.topology.linkGroup(of: "us-1")
    #expect(alone.kept == [GroupID(2)] + (links.map { [$0] } ?? []))
    #expect(!alone.isTotal && alone.awayFromHome.isEmpty)
    for name in ["a", "b", "c"] { driven.perform(.drain(name: name)) }
    #expect(driven.topology.drainGaps(of: MemberID(3)).isTotal)
    driven.perform(.resume(name: "a"))
    let gaps = driven.topology.drainGaps(of: MemberID(3))
    #expect(!gaps.isTotal && gaps.kept.isEmpty)
    #expect(driven.topology.drainGaps(of: MemberID(1)) == DrainGaps())
}

@Test("The last node of a home region leaves what is at home there to another region")
func drainsTheLastAtHome() {
    let world = [
        ShardSet(shardCount: 2, rule: PlacementRule(jurisdiction: "", home: "a")),
        ShardSet(shardCount: 1, rule: PlacementRule(jurisdiction: "", home: "b")),
    ]
    var driven = Driven("a1@a b1@b c1@c", shardSets: world, replicaCount: 3)
    driven.settle()
    driven.perform(.drain(name: "a1"))
    var gaps = driven.topology.drainGaps(of: MemberID(1))
    let links = driven.topology.linkGroup(of: "a")
    #expect(links != nil)
    #expect(gaps.awayFromHome == [GroupID(0), GroupID(1)] + (links.map { [$0] } ?? []))
    #expect(gaps.kept.isEmpty)
    driven.perform(.set(.leaderPreference, false))
    gaps = driven.topology.drainGaps(of: MemberID(1))
    #expect(gaps == DrainGaps())
}
