import Gateway
import Payments

extension CommandDraft {
    /// How the caller is told that its command was refused. Depends on the command as it was sent
    /// and the refusal, so that a replay reads the same.
    func error(for refusal: Refusal, _ payment: Payment?) -> APIError {
        switch refusal {
        case .unexpectedStatus(let operation, let status):
            return .unexpectedStatus(operation, status, payment)
        case .methodMissing:
            return .methodMissing(payment)
        case .attemptsExhausted:
            return .state(
                "You cannot confirm this PaymentIntent because it was confirmed "
                    + "\(PartID.countMax) times, which is as often as a payment may be tried. "
                    + "Create a new PaymentIntent.", payment)
        case .captureTooLarge(let requested, let capturable):
            return .tooLarge(
                "The requested capture amount", requested,
                "is greater than the amount you can capture for this charge", capturable,
                param: "amount_to_capture", payment)
        case .refundTooLarge(let requested, let remaining):
            return .tooLarge(
                "Refund amount", requested, "is greater than unrefunded amount on charge",
                remaining, param: "amount", payment)
        case .alreadyRefunded:
            let charge = payment?.capturedCharge.flatMap { payment?.chargeID($0) }
            return .invalid(
                "Charge \(charge ?? namedObject) has already been refunded.",
                code: "charge_already_refunded")
        case .refundsExhausted:
            return .invalid(
                "This charge already has \(PartID.countMax) refunds, which is as many as a charge "
                    + "may have.")
        case .amountNotPositive:
            return .notPositive(amountName)
        case .noSuchPayment(let id):
            return noSuchPayment(id)
        case .noSuchPaymentMethod(let id):
            return .noSuch("PaymentMethod", id.description, param: "payment_method", status: 400)
        case .noSuchPart(let part):
            return .noSuch("charge", part.text(prefix: "ch_"), param: "charge", status: 404)
        case .noLinkAvailable:
            return APIError(
                status: 503, kind: .apiError,
                message: "No acquirer can take this payment at the moment. Nothing was charged; "
                    + "please try again.", payment: payment, shouldRetry: true)
        case .amountTooSmall, .amountTooLarge, .metadataTooLarge:
            return limitError(for: refusal, payment)
        case .capturesExhausted, .multicaptureNotGranted, .incrementNotGranted,
            .incrementTooSmall, .incrementsExhausted, .incrementPending,
            .incrementAfterOvercapture:
            return holdError(for: refusal, payment)
        case .noSuchRefund, .refundNotCancelable, .chargeDisputed, .insufficientBalance:
            return refundError(for: refusal, payment)
        case .currencyMismatch, .noSuchChallenge, .noSuchDispute, .unexpectedDisputeStatus,
            .disputesExhausted, .evidenceTooLarge, .nothingCaptured, .alreadySettled,
            .settlementMismatch, .unexpectedPayoutStatus:
            // No command of this API leads to them yet.
            return .state("The object's state does not allow this operation.", payment)
        }
    }

    private func limitError(for refusal: Refusal, _ payment: Payment?) -> APIError {
        var amount = payment?.terms.amount
        if case .createPayment(let terms, _, _) = self { amount = terms.amount }
        switch refusal {
        case .amountTooSmall(_, let minimum):
            guard let amount else { return .invalid("Amount is too small.", param: "amount") }
            return .amountTooSmall(Money(minorUnits: minimum, currency: amount.currency))
        case .amountTooLarge(_, let maximum):
            guard let amount else { return .invalid("Amount is too large.", param: "amount") }
            return .amountTooLarge(Money(minorUnits: maximum, currency: amount.currency))
        default:
            return .invalid("The metadata has too many or too long entries.", param: "metadata")
        }
    }

    private func holdError(for refusal: Refusal, _ payment: Payment?) -> APIError {
        switch refusal {
        case .multicaptureNotGranted:
            return .invalid(
                "Multiple captures are not available for this PaymentIntent: final_capture must "
                    + "be true.", param: "final_capture")
        case .capturesExhausted:
            return .state(
                "This PaymentIntent was captured \(Capture.countMax) times, which is as often as "
                    + "a payment may be captured.", payment)
        case .incrementTooSmall(let requested, let authorized):
            let currency = payment?.terms.amount.currency
            func shown(_ amount: Int64) -> String {
                currency.map { Money(minorUnits: amount, currency: $0).formatted } ?? "\(amount)"
            }
            return .invalid(
                "The amount (\(shown(requested))) must be greater than the amount that is "
                    + "authorized already (\(shown(authorized))).",
                code: "amount_too_small", param: "amount")
        case .incrementsExhausted:
            return .state(
                "The authorization of this PaymentIntent was incremented \(Increment.countMax) "
                    + "times, which is as often as it may be tried.", payment)
        case .incrementPending:
            return APIError(.lockTimeout, key: nil)
        case .incrementAfterOvercapture:
            return .state(
                "The authorization of this PaymentIntent cannot be incremented because more than "
                    + "its amount was captured.", payment)
        default:
            return .state(
                "Incremental authorization is not available for this PaymentIntent.", payment)
        }
    }

    private func refundError(for refusal: Refusal, _ payment: Payment?) -> APIError {
        switch refusal {
        case .noSuchRefund:
            return .noSuch("refund", namedObject, param: "id", status: 404)
        case .chargeDisputed:
            let charge = payment?.capturedCharge.flatMap { payment?.chargeID($0) }
            return .invalid(
                "Charge \(charge ?? namedObject) has been charged back; cannot issue a refund.",
                code: "charge_disputed")
        case .insufficientBalance(let requested, let available):
            return .insufficientBalance(requested, available, payment)
        default:
            return .invalid(
                "Refund \(namedObject) can no longer be canceled: its message may have left.",
                param: "id")
        }
    }

    private func noSuchPayment(_ id: PaymentID) -> APIError {
        switch self {
        case .createRefund(let refund):
            if let charge = refund.charge {
                return .noSuch("charge", charge.text(prefix: "ch_"), param: "charge", status: 404)
            }
            return .noSuch(
                "payment_intent", id.description, param: "payment_intent", status: 404)
        case .cancelRefund(let id):
            return .noSuch("refund", id.text(prefix: "re_"), param: "id", status: 404)
        case .createPaymentMethod, .createPayment, .confirmPayment, .incrementPayment,
            .capturePayment, .cancelPayment:
            return .noSuch("payment_intent", id.description, param: "intent", status: 404)
        }
    }

    /// The object that the caller named, for a sentence that needs one.
    private var namedObject: String {
        switch self {
        case .createRefund(let refund):
            refund.charge?.text(prefix: "ch_") ?? refund.payment.description
        case .cancelRefund(let id):
            id.text(prefix: "re_")
        case .confirmPayment(let id, _), .incrementPayment(let id, _),
            .capturePayment(let id, _, _), .cancelPayment(let id, _):
            id.description
        case .createPaymentMethod, .createPayment: ""
        }
    }

    private var amountName: String {
        switch self {
        case .capturePayment: "amount_to_capture"
        case .createPaymentMethod, .createPayment, .confirmPayment, .incrementPayment,
            .cancelPayment, .createRefund, .cancelRefund:
            "amount"
        }
    }
}

extension APIError {
    fileprivate static func state(_ message: String, _ payment: Payment?) -> APIError {
        APIError(
            status: 400, kind: .invalidRequest, code: "payment_intent_unexpected_state",
            message: message, payment: payment)
    }

    fileprivate static func tooLarge(
        _ subject: String, _ requested: Int64, _ comparison: String, _ bound: Int64,
        param: String, _ payment: Payment?
    ) -> APIError {
        // A refusal with amounts always comes with its payment; without one the currency is
        // unknown.
        let sentence =
            if let currency = payment?.terms.amount.currency {
                "\(subject) (\(Money(minorUnits: requested, currency: currency).formatted)) "
                    + "\(comparison) (\(Money(minorUnits: bound, currency: currency).formatted))"
            } else {
                "\(subject) (\(requested)) \(comparison) (\(bound))"
            }
        return .invalid(sentence, code: "amount_too_large", param: param)
    }

    /// The refusal stays under its key, as all do that were decided.
    fileprivate static func insufficientBalance(
        _ requested: Int64, _ available: Int64, _ payment: Payment?
    ) -> APIError {
        func shown(_ amount: Int64) -> String {
            let currency = payment?.terms.amount.currency
            return currency.map { Money(minorUnits: amount, currency: $0).formatted } ?? "\(amount)"
        }
        return .invalid(
            "Insufficient funds in your balance for a refund of \(shown(requested)): "
                + "\(shown(available)) can be refunded now. Refund less, or try again with a new "
                + "idempotency key once other payments have raised your balance.",
            code: "balance_insufficient")
    }

    fileprivate static func unexpectedStatus(
        _ operation: Refusal.Operation, _ status: Refusal.StatusName, _ payment: Payment?
    ) -> APIError {
        let sentence =
            switch (operation, status) {
            case (.confirm, .succeeded):
                "You cannot confirm this PaymentIntent because it has "
                    + "already succeeded after being "
                    + "previously confirmed."
            case (.confirm, _):
                "You cannot confirm this PaymentIntent because it has a status of \(status.word). "
                    + "Only a PaymentIntent with one of the following statuses may be confirmed: "
                    + "requires_payment_method, requires_confirmation."
            case (.capture, .succeeded):
                "This PaymentIntent could not be captured because it has already been captured."
            case (.capture, _):
                "This PaymentIntent could not be captured because it has a status of "
                    + "\(status.word). Only a PaymentIntent with one of the following statuses may "
                    + "be captured: requires_capture."
            case (.cancel, _):
                "You cannot cancel this PaymentIntent because it has a status of \(status.word). "
                    + "Only a PaymentIntent with one of the following statuses may be canceled: "
                    + "requires_payment_method, requires_capture, requires_confirmation."
            case (.increment, _):
                "The authorization of this PaymentIntent could not be incremented because it has "
                    + "a status of \(status.word). Only a PaymentIntent with one of the following "
                    + "statuses may be incremented: requires_capture."
            case (.refund, _):
                "This PaymentIntent does not have a successful charge to refund: it has a status "
                    + "of \(status.word)."
            }
        return .state(sentence, payment)
    }
}
