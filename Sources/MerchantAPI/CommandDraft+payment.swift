import Payments

extension CommandDraft {
    /// What the public API has for a new payment and this gateway refuses by name: each would
    /// change who pays, who is paid, or what is asked of the issuer.
    private static let unsupported = [
        "allocated_funds", "amount_details", "application_fee_amount", "confirmation_token",
        "customer", "customer_account", "excluded_payment_method_types", "hooks", "mandate",
        "mandate_data", "on_behalf_of", "payment_details",
        "payment_method_configuration", "payment_method_data[allow_redisplay]",
        "payment_method_data[card][networks]", "payment_method_data[card][token]",
        "payment_method_data[radar_options]", "payment_method_options", "radar_options",
        "setup_future_usage", "shipping", "transfer_data", "transfer_group",
    ]

    static func createPayment(
        _ parameters: inout Parameters, in context: ReadingContext
    ) throws(APIError) -> CommandDraft {
        let amount = try readAmount(&parameters)
        let capture = try parameters.choice(
            "capture_method",
            of: [
                ("automatic", CaptureMethod.automatic), ("automatic_async", .automatic),
                ("manual", .manual),
            ])
        let terms = PaymentTerms(
            amount: amount, capture: capture ?? .automatic,
            description: try parameters.clearableText("description", characterCountMax: 1000),
            receiptEmail: try parameters.emailAddress("receipt_email"),
            statementDescriptor: try parameters.statementDescriptor("statement_descriptor"),
            statementDescriptorSuffix: try parameters.statementDescriptor(
                "statement_descriptor_suffix"),
            metadata: try parameters.metadata(), holdOptions: try readHoldOptions(&parameters))
        let confirm = try parameters.boolean("confirm") ?? false
        try readMethodRules(&parameters, confirm: confirm)
        let method = try MethodDraft.read(&parameters, in: context)
        try parameters.finish(unsupported: unsupported)
        guard method != nil || !confirm else { throw .methodMissing(nil) }
        return .createPayment(terms, method, confirm: confirm)
    }

    private static func readAmount(_ parameters: inout Parameters) throws(APIError) -> Money {
        guard let amount = try parameters.positiveInteger("amount") else {
            throw .missing("amount")
        }
        let code = try parameters.required("currency")
        guard let currency = Currency(code: code) else {
            throw .invalid("Invalid currency: \(APIError.shown(code))", param: "currency")
        }
        let money = Money(minorUnits: amount, currency: currency)
        guard amount >= currency.chargeMinimum else {
            throw .amountTooSmall(Money(minorUnits: currency.chargeMinimum, currency: currency))
        }
        guard amount <= Money.chargeMaximum else {
            throw .amountTooLarge(Money(minorUnits: Money.chargeMaximum, currency: currency))
        }
        return money
    }

    /// What the merchant wants to do with the hold beyond capturing it once.
    private static func readHoldOptions(
        _ parameters: inout Parameters
    ) throws(APIError) -> HoldOptions {
        func wants(_ option: String) throws(APIError) -> Bool {
            try parameters.choice(
                "payment_method_options[card][\(option)]",
                of: [("if_available", true), ("never", false)]) ?? false
        }
        return HoldOptions(
            allowsIncrements: try wants("request_incremental_authorization"),
            allowsMulticapture: try wants("request_multicapture"),
            // As much as the link grants.
            overcapturePercent: try wants("request_overcapture") ? 100 : 0)
    }

    /// Everything that says how a payment may be confirmed. Cards are all there is, so most of it
    /// can only be agreed with or refused.
    private static func readMethodRules(
        _ parameters: inout Parameters, confirm: Bool
    ) throws(APIError) {
        _ = try parameters.choice("confirmation_method", of: [("automatic", true)])
        let types = try parameters.takeArray("payment_method_types")
        guard types.isEmpty || types.contains("card") else {
            throw .invalid(
                "This gateway takes cards only: payment_method_types must contain card.",
                param: "payment_method_types")
        }
        let hasAutomaticMethods = try parameters.group("automatic_payment_methods")
        if hasAutomaticMethods, !types.isEmpty {
            throw .invalid(
                "You may only specify one of these parameters: automatic_payment_methods, "
                    + "payment_method_types.", param: "automatic_payment_methods")
        }
        var mayRedirect = false
        if hasAutomaticMethods {
            let enabled = "automatic_payment_methods[enabled]"
            guard let isEnabled = try parameters.boolean(enabled) else { throw .missing(enabled) }
            mayRedirect =
                try parameters.choice(
                    "automatic_payment_methods[allow_redirects]",
                    of: [("always", true), ("never", false)]) ?? true
            mayRedirect = mayRedirect && isEnabled
        }
        if !confirm {
            for name in ["return_url", "off_session", "error_on_requires_action"] {
                guard try parameters.take(name) == nil else {
                    throw .invalid(
                        "The parameter \(name) can only be used with confirm=true.", param: name)
                }
            }
        }
        let hasReturnAddress = try parameters.returnAddress() != nil
        try readConfirmationOptions(&parameters)
        guard !confirm || !mayRedirect || hasReturnAddress else {
            throw .invalid(
                "This PaymentIntent is configured to accept payment methods that might redirect "
                    + "your customer off of your page, so you must provide a `return_url`. If you "
                    + "don't want to accept redirect-based payment methods, set "
                    + "`automatic_payment_methods[enabled]` to `true` and "
                    + "`automatic_payment_methods[allow_redirects]` to `never`.",
                param: "return_url")
        }
    }
}

extension APIError {
    static func amountTooSmall(_ minimum: Money) -> APIError {
        .invalid(
            "Amount must be at least \(minimum.formattedWithCode)", code: "amount_too_small",
            param: "amount")
    }

    static func amountTooLarge(_ maximum: Money) -> APIError {
        .invalid(
            "Amount must be no more than \(maximum.formattedWithCode)",
            code: "amount_too_large", param: "amount")
    }

    /// A confirm without a card.
    static func methodMissing(_ payment: Payment?) -> APIError {
        APIError(
            status: 400, kind: .invalidRequest, code: "payment_intent_unexpected_state",
            message: "You cannot confirm this PaymentIntent because it's missing a payment method. "
                + "You can either update the PaymentIntent with a payment method and then confirm "
                + "it again, or confirm it again directly with a payment method.",
            param: payment == nil ? "payment_method" : nil, payment: payment)
    }
}
