import Environment
import Gateway
import Payments
import Primitives

extension Route {
    /// The command that a route and its parameters ask for; nil for a route that asks a question.
    func command(
        _ parameters: inout Parameters, in context: ReadingContext
    ) throws(APIError) -> CommandDraft? {
        switch self {
        case .createPaymentMethod:
            return try .createPaymentMethod(&parameters, in: context)
        case .createPaymentIntent:
            return try .createPayment(&parameters, in: context)
        case .confirmPaymentIntent(let id):
            return try .confirmPayment(try .named(id), &parameters, in: context)
        case .capturePaymentIntent(let id):
            return try .capturePayment(try .named(id), &parameters)
        case .incrementPaymentIntent(let id):
            return try .incrementPayment(try .named(id), &parameters)
        case .cancelPaymentIntent(let id):
            return try .cancelPayment(try .named(id), &parameters)
        case .createRefund:
            return try .createRefund(&parameters)
        case .cancelRefund(let id):
            return try .cancelRefund(id, &parameters)
        case .listPaymentIntents, .retrievePaymentIntent, .retrievePaymentMethod, .retrieveCharge,
            .listRefunds, .retrieveRefund:
            return nil
        }
    }
}

extension PaymentID {
    /// The payment that an address names.
    static func named(_ text: String) throws(APIError) -> PaymentID {
        guard let id = PaymentID(text) else {
            throw .noSuch("payment_intent", text, param: "intent", status: 404)
        }
        return id
    }
}

extension MerchantService {
    /// Seals the card, sends the command to the merchant's shard and renders what came of it.
    func perform(
        _ draft: CommandDraft, _ subject: RequestFingerprint.Subject, _ parameters: Parameters,
        _ expansion: Expansion, _ exchange: Exchange
    ) async throws(APIError) -> Answer {
        // A request that waited too long is not begun: its caller may have gone.
        guard loop.now < exchange.deadline else { throw .unavailable }
        let sealed = try await seal(draft.card, for: subject.caller)
        guard loop.now < exchange.deadline else { throw .unavailable }
        let claim: IdempotencyClaim
        if let key = exchange.headers.idempotencyKey {
            claim = RequestFingerprint.claim(
                key: key, subject, parameters, cardFingerprint: sealed?.card.fingerprint,
                keyedDigest: { tokenizer.keyedDigest(of: $0) })
        } else {
            claim = .minted(from: random)
        }
        let reply = await gateway.perform(
            MerchantRequest(
                merchant: subject.caller.merchant, isLive: subject.caller.isLive,
                requestID: exchange.id, claim: claim,
                command: draft.command(sealed), deadline: exchange.deadline))
        switch reply {
        case .failure(let failure):
            throw APIError(failure, key: exchange.headers.idempotencyKey)
        case .outcome(let outcome, let replayOf):
            var answer = draft.answer(outcome, expansion)
            answer.replayOf = replayOf
            return answer
        }
    }

    private func seal(
        _ draft: CardDraft?, for caller: Caller
    ) async throws(APIError) -> NewPaymentMethod? {
        guard let draft else { return nil }
        let stem = IdentifierStem(slot: caller.merchant.stem.slot, random: random)
        let id = PaymentMethodID(stem: stem)
        let token: TokenizedCard
        do {
            token = try await tokenizer.tokenize(
                number: draft.number, expiry: draft.expiry, as: id, of: caller.merchant,
                isLive: caller.isLive)
        } catch {
            switch error {
            case .unavailable: throw .unavailable
            }
        }
        let facts = CardFacts(
            brand: draft.number.brand, lastFour: draft.number.lastFour, expiry: draft.expiry,
            funding: draft.funding, fingerprint: token.fingerprint,
            hasVerificationCode: draft.verificationCode != nil)
        return NewPaymentMethod(
            id: id, card: facts, sealedCard: token.sealedCard,
            verificationCode: draft.verificationCode, billing: draft.billing,
            metadata: draft.metadata)
    }
}

extension CommandDraft {
    /// The command with its card sealed.
    fileprivate func command(_ sealed: NewPaymentMethod?) -> MerchantCommand {
        switch self {
        case .createPaymentMethod:
            guard let sealed else { preconditionFailure("a payment method without a card") }
            return .createPaymentMethod(sealed)
        case .createPayment(let terms, let method, let confirm):
            return .createPayment(
                NewPayment(terms: terms, method: method?.source(sealed), confirm: confirm))
        case .confirmPayment(let id, let method):
            return .confirmPayment(id, method: method?.source(sealed))
        case .incrementPayment(let id, let total):
            return .incrementPayment(id, total: total)
        case .capturePayment(let id, let amount, let isFinal):
            return .capturePayment(id, amount: amount, isFinal: isFinal)
        case .cancelPayment(let id, let reason):
            return .cancelPayment(id, reason: reason)
        case .createRefund(let refund):
            return .createRefund(
                refund.payment, charge: refund.charge?.number, amount: refund.amount,
                reason: refund.reason, metadata: refund.metadata)
        case .cancelRefund(let id):
            return .cancelRefund(id.payment, number: id.number)
        }
    }

    /// Renders what came of the command, from nothing but the outcome, the command and the
    /// expansion, all three of which are the same when a retry's answer is rendered.
    func answer(_ outcome: Outcome, _ expansion: Expansion) -> Answer {
        switch outcome {
        case .payment(let payment):
            return Answer { $0.payment(payment, expansion) }
        case .paymentMethod(let method):
            return Answer { $0.paymentMethod(method) }
        case .refund(let payment, let number):
            precondition(
                payment.refunds.indices.contains(number),
                "\(payment.id): an outcome names refund \(number) of \(payment.refunds.count)")
            return Answer { $0.refund(payment.refunds[number], of: payment, expansion) }
        case .declined(let payment, let attempt):
            return Answer(.declined(payment, by: .authorization(attempt: attempt)))
        case .incrementDeclined(let payment, let attempt, let number):
            return Answer(
                .declined(payment, by: .increment(attempt: attempt, number: number)))
        case .refused(let refusal, let payment):
            return Answer(error(for: refusal, payment))
        }
    }
}

extension MethodDraft {
    fileprivate func source(_ sealed: NewPaymentMethod?) -> MethodSource {
        switch self {
        case .stored(let id): return .stored(id)
        case .card:
            guard let sealed else { preconditionFailure("a card that was not sealed") }
            return .new(sealed)
        }
    }
}

extension APIError {
    /// Nothing certain can be said before the deadline; the same key finds the truth.
    static let unavailable = APIError(
        status: 503, kind: .apiError,
        message: "The outcome of this request is not known yet, or it could not be taken. Retry it "
            + "with the same idempotency key.", shouldRetry: true)

    /// Nothing was done.
    static let overloaded = APIError(
        status: 429, kind: .invalidRequest, code: "rate_limit",
        message: "Too many requests are under way. Nothing was done; please try again.",
        shouldRetry: true)

    static func declined(_ payment: Payment, by request: ProcessorRequest) -> APIError {
        // The members of the error come from the request; these are for one without a reason.
        APIError(
            status: 402, kind: .cardError, code: "card_declined",
            declineCode: "generic_decline", message: "Your card was declined.", payment: payment,
            request: request)
    }

    init(_ failure: GatewayFailure, key: String?) {
        switch failure {
        case .unavailable:
            self = .unavailable
        case .overloaded:
            self = .overloaded
        case .keyInUse:
            self.init(
                status: 409, kind: .invalidRequest, code: "idempotency_key_in_use",
                message: "There is currently another in-progress request using this Idempotent Key "
                    + "(that probably means you submitted twice, and the other request is still "
                    + "going through): \(key ?? ""). Please try again later.")
        case .keyMismatch:
            self.init(
                status: 400, kind: .idempotencyError,
                message: "Keys for idempotent requests can only be used with the same parameters "
                    + "they were first used with. Try using a key other than '\(key ?? "")' if you "
                    + "meant to execute a different request.")
        case .lockTimeout:
            self.init(
                status: 429, kind: .invalidRequest, code: "lock_timeout",
                message: "This object cannot be accessed right now because another API request is "
                    + "currently accessing it. If you see this error intermittently, retry the "
                    + "request. If you see this error frequently and are making multiple "
                    + "concurrent requests to a single object, make your requests serially or at a "
                    + "lower rate.",
                shouldRetry: true)
        }
    }
}
