import Payments

/// A command as it was read from a request: checked, and with its card not sealed yet.
enum CommandDraft: Sendable {
    case createPaymentMethod(CardDraft)
    case createPayment(PaymentTerms, MethodDraft?, confirm: Bool)
    case confirmPayment(PaymentID, MethodDraft?)
    case incrementPayment(PaymentID, total: Int64)
    case capturePayment(PaymentID, amount: Int64?, isFinal: Bool)
    case cancelPayment(PaymentID, reason: CancellationReason?)
    case createRefund(RefundDraft)
    case cancelRefund(PartID)

    /// The card that has to be sealed before the command can go out.
    var card: CardDraft? {
        switch self {
        case .createPaymentMethod(let card): card
        case .createPayment(_, .card(let card), _), .confirmPayment(_, .card(let card)): card
        case .createPayment, .confirmPayment, .incrementPayment, .capturePayment, .cancelPayment,
            .createRefund, .cancelRefund:
            nil
        }
    }
}

/// A refund as it was asked for.
struct RefundDraft: Sendable {
    let payment: PaymentID
    /// The charge that was named; nil when only the payment was.
    let charge: PartID?
    let amount: Int64?
    let reason: RefundReason?
    let metadata: Metadata
}

extension CommandDraft {
    static func createPaymentMethod(
        _ parameters: inout Parameters, in context: ReadingContext
    ) throws(APIError) -> CommandDraft {
        // First, so that `customer` is named before a complaint about what else is missing.
        let card = try CardDraft(&parameters, below: "", in: context)
        try parameters.finish(unsupported: [
            "allow_redisplay", "card[networks]", "card[token]", "customer", "customer_account",
            "payment_method", "radar_options",
        ])
        return .createPaymentMethod(card)
    }

    static func confirmPayment(
        _ id: PaymentID, _ parameters: inout Parameters, in context: ReadingContext
    ) throws(APIError) -> CommandDraft {
        let method = try MethodDraft.read(&parameters, in: context)
        try readConfirmationOptions(&parameters)
        try parameters.finish(unsupported: [
            "amount_details", "amount_to_confirm", "capture_method", "client_secret",
            "confirmation_token", "excluded_payment_method_types", "hooks", "mandate",
            "mandate_data", "payment_details", "payment_method_data[allow_redisplay]",
            "payment_method_data[radar_options]", "payment_method_options",
            "payment_method_types", "radar_options", "receipt_email", "setup_future_usage",
            "shipping",
        ])
        return .confirmPayment(id, method)
    }

    static func capturePayment(
        _ id: PaymentID, _ parameters: inout Parameters
    ) throws(APIError) -> CommandDraft {
        let amount = try parameters.positiveInteger("amount_to_capture")
        let isFinal = try parameters.boolean("final_capture") ?? true
        try parameters.finish(unsupported: [
            "amount_details", "application_fee_amount", "hooks", "metadata", "payment_details",
            "statement_descriptor", "statement_descriptor_suffix", "transfer_data",
        ])
        return .capturePayment(id, amount: amount, isFinal: isFinal)
    }

    static func incrementPayment(
        _ id: PaymentID, _ parameters: inout Parameters
    ) throws(APIError) -> CommandDraft {
        guard let total = try parameters.positiveInteger("amount") else {
            throw .missing("amount")
        }
        try parameters.finish(unsupported: [
            "amount_details", "application_fee_amount", "description", "hooks", "metadata",
            "payment_details", "statement_descriptor", "transfer_data",
        ])
        return .incrementPayment(id, total: total)
    }

    static func cancelRefund(
        _ text: String, _ parameters: inout Parameters
    ) throws(APIError) -> CommandDraft {
        try parameters.finish()
        guard let id = PartID(prefix: "re_", text) else {
            throw .noSuch("refund", text, param: "id", status: 404)
        }
        return .cancelRefund(id)
    }

    static func cancelPayment(
        _ id: PaymentID, _ parameters: inout Parameters
    ) throws(APIError) -> CommandDraft {
        let reason = try parameters.choice(
            "cancellation_reason",
            of: [
                CancellationReason.duplicate, .fraudulent, .requestedByCustomer, .abandoned,
            ].map { ($0.name, $0) })
        try parameters.finish()
        return .cancelPayment(id, reason: reason)
    }

    static func createRefund(_ parameters: inout Parameters) throws(APIError) -> CommandDraft {
        let chargeText = try parameters.text("charge")
        let paymentText = try parameters.text("payment_intent")
        let charge = try chargeText.map { (text) throws(APIError) -> PartID in
            guard let charge = PartID(prefix: "ch_", text) else {
                throw .noSuch("charge", text, param: "charge", status: 404)
            }
            return charge
        }
        let named = try paymentText.map { (text) throws(APIError) -> PaymentID in
            guard let id = PaymentID(text) else {
                throw .noSuch("payment_intent", text, param: "payment_intent", status: 404)
            }
            return id
        }
        guard let payment = named ?? charge?.payment else {
            throw .invalid(
                "One of the following params should be provided for this request: payment_intent "
                    + "or charge.", code: "parameter_missing")
        }
        if let charge, charge.payment != payment {
            throw .invalid(
                "The charge does not belong to the payment_intent that was given with it.",
                param: "charge")
        }
        let amount = try parameters.positiveInteger("amount")
        let reason = try parameters.choice(
            "reason",
            of: [RefundReason.duplicate, .fraudulent, .requestedByCustomer].map { ($0.name, $0) })
        let metadata = try parameters.metadata()
        try parameters.finish(unsupported: [
            "currency", "customer", "instructions_email", "origin", "refund_application_fee",
            "reverse_transfer",
        ])
        return .createRefund(
            RefundDraft(
                payment: payment, charge: charge, amount: amount, reason: reason,
                metadata: metadata))
    }

    /// What may come with a confirmation and changes nothing here, because no card of this gateway
    /// is sent elsewhere to be authenticated: it is held to its form and otherwise obeyed
    /// trivially.
    static func readConfirmationOptions(
        _ parameters: inout Parameters
    ) throws(APIError) {
        _ = try parameters.returnAddress()
        _ = try parameters.choice(
            "off_session",
            of: [("true", true), ("false", false), ("one_off", true), ("recurring", true)])
        _ = try parameters.boolean("error_on_requires_action")
        _ = try parameters.boolean("use_stripe_sdk")
    }
}

extension Parameters {
    /// `return_url`: an address with a scheme.
    mutating func returnAddress() throws(APIError) -> String? {
        guard let address = try text("return_url") else { return nil }
        let bytes = Array(address.utf8)
        let scheme = bytes.prefix { $0 != UInt8(ascii: ":") }
        let isScheme = scheme.allSatisfy { byte in
            (0x41...0x5A).contains(byte & 0xDF) || (0x2B...0x39).contains(byte)
        }
        guard !scheme.isEmpty, isScheme,
            bytes.dropFirst(scheme.count).starts(with: "://".utf8),
            bytes.count > scheme.count + 3,
            !bytes.contains(where: { $0 <= 0x20 || $0 == 0x7F })
        else { throw .invalid("Not a valid URL", code: "url_invalid", param: "return_url") }
        return address
    }
}
