import Acquirer
import Payments
import Primitives

/// Holds the end of a run against what clients were told and what the acquirer did.
///
/// P1 durable, P2 once, P3 known, P6 balanced, P7 bounded.
struct GatewayChecks {
    let payments: [Payment]
    let booksTotals: [Int64]
    let inFlightKeyCount: Int
    let transactions: [AcquirerTransaction]
    let clients: [SimulatedClient]
    /// The longest time that any request took.
    let slowest: Duration
    /// How long after its end a hold may have been given back; nil where nodes were down or their
    /// clocks were wrong.
    let expiryMax: Duration?

    /// The pause between two looks at what is due, and a commit.
    static let expiryMax = Duration.seconds(31)

    /// How long a request may take, pauses of the node's process not counted: the API's deadline,
    /// the gateway's grace, and the stalls of the disk that may lie behind it.
    static let requestMax = Duration.seconds(27)

    /// Everything that is not as promised, in words.
    func violations() -> [String] {
        var found = [String]()
        for payment in payments {
            if let fault = payment.invariantFault { found.append("P6 \(payment.id): \(fault)") }
            if payment.hasUnfinishedWork { found.append("P3 \(payment.id): unfinished work") }
            if case .processing = payment.status {
                found.append("P3 \(payment.id): still processing")
            }
        }
        found += payments.compactMap(expiryFault)
        if inFlightKeyCount > 0 { found.append("P3 \(inFlightKeyCount) keys are still in flight") }
        for total in booksTotals where total != 0 {
            found.append("P6 the books of a shard are out of balance by \(total)")
        }
        found += moneyFaults()
        if slowest > Self.requestMax { found.append("P7 a request took \(slowest)") }
        for client in clients { found += faults(of: client) }
        return found
    }

    /// What is wrong with the end of a hold by time. The world went on for long enough after the
    /// last fault that every hold had to end.
    private func expiryFault(_ payment: Payment) -> String? {
        if let expires = payment.expires {
            return "P3 \(payment.id): holds money that was due at \(expires.milliseconds)"
        }
        guard case .canceled(let end, .automatic?) = payment.status,
            let hold = payment.attempts.last?.hold
        else { return nil }
        let late = end.milliseconds - hold.expires.milliseconds
        if late < 0 { return "P6 \(payment.id): gave a hold back \(-late) ms before its end" }
        guard let expiryMax, Duration.milliseconds(late) > expiryMax else { return nil }
        return "P3 \(payment.id): gave a hold back \(late) ms after its end"
    }

    // MARK: Money

    private func moneyFaults() -> [String] {
        var found = [String]()
        var byReference: [String: [AcquirerTransaction]] = [:]
        for transaction in transactions {
            byReference[transaction.key.reference, default: []].append(transaction)
        }
        var known = Set<String>()
        for payment in payments {
            var captured: Int64 = 0
            var refunded: Int64 = 0
            for attempt in payment.attempts {
                known.insert(attempt.trace.reference)
                var held: Int64 = 0
                for transaction in byReference[attempt.trace.reference] ?? [] {
                    guard let approval = transaction.approval else { continue }
                    if transaction.kind == .refund {
                        refunded += transaction.amount
                        continue
                    }
                    captured += approval.capturedAmount
                    held += transaction.heldAmount
                }
                if held != attempt.heldAmount {
                    found.append(
                        "P2 \(payment.id): the issuer holds \(held) and should hold "
                            + "\(attempt.heldAmount); " + story(payment, byReference))
                }
            }
            if captured != payment.amountReceived {
                found.append(
                    "P2 \(payment.id): \(captured) captured there, \(payment.amountReceived) here; "
                        + story(payment, byReference))
            }
            if refunded != payment.amountRefunded {
                found.append(
                    "P2 \(payment.id): \(refunded) refunded there, \(payment.amountRefunded) here")
            }
        }
        for transaction in transactions
        where transaction.approval != nil && !known.contains(transaction.key.reference) {
            found.append("P2 the acquirer has \(transaction.key.reference), and nobody else")
        }
        return found
    }

    /// What each side says of a payment, for whoever looks at a violation.
    private func story(
        _ payment: Payment, _ byReference: [String: [AcquirerTransaction]]
    ) -> String {
        let start = payment.created.milliseconds
        let attempts = payment.attempts.map { attempt in
            let there = (byReference[attempt.trace.reference] ?? []).map {
                "\($0.kind) \($0.state) at +\($0.createdAt.milliseconds - start)"
                    + " updated +\($0.updatedAt.milliseconds - start) ms"
            }
            return "\(attempt.trace.reference) is \(attempt.state), there \(there)"
        }
        let effects = payment.effects.map { effect in
            "\(effect.kind) \(effect.trace.sequence) \(effect.state)"
                + " from +\(effect.trace.transmittedAt.milliseconds - start) ms"
        }
        return "\(payment.status): \(attempts), \(effects)"
    }

    // MARK: What clients were told

    private func faults(of client: SimulatedClient) -> [String] {
        var found = [String]()
        if !client.isDone { found.append("P7 a client did not come to its end") }
        for record in client.records {
            let made = payments.filter { payment in
                payment.terms.metadata.contains { $0.value == record.key }
            }
            if made.count > 1 { found.append("P2 \(record.key) made \(made.count) payments") }
            guard let id = record.id else { continue }
            guard let payment = made.first, "\(payment.id)" == id else {
                found.append("P1 \(record.key): \(id) is gone")
                continue
            }
            found += faults(of: record, payment)
        }
        return found
    }

    private func faults(of record: PaymentRecord, _ payment: Payment) -> [String] {
        var found = [String]()
        let final = payment.status.apiName
        for status in record.statuses where !mayFollow(status, final, record) {
            found.append("P1 \(record.key): was \(status), is \(final)")
        }
        if !record.isShared, let captured = record.capturedAmount,
            payment.amountReceived != captured
        {
            found.append("P1 \(record.key): told of a capture of \(captured)")
        }
        for (id, amount) in record.refunds.sorted(by: { $0.key < $1.key }) {
            guard let part = PartID(prefix: "re_", id),
                payment.refunds.indices.contains(part.number),
                payment.refunds[part.number].amount == amount
            else {
                found.append("P1 \(record.key): told of a refund \(id) of \(amount)")
                continue
            }
        }
        return found
    }

    /// Whether a payment that was `told` may be `final` in the end.
    private func mayFollow(_ told: String, _ final: String, _ record: PaymentRecord) -> Bool {
        switch told {
        case "succeeded", "canceled": final == told
        case "requires_capture": ["requires_capture", "succeeded", "canceled"].contains(final)
        case "requires_payment_method": final == told || record.isOpenEnded
        default: true
        }
    }
}

extension Attempt {
    /// What the issuer rightly holds and was not captured.
    fileprivate var heldAmount: Int64 {
        switch state {
        case .authorized(let hold): max(0, hold.authorized - hold.captured)
        case .pending, .captured, .declined, .notSent, .reversing, .reversed, .voided: 0
        }
    }
}

extension Payment {
    /// True for a payment whose hold ran out before anything of it was captured.
    var isEndedByTime: Bool {
        if case .canceled(_, .automatic?) = status { true } else { false }
    }
}

extension PaymentStatus {
    /// The status as the API names it.
    fileprivate var apiName: String {
        switch self {
        case .requiresPaymentMethod: "requires_payment_method"
        case .requiresConfirmation: "requires_confirmation"
        case .requiresAction: "requires_action"
        case .processing: "processing"
        case .requiresCapture: "requires_capture"
        case .succeeded: "succeeded"
        case .canceled: "canceled"
        }
    }
}

extension Payment {
    /// What breaks P6 in this payment's own state; nil when nothing does.
    fileprivate var invariantFault: String? {
        for hold in attempts.compactMap(\.hold) where hold.captured > hold.captureLimit {
            return "captured \(hold.captured), beyond \(hold.captureLimit)"
        }
        if amountRefunded > amountReceived { return "refunded beyond what was captured" }
        var net: Int64 = 0
        for entry in ledger where entry.isPosted { net += entry.merchantNet + entry.fee }
        let succeededRefunds = refunds.reduce(Int64(0)) { sum, refund in
            if case .succeeded = refund.state { sum + refund.amount } else { sum }
        }
        let posted = amountReceived - succeededRefunds
        if !hasUnfinishedWork, net != posted {
            return "the ledger has \(net), and \(posted) moved"
        }
        return nil
    }
}

extension GatewayChecks {
    /// Of a run in which nodes were down, and nobody but these clients asked.
    init(_ final: GatewaySnapshot, clients: [SimulatedClient]) {
        self.init(
            payments: final.payments, booksTotals: final.booksTotals,
            inFlightKeyCount: final.inFlightKeyCount, transactions: final.transactions,
            clients: clients, slowest: clients.map(\.sender.slowest).max() ?? .zero,
            expiryMax: nil)
    }
}
