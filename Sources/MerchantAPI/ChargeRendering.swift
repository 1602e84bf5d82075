import Payments
import Primitives

/// What the state of an attempt means for its charge.
private struct ChargeFacts {
    var isPaid = true
    /// True once nothing more can be captured.
    var isCaptured = false
    var amountCaptured: Int64 = 0
    var amountRefunded: Int64 = 0
    var hold: Hold?
    var decline: Decline?
    var networkStatus = "approved_by_network"
    var outcomeType = "authorized"

    init(_ attempt: Attempt, of payment: Payment) {
        hold = attempt.hold
        amountCaptured = attempt.captured
        switch attempt.state {
        case .authorized:
            break
        case .captured:
            isCaptured = true
            amountRefunded = payment.amountRefunded
        case .voided(let hold):
            // A hold that was given back shows as refunded in full.
            amountRefunded = hold.authorized
        case .declined:
            fail(attempt, networkStatus: "declined_by_network", type: "issuer_declined")
        case .notSent:
            fail(attempt, networkStatus: "not_sent_to_network", type: "invalid")
        case .reversed:
            fail(attempt, networkStatus: "reversed_after_approval", type: "invalid")
        case .pending, .reversing:
            // Not a charge yet; `Payment.charge` never hands one out.
            isPaid = false
            networkStatus = "not_sent_to_network"
        }
    }

    private mutating func fail(_ attempt: Attempt, networkStatus: String, type: String) {
        isPaid = false
        decline = attempt.failure
        self.networkStatus = networkStatus
        outcomeType = type
    }

    /// `cvc_check`: what the issuer said, or what its refusal tells.
    func verificationCodeCheck(_ card: CardFacts) -> String? {
        if let approval = hold?.approval { return approval.verificationCodeCheck.name }
        guard card.hasVerificationCode else { return nil }
        return decline?.reason == .incorrectCVC ? "fail" : "unchecked"
    }
}

extension JSONWriter {
    /// The members of a `charge`.
    mutating func charge(_ attempt: Attempt, of payment: Payment, _ expansion: Expansion) {
        let facts = ChargeFacts(attempt, of: payment)
        let terms = payment.terms
        member("id", payment.chargeID(attempt))
        member("object", "charge")
        member("amount", attempt.shownAmount)
        member("amount_captured", facts.amountCaptured)
        member("amount_refunded", facts.amountRefunded)
        null("application")
        null("application_fee")
        null("application_fee_amount")
        member("authorization_code", facts.hold?.approval.code)
        balanceTransaction(of: .charge(attempt), in: payment, expansion["balance_transaction"])
        billingDetails(attempt.method.billing)
        member("calculated_statement_descriptor", terms.statementDescriptor)
        member("captured", facts.isCaptured)
        member("created", attempt.created.seconds)
        member("currency", terms.amount.currency.code)
        null("customer")
        member("description", terms.description)
        member("disputed", !payment.disputes.isEmpty && facts.amountCaptured > 0)
        null("failure_balance_transaction")
        member("failure_code", facts.decline?.reason.code)
        member("failure_message", facts.decline?.reason.message)
        object("fraud_details") { _ in }
        member("livemode", payment.isLive)
        metadata(terms.metadata)
        null("on_behalf_of")
        outcome(facts)
        member("paid", facts.isPaid)
        reference("payment_intent", payment.id.description, expansion["payment_intent"]) {
            $0.payment(payment, $1)
        }
        member("payment_method", attempt.method.id.description)
        object("payment_method_details") { writer in
            writer.object("card") { $0.cardDetails(attempt, facts) }
            writer.member("type", "card")
        }
        null("presentment_details")
        object("radar_options") { _ in }
        member("receipt_email", terms.receiptEmail)
        null("receipt_number")
        null("receipt_url")
        let refundable = facts.isCaptured ? facts.amountCaptured : attempt.shownAmount
        member("refunded", facts.amountRefunded > 0 && facts.amountRefunded == refundable)
        if let expansion = expansion["refunds"] { refunds(attempt, of: payment, expansion) }
        null("review")
        null("shipping")
        null("source")
        null("source_transfer")
        member("statement_descriptor", terms.statementDescriptor)
        member("statement_descriptor_suffix", terms.statementDescriptorSuffix)
        member("status", facts.isPaid ? "succeeded" : "failed")
        null("transfer_data")
        null("transfer_group")
    }

    private mutating func outcome(_ facts: ChargeFacts) {
        object("outcome") { writer in
            writer.null("advice_code")
            writer.null("network_advice_code")
            let code = facts.decline?.responseCode ?? ""
            writer.member("network_decline_code", code.isEmpty ? nil : code)
            writer.member("network_status", facts.networkStatus)
            writer.member("reason", facts.decline?.reason.declineCode)
            writer.member("risk_level", "not_assessed")
            writer.member(
                "seller_message",
                facts.decline == nil
                    ? "Payment complete."
                    : facts.outcomeType == "issuer_declined"
                        ? "The bank declined the payment." : "The payment was not completed.")
            writer.member("type", facts.outcomeType)
        }
    }

    private mutating func cardDetails(_ attempt: Attempt, _ facts: ChargeFacts) {
        let card = attempt.method.card
        member("amount_authorized", facts.isPaid ? attempt.shownAmount : nil)
        member("authorization_code", facts.hold?.approval.code)
        member("brand", card.brand.name)
        if attempt.capture == .manual, let hold = facts.hold {
            member("capture_before", hold.expires.seconds)
        }
        object("checks") { writer in
            writer.null("address_line1_check")
            writer.null("address_postal_code_check")
            writer.member("cvc_check", facts.verificationCodeCheck(card))
        }
        null("country")
        member("exp_month", Int64(card.expiry.month))
        member("exp_year", Int64(card.expiry.year))
        object("extended_authorization") { $0.member("status", "disabled") }
        member("fingerprint", card.fingerprint)
        member("funding", card.funding.name)
        let granted = facts.hold?.options ?? .none
        availability("incremental_authorization", granted.allowsIncrements)
        null("installments")
        member("last4", card.lastFour)
        null("mandate")
        availability("multicapture", granted.allowsMulticapture)
        member("network", card.brand.name)
        object("network_token") { $0.member("used", false) }
        null("network_transaction_id")
        object("overcapture") { writer in
            let maximum = facts.hold?.captureLimit ?? attempt.amount
            writer.member("maximum_amount_capturable", maximum)
            writer.member(
                "status", granted.overcapturePercent > 0 ? "available" : "unavailable")
        }
        null("regulated_status")
        null("three_d_secure")
        null("wallet")
    }

    private mutating func availability(_ name: String, _ isAvailable: Bool) {
        object(name) { $0.member("status", isAvailable ? "available" : "unavailable") }
    }

    /// Newest first; refunds belong to the one charge that was captured.
    private mutating func refunds(
        _ attempt: Attempt, of payment: Payment, _ expansion: Expansion
    ) {
        let isCaptured = payment.capturedCharge?.number == attempt.number
        object("refunds") { writer in
            writer.list(
                url: "/v1/charges/\(payment.chargeID(attempt))/refunds", hasMore: false
            ) { writer in
                for refund in (isCaptured ? payment.refunds : []).reversed() {
                    writer.object { $0.refund(refund, of: payment, expansion["data"] ?? .none) }
                }
            }
        }
    }
}
