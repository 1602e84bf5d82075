import Gateway
import MerchantAPI
import Payments
import Testing

/// One of each object, byte for byte: a change of these texts is a change of the API.
struct GoldenTests {
    private func get(_ path: String, _ query: String, _ reply: QueryReply) async -> String {
        let world = TestWorld()
        world.gateway.reply(reply)
        return await world.get(path, query).text
    }

    @Test("a payment intent")
    func paymentIntent() async {
        let text = await get(
            "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB", "", .payment(Samples.declined))
        #expect(text == Golden.paymentIntent)
    }

    @Test("a charge with its refunds and its balance transaction")
    func charge() async {
        let text = await get(
            "/v1/charges/ch_0a0BBBBBBBBBBBBBB0", "expand[]=refunds&expand[]=balance_transaction",
            .payment(Samples.refunded))
        #expect(text == Golden.charge)
    }

    @Test("a refund that is not acknowledged yet")
    func refund() async {
        let text = await get(
            "/v1/refunds/re_0a0BBBBBBBBBBBBBB1", "", .payment(Samples.refunded))
        #expect(text == Golden.refund)
    }

    @Test("a payment method")
    func paymentMethod() async {
        let text = await get(
            "/v1/payment_methods/pm_0a0CCCCCCCCCCCCCC", "", .paymentMethod(Samples.method))
        #expect(text == Golden.paymentMethod)
    }

    @Test("an empty list")
    func list() async {
        let text = await get("/v1/payment_intents", "", .payments([], hasMore: false))
        #expect(text == Golden.list)
    }

    @Test("an error")
    func error() async {
        let text = await get("/v1/payment_intents/pi_x", "", .payment(nil))
        #expect(text == Golden.error)
    }

    @Test("a charge of a hold, of a voided hold, and of attempts that came to nothing")
    func chargeStates() async {
        func line(_ payment: Payment) async -> String {
            let world = TestWorld()
            world.gateway.reply(.payment(payment))
            let response = await world.get("/v1/charges/ch_0a0BBBBBBBBBBBBBB0")
            return [
                "status", "paid", "captured", "amount_captured", "amount_refunded", "refunded",
                "cvc_check", "network_status", "balance_transaction", "failure_code",
            ].map { response.topMember($0) ?? response.member($0) ?? "-" }.joined(separator: " ")
        }
        let started = [PaymentCommand.confirm(method: nil)]
        #expect(
            await line(Samples.authorized)
                == "succeeded true false 0 0 false pass approved_by_network null null")
        #expect(
            await line(Samples.after(Samples.authorized, [.capture(amount: 300)]))
                == "succeeded true true 300 0 false pass approved_by_network null null")
        #expect(
            await line(
                Samples.after(
                    Samples.authorized, [.capture(amount: 1000), .effectAcknowledged(number: 0)]))
                == "succeeded true true 1000 0 false pass approved_by_network "
                + "txn_0a0BBBBBBBBBBBBBB0 null")
        #expect(
            await line(Samples.after(Samples.authorized, [.cancel(reason: nil)]))
                == "succeeded true false 0 1000 true pass approved_by_network null null")
        #expect(
            await line(
                Samples.after(
                    Samples.succeeded, [.refund(amount: nil, reason: nil, metadata: [])]))
                == "succeeded true true 1000 1000 true pass approved_by_network "
                + "txn_0a0BBBBBBBBBBBBBB0 null")
        #expect(
            await line(Samples.declined)
                == "failed false false 0 0 false unchecked declined_by_network null card_declined")
        #expect(
            await line(
                Samples.after(
                    Samples.created(), started + [.notSent(.authorization(attempt: 0))]))
                == "failed false false 0 0 false unchecked not_sent_to_network null "
                + "processing_error")
        #expect(
            await line(
                Samples.after(
                    Samples.created(),
                    started + [
                        .unanswered(.authorization(attempt: 0), .timedOut),
                        .effectAcknowledged(number: 0),
                    ]))
                == "failed false false 0 0 false unchecked reversed_after_approval null "
                + "processing_error")
    }
}
