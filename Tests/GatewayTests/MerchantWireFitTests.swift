import Gateway
import Payments
import Primitives
import Testing

/// Which answers answer what was asked, and what is left of a page that is too large.
@Suite struct MerchantWireFitTests {
    private static let held = WireSamples.held
    private static let stranger = MerchantID(
        stem: IdentifierStem(slot: Slot(6)!, random: Samples.Chance(seed: 9)))

    private func fits(_ outcome: Outcome, _ request: MerchantRequest) -> Bool {
        MerchantAnswer.command(.outcome(outcome, replayOf: nil)).fits(.command(request))
    }

    private func fits(
        _ reply: QueryReply, _ query: MerchantQuery, of merchant: MerchantID = held.merchant,
        isLive: Bool = true
    ) -> Bool {
        MerchantAnswer.query(reply)
            .fits(.query(query, merchant: merchant, isLive: isLive))
    }

    @Test("an outcome answers a command on its payment, of its merchant and mode")
    func outcomes() {
        let capture = MerchantCommand.capturePayment(Self.held.id, amount: nil, isFinal: true)
        let other = MerchantCommand.capturePayment(
            Samples.payment(8), amount: nil, isFinal: true)
        let shown: [Outcome] = [
            .payment(Self.held), .declined(WireSamples.declined, attempt: 0),
            .incrementDeclined(Self.held, attempt: 0, number: 0),
            .refund(WireSamples.refunded, number: 0), .refused(.incrementPending, Self.held),
        ]
        for outcome in shown {
            #expect(fits(outcome, WireSamples.request(capture)))
            #expect(!fits(outcome, WireSamples.request(other)))
            #expect(!fits(outcome, WireSamples.request(capture, isLive: false)))
            #expect(!fits(outcome, WireSamples.request(capture, merchant: Self.stranger)))
        }
        let creation = MerchantCommand.createPayment(
            NewPayment(terms: WireSamples.terms, method: nil, confirm: false))
        #expect(fits(.payment(Self.held), WireSamples.request(creation)))
        #expect(
            !fits(.payment(Self.held), WireSamples.request(creation, merchant: Self.stranger)))
        let refusal = Outcome.refused(.noSuchPayment(Samples.payment(8)), nil)
        #expect(fits(refusal, WireSamples.request(other)))
    }

    @Test("a payment method answers the command that makes one, and no other")
    func methods() {
        let creation = MerchantCommand.createPaymentMethod(WireSamples.newMethod(code: nil))
        let outcome = Outcome.paymentMethod(WireSamples.method)
        #expect(fits(outcome, WireSamples.request(creation)))
        #expect(!fits(outcome, WireSamples.request(creation, isLive: false)))
        #expect(!fits(outcome, WireSamples.request(creation, merchant: Self.stranger)))
        #expect(!fits(.payment(Self.held), WireSamples.request(creation)))
        let cancel = MerchantCommand.cancelPayment(Self.held.id, reason: nil)
        #expect(!fits(outcome, WireSamples.request(cancel)))
    }

    @Test("a reply answers the query that it is the reply to")
    func replies() {
        let payment = MerchantQuery.payment(Self.held.id)
        let method = MerchantQuery.paymentMethod(WireSamples.method.id)
        #expect(fits(.payment(Self.held), payment))
        #expect(fits(.payment(nil), payment))
        #expect(!fits(.payment(Self.held), .payment(Samples.payment(8))))
        #expect(!fits(.payment(Self.held), payment, isLive: false))
        #expect(!fits(.payment(Self.held), payment, of: Self.stranger))
        #expect(!fits(.payment(nil), method))
        #expect(fits(.paymentMethod(WireSamples.method), method))
        #expect(fits(.paymentMethod(nil), method))
        #expect(!fits(.paymentMethod(WireSamples.method), method, isLive: false))
        #expect(!fits(.paymentMethod(WireSamples.method), method, of: Self.stranger))
        #expect(!fits(.paymentMethod(nil), payment))
    }

    @Test("a page answers a list of its merchant, and has no more than was asked for")
    func pages() {
        func list(_ limit: Int, _ cursor: PaymentPage.Cursor? = nil) -> MerchantQuery {
            .payments(
                PaymentPage(
                    limit: limit, cursor: cursor, createdFrom: nil, createdThrough: nil))
        }
        let two = QueryReply.payments([Self.held, WireSamples.declined], hasMore: true)
        #expect(fits(two, list(2)))
        #expect(!fits(two, list(1)))
        #expect(!fits(two, list(2), of: Self.stranger))
        #expect(!fits(two, list(2), isLive: false))
        #expect(!fits(two, .payment(Self.held.id)))
        let missing = QueryReply.noSuchCursor(Self.held.id)
        #expect(fits(missing, list(1, .after(Self.held.id))))
        #expect(fits(missing, list(1, .before(Self.held.id))))
        #expect(!fits(missing, list(1, .before(Samples.payment(8)))))
        #expect(!fits(missing, list(1)))
    }

    @Test("a failure answers everything of its kind")
    func failures() {
        for failure in WireSamples.failures {
            for (name, ask) in WireSamples.asks {
                let isCommand = if case .command = ask { true } else { false }
                let command = MerchantAnswer.command(.failure(failure))
                #expect(command.fits(ask) == isCommand, "\(name)")
                let query = MerchantAnswer.query(.failure(failure))
                #expect(query.fits(ask) != isCommand, "\(name)")
            }
        }
    }

    @Test("a page that is too large loses its far end, and says that there is more")
    func cut() {
        let payments = (1...5).map { WireSamples.walked(Samples.payment($0)) }
        let each = payments[0].encoded.count
        func cut(
            _ cursor: PaymentPage.Cursor?, _ byteCount: Int, hasMore: Bool = false
        ) -> ([PaymentID], Bool)? {
            let page = PaymentPage(
                limit: 5, cursor: cursor, createdFrom: nil, createdThrough: nil)
            let reply = QueryReply.payments(payments, hasMore: hasMore)
                .cut(for: page, toByteCount: byteCount)
            guard case .payments(let kept, let more) = reply else { return nil }
            return (kept.map(\.id), more)
        }
        let ids = payments.map(\.id)
        let older = PaymentPage.Cursor.after(Samples.payment(9))
        let newer = PaymentPage.Cursor.before(Samples.payment(9))
        #expect(cut(nil, 5 * each)! == (ids, false))
        #expect(cut(nil, 5 * each, hasMore: true)! == (ids, true))
        #expect(cut(nil, 5 * each - 1)! == (Array(ids[..<4]), true))
        #expect(cut(older, 2 * each)! == (Array(ids[..<2]), true))
        #expect(cut(newer, 2 * each)! == (Array(ids[3...]), true))
        #expect(cut(newer, 0)! == (Array(ids[4...]), true))
        #expect(cut(older, 0)! == (Array(ids[..<1]), true))
    }
}
