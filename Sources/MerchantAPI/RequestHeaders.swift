import Payments

/// What the headers of a request ask for, beside its key.
struct RequestHeaders: Sendable {
    /// The version whose shapes all answers have, and which is echoed when a caller names none.
    static let defaultVersion = "2026-10-28.endive"
    /// As the public API has it.
    private static let idempotencyKeyLengthMax = 255

    /// Echoed in the answer once it was found to be fit for a header.
    private(set) var version = RequestHeaders.defaultVersion
    /// Printable ASCII.
    private(set) var idempotencyKey: String?

    /// Reads and checks one after the other, so that an answer about a bad header still echoes the
    /// good ones that were read before it.
    mutating func read(_ request: APIRequest) throws(APIError) {
        if let version = request.header("stripe-version") {
            // A date and a name are enough; the rest are names of beta features.
            guard (1...200).contains(version.utf8.count),
                version.utf8.allSatisfy({ (0x20..<0x7F).contains($0) })
            else { throw .invalid("Invalid Stripe API version.") }
            guard !CardNumber.appears(in: version) else {
                throw .cardNumber(in: "The Stripe-Version header", param: nil)
            }
            self.version = version
        }
        if let key = request.header("idempotency-key") {
            guard (1...Self.idempotencyKeyLengthMax).contains(key.utf8.count),
                key.utf8.allSatisfy({ (0x20..<0x7F).contains($0) })
            else {
                throw .invalid(
                    "Idempotency keys are 1 to \(Self.idempotencyKeyLengthMax) printable ASCII "
                        + "characters; the one you sent is not.")
            }
            guard !CardNumber.appears(in: key) else {
                throw .cardNumber(in: "The Idempotency-Key header", param: nil)
            }
            idempotencyKey = key
        }
        for name in ["Stripe-Account", "Stripe-Context"]
        where request.header(name.lowercased()) != nil {
            throw .invalid(
                "The \(name) header is not supported by this gateway yet: a key only acts for the "
                    + "account that it belongs to.")
        }
    }
}
