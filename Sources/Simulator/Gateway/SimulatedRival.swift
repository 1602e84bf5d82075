import Linearizability
import MerchantAPI
import Primitives

/// Another program of the same merchant: looks at what the clients make, does something to the
/// payments that are shared, and asks now and then what a client is just asking, under the same
/// key.
final class SimulatedRival {
    private let sender: RequestSender
    private let clients: [SimulatedClient]
    private var isStopped = false
    private(set) var isDone = false
    private var requestNumber = 0

    /// Of so many payments that were made last it takes one.
    private static let recentCount = 6

    init(_ sender: RequestSender, clients: [SimulatedClient]) {
        self.sender = sender
        self.clients = clients
    }

    var requestCount: Int { sender.requestCount }
    var slowest: Duration { sender.slowest }

    func start() {
        think()
    }

    /// Asks nothing more once the request at hand has its answer.
    func stop() {
        isStopped = true
    }

    private func think() {
        guard !isStopped else {
            isDone = true
            return
        }
        let pause = Int64.random(in: 50...1500, using: &sender.random)
        sender.schedule(.milliseconds(pause)) { [unowned self] in
            if isStopped {
                isDone = true
            } else {
                act()
            }
        }
    }

    private func act() {
        // Some requests are given up, so that nobody is told what became of them.
        let triesMax = sender.random.chance(1, in: 4) ? 1 : .max
        sender.send(nextRequest(), triesMax: triesMax) { [unowned self] _ in think() }
    }

    private func nextRequest() -> ClientRequest {
        let subjects = sender.recorder.subjects
        let recent = subjects.suffix(Self.recentCount)
        if sender.random.chance(1, in: 6) { return .list }
        if sender.random.chance(1, in: 5) {
            let client = clients[Int.random(in: 0..<clients.count, using: &sender.random)]
            if let request = client.currentRequest { return request }
        }
        let place = Int.random(in: 0..<max(1, recent.count), using: &sender.random)
        guard !recent.isEmpty, let id = recent[recent.startIndex + place].id else { return .list }
        let subject = recent[recent.startIndex + place]
        guard subject.isShared, sender.random.chance(2, in: 3) else {
            return .retrieve(subject.name, id: id)
        }
        return command(on: subject, id)
    }

    private func command(on subject: PaymentSubject, _ id: String) -> ClientRequest {
        requestNumber += 1
        let amount = Int64.random(in: 1...300, using: &sender.random)
        let choice = Int.random(in: 0..<8, using: &sender.random)
        let command: PaymentModel.Command
        var body = "amount=\(amount)"
        var path = "/v1/payment_intents/\(id)"
        switch choice {
        case 0 where subject.isManual:
            command = .cancel
            body = ""
            path += "/cancel"
        case 1...4 where subject.isManual:
            // A part captured by the way can make the client's next one go beyond the hold.
            let isFinal = !subject.isFlexible || choice == 4
            command = .capture(amount: amount, isFinal: isFinal)
            body = "amount_to_capture=\(amount)&final_capture=\(isFinal)"
            path += "/capture"
        case 5:
            command = .confirm
            body = "payment_method=pm_card_visa"
            path += "/confirm"
        case 6 where subject.isFlexible:
            let total = Int64.random(in: 50_000...95_000, using: &sender.random)
            command = .increment(total: total)
            body = "amount=\(total)"
            path += "/increment_authorization"
        default:
            command = .refund(amount: amount)
            body += "&payment_intent=\(id)"
            path = "/v1/refunds"
        }
        return ClientRequest(
            payment: subject.name,
            question: .command(command, key: "\(sender.name)-\(requestNumber)"), path: path,
            body: body)
    }
}

/// Looks at everything once more by way of one node, when all is at rest: whatever was lost since
/// it was told comes to light.
final class SimulatedAuditor {
    private let sender: RequestSender
    private let node: Int
    private var requests: [ClientRequest]
    private(set) var isDone = false

    init(_ sender: RequestSender, node: Int, payments: [PaymentSubject]) {
        self.sender = sender
        self.node = node
        requests = payments.compactMap { subject in
            subject.id.map { .retrieve(subject.name, id: $0) }
        }
        requests.append(.list)
    }

    func start() {
        guard let request = requests.popLast() else {
            isDone = true
            return
        }
        sender.send(request, to: node) { [unowned self] _ in
            sender.schedule(.milliseconds(1)) { [unowned self] in start() }
        }
    }
}
