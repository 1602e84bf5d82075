import Linearizability
import Primitives

/// One run of the whole gateway, from its first request to its verdict.
final class GatewayRun {
    /// What breaks in it.
    let script: [GatewayFault]
    private let world: World
    private let options: GatewayScenario.Options
    private let gateway: GatewayWorld
    private let recorder: ClientRecorder
    private let clients: [SimulatedClient]
    private let rivals: [SimulatedRival]
    private let lookers: [SimulatedLooker]
    private let faults: GatewayFaults
    private var auditors: [SimulatedAuditor] = []
    private var senders: [RequestSender]

    init(_ world: World, _ options: GatewayScenario.Options) throws {
        self.world = world
        self.options = options
        let gateway = try GatewayWorld(
            world, nodeCount: options.nodeCount, shardCount: options.shardCount,
            grows: options.hasFaults)
        self.gateway = gateway
        let recorder = ClientRecorder(world)
        self.recorder = recorder
        func sender(_ name: String, _ number: Int, _ seed: UInt64) -> RequestSender {
            RequestSender(
                name: name, number: number, gateway: gateway, recorder: recorder, seed: seed,
                flaw: options.flaw)
        }
        clients = (0..<options.clientCount).map { number in
            SimulatedClient(
                sender("c\(number)", number, world.random.next()), world: world,
                paymentCount: options.paymentCount, contends: options.contends,
                contentionSeed: derivedSeed(world.seed, "contention \(number)"))
        }
        let faultSeed = world.random.next()
        script =
            options.hasFaults
            ? options.faults
                ?? GatewayFault.script(
                    seed: faultSeed, nodeCount: options.nodeCount,
                    through: options.faultDuration.wholeMilliseconds) : []
        faults = GatewayFaults(gateway, clients: clients, script: script)
        let rivalSenders = (0..<(options.contends ? 2 : 0)).map { number in
            sender(
                "r\(number)", options.clientCount + number,
                derivedSeed(world.seed, "rival \(number)"))
        }
        let clients = clients
        rivals = rivalSenders.map { SimulatedRival($0, clients: clients) }
        let lookerSenders = (0..<options.lookerCount).map { number in
            sender(
                "l\(number)", options.clientCount + rivalSenders.count + number,
                derivedSeed(world.seed, "looker \(number)"))
        }
        lookers = lookerSenders.enumerated().map { number, sender in
            SimulatedLooker(sender, node: number % options.nodeCount)
        }
        senders = clients.map(\.sender) + rivalSenders + lookerSenders
    }

    func play() throws -> GatewayScenario.Verdict {
        var found: [String] = []
        var final = GatewaySnapshot()
        do {
            final = try playToRest()
            try audit()
            found = checks(final).violations()
            found += gateway.links.violations
            found += try ReplicaChecks(gateway)
                .violations(in: world, limit: .seconds(60))
            found += gateway.nodes.flatMap(\.process.haltReasons)
                .filter { !SimulatedNode.isOfDeparture($0) }
        } catch let failure as WorldFailure {
            found.append("\(failure)")
        }
        if let violation = recorder.history.violation() { found.append("P4 \(violation)") }
        return GatewayScenario.Verdict(
            seed: world.seed, traceHash: world.traceHash, stepCount: world.stepCount,
            virtualDuration: world.elapsed, paymentCount: final.payments.count,
            requestCount: senders.reduce(0) { $0 + $1.requestCount },
            nodeStartCount: gateway.nodeStartCount, faultCounts: faults.counts,
            expiredHoldCount: final.payments.reduce(0) { $0 + ($1.isEndedByTime ? 1 : 0) },
            linkWriteCount: gateway.links.writeCount,
            history: recorder.history, violations: found)
    }

    private func playToRest() throws -> GatewaySnapshot {
        gateway.start()
        world.schedule(after: .milliseconds(500)) { [self] in
            for client in clients { client.start() }
            for rival in rivals { rival.start() }
            for looker in lookers { looker.start() }
            faults.start()
        }
        try world.run(until: options.faultDuration)
        faults.stop()
        for looker in lookers { looker.stop() }
        let end = options.faultDuration + options.settleDuration
        // The rivals go on for as long as there is something to be rivals about.
        world.schedule(after: .seconds(5)) { [self] in
            for rival in rivals { rival.stop() }
        }
        return try GatewayScenario.settle(gateway, until: end) {
            clients.allSatisfy(\.isDone) && rivals.allSatisfy(\.isDone)
                && lookers.allSatisfy(\.isDone) && faults.membership.isAtRest
                && gateway.nodes.allSatisfy(\.hasJoined)
        }
    }

    /// Looks at everything once more, by way of every node.
    private func audit() throws {
        let subjects = recorder.subjects
        for (place, _) in gateway.nodes.enumerated() {
            let sender = RequestSender(
                name: "auditor\(place + 1)", number: senders.count, gateway: gateway,
                recorder: recorder, seed: derivedSeed(world.seed, "auditor \(place)"), flaw: nil)
            senders.append(sender)
            let payments = subjects.indices.filter { $0 % gateway.nodes.count == place }
                .map { subjects[$0] }
            auditors.append(SimulatedAuditor(sender, node: place, payments: payments))
        }
        for auditor in auditors { auditor.start() }
        let auditors = auditors
        let isDone = try world.run(limit: world.elapsed + .seconds(60)) {
            auditors.allSatisfy(\.isDone)
        }
        if !isDone { world.fail("P7 a look at what is at rest had no answer") }
    }

    private func checks(_ final: GatewaySnapshot) -> GatewayChecks {
        GatewayChecks(
            payments: final.payments, booksTotals: final.booksTotals,
            inFlightKeyCount: final.inFlightKeyCount, transactions: final.transactions,
            clients: clients, slowest: senders.map(\.slowest).max() ?? .zero,
            expiryMax: options.hasFaults ? nil : GatewayChecks.expiryMax)
    }
}
