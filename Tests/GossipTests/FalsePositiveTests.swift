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

    /// How large a world is, and how long it goes on.
    struct Setting {
        let memberCount: Int
        let kind: World.Starvation.Kind
        /// Before the first death, in which the starved begin to err.
        let before: Duration
        /// From one death to the next.
        let between: Duration
        /// After the last one: more than anybody needs to find it.
        let after: Duration

        /// A tenth.
        var starvedCount: Int { (memberCount + 9) / 10 }
    }

    /// None of the starved; enough of them that a median means something.
    private static let victims = (0..<12).map { $0 * 9 + 3 }

    private func run(_ lifeguard: LifeguardOptions, _ setting: Setting) -> Outcome {
        var options = GossipOptions()
        options.lifeguard = lifeguard
        var world = World(seed: 1, options: options)
        for _ in 0..<setting.memberCount { world.add() }
        world.starvation.kind = setting.kind
        if case .loop = setting.kind { world.starvation.running = 1...1 }
        world.introduceAll()
        // Which ones does not matter, for all are alike; none of the victims is.
        let starved = Set((0..<setting.starvedCount).map { $0 * 9 + 5 })
        for node in starved.sorted() { world.starve(node) }
        world.run(for: setting.before)
        var deaths: [Int: MonotonicInstant] = [:]
        for victim in Self.victims {
            world.crash(victim)
            deaths[victim] = world.now
            world.run(for: setting.between)
        }
        world.run(for: setting.after)
        return outcome(of: world, deaths, starved, setting)
    }

    private func outcome(
        of world: World, _ deaths: [Int: MonotonicInstant], _ starved: Set<Int>,
        _ setting: Setting
    ) -> Outcome {
        var outcome = Outcome()
        var verdicts: [Int: [Duration]] = [:]
        for verdict in world.verdicts {
            let node = verdict.subject
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
        let healthyCount = setting.memberCount - setting.starvedCount - Self.victims.count
        for victim in Self.victims {
            let times = (verdicts[victim] ?? []).sorted()
            #expect(times.count >= healthyCount * 99 / 100, "\(victim) was not found dead")
            guard times.count >= healthyCount * 99 / 100 else { continue }
            outcome.firstDetections.append(times[0])
            outcome.fullDetections.append(times[healthyCount * 99 / 100 - 1])
        }
        return outcome
    }

    private func show(
        _ what: String, _ setting: Setting, _ rows: [(name: String, outcome: Outcome)]
    ) {
        print(
            "gossip: \(setting.memberCount) members, of which \(setting.starvedCount) have \(what):"
        )
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

    /// About half a minute of one core, and a minute beside busy neighbours.
    @Test(
        "1,000 members, 10 % with a starved network: Lifeguard errs 50 times less, and is no slower"
    )
    func starvedNetwork() {
        let setting = Setting(
            memberCount: 1_000, kind: .network, before: .seconds(20), between: .seconds(1),
            after: .seconds(25))
        let plain = run(.none, setting)
        let all = run(.all, setting)
        show("a starved network", setting, [("plain SWIM", plain), ("Lifeguard", all)])
        #expect(plain.onHealthy >= 1_000)
        expectBetter(all, than: plain)
    }

    /// Of so many that false deaths are told apart, for what is compared here are the options.
    @Test("128 members, 10 % with a starved loop: allowing for the lag alone does as much")
    func starvedLoop() {
        let setting = Setting(
            memberCount: 128, kind: .loop, before: .seconds(60), between: .seconds(5),
            after: .seconds(40))
        var allowance = LifeguardOptions.none
        allowance.hasLagAllowance = true
        let plain = run(.none, setting)
        let lag = run(allowance, setting)
        let all = run(.all, setting)
        show(
            "a starved loop", setting,
            [
                ("plain SWIM", plain), ("SWIM and lag allowance", lag),
                ("Lifeguard and lag allowance", all),
            ])
        #expect(plain.onHealthy >= 50)
        expectBetter(lag, than: plain)
        expectBetter(all, than: plain)
    }
}
