import Payments
import Primitives

// Every function here writes the members of one object into an object that its caller opened, and
// depends on nothing but its arguments: the same outcome gives the same bytes on every node.

extension JSONWriter {
    /// A reference: the id, or the whole object when it is to be expanded.
    mutating func reference(
        _ name: String, _ id: String?, _ expansion: Expansion?,
        _ body: (inout JSONWriter, Expansion) -> Void
    ) {
        guard id != nil, let expansion else { return member(name, id) }
        object(name) { body(&$0, expansion) }
    }

    mutating func metadata(_ metadata: Metadata) {
        object("metadata") { writer in
            for entry in metadata { writer.member(entry.key, entry.value) }
        }
    }

    mutating func billingDetails(_ billing: BillingDetails) {
        object("billing_details") { writer in
            writer.object("address") { writer in
                writer.member("city", billing.city)
                writer.member("country", billing.country)
                writer.member("line1", billing.line1)
                writer.member("line2", billing.line2)
                writer.member("postal_code", billing.postalCode)
                writer.member("state", billing.state)
            }
            writer.member("email", billing.email)
            writer.member("name", billing.name)
            writer.member("phone", billing.phone)
            writer.null("tax_id")
        }
    }

    /// The members that a list has around its data.
    mutating func list(url: String, hasMore: Bool, _ data: (inout JSONWriter) -> Void) {
        member("object", "list")
        array("data", data)
        member("has_more", hasMore)
        member("url", url)
    }
}

extension Payment {
    func chargeID(_ attempt: Attempt) -> String {
        PartID(payment: id, number: attempt.number).text(prefix: "ch_")
    }

    func refundID(_ refund: Refund) -> String {
        PartID(payment: id, number: refund.number).text(prefix: "re_")
    }

    /// `txn_` with the place among the posted entries in base 62: one digit for the first 62.
    func balanceTransactionID(_ place: Int) -> String {
        var digits: [UInt8] = []
        var rest = place
        repeat {
            digits.append(Base62.alphabet[rest % 62])
            rest /= 62
        } while rest > 0
        return "txn_" + id.stem.text + String(decoding: digits.reversed(), as: UTF8.self)
    }

    /// The attempt with that number, if it shows as a charge.
    func charge(_ number: Int) -> Attempt? {
        guard attempts.indices.contains(number), attempts[number].isCharge else { return nil }
        return attempts[number]
    }

    /// The charge whose money refunds pay back.
    var capturedCharge: Attempt? {
        attempts.last {
            switch $0.state {
            case .captured: true
            case .pending, .authorized, .declined, .notSent, .reversing, .reversed, .voided: false
            }
        }
    }
}

extension Attempt {
    /// What the charge is about, in minor units: what the issuer holds, or what was asked for.
    var shownAmount: Int64 { hold?.authorized ?? amount }
}

extension Refusal.StatusName {
    /// The status as the API writes it.
    var word: String {
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
