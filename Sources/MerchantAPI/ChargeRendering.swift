import Payments
import Primitives

/// What the state of an attempt means for its charge.
private struct ChargeFacts {
    var isPaid = true
    var amountCaptured: Int64?
    var amountRefunded: Int64 = 0
    var approval: Approval?
    var decline: Decline?
    var networkStatus = "approved_by_network"
    var outcomeType = "authorized"

    init(_ attempt: Attempt, of payment: Payment) {
        switch attempt.state {
        case .authorized(let approval):
            self.approval = approval
        case .captured(let approval, let amount, _, _):
            self.approval = approval
            amountCaptured = amount
            amountRefunded = payment.amountRefunded
        case .voided(let approval):
            self.approval = approval
            // A hold that was given back shows as refunded in full.
            amountRefunded = attempt.amount
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
        if let approval { return approval.verificationCodeCheck.name }
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
        member("amount", attempt.amount)
        member("amount_captured", facts.amountCaptured ?? 0)
        member("amount_refunded", facts.amountRefunded)
        null("application")
        null("application_fee")
        null("application_fee_amount")
        member("authorization_code", facts.approval?.code)
        balanceTransaction(
            of: .charge(attempt: attempt.number), in: payment, expansion["balance_transaction"])
        billingDetails(attempt.method.billing)
        member("calculated_statement_descriptor", terms.statementDescriptor)
        member("captured", facts.amountCaptured != nil)
        member("created", attempt.created.seconds)
        member("currency", terms.amount.currency.code)
        null("customer")
        member("description", terms.description)
        member("disputed", false)
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
        let refundable = facts.amountCaptured ?? attempt.amount
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
        member("amount_authorized", facts.isPaid ? attempt.amount : nil)
        member("authorization_code", facts.approval?.code)
        member("brand", card.brand.name)
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
        object("incremental_authorization") { $0.member("status", "unavailable") }
        null("installments")
        member("last4", card.lastFour)
        null("mandate")
        object("multicapture") { $0.member("status", "unavailable") }
        member("network", card.brand.name)
        object("network_token") { $0.member("used", false) }
        null("network_transaction_id")
        object("overcapture") { writer in
            writer.member("maximum_amount_capturable", attempt.amount)
            writer.member("status", "unavailable")
        }
        null("regulated_status")
        null("three_d_secure")
        null("wallet")
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
