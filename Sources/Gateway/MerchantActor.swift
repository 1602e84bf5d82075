import Environment
import Payments
import Primitives

/// One merchant while it is active: decides what concerns all of it, above all whether a key is
/// new.
///
/// The keys whose first proposal is under way are remembered here, so that two requests with one
/// key cannot both find it free: there is no await between the look and the reservation.
actor MerchantActor: LoopActor {
    let id: MerchantID
    private let shard: ShardGateway
    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let random: any RandomSource

    /// Fingerprints of the keys that are being worked on.
    private var reservations: [[UInt8]: [UInt8]] = [:]
    private var activeCount = 0

    /// How many commands of one merchant may be under way: more would only wait for the disk.
    static let activeCountMax = 4096

    init(id: MerchantID, shard: ShardGateway, loop: any NodeLoop, random: any RandomSource) {
        self.id = id
        self.shard = shard
        self.loop = loop
        self.random = random
    }

    var isIdle: Bool { activeCount == 0 }

    func perform(_ request: MerchantRequest) async -> CommandReply {
        guard activeCount < Self.activeCountMax else { return .failure(.overloaded) }
        activeCount += 1
        defer { activeCount -= 1 }
        let claim = request.claim
        let record = await shard.record(claim)
        if let fingerprint = reservations[claim.keyDigest] {
            return fingerprint == claim.fingerprint ? inUse(claim) : .failure(.keyMismatch)
        }
        // The reservation may have ended while the record was read: then it is in memory now.
        let current = record == nil ? await shard.record(claim) : record
        let now = await shard.nextStamp()
        if let current, let reply = reply(to: claim, from: current, now) { return reply }
        guard reservations[claim.keyDigest] == nil else { return inUse(claim) }
        reservations[claim.keyDigest] = claim.fingerprint
        defer { reservations[claim.keyDigest] = nil }
        let key = KeyFacts(merchant: id, claim: claim, requestID: request.requestID)
        return await execute(request, key: key)
    }

    /// What a record that exists says to a request; nil when the key may begin anew.
    private func reply(
        to claim: IdempotencyClaim, from record: IdempotencyRecord, _ now: Timestamp
    ) -> CommandReply? {
        if record.isExpired(at: now) { return nil }
        guard record.fingerprint == claim.fingerprint else { return .failure(.keyMismatch) }
        switch record.state {
        case .inFlight: return inUse(claim)
        case .completed(let outcome):
            return .outcome(outcome, replayOf: claim.isMinted ? nil : record.requestID)
        }
    }

    /// What is told while the command of a claim is under way. Who sent no key is not told of one.
    private func inUse(_ claim: IdempotencyClaim) -> CommandReply {
        .failure(claim.isMinted ? .unavailable : .keyInUse)
    }

    // MARK: Commands

    private func execute(_ request: MerchantRequest, key: KeyFacts) async -> CommandReply {
        switch request.command {
        case .createPaymentMethod(let new):
            return await createMethod(new, request, key)
        case .createPayment(let new):
            return await createPayment(new, request, key)
        case .confirmPayment(let payment, let source):
            return await confirm(payment, source, request, key)
        case .incrementPayment(let payment, let total):
            return await run(.increment(total: total), on: payment, request, key)
        case .capturePayment(let payment, let amount, let isFinal):
            return await run(
                .capture(amount: amount, isFinal: isFinal), on: payment, request, key)
        case .cancelPayment(let payment, let reason):
            return await run(.cancel(reason: reason), on: payment, request, key)
        case .createRefund(let payment, let charge, let amount, let reason, let metadata):
            return await refund(
                payment, charge: charge,
                .refund(amount: amount, reason: reason, metadata: metadata), request, key)
        case .cancelRefund(let payment, let number):
            return await run(.cancelRefund(number: number), on: payment, request, key)
        }
    }

    private func createMethod(
        _ new: NewPaymentMethod, _ request: MerchantRequest, _ key: KeyFacts
    ) async -> CommandReply {
        let method = await register(new, request)
        let facts: [ShardEvent] = [
            .methodCreated(method), .keyCompleted(key, .paymentMethod(method.id), payment: nil),
        ]
        guard await shard.propose(facts) else { return .failure(.unavailable) }
        return .outcome(.paymentMethod(method), replayOf: nil)
    }

    private func createPayment(
        _ new: NewPayment, _ request: MerchantRequest, _ key: KeyFacts
    ) async -> CommandReply {
        var facts: [ShardEvent] = []
        let method: PaymentMethodSnapshot?
        switch await resolve(new.method, request, &facts) {
        case .success(let found): method = found
        case .failure(let refusal): return await refuse(refusal, key)
        }
        let paymentID = PaymentID(stem: IdentifierStem(slot: id.stem.slot, random: random))
        let creation = PaymentCreated(
            id: paymentID, merchant: id, isLive: request.isLive,
            at: await shard.nextStamp(), terms: new.terms,
            clientSecret: Base62.random(25, from: random), method: method)
        if case .failure(let refusal) = Payment.decideCreate(creation) {
            return await refuse(refusal, key)
        }
        guard new.confirm else {
            facts.append(
                .payment(
                    PaymentScope(Payment(creation)), base: 0, events: [.created(creation)]))
            facts.append(.keyCompleted(key, .payment, payment: paymentID))
            guard await shard.propose(facts) else { return .failure(.unavailable) }
            return .outcome(.payment(Payment(creation)), replayOf: nil)
        }
        var order = TransactionActor.Order(
            command: confirmation(nil), key: key, merchant: id, isLive: request.isLive,
            deadline: request.deadline)
        order.facts = facts
        order.creation = creation
        return await perform(order, on: paymentID)
    }

    private func confirm(
        _ payment: PaymentID, _ source: MethodSource?, _ request: MerchantRequest,
        _ key: KeyFacts
    ) async -> CommandReply {
        var facts: [ShardEvent] = []
        let method: PaymentMethodSnapshot?
        switch await resolve(source, request, &facts) {
        case .success(let found): method = found
        case .failure(let refusal): return await refuse(refusal, key)
        }
        var order = TransactionActor.Order(
            command: confirmation(method), key: key, merchant: id, isLive: request.isLive,
            deadline: request.deadline)
        order.facts = facts
        return await perform(order, on: payment)
    }

    /// The public API has no way yet for a cardholder to authenticate: an issuer that asks for it
    /// declines.
    private func confirmation(_ method: PaymentMethodSnapshot?) -> PaymentCommand {
        .confirm(method: method, Presence(declinesOnAction: true), authenticates: false)
    }

    private func refund(
        _ payment: PaymentID, charge: Int?, _ command: PaymentCommand,
        _ request: MerchantRequest, _ key: KeyFacts
    ) async -> CommandReply {
        if let charge {
            let found = await shard.payment(payment)
            guard let found, found.merchant == id, found.isLive == request.isLive,
                found.attempts.indices.contains(charge), found.attempts[charge].isCharge
            else { return await refuse(.noSuchPart(PartID(payment: payment, number: charge)), key) }
            // A charge that failed has nothing to pay back, whatever a later one took.
            guard case .captured = found.attempts[charge].state else {
                let refusal = Refusal.unexpectedStatus(
                    operation: .refund, status: .requiresPaymentMethod)
                return await refuse(refusal, key)
            }
        }
        return await run(command, on: payment, request, key)
    }

    private func run(
        _ command: PaymentCommand, on payment: PaymentID, _ request: MerchantRequest,
        _ key: KeyFacts
    ) async -> CommandReply {
        await perform(
            TransactionActor.Order(
                command: command, key: key, merchant: id, isLive: request.isLive,
                deadline: request.deadline),
            on: payment)
    }

    private func perform(
        _ order: TransactionActor.Order, on payment: PaymentID
    ) async -> CommandReply {
        let actor = await shard.transaction(payment)
        let reply = await actor.perform(order)
        await shard.passivate(actor)
        return reply
    }

    private func refuse(_ refusal: Refusal, _ key: KeyFacts) async -> CommandReply {
        guard await shard.store(refusal, of: nil, under: key) else {
            return .failure(.unavailable)
        }
        return .outcome(.refused(refusal, nil), replayOf: nil)
    }

    // MARK: Payment methods

    /// The method that a source names, with the fact that makes it when it is new.
    private func resolve(
        _ source: MethodSource?, _ request: MerchantRequest, _ facts: inout [ShardEvent]
    ) async -> Result<PaymentMethodSnapshot?, Refusal> {
        switch source {
        case nil:
            return .success(nil)
        case .stored(let methodID):
            guard let method = await shard.method(methodID), method.merchant == id,
                method.isLive == request.isLive
            else { return .failure(.noSuchPaymentMethod(methodID)) }
            return .success(method.snapshot)
        case .new(let new):
            let method = await register(new, request)
            facts.append(.methodCreated(method))
            return .success(method.snapshot)
        }
    }

    private func register(
        _ new: NewPaymentMethod, _ request: MerchantRequest
    ) async -> PaymentMethod {
        if let code = new.verificationCode { await shard.keep(code, of: new.id) }
        return PaymentMethod(
            id: new.id, merchant: id, isLive: request.isLive, created: await shard.nextStamp(),
            card: new.card, sealedCard: new.sealedCard, billing: new.billing,
            metadata: new.metadata)
    }
}
