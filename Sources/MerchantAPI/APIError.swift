package import Payments

/// What went wrong with a request, as the caller is told it.
package struct APIError: Error, Sendable {
    /// The `type`s that errors have; there are no others.
    package enum Kind: String, Sendable {
        case apiError = "api_error"
        case cardError = "card_error"
        case idempotencyError = "idempotency_error"
        case invalidRequest = "invalid_request_error"
    }

    package var status: Int
    package var kind: Kind
    package var code: String?
    package var declineCode: String?
    package var message: String
    /// The parameter at fault, in bracket form.
    package var param: String?
    /// The payment as it is, for errors that show it.
    package var payment: Payment?
    /// The request that failed, for declines: its charge and card are shown.
    package var request: ProcessorRequest?
    /// What `Stripe-Should-Retry` says; nil leaves it to the caller.
    package var shouldRetry: Bool?
    /// What `Location` says: where the request should have gone.
    package var location: String?

    package init(
        status: Int, kind: Kind, code: String? = nil, declineCode: String? = nil,
        message: String, param: String? = nil, payment: Payment? = nil,
        request: ProcessorRequest? = nil, shouldRetry: Bool? = nil,
        location: String? = nil
    ) {
        self.status = status
        self.kind = kind
        self.code = code
        self.declineCode = declineCode
        self.message = message
        self.param = param
        self.payment = payment
        self.request = request
        self.shouldRetry = shouldRetry
        self.location = location
    }

    /// 400: the request is not one that can be served.
    static func invalid(_ message: String, code: String? = nil, param: String? = nil) -> APIError {
        APIError(status: 400, kind: .invalidRequest, code: code, message: message, param: param)
    }

    /// 402: the card cannot be used, which is known without asking its issuer.
    static func card(
        _ message: String, code: String, declineCode: String? = nil, param: String? = nil
    ) -> APIError {
        APIError(
            status: 402, kind: .cardError, code: code, declineCode: declineCode,
            message: message, param: param)
    }

    static func missing(_ name: String) -> APIError {
        invalid("Missing required param: \(name).", code: "parameter_missing", param: name)
    }

    /// An object that is not there. `status` is 404 where the address names it, 400 where a
    /// parameter does.
    static func noSuch(_ kind: String, _ id: String, param: String, status: Int) -> APIError {
        APIError(
            status: status, kind: .invalidRequest, code: "resource_missing",
            message: "No such \(kind): '\(shown(id))'", param: param)
    }

    static func cardNumber(in place: String, param: String?) -> APIError {
        invalid(
            "\(place) contains what looks like a card number. Card numbers are only accepted in "
                + "the `number` of a card; remove it and try again.", param: param)
    }

    /// Caller's text that is fit to be repeated in a message: printable, and not endless.
    static func shown(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        // Longer than any id that this API makes, and short enough to read.
        for scalar in text.unicodeScalars.prefix(80) {
            let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
            scalars.append(isControl ? "?" : scalar)
        }
        return String(scalars)
    }
}
