import Primitives
import Testing
import Topology

@Test("A cluster begins once, with its nodes and the places of its shards")
func founding() {
    var driven = Driven("eu@eu us@us ap@ap", shardCount: 2, replicaCount: 3)
    #expect(driven.topology.nodes.map(\.name) == ["eu", "us", "ap"])
    #expect(driven.topology.shards.allSatisfy { $0.replicas == members(1, 2, 3) })
    #expect(driven.topology.meta.replicas == members(1, 2, 3))
    let again = Founding(nodes: nodes("x@x"), shardCount: 1, replicaCount: 1)
    let change = TopologyChange(base: driven.topology.epoch, event: .founded(again))
    let before = driven.topology
    let isTaken = driven.topology.apply(change)
    #expect(!isTaken)
    #expect(driven.topology == before)
}

@Test("An event counts only on the topology that it was decided on")
func staleEvents() {
    var driven = Driven("eu@eu us@us ap@ap")
    let base = driven.topology.epoch
    driven.apply(.stood(MemberID(1), .draining))
    let late = TopologyChange(base: base, event: .stood(MemberID(2), .draining))
    let isTaken = driven.topology.apply(late)
    #expect(!isTaken)
    #expect(driven.topology[MemberID(2)]?.standing == .active)
}

@Test("A node that joins gets an id that nobody had, and the same one when it asks again")
func joining() {
    var driven = Driven("eu@eu us@us ap@ap", replicaCount: 5)
    #expect(driven.join("eu-2@eu", token: 11) == nil)
    #expect(driven.topology.node(called: "eu-2")?.id == MemberID(4))
    let epoch = driven.topology.epoch
    #expect(driven.join("eu-2@eu", token: 11) == nil)
    #expect(driven.topology.epoch == epoch)
    driven.perform(.leave(name: "eu-2", allowsFewer: false))
    driven.settle()
    #expect(driven.topology.node(called: "eu-2") == nil)
    #expect(driven.join("eu-3@eu", token: 12) == nil)
    #expect(driven.topology.node(called: "eu-3")?.id == MemberID(5), "ids are not given again")
}

@Test("A lost disk's name gets a new id, which takes over the old one's places")
func lostDisk() {
    var driven = Driven("eu@eu us@us ap@ap", shardCount: 3, replicaCount: 3)
    #expect(driven.join("us@us", token: 99) == nil)
    let topology = driven.topology
    #expect(topology.nodes.map(\.id) == members(1, 3, 4))
    #expect(topology.shards.allSatisfy { $0.replicas == members(1, 3, 4) && !$0.isSettled })
    #expect(topology.meta.replicas == members(1, 3, 4))
    #expect(topology.departed(MemberID(2))?.successor == MemberID(4))
}

@Test("What cannot be is refused, and says why")
func refusals() {
    var driven = Driven("eu@eu us@us ap@ap", replicaCount: 3)
    let eleven = profile("x@eu")
    #expect(
        driven.perform(.join(eleven, token: 1, shardCount: 9)) == .shardCount(4))
    let nameless = NodeProfile(name: "", region: "eu", zone: "", address: "x:1")
    #expect(driven.perform(.join(nameless, token: 1, shardCount: 4)) == .unsoundProfile)
    let long = NodeProfile(
        name: String(repeating: "n", count: 64), region: "eu", zone: "", address: "x:1")
    #expect(driven.perform(.join(long, token: 1, shardCount: 4)) == .unsoundProfile)
    #expect(driven.perform(.drain(name: "nobody")) == .noSuchNode)
    #expect(
        driven.perform(.leave(name: "eu", allowsFewer: false)) == .tooFewLeft(needed: 3))
    for number in 4...Topology.nodeCountMax {
        #expect(driven.join("n\(number)@eu", token: UInt64(number)) == nil)
    }
    #expect(driven.join("more@eu", token: 77) == .full)
    #expect(driven.perform(.leave(name: "eu", allowsFewer: false)) == nil)
    #expect(driven.perform(.drain(name: "eu")) == .isLeaving)
    #expect(
        Topology().decide(.drain(name: "eu")) == .failure(.notFounded))
}

@Test("A founder's data folder arrives once, and a copy of it does not")
func arriving() {
    var driven = Driven("eu@eu us@us ap@ap")
    #expect(driven.perform(.arrive(MemberID(1), token: 5)) == nil)
    #expect(driven.topology[MemberID(1)]?.token == 5)
    let epoch = driven.topology.epoch
    #expect(driven.perform(.arrive(MemberID(1), token: 5)) == nil)
    #expect(driven.topology.epoch == epoch)
    #expect(driven.perform(.arrive(MemberID(1), token: 6)) == .noSuchNode)
    #expect(driven.perform(.arrive(MemberID(9), token: 6)) == .noSuchNode)
}

@Test("A node that is drained is no place for what others give up")
func leavingBesideDrained() {
    var driven = Driven("a@a b@b c@c", replicaCount: 3)
    driven.join("d@a", token: 3)
    driven.perform(.drain(name: "d"))
    #expect(driven.perform(.leave(name: "a", allowsFewer: false)) == .tooFewLeft(needed: 3))
    driven.perform(.resume(name: "d"))
    #expect(driven.perform(.leave(name: "a", allowsFewer: false)) == nil)
}

@Test("The last node never leaves")
func lastNode() {
    var driven = Driven("one@eu", replicaCount: 3)
    #expect(
        driven.perform(.leave(name: "one", allowsFewer: true)) == .tooFewLeft(needed: 1))
}

@Test("A topology is the same after a way through bytes, as are its changes")
func coding() throws {
    var driven = Driven("eu@eu/a us@us ap@ap", shardCount: 5)
    driven.join("eu-2@eu/b")
    driven.join("us@us", token: 8)
    driven.settle()
    driven.perform(.leave(name: "ap", allowsFewer: true))
    #expect(try Topology(encoded: driven.topology.encoded) == driven.topology)
    let events: [TopologyEvent] = [
        .founded(Founding(nodes: nodes("a@a"), shardCount: 2, replicaCount: 1)),
        .joined(NodeRecord(id: MemberID(9), profile: profile("b@b/c"), token: 5)),
        .moved(MemberID(1), profile("a@a/z")), .arrived(MemberID(1), token: 4),
        .stood(MemberID(1), .draining),
        .placed([ShardMove(group: GroupID(1), replicas: members(1, 3))], meta: members(2)),
        .settled([SettledShard(group: GroupID(0), epoch: 4)], metaEpoch: nil),
        .departed(MemberID(3)),
    ]
    for event in events {
        let change = TopologyChange(base: 3, event: event)
        #expect(try TopologyChange(encoded: change.encoded) == change)
    }
    let commands: [TopologyCommand] = [
        .join(profile("b@b"), token: 3, shardCount: 4), .move(MemberID(2), profile("b@b")),
        .arrive(MemberID(1), token: 5),
        .drain(name: "b"), .resume(name: "b"), .leave(name: "b", allowsFewer: true),
        .settle([SettledShard(group: GroupID(1), epoch: 2)], metaEpoch: 9),
    ]
    for command in commands {
        #expect(try TopologyCommand(encoded: command.encoded) == command)
    }
}

@Test("Bytes that are no topology, and changed ones, are refused or read, and never trap")
func hostileBytes() {
    var driven = Driven("eu@eu us@us ap@ap", shardCount: 3)
    driven.join("x@eu")
    let bytes = driven.topology.encoded
    let change = TopologyChange(base: 1, event: .departed(MemberID(1))).encoded
    var random = SeededRandom(seed: 1)
    for _ in 0..<20_000 {
        var mutated = random.next() % 2 == 0 ? bytes : change
        for _ in 0...(random.next() % 4) {
            mutated[Int(random.next() % UInt64(mutated.count))] = UInt8(
                truncatingIfNeeded: random.next())
        }
        if random.next() % 4 == 0 { mutated.removeLast(Int(random.next() % UInt64(mutated.count))) }
        if var topology = try? Topology(encoded: mutated) {
            _ = topology.nextStep(reachable: Set(topology.nodes.map(\.id)))
            _ = topology.apply(TopologyChange(base: topology.epoch, event: .departed(MemberID(1))))
        }
        if let change = try? TopologyChange(encoded: mutated) {
            _ = driven.topology.apply(change)
        }
    }
}
