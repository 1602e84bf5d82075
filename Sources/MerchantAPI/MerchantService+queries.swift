import Environment
import Gateway
import Payments
import Primitives

extension MerchantService {
    /// Answers a route that asks a question.
    func answer(
        _ route: Route, _ caller: Caller, _ parameters: inout Parameters, _ expansion: Expansion,
        _ deadline: MonotonicInstant
    ) async throws(APIError) -> Answer {
        let asker = Asker(caller: caller, deadline: deadline)
        switch route {
        case .retrievePaymentIntent(let text):
            return try await paymentIntent(text, &parameters, expansion, asker)
        case .listPaymentIntents:
            return try await paymentIntents(&parameters, expansion, asker)
        case .retrievePaymentMethod(let text):
            return try await paymentMethod(text, &parameters, asker)
        case .retrieveCharge(let text):
            return try await charge(text, &parameters, expansion, asker)
        case .retrieveRefund(let text):
            return try await refund(text, &parameters, expansion, asker)
        case .listRefunds:
            return try await refunds(&parameters, expansion, asker)
        case .createPaymentIntent, .confirmPaymentIntent, .capturePaymentIntent,
            .cancelPaymentIntent, .incrementPaymentIntent, .createPaymentMethod, .createRefund,
            .cancelRefund:
            preconditionFailure("\(route.template) is a command")
        }
    }

    /// Who asks, and until when an answer is of use.
    private struct Asker {
        let caller: Caller
        let deadline: MonotonicInstant
    }

    private func ask(_ query: MerchantQuery, _ asker: Asker) async throws(APIError) -> QueryReply {
        guard loop.now < asker.deadline else { throw .unavailable }
        let reply = await gateway.answer(
            query, merchant: asker.caller.merchant, isLive: asker.caller.isLive,
            deadline: asker.deadline)
        if case .failure(let failure) = reply { throw APIError(failure, key: nil) }
        return reply
    }

    private func payment(_ id: PaymentID, _ asker: Asker) async throws(APIError) -> Payment? {
        guard case .payment(let payment) = try await ask(.payment(id), asker) else {
            preconditionFailure("the gateway answered a question about \(id) with something else")
        }
        return payment
    }

    private func paymentIntent(
        _ text: String, _ parameters: inout Parameters, _ expansion: Expansion, _ asker: Asker
    ) async throws(APIError) -> Answer {
        let id = try PaymentID.named(text)
        let clientSecret = try parameters.text("client_secret")
        try parameters.finish()
        guard let payment = try await payment(id, asker) else {
            throw .noSuch("payment_intent", text, param: "intent", status: 404)
        }
        guard clientSecret == nil || clientSecret == payment.clientSecretText else {
            throw .invalid(
                "The client_secret provided does not match the client_secret associated with this "
                    + "PaymentIntent.", code: "payment_intent_invalid_parameter",
                param: "client_secret")
        }
        return Answer { $0.payment(payment, expansion) }
    }

    private func paymentIntents(
        _ parameters: inout Parameters, _ expansion: Expansion, _ asker: Asker
    ) async throws(APIError) -> Answer {
        let page = try parameters.paymentPage()
        try parameters.finish(unsupported: ["customer", "customer_account"])
        switch try await ask(.payments(page), asker) {
        case .payments(let payments, let hasMore):
            return Answer { writer in
                writer.list(url: "/v1/payment_intents", hasMore: hasMore) { writer in
                    for payment in payments {
                        writer.object { $0.payment(payment, expansion["data"] ?? .none) }
                    }
                }
            }
        case .noSuchCursor(let id):
            let param =
                if case .before = page.cursor { "ending_before" } else { "starting_after" }
            throw .noSuch("payment_intent", id.description, param: param, status: 400)
        case .payment, .paymentMethod, .failure:
            preconditionFailure("the gateway answered a list with something else")
        }
    }

    private func paymentMethod(
        _ text: String, _ parameters: inout Parameters, _ asker: Asker
    ) async throws(APIError) -> Answer {
        try parameters.finish()
        let missing = APIError.noSuch(
            "PaymentMethod", text, param: "payment_method", status: 404)
        guard let id = PaymentMethodID(text) else { throw missing }
        guard case .paymentMethod(let method) = try await ask(.paymentMethod(id), asker) else {
            preconditionFailure("the gateway answered a question about \(id) with something else")
        }
        guard let method else { throw missing }
        return Answer { $0.paymentMethod(method) }
    }

    private func charge(
        _ text: String, _ parameters: inout Parameters, _ expansion: Expansion, _ asker: Asker
    ) async throws(APIError) -> Answer {
        try parameters.finish()
        let missing = APIError.noSuch("charge", text, param: "id", status: 404)
        guard let part = PartID(prefix: "ch_", text) else { throw missing }
        guard let payment = try await payment(part.payment, asker),
            let attempt = payment.charge(part.number)
        else { throw missing }
        return Answer { $0.charge(attempt, of: payment, expansion) }
    }

    private func refund(
        _ text: String, _ parameters: inout Parameters, _ expansion: Expansion, _ asker: Asker
    ) async throws(APIError) -> Answer {
        try parameters.finish()
        let missing = APIError.noSuch("refund", text, param: "id", status: 404)
        guard let part = PartID(prefix: "re_", text) else { throw missing }
        guard let payment = try await payment(part.payment, asker),
            payment.refunds.indices.contains(part.number)
        else { throw missing }
        return Answer { $0.refund(payment.refunds[part.number], of: payment, expansion) }
    }

    /// The refunds of one payment, newest first. A list over all payments is refused by name:
    /// refunds live in their payments.
    private func refunds(
        _ parameters: inout Parameters, _ expansion: Expansion, _ asker: Asker
    ) async throws(APIError) -> Answer {
        let filter = try parameters.refundFilter()
        let limit = try parameters.limit()
        let (after, before) = try parameters.cursor("refund") { PartID(prefix: "re_", $0) }
        try parameters.finish(unsupported: ["created"])
        guard let payment = try await payment(filter.payment, asker) else { throw filter.missing }
        if let charge = filter.charge, payment.charge(charge.number) == nil { throw filter.missing }
        let isCaptured =
            filter.charge == nil || payment.capturedCharge?.number == filter.charge?.number
        let newestFirst = isCaptured ? Array(payment.refunds.reversed()) : []
        func place(_ id: PartID, _ param: String) throws(APIError) -> Int {
            guard id.payment == payment.id,
                let place = newestFirst.firstIndex(where: { $0.number == id.number })
            else {
                throw .noSuch("refund", id.text(prefix: "re_"), param: param, status: 400)
            }
            return place
        }
        let page: ArraySlice<Refund>
        let hasMore: Bool
        if let before {
            let candidates = newestFirst[..<(try place(before, "ending_before"))]
            page = candidates.suffix(limit)
            hasMore = page.count < candidates.count
        } else {
            let start = try after.map { (id) throws(APIError) in
                try place(id, "starting_after") + 1
            }
            let candidates = newestFirst[(start ?? 0)...]
            page = candidates.prefix(limit)
            hasMore = page.count < candidates.count
        }
        return Answer { writer in
            writer.list(url: "/v1/refunds", hasMore: hasMore) { writer in
                for refund in page {
                    writer.object { $0.refund(refund, of: payment, expansion["data"] ?? .none) }
                }
            }
        }
    }
}

/// Whose refunds a list shows.
private struct RefundFilter {
    let payment: PaymentID
    let charge: PartID?
    /// What is thrown when it names nothing.
    let missing: APIError
}

extension Parameters {
    fileprivate mutating func refundFilter() throws(APIError) -> RefundFilter {
        let charge = try text("charge")
        let payment = try text("payment_intent")
        switch (charge, payment) {
        case (nil, nil), (.some, .some):
            throw .invalid(
                "This gateway lists the refunds of one payment at a time: specify one of "
                    + "payment_intent or charge.", param: "payment_intent")
        case (let text?, nil):
            let missing = APIError.noSuch("charge", text, param: "charge", status: 404)
            guard let part = PartID(prefix: "ch_", text) else { throw missing }
            return RefundFilter(payment: part.payment, charge: part, missing: missing)
        case (nil, let text?):
            let missing = APIError.noSuch(
                "payment_intent", text, param: "payment_intent", status: 404)
            guard let id = PaymentID(text) else { throw missing }
            return RefundFilter(payment: id, charge: nil, missing: missing)
        }
    }
}
