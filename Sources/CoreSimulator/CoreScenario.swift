public import Linearizability
import Primitives
import Raft

/// One seed from its faults to its verdict.
public enum CoreScenario {
    public struct Options: Sendable {
        /// Gets every message and fault of the run as a line.
        public var onTraceLine: (@Sendable (String) -> Void)?
        /// In place of the world that belongs to the seed.
        public var parameters: CoreParameters?

        public init() {}
    }

    public struct Verdict: Sendable {
        public let seed: UInt64
        public let violations: [String]
        public let traceHash: UInt64
        /// Inputs to instances.
        public let eventCount: UInt64
        public let operationCount: Int
        public let answeredCount: Int
        public let committedCount: Int
        public let virtualDuration: Duration
        public let faultCounts: [(name: String, count: Int)]
        public let history: History<RegisterModel>
    }

    /// Plays a seed: faults, then calm, then the checks that need the whole run.
    public static func run(seed: UInt64, options: Options = Options()) -> Verdict {
        let parameters = options.parameters ?? CoreParameters(seed: seed)
        var world = CoreWorld(seed: seed, parameters: parameters)
        world.trace.onLine = options.onTraceLine
        world.run(until: parameters.chaosNanoseconds)
        world.mend()
        let before = (0..<parameters.groupCount).map { world.checks.committedCount($0) }
        world.run(until: world.time + parameters.recoveryNanoseconds)
        if world.checks.violations.isEmpty { checkLive(&world, committedBefore: before) }
        world.areClientsResting = true
        world.run(until: world.time + 8_000_000_000)
        if world.checks.violations.isEmpty { checkConverged(&world) }
        world.removeStrangers()
        world.run(until: world.time + 1_000_000_000)
        let spoken = world.messageCounts
        world.run(until: world.time + 5_000_000_000)
        if world.checks.violations.isEmpty { checkQuiet(&world, spokenBefore: spoken) }
        checkLinearizable(&world)
        return Verdict(
            seed: seed, violations: world.checks.violations, traceHash: world.trace.hash,
            eventCount: world.eventCount, operationCount: world.clients.operations.count,
            answeredCount: world.clients.answeredCount,
            committedCount: (0..<parameters.groupCount).reduce(0) {
                $0 + world.checks.committedCount($1)
            },
            virtualDuration: .nanoseconds(world.time),
            faultCounts: world.faultCounts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
            history: world.clients.history)
    }

    private static func checkLive(_ world: inout CoreWorld, committedBefore: [Int]) {
        for group in committedBefore.indices {
            if world.checks.committedCount(group) <= committedBefore[group] {
                world.checks.violate(
                    "liveness: nothing was committed in g\(group) after everything was mended")
            }
        }
    }

    /// The members of an idle group say nothing.
    private static func checkQuiet(_ world: inout CoreWorld, spokenBefore: [[Int]]) {
        for group in spokenBefore.indices {
            let leader = world.nodes.first { $0.replicas[group].instance.servingTerm != nil }
            let members = leader?.replicas[group].instance.configuration.members ?? []
            for member in members {
                let place = Int(member.rawValue) - 1
                let count = world.messageCounts[group][place] - spokenBefore[group][place]
                if count > 0 {
                    world.checks.violate(
                        "quiet: \(member) has sent \(count) messages of idle g\(group)")
                }
            }
        }
    }

    /// Everybody in a group has everything, and knows it.
    private static func checkConverged(_ world: inout CoreWorld) {
        for group in 0..<world.parameters.groupCount {
            let serving = world.nodes.indices.filter {
                world.nodes[$0].replicas[group].instance.servingTerm != nil
            }
            guard serving.count == 1, let leader = serving.first else {
                world.checks.violate("liveness: \(serving.count) members serve g\(group)")
                continue
            }
            let truth = world.nodes[leader].replicas[group]
            for member in truth.instance.configuration.members {
                let replica = world.nodes[Int(member.rawValue) - 1].replicas[group]
                if replica.appliedIndex != truth.instance.lastIndex
                    || replica.machine != truth.machine
                {
                    world.checks.violate(
                        "liveness: \(member) has applied \(replica.appliedIndex) of "
                            + "\(truth.instance.lastIndex) entries of g\(group)")
                }
            }
        }
    }

    private static func checkLinearizable(_ world: inout CoreWorld) {
        var checker = Checker(RegisterModel())
        switch checker.check(world.clients.observedHistory) {
        case .linearizable:
            break
        case .notLinearizable(let violation):
            world.checks.violate(
                "linearizability: " + world.clients.observedHistory.explanation(of: violation))
        case .undecided(let key):
            world.checks.violate("linearizability: no verdict on \(key) within the bound of steps")
        }
    }
}
