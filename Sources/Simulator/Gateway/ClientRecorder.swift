import Linearizability
import MerchantAPI
import Payments
import Primitives

/// A payment that some client has begun to make.
struct PaymentSubject {
    /// Names it in histories, from before it has an id.
    let name: String
    let isManual: Bool
    let isFlexible: Bool
    /// Whether others than its maker may do something to it.
    let isShared: Bool
    var id: String?
}

/// One request of a client, as it is sent, again and again if need be.
struct ClientRequest {
    /// The payment's name; empty for a page of payments.
    let payment: String
    let question: PaymentHistory.Question
    let path: String
    var body = ""

    /// The idempotency key, unless it only looks.
    var key: String? {
        if case .command(_, let key) = question { key } else { nil }
    }

    static func retrieve(_ payment: String, id: String) -> ClientRequest {
        ClientRequest(
            payment: payment, question: .retrieve, path: "/v1/payment_intents/\(id)")
    }

    static var list: ClientRequest {
        ClientRequest(payment: "", question: .list, path: "/v1/payment_intents")
    }
}

/// What all clients of a world have seen: one history for each payment.
final class ClientRecorder {
    private let world: World
    private(set) var history = PaymentHistory()
    private(set) var subjects: [PaymentSubject] = []
    private var places: [String: Int] = [:]
    private var firstAnswers: [String: [UInt8]] = [:]

    init(_ world: World) {
        self.world = world
    }

    func add(_ subject: PaymentSubject) {
        places[subject.name] = subjects.count
        subjects.append(subject)
    }

    /// What stands in a payment's metadata, by which a page's items are known.
    static func order(_ payment: String) -> String { "\(payment)-create" }

    private var now: MonotonicInstant {
        MonotonicInstant(nanoseconds: world.elapsedNanoseconds)
    }

    /// The places in the history that wait for the answer: one for each payment that it may show.
    func begin(_ request: ClientRequest, by client: Int) -> [Int] {
        let payments = request.question == .list ? subjects.map(\.name) : [request.payment]
        return payments.map {
            history.begin(client: client, payment: $0, request.question, at: now)
        }
    }

    /// Notes what an answer shows; nil when it is none that a request may get.
    func end(
        _ places: [Int], _ request: ClientRequest, _ response: APIResponse
    ) -> PaymentModel.Output? {
        guard let json = JSONText(response.body) else { return nil }
        if request.question == .list { return endList(places, response.status, json) }
        guard let output = PaymentModel.Output(request.question, response.status, json) else {
            return nil
        }
        if let place = places.first { history.end(place, output, at: now) }
        note(output, of: request.payment)
        if let key = request.key { checkReplay(key, response) }
        return output
    }

    private func note(_ output: PaymentModel.Output, of payment: String) {
        guard let place = places[payment] else { return }
        switch output {
        case .shown(let snapshot), .declined(let snapshot): subjects[place].id = snapshot.id
        case .taken, .refund, .refused, .absent: break
        }
    }

    private func endList(_ places: [Int], _ status: Int, _ json: JSONText) -> PaymentModel.Output? {
        guard status == 200, case .array(let items)? = json["data"],
            case .bool(let hasMore)? = json["has_more"]
        else { return nil }
        var shown: [String: PaymentModel.Snapshot] = [:]
        for item in items {
            guard let order = item["metadata"]?["order"]?.text,
                let snapshot = PaymentModel.Snapshot(item)
            else { return nil }
            if shown.updateValue(snapshot, forKey: order) != nil {
                world.fail("a page has two payments of \(order)")
            }
        }
        for place in places {
            if let snapshot = shown[Self.order(history.requests[place].payment)] {
                history.end(place, .shown(snapshot), at: now)
            } else if !hasMore {
                history.end(place, .absent, at: now)
            }
        }
        return .taken
    }

    /// An answer under a key is the same to the byte, whoever asks again.
    private func checkReplay(_ key: String, _ response: APIResponse) {
        if let first = firstAnswers[key] {
            if first != response.body { world.fail("\(key): a replay with other bytes") }
        } else {
            firstAnswers[key] = response.body
        }
    }
}

extension PaymentModel.Output {
    /// What an answer says; nil for one that no request of these clients may get.
    fileprivate init?(_ question: PaymentHistory.Question, _ status: Int, _ json: JSONText) {
        let error = json["error"]
        switch status {
        case 200:
            if case .command(.refund, _) = question {
                guard let id = json["id"]?.text, let part = PartID(prefix: "re_", id),
                    let amount = json["amount"]?.integer
                else { return nil }
                self = .refund(number: part.number, amount: amount)
            } else {
                guard let snapshot = PaymentModel.Snapshot(json) else { return nil }
                self = .shown(snapshot)
            }
        case 402:
            guard let snapshot = error?["payment_intent"].flatMap(PaymentModel.Snapshot.init)
            else { return nil }
            self = .declined(snapshot)
        case 404: self = .absent
        case 400:
            guard let code = error?["code"]?.text else { return nil }
            self = .refused(
                code, error?["payment_intent"].flatMap(PaymentModel.Snapshot.init))
        default: return nil
        }
    }
}

extension PaymentModel.Snapshot {
    /// What a `payment_intent` says.
    fileprivate init?(_ intent: JSONText) {
        guard let id = intent["id"]?.text,
            let status = intent["status"]?.text.flatMap(PaymentModel.Status.init),
            let amount = intent["amount"]?.integer,
            let capturable = intent["amount_capturable"]?.integer,
            let received = intent["amount_received"]?.integer
        else { return nil }
        // A hold that was given back shows as refunded as well.
        let refunded =
            status == .succeeded ? intent["latest_charge"]?["amount_refunded"]?.integer : nil
        self.init(
            id: id, status: status, amount: amount, capturable: capturable, received: received,
            refunded: refunded)
    }
}
