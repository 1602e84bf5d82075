import Payments
import Primitives

extension JSONWriter {
    /// The members of a `payment_method`.
    mutating func paymentMethod(_ method: PaymentMethod) {
        paymentMethod(
            method.snapshot, created: method.created, isLive: method.isLive,
            metadata: method.metadata)
    }

    /// The members of the `payment_method` that a payment was made with, as far as the payment
    /// keeps them: created with the payment, and without metadata.
    mutating func paymentMethod(_ method: PaymentMethodSnapshot, of payment: Payment) {
        paymentMethod(method, created: payment.created, isLive: payment.isLive, metadata: [])
    }

    private mutating func paymentMethod(
        _ method: PaymentMethodSnapshot, created: Timestamp, isLive: Bool, metadata: Metadata
    ) {
        member("id", method.id.description)
        member("object", "payment_method")
        member("allow_redisplay", "unspecified")
        billingDetails(method.billing)
        object("card") { $0.card(method.card) }
        member("created", created.seconds)
        null("customer")
        null("customer_account")
        member("livemode", isLive)
        self.metadata(metadata)
        object("radar_options") { _ in }
        member("type", "card")
    }

    private mutating func card(_ card: CardFacts) {
        member("brand", card.brand.name)
        object("checks") { writer in
            writer.null("address_line1_check")
            writer.null("address_postal_code_check")
            writer.member("cvc_check", card.hasVerificationCode ? "unchecked" : nil)
        }
        null("country")
        member("display_brand", card.brand.name)
        member("exp_month", Int64(card.expiry.month))
        member("exp_year", Int64(card.expiry.year))
        member("fingerprint", card.fingerprint)
        member("funding", card.funding.name)
        null("generated_from")
        member("last4", card.lastFour)
        object("networks") { writer in
            writer.array("available") { $0.element(card.brand.name) }
            writer.null("preferred")
        }
        null("regulated_status")
        null("three_d_secure_usage")
        null("wallet")
    }
}
