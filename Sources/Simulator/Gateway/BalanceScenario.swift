import Gateway
import Linearizability
import MerchantAPI
import Payments
import Primitives

/// One seeded run in which all clients pay back all that they took, at the same moments, of a
/// merchant whose balance may go so far below zero and no further.
public enum BalanceScenario {
    public struct Options: Sendable {
        public var nodeCount = 1
        public var clientCount = 8
        public var paymentCount = 15
        /// How far refunds may take the merchant below zero, in cents.
        public var limit: Int64 = 0
        /// How long things break.
        public var faultDuration: Duration = .seconds(40)

        public init() {}
    }

    public struct Verdict: Sendable {
        /// Refunds that were taken, and those that the balance did not allow.
        public let refundCount: Int
        public let refusedCount: Int
        /// Empty when every promise was kept.
        public let violations: [String]
    }

    public static func run(seed: UInt64, options: Options) throws -> Verdict {
        var parameters = WorldParameters()
        parameters.escapes = .failRun
        return try World.simulate(seed: seed, parameters: parameters) { world in
            try play(world, options)
        }
    }

    private static func play(_ world: World, _ options: Options) throws -> Verdict {
        let gateway = try GatewayWorld(world, nodeCount: options.nodeCount, grows: false)
        gateway.balanceLimit = .everywhere(options.limit)
        gateway.start()
        let recorder = ClientRecorder(world)
        let clients = (0..<options.clientCount).map { number in
            let sender = RequestSender(
                name: "c\(number)", number: number, gateway: gateway, recorder: recorder,
                seed: world.random.next(), flaw: nil)
            return RefundingClient(sender, world: world, paymentCount: options.paymentCount)
        }
        let script = GatewayFault.script(
            seed: world.random.next(), nodeCount: options.nodeCount,
            through: options.faultDuration.wholeMilliseconds)
        let faults = GatewayFaults(gateway, clients: [], script: script)
        world.schedule(after: .seconds(1)) {
            for client in clients { client.start() }
            faults.start()
        }
        try world.run(until: options.faultDuration)
        faults.stop()
        let final = try GatewayScenario.settle(
            gateway, until: world.elapsed + .seconds(180),
            areClientsDone: { clients.allSatisfy(\.isDone) && faults.membership.isAtRest })
        let checks = GatewayChecks(
            payments: final.payments, booksTotals: final.booksTotals,
            inFlightKeyCount: final.inFlightKeyCount, transactions: final.transactions,
            clients: [], slowest: clients.map(\.sender.slowest).max() ?? .zero, expiryMax: nil)
        var found = checks.violations()
        found += BalanceChecks(payments: final.payments, limit: options.limit).violations()
        found += try ReplicaChecks(gateway).violations(in: world, limit: .seconds(60))
        for client in clients where !client.isDone {
            found.append("P7 \(client.sender.name) did not come to its end")
        }
        return Verdict(
            refundCount: final.payments.reduce(0) { $0 + $1.refunds.count },
            refusedCount: clients.reduce(0) { $0 + $1.refusedCount }, violations: found)
    }
}

/// Makes payments, and pays each back whole at the beat at which all others do.
private final class RefundingClient {
    let sender: RequestSender
    private let world: World
    private var remaining: Int
    private(set) var refusedCount = 0
    private(set) var isDone = false

    init(_ sender: RequestSender, world: World, paymentCount: Int) {
        self.sender = sender
        self.world = world
        remaining = paymentCount
    }

    func start() {
        guard remaining > 0 else {
            isDone = true
            return
        }
        remaining -= 1
        let name = "\(sender.name)-\(remaining)"
        let amount = Int64.random(in: 100...90_000, using: &sender.random)
        sender.recorder.add(
            PaymentSubject(name: name, isManual: false, isFlexible: false, isShared: false))
        let command = PaymentModel.Command.create(
            amount: amount, isManual: false, isFlexible: false, confirms: true)
        let request = ClientRequest(
            payment: name, question: .command(command, key: "\(name)-create"),
            path: "/v1/payment_intents",
            body: "amount=\(amount)&currency=usd&confirm=true&payment_method=pm_card_visa"
                + "&metadata[order]=\(name)")
        sender.send(request) { [unowned self] response in
            guard let json = response.flatMap({ JSONText($0.body) }),
                json["status"]?.text == "succeeded", let id = json["id"]?.text
            else { return start() }
            sender.schedule(untilBeat) { [unowned self] in refund(name, id, amount) }
        }
    }

    /// How long until refunds are sent, so that they meet.
    private var untilBeat: Duration {
        let beat: Int64 = 3
        return .seconds((world.elapsed.components.seconds / beat + 1) * beat) - world.elapsed
    }

    private func refund(_ name: String, _ id: String, _ amount: Int64) {
        let request = ClientRequest(
            payment: name, question: .command(.refund(amount: amount), key: "\(name)-refund"),
            path: "/v1/refunds", body: "payment_intent=\(id)")
        sender.send(request) { [unowned self] response in
            let json = response.flatMap { JSONText($0.body) }
            switch (response?.status, json?["error"]?["code"]?.text) {
            case (200, _):
                if json?["amount"]?.integer != amount { world.fail("\(name): another amount") }
            case (400, "balance_insufficient"):
                refusedCount += 1
            case (let status, let code):
                world.fail("\(name): a refund was answered \(status ?? 0) \(code ?? "")")
            }
            start()
        }
    }
}
