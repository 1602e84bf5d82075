import Gateway
import Node
import Payments
import Primitives

/// One seeded run of the whole gateway: clients, nodes, one acquirer, and faults.
public enum GatewayScenario {
    public struct Options: Sendable {
        public var nodeCount = 1
        public var clientCount = 4
        public var paymentCount = 20
        /// False for a world in which nothing breaks.
        public var hasFaults = true
        /// How long things break.
        public var faultDuration: Duration = .seconds(60)
        /// How long everything then has to come to rest.
        public var settleDuration: Duration = .seconds(180)
        /// How far refunds may take the merchant below zero, in cents. With a limit all clients pay
        /// back all that they can, at once.
        public var balanceLimit: Int64?
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
        /// Refunds that the merchant's balance did not allow, and those that it did.
        public let refusedRefundCount: Int
        public let refundCount: Int
        /// Holds that ran out.
        public let expiredHoldCount: Int
        /// Empty when every promise was kept.
        public let violations: [String]
    }

    /// Runs a seed on a thread of its own. Throws when the run itself broke: a job that escaped, a
    /// node that did not start, a world without end.
    public static func run(seed: UInt64, options: Options = Options()) throws -> Verdict {
        var parameters = WorldParameters()
        parameters.escapes = .failRun
        parameters.onTraceLine = options.onTraceLine
        return try World.simulate(seed: seed, parameters: parameters) { world in
            try play(world, options)
        }
    }

    private static func play(_ world: World, _ options: Options) throws -> Verdict {
        let gateway = try GatewayWorld(world, nodeCount: options.nodeCount)
        gateway.balanceLimit = options.balanceLimit.map { .everywhere($0) }
        gateway.start()
        let clients = (0..<options.clientCount).map { number in
            SimulatedClient(
                name: "c\(number)", gateway: gateway, paymentCount: options.paymentCount,
                seed: world.random.next(),
                habit: options.balanceLimit == nil ? .mixed : .refundsEverything)
        }
        let faults = GatewayFaults(gateway, clients: clients, seed: world.random.next())
        world.schedule(after: .milliseconds(500)) {
            for client in clients { client.start() }
            if options.hasFaults { faults.start() }
        }
        try world.run(until: options.faultDuration)
        faults.stop()
        let end = options.faultDuration + options.settleDuration
        let final = try settle(gateway, clients, until: end)
        let checks = GatewayChecks(
            payments: final.payments, booksTotals: final.booksTotals,
            inFlightKeyCount: final.inFlightKeyCount,
            transactions: final.transactions, clients: clients,
            expiryMax: options.hasFaults ? nil : GatewayChecks.expiryMax)
        let balances = options.balanceLimit.map {
            BalanceChecks(payments: final.payments, limit: $0).violations()
        }
        let different = try ReplicaChecks(nodes: gateway.nodes, groups: gateway.groups)
            .violations(in: world, limit: .seconds(60))
        return Verdict(
            seed: world.seed, traceHash: world.traceHash, stepCount: world.stepCount,
            virtualDuration: world.elapsed, paymentCount: final.payments.count,
            requestCount: clients.reduce(0) { $0 + $1.requestCount },
            nodeStartCount: gateway.nodeStartCount, faultCounts: faults.counts,
            refusedRefundCount: clients.reduce(0) { $0 + $1.refusedRefundCount },
            refundCount: final.payments.reduce(0) { $0 + $1.refunds.count },
            expiredHoldCount: final.payments.reduce(0) { $0 + ($1.isEndedByTime ? 1 : 0) },
            violations: checks.violations() + (balances ?? []) + different)
    }

    /// Lets the world go on until nothing is open, or the time is up, and reads the state.
    static func settle(
        _ gateway: GatewayWorld, _ clients: [SimulatedClient], until end: Duration
    ) throws -> GatewaySnapshot {
        let world = gateway.world
        while true {
            try world.run(for: .seconds(2))
            let snapshot = try GatewaySnapshot.read(gateway)
            let isAtRest =
                clients.allSatisfy(\.isDone)
                && !snapshot.payments.contains { $0.hasUnfinishedWork || $0.expires != nil }
                && snapshot.inFlightKeyCount == 0
            if isAtRest || world.elapsed >= end { return snapshot }
        }
    }
}
