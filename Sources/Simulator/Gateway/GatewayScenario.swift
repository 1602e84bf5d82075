public import Linearizability
import Node
import Payments
import Primitives

/// One seeded run of the whole gateway: clients, nodes, one acquirer, and faults.
public enum GatewayScenario {
    public struct Options: Sendable {
        public var nodeCount = 1
        public var shardCount = 2
        public var clientCount = 4
        public var paymentCount = 20
        /// False for a world in which nothing breaks.
        public var hasFaults = true
        /// What breaks, in place of what the seed says.
        public var faults: [GatewayFault]?
        /// Whether other programs of the merchant do something to the clients' payments meanwhile.
        public var contends = true
        /// How many programs look, each by way of one node, at what was made last, again and again.
        public var lookerCount = 0
        /// Something that is wrong on purpose.
        public var flaw: PlantedFlaw?
        /// How long things break.
        public var faultDuration: Duration = .seconds(60)
        /// How long everything then has to come to rest: the links' silence, what the clients have
        /// not done yet, the last hold's forty seconds, and the look for it half a minute later.
        public var settleDuration: Duration = .seconds(240)
        /// Told of every step, to look at one seed.
        public var onTraceLine: (@Sendable (String) -> Void)?

        public init() {}
    }

    public struct Verdict: Sendable {
        public let seed: UInt64
        public let traceHash: UInt64
        public let stepCount: UInt64
        public let virtualDuration: Duration
        public let paymentCount: Int
        public let requestCount: Int
        public let nodeStartCount: Int
        public let faultCounts: [String: Int]
        /// Holds that ran out.
        public let expiredHoldCount: Int
        /// How often nodes wrote to the acquirer, each time as the owner of a region's links.
        public let linkWriteCount: Int
        /// What clients saw.
        public let history: PaymentHistory
        /// Empty when every promise was kept.
        public fileprivate(set) var violations: [String]
    }

    /// Runs a seed on a thread of its own. A world that cannot go on, because a check failed in
    /// its middle, a job escaped or a node did not start, is a violation as well; what clients saw
    /// until then is in the verdict.
    public static func run(seed: UInt64, options: Options = Options()) throws -> Verdict {
        var parameters = WorldParameters()
        parameters.escapes = .failRun
        parameters.onTraceLine = options.onTraceLine
        let box = VerdictBox()
        do {
            return try World.simulate(seed: seed, parameters: parameters) { world in
                let run = try GatewayRun(world, options)
                let verdict = try run.play()
                box.verdict = verdict
                return verdict
            }
        } catch let failure as WorldFailure {
            guard var verdict = box.verdict else { throw failure }
            if verdict.violations.isEmpty { verdict.violations = ["\(failure)"] }
            return verdict
        }
    }

    /// Holds the verdict of a run that throws it away.
    // Proof: the world's thread has ended when the caller's looks.
    private final class VerdictBox: @unchecked Sendable {
        var verdict: Verdict?
    }

    /// The size of a run of this seed, and what breaks in it.
    public static func script(seed: UInt64, options: Options = Options()) throws -> GatewayScript {
        try World.simulate(seed: seed, parameters: WorldParameters()) { world in
            let run = try GatewayRun(world, options)
            return GatewayScript(
                nodeCount: options.nodeCount, clientCount: options.clientCount,
                paymentCount: options.paymentCount,
                faultsEnd: options.faultDuration.wholeMilliseconds, faults: run.script)
        }
    }

    /// Lets the world go on until nothing is open, or the time is up, and reads the state.
    static func settle(
        _ gateway: GatewayWorld, until end: Duration, areClientsDone: () -> Bool
    ) throws -> GatewaySnapshot {
        let world = gateway.world
        while true {
            try world.run(for: .seconds(4))
            let isOver = world.elapsed >= end
            // Reading the books of every shard costs as much as some seconds of the world: until
            // the end only that of the merchant is read, which alone has anything in it.
            guard areClientsDone() || isOver else { continue }
            let snapshot = try GatewaySnapshot.read(gateway, of: [gateway.askedGroup])
            let isAtRest =
                !snapshot.payments.contains { $0.hasUnfinishedWork || $0.expires != nil }
                && snapshot.inFlightKeyCount == 0
            guard isAtRest || isOver else { continue }
            // The acquirer was asked before the payments were read: what it did meanwhile is in
            // the second look only.
            return try GatewaySnapshot.read(gateway)
        }
    }
}

extension GatewayScenario.Options {
    /// The options with the sizes and the faults of a script.
    public func playing(_ script: GatewayScript) -> GatewayScenario.Options {
        var options = self
        options.nodeCount = script.nodeCount
        options.clientCount = script.clientCount
        options.paymentCount = script.paymentCount
        options.faultDuration = .milliseconds(script.faultsEnd)
        options.faults = script.faults
        return options
    }
}
