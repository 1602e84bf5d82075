import Payments
import Primitives

extension JSONWriter {
    /// The members of a `payment_intent`.
    mutating func payment(_ payment: Payment, _ expansion: Expansion) {
        let charge = payment.latestChargedAttempt
        member("id", payment.id.description)
        member("object", "payment_intent")
        member("amount", payment.shownAmount)
        member("amount_capturable", payment.amountCapturable)
        object("amount_details") { $0.object("tip") { _ in } }
        member("amount_received", payment.amountReceived)
        null("application")
        null("application_fee_amount")
        null("automatic_payment_methods")
        cancellation(payment)
        member("capture_method", payment.terms.capture.word)
        member("client_secret", payment.clientSecretText)
        member("confirmation_method", "automatic")
        member("created", payment.created.seconds)
        member("currency", payment.terms.amount.currency.code)
        null("customer")
        null("customer_account")
        member("description", payment.terms.description)
        null("excluded_payment_method_types")
        lastPaymentError(payment)
        reference("latest_charge", charge.map(payment.chargeID), expansion["latest_charge"]) {
            writer, expansion in
            if let charge { writer.charge(charge, of: payment, expansion) }
        }
        member("livemode", payment.isLive)
        metadata(payment.terms.metadata)
        null("next_action")
        null("on_behalf_of")
        reference(
            "payment_method", payment.method?.id.description, expansion["payment_method"]
        ) { writer, _ in
            if let method = payment.method { writer.paymentMethod(method, of: payment) }
        }
        null("payment_method_configuration_details")
        paymentMethodOptions(payment.terms.holdOptions)
        array("payment_method_types") { $0.element("card") }
        null("presentment_details")
        null("processing")
        member("receipt_email", payment.terms.receiptEmail)
        null("review")
        null("setup_future_usage")
        null("shipping")
        null("source")
        member("statement_descriptor", payment.terms.statementDescriptor)
        member("statement_descriptor_suffix", payment.terms.statementDescriptorSuffix)
        member("status", payment.status.name.word)
        null("transfer_data")
        null("transfer_group")
    }

    private mutating func cancellation(_ payment: Payment) {
        switch payment.status {
        case .canceled(let at, let reason):
            member("canceled_at", at.seconds)
            member("cancellation_reason", reason?.name)
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .processing,
            .requiresCapture, .succeeded:
            null("canceled_at")
            null("cancellation_reason")
        }
    }

    private mutating func lastPaymentError(_ payment: Payment) {
        switch payment.status {
        case .requiresPaymentMethod(.attempt(let number)?)
        where payment.attempts.indices.contains(number):
            let attempt = payment.attempts[number]
            guard let decline = attempt.failure else { return null("last_payment_error") }
            object("last_payment_error") {
                $0.decline(decline, of: attempt, in: payment, includesPayment: false)
            }
        case .requiresPaymentMethod(.authentication(let method)?):
            object("last_payment_error") { writer in
                let code = "payment_intent_authentication_failure"
                writer.member("code", code)
                writer.member("doc_url", documentationAddress(code: code))
                writer.member(
                    "message",
                    "The provided PaymentMethod has failed authentication. You can provide "
                        + "payment_method_data or a new PaymentMethod to attempt to fulfill this "
                        + "PaymentIntent again.")
                writer.object("payment_method") { $0.paymentMethod(method, of: payment) }
                writer.member("type", APIError.Kind.invalidRequest.rawValue)
            }
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .processing,
            .requiresCapture, .succeeded, .canceled:
            null("last_payment_error")
        }
    }

    private mutating func paymentMethodOptions(_ wanted: HoldOptions) {
        object("payment_method_options") { writer in
            writer.object("card") { writer in
                writer.null("installments")
                writer.null("mandate_options")
                writer.null("network")
                for (option, isWanted) in [
                    ("request_incremental_authorization", wanted.allowsIncrements),
                    ("request_multicapture", wanted.allowsMulticapture),
                    ("request_overcapture", wanted.overcapturePercent > 0),
                ] where isWanted {
                    writer.member(option, "if_available")
                }
                writer.member("request_three_d_secure", "automatic")
            }
        }
    }

    /// The members of a decline, in a `card_error` and in `last_payment_error`.
    mutating func decline(
        _ decline: Decline, of attempt: Attempt, in payment: Payment, includesPayment: Bool
    ) {
        let reason = decline.reason
        member("charge", payment.chargeID(attempt))
        member("code", reason.code)
        member("decline_code", reason.declineCode)
        member("doc_url", documentationAddress(code: reason.code))
        member("message", reason.message)
        if let param = reason.param { member("param", param) }
        if includesPayment { object("payment_intent") { $0.payment(payment, .none) } }
        object("payment_method") { $0.paymentMethod(attempt.method, of: payment) }
        member("type", APIError.Kind.cardError.rawValue)
    }

    /// The envelope of an error. Absent members are left out.
    mutating func error(_ error: APIError) {
        object("error") { writer in
            if let payment = error.payment, let request = error.request,
                payment.attempts.indices.contains(request.attempt),
                let decline = payment.failure(of: request)
            {
                return writer.decline(
                    decline, of: payment.attempts[request.attempt], in: payment,
                    includesPayment: true)
            }
            if let code = error.code { writer.member("code", code) }
            if let declineCode = error.declineCode { writer.member("decline_code", declineCode) }
            if let code = error.code {
                writer.member("doc_url", documentationAddress(code: code))
            }
            writer.member("message", error.message)
            if let param = error.param { writer.member("param", param) }
            if let payment = error.payment {
                writer.object("payment_intent") { $0.payment(payment, .none) }
            }
            writer.member("type", error.kind.rawValue)
        }
    }
}

/// Where the public documentation explains an error code.
private func documentationAddress(code: String) -> String {
    "https://stripe.com/docs/error-codes/"
        + String(code.map { $0 == "_" ? "-" : $0 })
}

extension Payment {
    /// What a browser shows to act on the payment.
    var clientSecretText: String { "\(id)_secret_\(clientSecret)" }

    /// What the payment is about, in minor units: the hold, once it was raised.
    fileprivate var shownAmount: Int64 {
        max(terms.amount.minorUnits, latestChargedAttempt?.shownAmount ?? 0)
    }

    /// Why a request brought nothing; nil when it did, or is not known yet.
    fileprivate func failure(of request: ProcessorRequest) -> Decline? {
        switch request {
        case .authorization(let attempt):
            return attempts[attempt].failure
        case .increment(let attempt, let number):
            guard let hold = attempts[attempt].hold, hold.increments.indices.contains(number)
            else { return nil }
            return switch hold.increments[number].state {
            case .declined(let decline): decline
            case .notSent, .reversed: Decline(reason: .processingError)
            case .pending, .approved, .reversing: nil
            }
        }
    }
}

extension CaptureMethod {
    fileprivate var word: String {
        switch self {
        case .automatic: "automatic"
        case .manual: "manual"
        }
    }
}

extension Decline.Reason {
    /// The part of the card that the decline is about; nil when it is about none.
    fileprivate var param: String? {
        switch self {
        case .expiredCard: "exp_month"
        case .incorrectCVC: "cvc"
        case .incorrectNumber: "number"
        case .generic, .doNotHonor, .insufficientFunds, .lostCard, .stolenCard, .processingError,
            .velocityExceeded, .transactionNotAllowed, .issuerNotAvailable,
            .authenticationRequired, .invalidAmount, .fraudulent:
            nil
        }
    }
}
