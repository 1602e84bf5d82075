import Liveness
import Primitives
import Testing

@Suite(.serialized) struct WorldTests {
    @Test("In 500 seeded worlds no lease outlives its promise, and calm makes all whole")
    func seeds() {
        var stepCount = 0
        var leaseCount = 0
        var withdrawalCount = 0
        var calmMax: Int64 = 0
        for seed in UInt64(1)...500 {
            var world = World(seed: seed)
            world.beginFaults()
            // Every fiftieth world lasts long enough for the longest pause.
            world.run(until: (seed % 50 == 0 ? 700 : 30) * World.second)
            world.endFaults()
            let calm = world.now
            while !world.isWhole, world.now - calm < Self.calmMax {
                world.run(until: world.now + 100 * World.millisecond)
            }
            #expect(world.violations == [], "seed \(seed)")
            for reason in Liveness.RefusalReason.allCases {
                // Nobody here says what a correct peer would not.
                #expect(world.receptions[.refused(reason)] == nil, "seed \(seed): \(reason)")
            }
            #expect(world.isWhole, "seed \(seed) is not whole after \(Self.calmMax) ns")
            calmMax = max(calmMax, world.now - calm)
            stepCount += world.stepCount
            leaseCount += world.leaseCount
            withdrawalCount += world.withdrawalCount
        }
        #expect(withdrawalCount > 500)
        print(
            "liveness worlds: 500 seeds, \(stepCount) events, \(leaseCount) leases checked,",
            "\(withdrawalCount) withdrawals,",
            "whole within \(calmMax / World.millisecond) ms of calm")
    }

    /// Everybody supports everybody again after a round at which a later epoch is heard of, one
    /// under that epoch, and as much again for what was on its way: ten intervals are plenty.
    private static let calmMax = 5 * World.second

    @Test("The same seed is the same world")
    func sameSeed() {
        var worlds = [World(seed: 42), World(seed: 42)]
        for index in worlds.indices {
            worlds[index].beginFaults()
            worlds[index].run(until: 30 * World.second)
        }
        #expect(worlds[0].stepCount == worlds[1].stepCount)
        #expect(worlds[0].nodes.map(\.disk) == worlds[1].nodes.map(\.disk))
    }

    @Test("Clocks within the bound come to be trusted, and stay so", arguments: [1, 2, 3])
    func trusted(seed: UInt64) {
        var world = World(seed: seed)
        world.run(until: 3 * World.second)
        #expect(pairs(world).allSatisfy { !world.trusts($0, $1) }, "not before the window")
        world.run(until: 20 * World.second)
        for _ in 0..<100 {
            world.run(until: world.now + World.second)
            #expect(pairs(world).allSatisfy { world.trusts($0, $1) })
        }
        #expect(world.violations == [])
    }

    @Test(
        "A clock beyond the bound is trusted by nobody, and trusts nobody",
        arguments: [-100_000, -15_500, 15_500, 100_000] as [Int64])
    func stranger(rate: Int64) {
        for seed in UInt64(1)...10 {
            var profile = World.Profile()
            profile.strangerRate = rate
            profile.rateErrorMax = 2000
            profile.needsTrust = true
            var world = World(seed: seed, profile)
            for second in 1...60 {
                world.run(until: Int64(second) * World.second)
                for (asker, supporter) in pairs(world) {
                    let isStranger = asker == 4 || supporter == 4
                    let isTrusted = world.trusts(asker, supporter)
                    #expect(!isTrusted || !isStranger, "\(asker) trusts \(supporter)")
                    if second > 20, !isStranger { #expect(isTrusted) }
                }
            }
            #expect(world.isWhole, "support does not need trust")
            world.beginFaults()
            world.run(until: 90 * World.second)
            #expect(world.violations == [])
        }
    }

    @Test("A clock that leaves the bound is trusted no more within a few seconds")
    func turncoat() {
        var world = World(seed: 5)
        world.run(until: 30 * World.second)
        world.nodes[4].setRate(50_000, at: world.now)
        world.run(until: 35 * World.second)
        for other in 0..<4 {
            #expect(!world.trusts(other, 4))
            #expect(!world.trusts(4, other))
            #expect(world.trusts(other, (other + 1) % 4))
        }
    }

    @Test("A node sends no more than a heartbeat and a reply to each peer in an interval")
    func traffic() {
        var world = World(seed: 1)
        world.run(until: 10 * World.second)
        let before = world.sentCount
        world.run(until: 110 * World.second)
        let perIntervalMax = 5 * 4 * 2
        let intervalCount = Int(Duration.seconds(100) / World.Profile().options.heartbeatInterval)
        // Clocks may run fast by half of the declared bound; a round begins with a write.
        #expect(world.sentCount - before <= perIntervalMax * (intervalCount + 3))
        #expect(world.sentCount - before >= perIntervalMax * (intervalCount * 97 / 100))
    }

    private func pairs(_ world: World) -> [(Int, Int)] {
        world.nodes.indices.flatMap { asker in
            world.nodes.indices.filter { $0 != asker }.map { (asker, $0) }
        }
    }
}
