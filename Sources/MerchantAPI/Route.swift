import Payments

/// What an address and a method mean.
enum Route: Sendable {
    case createPaymentIntent, listPaymentIntents
    case retrievePaymentIntent(String)
    case confirmPaymentIntent(String)
    case capturePaymentIntent(String)
    case incrementPaymentIntent(String)
    case cancelPaymentIntent(String)
    case createPaymentMethod
    case retrievePaymentMethod(String)
    case retrieveCharge(String)
    case createRefund, listRefunds
    case retrieveRefund(String)
    case cancelRefund(String)

    /// The template of an address that no route has.
    static let unrecognizedTemplate = "unrecognized"

    /// Nil when the API has no such address.
    init?(method: String, segments: [String]) {
        switch (method, segments.count) {
        case ("POST", 2):
            switch (segments[0], segments[1]) {
            case ("v1", "payment_intents"): self = .createPaymentIntent
            case ("v1", "payment_methods"): self = .createPaymentMethod
            case ("v1", "refunds"): self = .createRefund
            default: return nil
            }
        case ("GET", 2):
            switch (segments[0], segments[1]) {
            case ("v1", "payment_intents"): self = .listPaymentIntents
            case ("v1", "refunds"): self = .listRefunds
            default: return nil
            }
        case ("GET", 3):
            let id = segments[2]
            switch (segments[0], segments[1]) {
            case ("v1", "payment_intents"): self = .retrievePaymentIntent(id)
            case ("v1", "payment_methods"): self = .retrievePaymentMethod(id)
            case ("v1", "charges"): self = .retrieveCharge(id)
            case ("v1", "refunds"): self = .retrieveRefund(id)
            default: return nil
            }
        case ("POST", 4):
            let id = segments[2]
            switch (segments[0], segments[1], segments[3]) {
            case ("v1", "payment_intents", "confirm"): self = .confirmPaymentIntent(id)
            case ("v1", "payment_intents", "capture"): self = .capturePaymentIntent(id)
            case ("v1", "payment_intents", "cancel"): self = .cancelPaymentIntent(id)
            case ("v1", "payment_intents", "increment_authorization"):
                self = .incrementPaymentIntent(id)
            case ("v1", "refunds", "cancel"): self = .cancelRefund(id)
            default: return nil
            }
        default:
            return nil
        }
    }

    /// The address without ids, fit for metrics and logs.
    var template: String {
        switch self {
        case .createPaymentIntent: "POST /v1/payment_intents"
        case .listPaymentIntents: "GET /v1/payment_intents"
        case .retrievePaymentIntent: "GET /v1/payment_intents/:id"
        case .confirmPaymentIntent: "POST /v1/payment_intents/:id/confirm"
        case .capturePaymentIntent: "POST /v1/payment_intents/:id/capture"
        case .cancelPaymentIntent: "POST /v1/payment_intents/:id/cancel"
        case .incrementPaymentIntent: "POST /v1/payment_intents/:id/increment_authorization"
        case .createPaymentMethod: "POST /v1/payment_methods"
        case .retrievePaymentMethod: "GET /v1/payment_methods/:id"
        case .retrieveCharge: "GET /v1/charges/:id"
        case .createRefund: "POST /v1/refunds"
        case .listRefunds: "GET /v1/refunds"
        case .retrieveRefund: "GET /v1/refunds/:id"
        case .cancelRefund: "POST /v1/refunds/:id/cancel"
        }
    }

    /// What the answer shows, for the expansion of its members.
    var answer: ExpandableObject {
        switch self {
        case .createPaymentIntent, .retrievePaymentIntent, .confirmPaymentIntent,
            .capturePaymentIntent, .cancelPaymentIntent, .incrementPaymentIntent:
            .paymentIntent
        case .listPaymentIntents: .paymentIntentList
        case .createPaymentMethod, .retrievePaymentMethod: .paymentMethod
        case .retrieveCharge: .charge
        case .createRefund, .retrieveRefund, .cancelRefund: .refund
        case .listRefunds: .refundList
        }
    }
}

/// The address of a request: checked and cut into segments.
enum RequestPath {
    /// The longest address of this API has about 60 bytes.
    private static let byteCountMax = 500

    static func segments(_ path: String) throws(APIError) -> [String] {
        guard path.utf8.count <= byteCountMax, path.utf8.first == UInt8(ascii: "/"),
            let decoded = FormDecoder.percentDecoded(path.utf8, plusIsBlank: false),
            let text = String(validating: decoded, as: UTF8.self)
        else { throw .invalid("The request's path is malformed.") }
        guard !CardNumber.appears(in: text) else {
            throw .cardNumber(in: "The request's path", param: nil)
        }
        var segments = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        // An address may end with a slash, as some clients write it.
        if segments.last == "" { segments.removeLast() }
        return segments.map(String.init)
    }

    static func unrecognized(_ request: APIRequest) -> APIError {
        APIError(
            status: 404, kind: .invalidRequest,
            message: "Unrecognized request URL (\(request.shownMethod): "
                + "\(APIError.shown(request.path))). Please see https://stripe.com/docs for the "
                + "addresses of the API; this gateway has a part of them.")
    }
}
