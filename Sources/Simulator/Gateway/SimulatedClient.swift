import Environment
import MerchantAPI
import Node
import Payments
import Primitives

// A merchant's program: makes payments one after the other and retries as the Stripe SDK does.
//
//   create ─▶ (manual: raise, capture in parts, cancel) ─▶ (captured: refund, perhaps twice)
//       ─▶ next payment
//
// Each request has a key and is sent again with it until it has a definite answer. What it was told
// is kept, and held against the end of the run.

/// What a client was told of one payment.
struct PaymentRecord {
    let key: String
    let amount: Int64
    let isManual: Bool
    /// Whether the hold may be raised, captured in parts, and beyond its amount.
    let isFlexible: Bool
    /// What the hold was when it was last told.
    var authorized: Int64
    /// Set once a create was answered with the payment in it.
    var id: String?
    /// The statuses seen, in the order of the answers.
    var statuses: [String] = []
    /// Refund ids and amounts that a 2xx showed.
    var refunds: [String: Int64] = [:]
    var capturedAmount: Int64?
    var wasDeclined = false
    /// Set when the client found that its hold had run out.
    var foundExpired = false
}

final class SimulatedClient {
    private enum Step {
        case create
        case increment(Int64)
        case capture(Int64, isFinal: Bool)
        case cancel
        case refund(Int64)
        case retrieve
        /// Looks, by way of any node, whether what was just told is what is there.
        case verify
        case done
    }

    /// What a client does with its payments.
    enum Habit {
        /// Something of everything.
        case mixed
        /// Pays back each payment whole, at the beat at which all others do.
        case refundsEverything
    }

    private let name: String
    private let habit: Habit
    private let gateway: GatewayWorld
    private var random: SeededRandom
    private var world: World { gateway.world }

    private(set) var records: [PaymentRecord] = []
    private(set) var requestCount = 0
    private(set) var slowest = Duration.zero
    /// Refunds that the merchant's balance did not allow.
    private(set) var refusedRefundCount = 0
    private var remaining: Int
    private var step = Step.create
    private var refundCount = 0
    private var holdStepCount = 0
    private var currentKey = ""
    private var currentBody = ""
    /// The last segment of the address of what is done to a payment.
    private var currentAction = ""
    private var firstAnswers: [String: [UInt8]] = [:]
    /// Whether the answer at hand is one that was given before.
    private var isReplay = false
    private var attempt: UInt64 = 0

    /// Nothing is sent before this moment.
    private var restsUntil = Duration.zero

    /// True once every payment was made.
    private(set) var isDone = false

    init(
        name: String, gateway: GatewayWorld, paymentCount: Int, seed: UInt64,
        habit: Habit = .mixed
    ) {
        self.name = name
        self.habit = habit
        self.gateway = gateway
        remaining = paymentCount
        random = SeededRandom(seed: seed)
    }

    func start() {
        beginPayment()
    }

    // MARK: The script

    private func beginPayment() {
        guard remaining > 0 else {
            isDone = true
            return
        }
        remaining -= 1
        refundCount = 0
        holdStepCount = 0
        let number = records.count
        let amount = Int64.random(in: 100...90_000, using: &random)
        let isManual = habit == .mixed && random.chance(1, in: 3)
        let isFlexible = isManual && random.chance(2, in: 3)
        let cards = [
            "pm_card_visa", "pm_card_mastercard", "pm_card_visa", "pm_card_amex",
            "pm_card_visa_chargeDeclined", "pm_card_visa_chargeDeclinedInsufficientFunds",
        ]
        let card = cards[Int.random(in: 0..<cards.count, using: &random)]
        currentKey = "\(name)-\(number)-create"
        records.append(
            PaymentRecord(
                key: currentKey, amount: amount, isManual: isManual, isFlexible: isFlexible,
                authorized: amount))
        currentBody =
            "amount=\(amount)&currency=usd&confirm=true&payment_method=\(card)"
            + "&metadata[order]=\(currentKey)"
            + "&capture_method=\(isManual ? "manual" : "automatic")"
        if isFlexible {
            for option in ["incremental_authorization", "multicapture", "overcapture"] {
                currentBody += "&payment_method_options[card][request_\(option)]=if_available"
            }
        }
        step = .create
        send()
    }

    private func advance() {
        let index = records.count - 1
        let record = records[index]
        guard let last = record.statuses.last else { return beginPayment() }
        switch last {
        case "requires_capture":
            actOnHold(record)
        case "succeeded" where habit == .refundsEverything:
            guard refundCount == 0, let id = record.id else { return beginPayment() }
            refundCount = 1
            step = .refund(record.amount)
            currentKey = "\(name)-\(records.count - 1)-refund"
            currentBody = "payment_intent=\(id)"
            schedule(untilBeat()) { $0.send() }
        case "succeeded" where refundCount < 2 && random.chance(1, in: 2):
            refundCount += 1
            let captured = record.capturedAmount ?? record.amount
            let left = captured - record.refunds.values.reduce(0, +)
            guard left > 0 else { return beginPayment() }
            let amount = Int64.random(in: 1...left, using: &random)
            step = .refund(amount)
            request("refund\(refundCount)", "payment_intent=\(record.id ?? "")&amount=\(amount)")
        case "processing":
            step = .retrieve
            request("retrieve", "")
        default:
            beginPayment()
        }
    }

    /// How long until refunds are sent, so that they meet.
    private func untilBeat() -> Duration {
        let beat: Int64 = 3
        return .seconds((world.elapsed.components.seconds / beat + 1) * beat) - world.elapsed
    }

    private func actOnHold(_ record: PaymentRecord) {
        // Some holds are forgotten, and end by time.
        if random.chance(1, in: 5) { return beginPayment() }
        holdStepCount += 1
        let left = record.authorized - (record.capturedAmount ?? 0)
        let isFlexible = record.isFlexible && holdStepCount <= 4
        if isFlexible, random.chance(1, in: 3) {
            let total = record.authorized + Int64.random(in: 1...5000, using: &random)
            step = .increment(total)
            request("increment\(holdStepCount)", "amount=\(total)", to: "increment_authorization")
        } else if random.chance(1, in: 4) || left <= 0 {
            step = .cancel
            request("cancel\(holdStepCount)", "", to: "cancel")
        } else {
            let isFinal = !isFlexible || random.chance(1, in: 2)
            // With the 15 % that the link grants, now and then more than the hold.
            let most = record.isFlexible && isFinal ? left + record.authorized * 15 / 100 : left
            let amount =
                random.chance(1, in: 2) ? left : Int64.random(in: 1...most, using: &random)
            step = .capture(amount, isFinal: isFinal)
            request(
                "capture\(holdStepCount)", "amount_to_capture=\(amount)&final_capture=\(isFinal)",
                to: "capture")
        }
    }

    private func request(_ label: String, _ body: String, to action: String = "") {
        currentAction = action
        currentKey = "\(name)-\(records.count - 1)-\(label)"
        currentBody = body
        schedule(.milliseconds(Int64.random(in: 0...400, using: &random))) { $0.send() }
    }

    private func schedule(_ delay: Duration, _ action: @escaping (SimulatedClient) -> Void) {
        world.schedule(after: delay) { [unowned self] in action(self) }
    }

    // MARK: The wire

    /// Sends nothing for a while.
    func rest(for duration: Duration) {
        restsUntil = max(restsUntil, world.elapsed + duration)
    }

    private func send() {
        attempt += 1
        if restsUntil > world.elapsed {
            return schedule(restsUntil - world.elapsed) { $0.send() }
        }
        let number = attempt
        let key = currentKey
        // Any node will do, and a retry may go to another.
        let node = gateway.nodes[Int.random(in: 0..<gateway.nodes.count, using: &random)]
        guard let running = node.running, let loop = node.process.incarnation?.loop else {
            return retry()
        }
        let service = running.service
        let begun = world.elapsed
        let incarnation = node.startCount
        let request = apiRequest(receivedAt: loop.now)
        let box = ClientBox(self, asking: node)
        loop.start(service) { service in
            let response = await service.respond(to: request)
            box.client.answered(number, response, begun, by: box.node)
        }
        requestCount += 1
        watch(number, key, node, incarnation)
    }

    /// Notices that the node that was asked is gone, as a broken connection tells.
    private func watch(
        _ number: UInt64, _ key: String, _ node: SimulatedNode, _ incarnation: Int
    ) {
        schedule(.milliseconds(250)) { client in
            guard client.attempt == number, client.currentKey == key, !client.isDone else { return }
            let isSame = node.running != nil && node.startCount == incarnation
            if isSame { client.watch(number, key, node, incarnation) } else { client.retry() }
        }
    }

    private func apiRequest(receivedAt: MonotonicInstant) -> APIRequest {
        var headers = [
            (name: "authorization", value: "Bearer \(gateway.secretKey)"),
            (name: "content-type", value: "application/x-www-form-urlencoded"),
        ]
        let id = records.last?.id ?? ""
        let path: String
        switch step {
        case .create: path = "/v1/payment_intents"
        case .increment, .capture, .cancel:
            path = "/v1/payment_intents/\(id)/\(currentAction)"
        case .refund: path = "/v1/refunds"
        case .retrieve, .verify, .done: path = "/v1/payment_intents/\(id)"
        }
        if isRetrieve {
            return APIRequest(
                method: "GET", path: path, headers: headers, receivedAt: receivedAt)
        }
        headers.append((name: "idempotency-key", value: currentKey))
        return APIRequest(
            method: "POST", path: path, headers: headers,
            body: SensitiveBytes(copying: currentBody.utf8),
            receivedAt: receivedAt)
    }

    private func retry() {
        attempt += 1
        schedule(.milliseconds(Int64.random(in: 300...2500, using: &random))) { $0.send() }
    }

    fileprivate func answered(
        _ number: UInt64, _ response: APIResponse, _ begun: Duration, by node: SimulatedNode
    ) {
        slowest = max(slowest, world.elapsed - begun - node.pausedTime(since: begun))
        guard number == attempt else { return }
        attempt += 1
        switch response.status {
        case 409, 429, 503:
            schedule(.milliseconds(Int64.random(in: 300...2500, using: &random))) { $0.send() }
        case 200, 402:
            take(response)
        case 400 where isRefusedByBalance(response):
            if firstAnswers[currentKey] == nil { refusedRefundCount += 1 }
            checkReplay(response)
            beginPayment()
        case 400 where isExpired(response):
            records[records.count - 1].foundExpired = true
            checkReplay(response)
            beginPayment()
        default:
            world.fail(
                "\(currentKey): unexpected \(response.status) "
                    + String(decoding: response.body.prefix(400), as: UTF8.self))
        }
    }

    private func isRefusedByBalance(_ response: APIResponse) -> Bool {
        guard case .refund = step, gateway.balanceLimit != nil else { return false }
        return JSONText(response.body)?["error"]?["code"]?.text == "balance_insufficient"
    }

    /// Whether an error says that the hold had ended by itself: it can whenever it is not captured
    /// in time. What was captured of it before is the payment's then.
    private func isExpired(_ response: APIResponse) -> Bool {
        switch step {
        case .increment, .capture, .cancel: break
        case .create, .refund, .retrieve, .verify, .done: return false
        }
        guard let error = JSONText(response.body)?["error"],
            error["code"]?.text == "payment_intent_unexpected_state",
            let intent = error["payment_intent"]
        else { return false }
        switch intent["status"]?.text {
        case "canceled": return intent["cancellation_reason"]?.text == "automatic"
        case "succeeded": return records.last?.capturedAmount != nil
        default: return false
        }
    }

    private func take(_ response: APIResponse) {
        guard let json = JSONText(response.body) else {
            return world.fail("\(currentKey): an answer that is no JSON")
        }
        world.note("\(currentKey) \(response.status)")
        isReplay = firstAnswers[currentKey] != nil
        if !isRetrieve { checkReplay(response) }
        let index = records.count - 1
        let intent = response.status == 402 ? json["error"]?["payment_intent"] : json
        switch step {
        case .refund(let amount):
            if let id = json["id"]?.text { records[index].refunds[id] = amount }
            if json["amount"]?.integer != amount {
                world.fail("\(currentKey): a refund of another amount")
            }
        case .verify:
            return verified(json)
        case .create, .increment, .capture, .cancel, .retrieve, .done:
            guard let id = intent?["id"]?.text, let status = intent?["status"]?.text else {
                return world.fail("\(currentKey): an answer without a payment")
            }
            if let known = records[index].id, known != id {
                world.fail("\(currentKey): two payments \(known) and \(id) under one key")
            }
            records[index].id = id
            records[index].statuses.append(status)
            if response.status == 402 { records[index].wasDeclined = true }
            if let intent { takeHold(intent, response.status) }
        }
        // Now and then the same request once more: the answer must be the same to the byte.
        if random.chance(1, in: 8), !isRetrieve {
            schedule(.milliseconds(10)) { $0.send() }
        } else if case .retrieve = step {
            schedule(.seconds(1)) { $0.advance() }
        } else if records[index].id != nil, random.chance(1, in: 3) {
            step = .verify
            request("verify", "")
        } else {
            schedule(.milliseconds(Int64.random(in: 0...2000, using: &random))) { $0.advance() }
        }
    }

    /// What an answer says of the hold, held against what was asked.
    private func takeHold(_ intent: JSONText, _ status: Int) {
        let index = records.count - 1
        guard let amount = intent["amount"]?.integer,
            let received = intent["amount_received"]?.integer
        else { return world.fail("\(currentKey): a payment without amounts") }
        switch step {
        case .increment(let total):
            if status == 402, amount == total {
                world.fail("\(currentKey): a hold that was declined and raised")
            }
            // A raise whose outcome is not known yet shows the hold as it was.
            if amount != total, amount != records[index].authorized {
                world.fail("\(currentKey): a hold of \(amount) and not of \(total)")
            }
            records[index].authorized = amount
        case .capture(let taken, _):
            let before = records[index].capturedAmount ?? 0
            if received != before + taken, received != before || !isReplay {
                world.fail("\(currentKey): \(received) captured and not \(before + taken)")
            }
            records[index].capturedAmount = received
        case .create, .cancel, .refund, .retrieve, .verify, .done:
            break
        }
    }

    /// Nobody but this client does anything to the payment: whichever node is asked, and whatever
    /// it knew before, shows what the last answer said, or what only time makes of that (P4).
    private func verified(_ intent: JSONText) {
        let record = records[records.count - 1]
        guard let status = intent["status"]?.text, let last = record.statuses.last,
            let received = intent["amount_received"]?.integer
        else { return world.fail("\(currentKey): an answer without a payment") }
        let isAllowed =
            switch last {
            case "processing": true
            case "requires_capture": ["requires_capture", "canceled", "succeeded"].contains(status)
            default: status == last
            }
        if !isAllowed { world.fail("P4 \(currentKey): \(status) after \(last)") }
        if last != "processing", let captured = record.capturedAmount, received != captured {
            world.fail("P4 \(currentKey): \(received) received after \(captured)")
        }
        schedule(.milliseconds(Int64.random(in: 0...2000, using: &random))) { $0.advance() }
    }

    private var isRetrieve: Bool {
        switch step {
        case .retrieve, .verify: true
        case .create, .increment, .capture, .cancel, .refund, .done: false
        }
    }

    private func checkReplay(_ response: APIResponse) {
        if let first = firstAnswers[currentKey] {
            if first != response.body { world.fail("\(currentKey): a replay with other bytes") }
        } else {
            firstAnswers[currentKey] = response.body
        }
    }
}

/// Carries a client into a task of the node's loop.
// Proof: a world and all its loops run on one thread, so the client is only touched there.
private struct ClientBox: @unchecked Sendable {
    let client: SimulatedClient
    let node: SimulatedNode

    init(_ client: SimulatedClient, asking node: SimulatedNode) {
        self.client = client
        self.node = node
    }
}
