import Payments
import Primitives

extension JSONWriter {
    /// The members of a `refund`.
    mutating func refund(_ refund: Refund, of payment: Payment, _ expansion: Expansion) {
        let charge = payment.capturedCharge
        member("id", payment.refundID(refund))
        member("object", "refund")
        member("amount", refund.amount)
        balanceTransaction(of: .refund(refund), in: payment, expansion["balance_transaction"])
        reference("charge", charge.map(payment.chargeID), expansion["charge"]) {
            writer, expansion in
            if let charge { writer.charge(charge, of: payment, expansion) }
        }
        member("created", refund.created.seconds)
        member("currency", payment.terms.amount.currency.code)
        object("destination_details") { writer in
            writer.object("card") { writer in
                writer.member("reference", refund.trace.reference)
                writer.member("reference_status", "available")
                writer.member("reference_type", "retrieval_reference_number")
                writer.member("type", "refund")
            }
            writer.member("type", "card")
        }
        // What a failed refund has beside it; others go without the members.
        if case .failed = refund.state { member("failure_reason", "unknown") }
        metadata(refund.metadata)
        reference("payment_intent", payment.id.description, expansion["payment_intent"]) {
            $0.payment(payment, $1)
        }
        if refund.statusWord == "pending" { member("pending_reason", "processing") }
        member("reason", refund.reason?.name)
        null("receipt_number")
        null("source_transfer_reversal")
        member("status", refund.statusWord)
        null("transfer_reversal")
    }

    /// The reference to the ledger entry that a charge or refund made: null until it is posted. Of
    /// a charge with several captures it is that of the latest, as each capture moves money anew.
    mutating func balanceTransaction(
        of source: BalanceSource, in payment: Payment, _ expansion: Expansion?
    ) {
        var latest: (place: Int, entry: LedgerEntry)?
        for (place, entry) in payment.ledger.lazy.filter({ $0.isPosted }).enumerated()
        where source.isCause(entry.cause) {
            latest = (place, entry)
        }
        reference(
            "balance_transaction", latest.map { payment.balanceTransactionID($0.place) },
            expansion
        ) { writer, expansion in
            if let (place, entry) = latest {
                writer.balanceTransaction(place, entry, source, of: payment, expansion)
            }
        }
    }

    private mutating func balanceTransaction(
        _ place: Int, _ entry: LedgerEntry, _ source: BalanceSource, of payment: Payment,
        _ expansion: Expansion
    ) {
        member("id", payment.balanceTransactionID(place))
        member("object", "balance_transaction")
        member("amount", entry.merchantNet + entry.fee)
        // The acquirer settles on the next business day; a calendar day is the earliest.
        member("available_on", entry.at.seconds + 86_400)
        member("balance_type", "payments")
        member("created", entry.at.seconds)
        member("currency", payment.terms.amount.currency.code)
        member("description", payment.terms.description)
        null("exchange_rate")
        member("fee", entry.fee)
        array("fee_details") { writer in
            guard entry.fee != 0 else { return }
            writer.object { writer in
                writer.member("amount", entry.fee)
                writer.null("application")
                writer.member("currency", payment.terms.amount.currency.code)
                writer.member("description", "Payment processing fees")
                writer.member("type", "stripe_fee")
            }
        }
        member("net", entry.merchantNet)
        member("reporting_category", source.word)
        reference("source", source.id(in: payment), expansion["source"]) { writer, expansion in
            switch source {
            case .charge(let attempt): writer.charge(attempt, of: payment, expansion)
            case .refund(let refund): writer.refund(refund, of: payment, expansion)
            }
        }
        member("status", "pending")
        member("type", source.word)
    }
}

/// What a ledger entry was caused by.
enum BalanceSource {
    case charge(Attempt)
    case refund(Refund)

    fileprivate func isCause(_ cause: LedgerEntry.Cause) -> Bool {
        switch (self, cause) {
        case (.charge(let attempt), .charge(let number, _)): attempt.number == number
        case (.refund(let refund), .refund(let number)): refund.number == number
        case (.charge, _), (.refund, _): false
        }
    }

    fileprivate var word: String {
        switch self {
        case .charge: "charge"
        case .refund: "refund"
        }
    }

    fileprivate func id(in payment: Payment) -> String {
        switch self {
        case .charge(let attempt): payment.chargeID(attempt)
        case .refund(let refund): payment.refundID(refund)
        }
    }
}

extension Refund {
    fileprivate var statusWord: String {
        switch state {
        case .requested, .pending: "pending"
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .canceled: "canceled"
        }
    }
}
