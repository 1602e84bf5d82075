import Payments
import Primitives

// A merchant's cards stay in its jurisdiction, so that a request with a card number has to come to
// a node there. Whether there is one in a body is known only once it is read; so the route decides:
// those that may carry a card are answered with 421 by nodes elsewhere, on the head alone.
//
//   POST /v1/payment_intents, …/confirm    may carry a card: 421 outside the jurisdiction
//   POST /v1/payment_methods
//   everything else                        from anywhere

/// Where the nodes of a jurisdiction are. Loop only.
public protocol JurisdictionGuide: Sendable {
    /// This node's.
    var jurisdiction: String { get }
    /// URLs of nodes there, those that are thought to be up first.
    func addresses(in jurisdiction: String) -> [String]
}

extension Route {
    /// Whether a card number may be in the body, so that only a node of the merchant's jurisdiction
    /// may read it.
    var mayCarryCard: Bool {
        switch self {
        case .createPaymentIntent, .confirmPaymentIntent, .createPaymentMethod: true
        case .listPaymentIntents, .retrievePaymentIntent, .capturePaymentIntent,
            .incrementPaymentIntent, .cancelPaymentIntent, .retrievePaymentMethod, .retrieveCharge,
            .createRefund, .listRefunds, .retrieveRefund, .cancelRefund:
            false
        }
    }
}

extension MerchantService {
    /// The answer to a request whose body this node must not read; nil when it may, or when it will
    /// be refused for something else.
    ///
    /// - Parameter head: the request without its body.
    public func misdirection(of head: APIRequest) -> APIResponse? {
        guard let route = try? route(of: head), let caller = try? caller(of: head),
            let error = misdirection(of: route, by: caller, path: head.path)
        else { return nil }
        var exchange = Exchange(
            request: head, id: "req_" + Base62.random(14, from: random), deadline: head.receivedAt)
        try? exchange.headers.read(head)
        count(route, status: error.status)
        return exchange.response(Answer(error))
    }

    private func route(of request: APIRequest) throws(APIError) -> Route? {
        Route(method: request.method, segments: try RequestPath.segments(request.path))
    }

    func caller(of request: APIRequest) throws(APIError) -> Caller {
        try Authentication.caller(
            authorization: request.header("authorization"), directory: directory,
            sha256: { tokenizer.sha256(of: $0) })
    }

    /// Why this node must not read the body of a request.
    func misdirection(of route: Route, by caller: Caller, path: String) -> APIError? {
        guard let guide, route.mayCarryCard, caller.jurisdiction != guide.jurisdiction else {
            return nil
        }
        let address = guide.addresses(in: caller.jurisdiction).first
        let place = address.map { "to \($0)" } ?? "to a node there"
        return APIError(
            status: 421, kind: .invalidRequest,
            message: "Card numbers of this account are taken in the jurisdiction "
                + "\(caller.jurisdiction) only, and this node is in \(guide.jurisdiction): send "
                + "this request \(place). Nothing of its body was read.",
            shouldRetry: false, location: address.map { $0 + path })
    }
}
