import Gossip
import Primitives
import Testing

/// What a whole cluster does, in seeded worlds.
@Suite(.serialized) struct WorldTests {
    private func seconds(_ duration: Duration?) -> String {
        guard let duration else { return "never" }
        let tenths = duration.wholeMilliseconds / 100
        return "\(tenths / 10).\(tenths % 10) s"
    }

    @Test("1,000 members: a join and a leave are known within ten rounds of gossip")
    func thousand() throws {
        var world = World(seed: 1)
        for _ in 0..<1_000 { world.add() }
        world.introduceAll()
        world.run(for: .seconds(3))
        let rounds = world.options.region.gossipInterval * 10

        let joiner = world.add()
        world.join(joiner, seeds: [17, 400])
        let joined = world.run(atMost: rounds * 2, step: .milliseconds(50)) {
            $0.count(seeing: joiner) { $0?.isUp == true } >= 991
        }
        print("gossip: join known to 99 % of 1,000 after \(seconds(joined))")
        #expect(try #require(joined) <= rounds)
        #expect(world.nodes[joiner].memberCount == 1_001)

        world.leave(33)
        let left = world.run(atMost: rounds * 2, step: .milliseconds(50)) {
            $0.count(seeing: 33) { $0?.isUp == false } >= 991
        }
        print("gossip: leave known to 99 % of 1,000 after \(seconds(left))")
        #expect(try #require(left) <= rounds)
        world.run(for: .seconds(5))
        #expect(world.agrees)

        #expect(world.miscodedCount == 0)
    }

    @Test("1,000 members in two halves that hold each other for dead agree within 30 s")
    func healedThousand() throws {
        var world = World(seed: 2)
        for _ in 0..<1_000 { world.add() }
        world.introduceHalves()
        world.run(for: .seconds(3))
        #expect(world.disagreementCount == 500_000)
        world.heal()
        let healed = world.run(atMost: .seconds(60), step: .seconds(1), until: \.agrees)
        print("gossip: two halves of 500 agree again after \(seconds(healed))")
        #expect(try #require(healed) <= .seconds(30))
    }

    @Test("200 members: the halves of a partition find each other dead, and agree when it ends")
    func partition() throws {
        var world = World(seed: 3)
        for _ in 0..<200 { world.add() }
        world.introduceAll()
        world.run(for: .seconds(3))
        for node in world.nodes.indices { world.group[node] = node % 2 }
        let split = world.run(atMost: .seconds(180), step: .seconds(1)) { world in
            world.disagreementCount == 20_000
                && world.count(seeing: 0) { $0?.isUp == true } == 100
                && world.count(seeing: 1) { $0?.isUp == true } == 100
        }
        print("gossip: two halves of 100 find each other dead after \(seconds(split))")
        #expect(split != nil)
        world.run(for: .seconds(120))
        world.heal()
        let healed = world.run(atMost: .seconds(60), step: .seconds(1), until: \.agrees)
        print("gossip: two halves of 100 agree again after \(seconds(healed))")
        #expect(try #require(healed) <= .seconds(30))
    }

    @Test("3 regions of 20: a death in one is known in all, a lost bridge is replaced")
    func regions() throws {
        var world = World(seed: 4)
        for node in 0..<60 { world.add(region: "r\(node % 3)") }
        world.introduceAll()
        world.run(for: .seconds(10))
        #expect(world.nodes.indices.filter { world.nodes[$0].isBridge } == Array(0..<9))
        let packets = world.wideAreaPacketCount
        world.run(for: .seconds(60))
        print("gossip: \(world.wideAreaPacketCount - packets) packets a minute between regions")
        for victim in [59, 0] {
            world.crash(victim)
            let known = world.run(atMost: .seconds(120), step: .milliseconds(500)) {
                $0.count(seeing: victim) { $0?.isUp == false } == $0.runningCount
            }
            let what = victim == 0 ? "a bridge" : "a member"
            print("gossip: the death of \(what) is known in all regions after \(seconds(known))")
            #expect(try #require(known) < .seconds(60))
        }
        world.run(for: .seconds(5))
        #expect(world.nodes[9].isBridge)
        #expect(world.agrees)
    }

    /// Of two regions, either sees nobody alive beyond itself, and so has nobody to be a bridge to.
    @Test("a region that was cut off comes back", arguments: [2, 3])
    func lostRegion(regionCount: Int) throws {
        var world = World(seed: 5)
        for node in 0..<30 { world.add(region: "r\(node % regionCount)") }
        let last = regionCount - 1
        world.introduceAll()
        world.run(for: .seconds(10))
        for node in world.nodes.indices where node % regionCount == last { world.group[node] = 1 }
        world.run(for: .seconds(600))
        #expect(world.nodes[0].member(World.id(last))?.isUp == false)
        #expect(world.nodes[last].member(World.id(last + regionCount))?.isUp == true)
        world.heal()
        let healed = world.run(atMost: .seconds(120), step: .seconds(1), until: \.agrees)
        print(
            "gossip: one of \(regionCount) regions, cut off for ten minutes, is back after",
            seconds(healed))
        #expect(try #require(healed) <= .seconds(30))
    }

    @Test("the same seed runs the same way, another one does not")
    func determinism() {
        func trace(_ seed: UInt64) -> UInt64 {
            var world = World(seed: seed)
            for node in 0..<40 { world.add(region: "r\(node % 2)") }
            for node in 1..<40 { world.join(node, seeds: [0]) }
            world.run(for: .seconds(20))
            world.starve(7)
            world.crash(11)
            for node in 0..<10 { world.group[node] = 1 }
            world.run(for: .seconds(40))
            world.heal()
            world.run(for: .seconds(20))
            return world.trace
        }
        let first = trace(1)
        print("gossip: trace of seed 1 is \(String(first, radix: 16))")
        #expect(trace(1) == first)
        #expect(trace(2) != first)
    }
}
