import Linearizability
import MerchantAPI
import Primitives

// A merchant's program: makes payments one after the other and retries as the Stripe SDK does.
//
//   create ─▶ (unconfirmed or declined: confirm) ─▶ (manual: raise, capture in parts, cancel)
//       ─▶ (captured: refund, perhaps twice) ─▶ next payment
//
// Each request has a key and is sent again with it until it has a definite answer. What it was told
// is kept, and held against the end of the run; all clients together write the histories that have
// to be linearizable.

/// What a client was told of one payment.
struct PaymentRecord {
    let name: String
    let amount: Int64
    let isManual: Bool
    /// Whether the hold may be raised, captured in parts, and beyond its amount.
    let isFlexible: Bool
    /// Whether other programs of the merchant may do something to it.
    let isShared: Bool
    /// What the hold was when it was last told.
    var authorized: Int64
    /// Set once a create was answered with the payment in it.
    var id: String?
    /// The statuses seen, in the order of the answers.
    var statuses: [String] = []
    /// Refund ids and amounts that a 2xx showed.
    var refunds: [String: Int64] = [:]
    var capturedAmount: Int64?
    var confirmCount = 0

    /// The key of its create, and what its metadata says.
    var key: String { ClientRecorder.order(name) }
    /// Whether something may have been done to it after its last answer.
    var isOpenEnded: Bool { isShared || confirmCount > 0 }
}

final class SimulatedClient {
    let sender: RequestSender
    private let world: World
    private let recorder: ClientRecorder
    /// Whether other programs do something to the same payments.
    private let contends: Bool
    /// Chance for what only happens where clients contend.
    private var contention: SeededRandom

    private(set) var records: [PaymentRecord] = []
    private var remaining: Int
    private var refundCount = 0
    private var holdStepCount = 0
    /// What was asked last, for others to ask as well.
    private(set) var currentRequest: ClientRequest?
    /// True once every payment was made.
    private(set) var isDone = false

    init(
        _ sender: RequestSender, world: World, paymentCount: Int, contends: Bool,
        contentionSeed: UInt64
    ) {
        self.sender = sender
        self.world = world
        self.contends = contends
        recorder = sender.recorder
        remaining = paymentCount
        contention = SeededRandom(seed: contentionSeed)
    }

    func start() {
        beginPayment()
    }

    // MARK: The script

    private func beginPayment() {
        guard remaining > 0 else {
            isDone = true
            currentRequest = nil
            return
        }
        remaining -= 1
        refundCount = 0
        holdStepCount = 0
        let amount = draw(100...90_000)
        let isManual = sender.random.chance(1, in: 3)
        let isFlexible = isManual && sender.random.chance(2, in: 3)
        let card = drawCard()
        let isShared = contends && contention.chance(1, in: 2)
        let confirms = !contends || contention.chance(4, in: 5)
        let record = PaymentRecord(
            name: "\(sender.name)-\(records.count)", amount: amount, isManual: isManual,
            isFlexible: isFlexible, isShared: isShared, authorized: amount)
        records.append(record)
        recorder.add(
            PaymentSubject(
                name: record.name, isManual: isManual, isFlexible: isFlexible,
                isShared: isShared))
        var body =
            "amount=\(amount)&currency=usd&confirm=\(confirms)&payment_method=\(card)"
            + "&metadata[order]=\(record.key)"
            + "&capture_method=\(isManual ? "manual" : "automatic")"
        if isFlexible {
            for option in ["incremental_authorization", "multicapture", "overcapture"] {
                body += "&payment_method_options[card][request_\(option)]=if_available"
            }
        }
        let command = PaymentModel.Command.create(
            amount: amount, isManual: isManual, isFlexible: isFlexible, confirms: confirms)
        send(
            ClientRequest(
                payment: record.name, question: .command(command, key: record.key),
                path: "/v1/payment_intents", body: body))
    }

    private func drawCard() -> String {
        let cards = [
            "pm_card_visa", "pm_card_mastercard", "pm_card_visa", "pm_card_amex",
            "pm_card_visa_chargeDeclined", "pm_card_visa_chargeDeclinedInsufficientFunds",
        ]
        return cards[Int.random(in: 0..<cards.count, using: &sender.random)]
    }

    private func draw(_ range: ClosedRange<Int64>) -> Int64 {
        Int64.random(in: range, using: &sender.random)
    }

    private func advance() {
        let record = records[records.count - 1]
        guard let last = record.statuses.last else { return beginPayment() }
        switch last {
        case "requires_capture":
            actOnHold(record)
        case "succeeded" where refundCount < 2 && sender.random.chance(1, in: 2):
            refundCount += 1
            let captured = record.capturedAmount ?? record.amount
            let left = captured - record.refunds.values.reduce(0, +)
            guard left > 0 else { return beginPayment() }
            let amount = draw(1...left)
            request(
                .refund(amount: amount), "refund\(refundCount)",
                "payment_intent=\(record.id ?? "")&amount=\(amount)")
        case "processing":
            look("retrieve")
        case "requires_confirmation", "requires_payment_method":
            confirm(record)
        default:
            beginPayment()
        }
    }

    private func confirm(_ record: PaymentRecord) {
        guard contends, record.confirmCount < 3, contention.chance(2, in: 3) else {
            return beginPayment()
        }
        records[records.count - 1].confirmCount += 1
        let card = contention.chance(1, in: 2) ? "pm_card_visa" : "pm_card_visa_chargeDeclined"
        request(
            .confirm, "confirm\(record.confirmCount + 1)", "payment_method=\(card)", to: "confirm")
    }

    private func actOnHold(_ record: PaymentRecord) {
        // Some holds are forgotten, and end by time.
        if sender.random.chance(1, in: 5) { return beginPayment() }
        holdStepCount += 1
        let left = record.authorized - (record.capturedAmount ?? 0)
        let isFlexible = record.isFlexible && holdStepCount <= 4
        if isFlexible, sender.random.chance(1, in: 3) {
            let total = record.authorized + draw(1...5000)
            request(
                .increment(total: total), "increment\(holdStepCount)", "amount=\(total)",
                to: "increment_authorization")
        } else if sender.random.chance(1, in: 4) || left <= 0 {
            request(.cancel, "cancel\(holdStepCount)", "", to: "cancel")
        } else {
            let isFinal = !isFlexible || sender.random.chance(1, in: 2)
            // With the 15 % that the link grants, now and then more than the hold.
            let most = record.isFlexible && isFinal ? left + record.authorized * 15 / 100 : left
            let amount = sender.random.chance(1, in: 2) ? left : draw(1...most)
            request(
                .capture(amount: amount, isFinal: isFinal), "capture\(holdStepCount)",
                "amount_to_capture=\(amount)&final_capture=\(isFinal)", to: "capture")
        }
    }

    private func request(
        _ command: PaymentModel.Command, _ label: String, _ body: String, to action: String = ""
    ) {
        let record = records[records.count - 1]
        let path =
            action.isEmpty ? "/v1/refunds" : "/v1/payment_intents/\(record.id ?? "")/\(action)"
        let request = ClientRequest(
            payment: record.name, question: .command(command, key: "\(record.name)-\(label)"),
            path: path, body: body)
        schedule(0...400) { $0.send(request) }
    }

    /// Looks at the payment, by way of any node.
    private func look(_ label: String) {
        let record = records[records.count - 1]
        let request = ClientRequest.retrieve(record.name, id: record.id ?? "")
        schedule(0...400) { $0.send(request, isOnlyToVerify: label == "verify") }
    }

    private func schedule(
        _ milliseconds: ClosedRange<Int64>, _ action: @escaping (SimulatedClient) -> Void
    ) {
        sender.schedule(.milliseconds(draw(milliseconds))) { [unowned self] in action(self) }
    }

    // MARK: Answers

    private func send(_ request: ClientRequest, isOnlyToVerify: Bool = false) {
        currentRequest = request
        sender.send(request) { [unowned self] response in
            guard let response else { return }
            world.note("\(request.key ?? request.path) \(response.status)")
            take(response, to: request, isOnlyToVerify: isOnlyToVerify)
        }
    }

    private func take(
        _ response: APIResponse, to request: ClientRequest, isOnlyToVerify: Bool
    ) {
        guard let json = JSONText(response.body) else {
            return world.fail("\(request.path): an answer that is no JSON")
        }
        switch response.status {
        case 200, 402: break
        default:
            // Somebody else, or time, was first.
            let isExplained = records[records.count - 1].isShared || isExpired(json, request)
            if !isExplained { world.fail("\(request.path): unexpected \(response.status)") }
            return beginPayment()
        }
        if isOnlyToVerify { return schedule(0...2000) { $0.advance() } }
        note(json, response.status, request)
        // Now and then the same request once more: the answer must be the same to the byte.
        if sender.random.chance(1, in: 8), request.key != nil {
            sender.schedule(.milliseconds(10)) { [unowned self] in send(request) }
        } else if request.key == nil {
            sender.schedule(.seconds(1)) { [unowned self] in advance() }
        } else if records[records.count - 1].id != nil, sender.random.chance(1, in: 3) {
            look("verify")
        } else {
            schedule(0...2000) { $0.advance() }
        }
    }

    /// Whether an error says that the hold had ended by itself: it can whenever it is not captured
    /// in time. What was captured of it before is the payment's then.
    private func isExpired(_ json: JSONText, _ request: ClientRequest) -> Bool {
        guard let error = json["error"], let intent = error["payment_intent"],
            error["code"]?.text == "payment_intent_unexpected_state"
        else { return false }
        switch request.question {
        case .command(.increment, _), .command(.capture, _), .command(.cancel, _): break
        case .command(.create, _), .command(.confirm, _), .command(.refund, _), .retrieve, .list:
            return false
        }
        switch intent["status"]?.text {
        case "canceled": return intent["cancellation_reason"]?.text == "automatic"
        case "succeeded": return records.last?.capturedAmount != nil
        default: return false
        }
    }

    private func note(_ json: JSONText, _ status: Int, _ request: ClientRequest) {
        let index = records.count - 1
        if case .command(.refund(let amount), _) = request.question {
            if let id = json["id"]?.text { records[index].refunds[id] = amount }
            return
        }
        let intent = status == 402 ? json["error"]?["payment_intent"] : json
        guard let id = intent?["id"]?.text, let word = intent?["status"]?.text else {
            return world.fail("\(request.path): an answer without a payment")
        }
        records[index].id = id
        records[index].statuses.append(word)
        switch request.question {
        case .command(.increment, _):
            if let amount = intent?["amount"]?.integer { records[index].authorized = amount }
        case .command(.capture, _):
            records[index].capturedAmount = intent?["amount_received"]?.integer
        case .command, .retrieve, .list: break
        }
    }
}
