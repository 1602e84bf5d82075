import Payments
import Primitives

// What is looked at beyond the bytes: an answer against what was asked, and a page against what a
// link carries.

extension MerchantAnswer {
    /// Whether this answers `ask`: a reply of the same kind, about what was asked for, and of
    /// nobody but the merchant and mode that asked. Whatever else a peer says must not reach a
    /// merchant.
    public func fits(_ ask: MerchantAsk) -> Bool {
        switch (self, ask) {
        case (.command(.failure), .command):
            true
        case (.command(.outcome(let outcome, _)), .command(let request)):
            request.isAnswered(by: outcome)
        case (.query(let reply), .query(let query, let merchant, let isLive)):
            query.isAnswered(by: reply, Owner(merchant: merchant, isLive: isLive))
        case (.command, .query), (.query, .command):
            false
        }
    }
}

/// Whose objects an answer may show.
private struct Owner {
    let merchant: MerchantID
    let isLive: Bool

    func has(_ payment: Payment) -> Bool {
        payment.merchant == merchant && payment.isLive == isLive
    }

    func has(_ method: PaymentMethod) -> Bool {
        method.merchant == merchant && method.isLive == isLive
    }
}

extension MerchantRequest {
    fileprivate func isAnswered(by outcome: Outcome) -> Bool {
        let owner = Owner(merchant: merchant, isLive: isLive)
        switch outcome {
        case .payment(let payment), .declined(let payment, _),
            .incrementDeclined(let payment, _, _), .refund(let payment, _):
            return command.concernsPayments && isAbout(payment, owner)
        case .paymentMethod(let method):
            return !command.concernsPayments && owner.has(method)
        case .refused(_, let payment):
            return payment.map { isAbout($0, owner) } ?? true
        }
    }

    private func isAbout(_ payment: Payment, _ owner: Owner) -> Bool {
        owner.has(payment) && (command.payment ?? payment.id) == payment.id
    }
}

extension MerchantCommand {
    /// Whether the command makes a payment or does something with one.
    fileprivate var concernsPayments: Bool {
        switch self {
        case .createPaymentMethod: false
        case .createPayment, .confirmPayment, .incrementPayment, .capturePayment, .cancelPayment,
            .createRefund, .cancelRefund:
            true
        }
    }
}

extension MerchantQuery {
    fileprivate func isAnswered(by reply: QueryReply, _ owner: Owner) -> Bool {
        switch (reply, self) {
        case (.failure, _):
            true
        case (.payment(let payment), .payment(let id)):
            payment.map { $0.id == id && owner.has($0) } ?? true
        case (.paymentMethod(let method), .paymentMethod(let id)):
            method.map { $0.id == id && owner.has($0) } ?? true
        case (.payments(let payments, _), .payments(let page)):
            payments.count <= page.limit && payments.allSatisfy { owner.has($0) }
        case (.noSuchCursor(let id), .payments(let page)):
            page.cursor == .after(id) || page.cursor == .before(id)
        case (.payment, _), (.paymentMethod, _), (.payments, _), (.noSuchCursor, _):
            false
        }
    }
}

extension QueryReply {
    /// The reply with as much of its page as has at most `byteCountMax` bytes. What is left out is
    /// at the page's far end, and is there for the next page: fewer payments than the limit, and
    /// more to come. One payment stays however large it is, so that who pages through comes to an
    /// end; other replies stay as they are.
    public func cut(for page: PaymentPage, toByteCount byteCountMax: Int) -> QueryReply {
        guard case .payments(let payments, let hasMore) = self else { return self }
        // From the near end: the newest, or the oldest of a page that lies before its cursor.
        let isBefore = if case .before = page.cursor { true } else { false }
        var kept = 0
        var byteCount = 0
        for payment in isBefore ? payments.reversed() : payments {
            byteCount += payment.encoded.count
            guard byteCount <= byteCountMax || kept == 0 else { break }
            kept += 1
        }
        return .payments(
            Array(isBefore ? payments.suffix(kept) : payments.prefix(kept)),
            hasMore: hasMore || kept < payments.count)
    }
}
