import Gateway
import MerchantAPI
import Payments
import Primitives
import Testing

struct CardTests {
    private func body(
        number: String = "4242424242424242", month: String = "8", year: String = "2030",
        cvc: String = "&card[cvc]=123"
    ) -> String {
        "type=card&card[number]=\(number)&card[exp_month]=\(month)&card[exp_year]=\(year)\(cvc)"
    }

    @Test(
        "cards that cannot be are refused as their issuer's network would",
        arguments: [
            ("number=4242424242424241", "incorrect_number number Your card number is incorrect."),
            ("number=4242", "invalid_number number The card number is not a valid"),
            ("number=4242x", "invalid_number number The card number is not a valid"),
            ("exp_month=13", "invalid_expiry_month exp_month Your card's expiration month"),
            ("exp_month=0", "invalid_expiry_month exp_month Your card's expiration month"),
            ("exp_month=10&exp_year=2026", "invalid_expiry_month exp_month Your card's"),
            ("exp_year=2025", "invalid_expiry_year exp_year Your card's expiration year"),
            ("exp_year=25", "invalid_expiry_year exp_year Your card's expiration year"),
            ("exp_year=2077", "invalid_expiry_year exp_year Your card's expiration year"),
            ("exp_year=99999999999", "invalid_expiry_year exp_year Your card's expiration year"),
            ("cvc=12", "invalid_cvc cvc Your card's security code is invalid."),
            ("cvc=1234", "invalid_cvc cvc Your card's security code is invalid."),
            ("cvc=12a", "invalid_cvc cvc Your card's security code is invalid."),
            ("number=4111111111111111", "card_declined number Your card was declined."),
        ])
    func refused(_ change: String, _ expected: String) async {
        let world = TestWorld()
        var parts = [
            "number": "4242424242424242", "exp_month": "8", "exp_year": "2030", "cvc": "123",
        ]
        for pair in change.split(separator: "&") {
            let halves = pair.split(separator: "=")
            parts[String(halves[0])] = String(halves[1])
        }
        let body = parts.sorted { $0.key < $1.key }.map { "card[\($0.key)]=\($0.value)" }
        let response = await world.post(
            "/v1/payment_methods", "type=card&" + body.joined(separator: "&"))
        #expect(response.errorLine.hasPrefix("402 " + expected), "\(response.errorLine)")
        #expect(response.member("type") == "card_error")
        #expect(!response.text.contains("4242") && !response.text.contains("4111"))
        #expect(world.gateway.requests.isEmpty)
    }

    @Test("test cards and live keys do not meet, nor live cards and test keys")
    func worlds() async {
        let world = TestWorld()
        world.gateway.reply(.outcome(.paymentMethod(Samples.method), replayOf: nil))
        let path = "/v1/payment_methods"
        let live = await world.post(path, body(), key: TestWorld.liveKey)
        #expect(live.member("decline_code") == "live_mode_test_card")
        let test = await world.post(path, body(number: "4111111111111111"))
        #expect(test.member("decline_code") == "test_mode_live_card")
        let unknown = await world.post(
            path, body(number: "9000000000000001"), key: TestWorld.liveKey)
        #expect(unknown.status == 402)
        #expect(world.gateway.requests.isEmpty)
        #expect(
            await world.post(path, body(number: "4111111111111111"), key: TestWorld.liveKey).status
                == 200)
        guard case .createPaymentMethod(let method) = world.gateway.requests.first?.command else {
            Issue.record("not a payment method")
            return
        }
        #expect(method.card.funding == .unknown)
    }

    @Test("a token of test mode becomes a new card, and stands for nothing in live mode")
    func tokens() async throws {
        let world = TestWorld()
        world.gateway.reply(.outcome(.payment(Samples.created()), replayOf: nil))
        let body = "payment_method=pm_card_mastercard_prepaid"
        let path = "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB/confirm"
        #expect(await world.post(path, body).status == 200)
        guard case .confirmPayment(let id, .new(let method)) = world.gateway.requests.first?.command
        else {
            Issue.record("not a confirm with a new card")
            return
        }
        #expect(id == Samples.paymentID)
        #expect(method.card.brand == .mastercard && method.card.funding == .prepaid)
        #expect(method.card.lastFour == "5100" && method.card.hasVerificationCode)
        #expect(method.verificationCode?.count == 3)
        let live = await world.post(path, body, key: TestWorld.liveKey)
        #expect(
            live.errorLine
                == "400 resource_missing payment_method No such PaymentMethod: "
                + "'pm_card_mastercard_prepaid'")
        #expect(await world.post(path, "payment_method=pm_card_nothing").status == 400)
        _ = await world.post(path, "payment_method=pm_0a0CCCCCCCCCCCCCC")
        guard
            case .confirmPayment(_, .stored(Samples.methodID)) = world.gateway.requests.last?
                .command
        else {
            Issue.record("not a confirm with a stored card")
            return
        }
    }

    @Test("a vault that cannot seal is a failure to be retried, and nothing reaches the shard")
    func vaultFailure() async {
        let world = TestWorld()
        world.tokenizer.fail()
        let response = await world.post("/v1/payment_methods", body())
        #expect(response.status == 503)
        #expect(response.header("Stripe-Should-Retry") == "true")
        #expect(response.member("type") == "api_error")
        #expect(world.gateway.requests.isEmpty)
    }

    @Test(
        "card numbers in free text are refused by name and never repeated",
        arguments: [
            ("amount=1000&currency=usd&description=pay+4242424242424242+now", "description"),
            ("amount=1000&currency=usd&metadata[card]=4242-4242-4242-4242", "metadata[card]"),
            ("amount=1000&currency=4242424242424242", "currency"),
            ("amount=4242424242424242&currency=usd", "amount"),
            ("amount=1000&currency=usd&payment_method=4242424242424242", "payment_method"),
            (
                "amount=1000&currency=usd&statement_descriptor=4242424242424242",
                "statement_descriptor"
            ),
            ("amount=1000&currency=usd&expand[]=4242424242424242", "expand[0]"),
            ("amount=1000&currency=usd&unknown=4242424242424242", "unknown"),
        ])
    func freeText(_ body: String, _ param: String) async {
        let response = await TestWorld().post("/v1/payment_intents", body)
        #expect(response.status == 400)
        #expect(response.member("param") == param)
        #expect(response.member("message")?.contains("looks like a card number") == true)
        #expect(!response.text.contains("4242"))
    }

    @Test("nor are they taken in paths, names and headers")
    func elsewhere() async {
        let world = TestWorld()
        let path = await world.get("/v1/charges/%34242424242424242")
        let name = await world.post("/v1/payment_intents", "4242424242424242=1")
        let key = await world.send(
            "GET", "/v1/payment_intents", headers: [("idempotency-key", "4242424242424242")])
        let version = await world.send(
            "GET", "/v1/payment_intents", headers: [("stripe-version", "4242424242424242")])
        let method = await world.send("4242424242424242", "/v1/payment_intents")
        #expect(method.status == 404)
        #expect(!method.text.contains("4242"))
        for response in [path, name, key, version] {
            #expect(response.status == 400)
            #expect(response.member("message")?.contains("looks like a card number") == true)
            #expect(!response.text.contains("4242"))
            #expect(!response.headers.contains { $0.value.contains("4242") })
        }
    }
}
