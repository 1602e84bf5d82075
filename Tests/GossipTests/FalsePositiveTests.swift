import Gossip
import Primitives
import Testing

/// What Lifeguard is for: members that are slow must not take the healthy for dead.
@Suite(.serialized) struct FalsePositiveTests {
    /// What came of worlds in which a tenth of the members is starved and a few really die.
    struct Outcome {
        /// Verdicts "dead" on members that were never starved and never died, by anybody.
        var onHealthy = 0
        /// Of these, the ones that healthy members believed.
        var onHealthyByHealthy = 0
        /// Verdicts "dead" on the starved, which are half true.
        var onStarved = 0
        /// From a death until the first healthy member says so, of all deaths.
        var firstDetections: [Duration] = []
        /// From a death until 99 % of the healthy say so.
        var fullDetections: [Duration] = []

        var first: Duration { Self.median(firstDetections) }
        var full: Duration { Self.median(fullDetections) }

        static func median(_ durations: [Duration]) -> Duration {
            durations.sorted()[durations.count / 2]
        }
    }

    private static let memberCount = 128
    private static let starvedCount = 13
    /// None of the starved; enough of them that a median means something.
    private static let victims = (0..<12).map { $0 * 9 + 3 }

    private func run(
        _ lifeguard: LifeguardOptions, _ kind: World.Starvation.Kind, seeds: ClosedRange<UInt64>
    ) -> Outcome {
        var options = GossipOptions()
        options.lifeguard = lifeguard
        var outcome = Outcome()
        for seed in seeds { run(seed, options, kind, &outcome) }
        return outcome
    }

    private func run(
        _ seed: UInt64, _ options: GossipOptions, _ kind: World.Starvation.Kind,
        _ outcome: inout Outcome
    ) {
        var world = World(seed: seed, options: options)
        for _ in 0..<Self.memberCount { world.add() }
        world.starvation.kind = kind
        if case .loop = kind { world.starvation.running = 1...1 }
        world.introduceAll()
        // Which ones does not matter, for all are alike; none of the victims is.
        let starved = Set((0..<Self.starvedCount).map { $0 * 9 + 5 })
        for node in starved.sorted() { world.starve(node) }
        world.run(for: .seconds(60))
        var deaths: [Int: MonotonicInstant] = [:]
        for victim in Self.victims {
            world.crash(victim)
            deaths[victim] = world.now
            world.run(for: .seconds(5))
        }
        world.run(for: .seconds(40))
        var verdicts: [Int: [Duration]] = [:]
        for verdict in world.verdicts {
            guard case .memberDead(let member) = verdict.event else { continue }
            let node = Int(member.rawValue) - 1
            let isByHealthy = !starved.contains(verdict.observer)
            if let death = deaths[node], verdict.at >= death {
                // Those who die themselves meanwhile are no measure.
                guard isByHealthy, deaths[verdict.observer] == nil else { continue }
                verdicts[node, default: []].append(verdict.at - death)
            } else if starved.contains(node) {
                outcome.onStarved += 1
            } else {
                outcome.onHealthy += 1
                if isByHealthy { outcome.onHealthyByHealthy += 1 }
            }
        }
        let healthyCount = Self.memberCount - Self.starvedCount - Self.victims.count
        for victim in Self.victims {
            let times = (verdicts[victim] ?? []).sorted()
            #expect(times.count >= healthyCount * 99 / 100, "\(victim) was not found dead")
            guard times.count >= healthyCount * 99 / 100 else { continue }
            outcome.firstDetections.append(times[0])
            outcome.fullDetections.append(times[healthyCount * 99 / 100 - 1])
        }
    }

    private func show(_ what: String, _ rows: [(name: String, outcome: Outcome)]) {
        print("gossip: \(Self.memberCount) members, of which \(Self.starvedCount) have \(what):")
        for (name, outcome) in rows {
            let ratio = rows[0].outcome.onHealthy / max(1, outcome.onHealthy)
            let times = outcome.onHealthy == 0 ? "none for \(ratio)" : "\(ratio) times fewer"
            print(
                "gossip:   \(name): \(outcome.onHealthy) false deaths of healthy members",
                "(\(outcome.onHealthyByHealthy) believed by healthy ones; \(times)),",
                "\(outcome.onStarved) deaths of starved ones;",
                "true deaths seen first after \(outcome.first.wholeMilliseconds) ms,",
                "by 99 % after \(outcome.full.wholeMilliseconds) ms (medians)")
        }
    }

    /// The goal: 50 times fewer false deaths, and true ones found within one more probe interval.
    private func expectBetter(_ outcome: Outcome, than plain: Outcome) {
        #expect(outcome.onHealthy * 50 <= plain.onHealthy)
        #expect(outcome.first <= plain.first + .seconds(1))
        #expect(outcome.full <= plain.full + .seconds(1))
    }

    @Test("10 % with a starved network: Lifeguard errs 50 times less than SWIM, and is no slower")
    func starvedNetwork() {
        let plain = run(.none, .network, seeds: 1...1)
        let all = run(.all, .network, seeds: 1...1)
        show(
            "a starved network",
            [
                ("plain SWIM", plain), ("Lifeguard", all),
            ])
        #expect(plain.onHealthy >= 1_000)
        expectBetter(all, than: plain)
    }

    @Test("10 % with a starved loop: allowing for the lag alone does as much")
    func starvedLoop() {
        var allowance = LifeguardOptions.none
        allowance.hasLagAllowance = true
        let plain = run(.none, .loop, seeds: 1...1)
        let lag = run(allowance, .loop, seeds: 1...1)
        let all = run(.all, .loop, seeds: 1...1)
        show(
            "a starved loop",
            [
                ("plain SWIM", plain), ("SWIM and lag allowance", lag),
                ("Lifeguard and lag allowance", all),
            ])
        #expect(plain.onHealthy >= 50)
        expectBetter(lag, than: plain)
        expectBetter(all, than: plain)
    }
}
