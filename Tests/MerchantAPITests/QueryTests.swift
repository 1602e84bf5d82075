import Gateway
import MerchantAPI
import Payments
import Primitives
import Testing

struct QueryTests {
    private func get(_ path: String, _ reply: QueryReply) async -> APIResponse {
        await get(path, "", reply)
    }

    private func get(_ path: String, _ query: String, _ reply: QueryReply) async -> APIResponse {
        let world = TestWorld()
        world.gateway.reply(reply)
        return await world.get(path, query)
    }

    @Test("objects are found by their ids, and what is not there is named")
    func retrieval() async {
        let payment = QueryReply.payment(Samples.refunded)
        let stem = "0a0BBBBBBBBBBBBBB"
        #expect(await get("/v1/payment_intents/pi_\(stem)", payment).member("id") == "pi_\(stem)")
        #expect(await get("/v1/charges/ch_\(stem)0", payment).member("id") == "ch_\(stem)0")
        #expect(await get("/v1/refunds/re_\(stem)1", payment).member("id") == "re_\(stem)1")
        let method = QueryReply.paymentMethod(Samples.method)
        let methodPath = "/v1/payment_methods/pm_0a0CCCCCCCCCCCCCC"
        #expect(await get(methodPath, method).member("id") == "pm_0a0CCCCCCCCCCCCCC")

        let nothing = QueryReply.payment(nil)
        let cases: [(String, QueryReply, String)] = [
            ("/v1/payment_intents/pi_x", payment, "intent No such payment_intent: 'pi_x'"),
            ("/v1/payment_intents/pi_\(stem)", nothing, "intent No such payment_intent: 'pi_"),
            ("/v1/charges/ch_\(stem)1", payment, "id No such charge: 'ch_\(stem)1'"),
            ("/v1/charges/ch_\(stem)0", nothing, "id No such charge: 'ch_\(stem)0'"),
            ("/v1/charges/py_1", payment, "id No such charge: 'py_1'"),
            ("/v1/refunds/re_\(stem)2", payment, "id No such refund: 're_\(stem)2'"),
            (methodPath, .paymentMethod(nil), "payment_method No such PaymentMethod: 'pm_"),
            (
                "/v1/payment_methods/card_1", method,
                "payment_method No such PaymentMethod: 'card_1'"
            ),
        ]
        for (path, reply, expected) in cases {
            let response = await get(path, reply)
            #expect(
                response.errorLine.hasPrefix("404 resource_missing " + expected),
                "\(response.errorLine)")
        }
    }

    @Test("a payment that is still under way has no charge yet")
    func pendingCharge() async {
        let pending = Samples.after(Samples.created(), [.confirm(method: nil)])
        let charge = await get("/v1/charges/ch_0a0BBBBBBBBBBBBBB0", .payment(pending))
        #expect(charge.status == 404)
        let payment = await get("/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB", .payment(pending))
        #expect(payment.member("status") == "processing")
        #expect(payment.member("latest_charge") == "null")
    }

    @Test("a client secret has to be that of the payment")
    func clientSecret() async {
        let path = "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB"
        let secret = "pi_0a0BBBBBBBBBBBBBB_secret_Q2xpZW50U2VjcmV0RGF0YQ"
        let right = await get(path, "client_secret=\(secret)", .payment(Samples.succeeded))
        #expect(right.status == 200)
        #expect(right.member("client_secret") == secret)
        let wrong = await get(path, "client_secret=\(secret)x", .payment(Samples.succeeded))
        #expect(wrong.status == 400)
        #expect(!wrong.text.contains(secret))
    }

    @Test(
        "a page is asked for as the caller meant",
        arguments: [
            ("", PaymentPage(limit: 10, cursor: nil, createdFrom: nil, createdThrough: nil)),
            (
                "limit=100&starting_after=pi_0a0BBBBBBBBBBBBBB",
                PaymentPage(
                    limit: 100, cursor: .after(Samples.paymentID), createdFrom: nil,
                    createdThrough: nil)
            ),
            (
                "limit=1&ending_before=pi_0a0BBBBBBBBBBBBBB&created[gt]=5&created[lt]=9",
                PaymentPage(
                    limit: 1, cursor: .before(Samples.paymentID), createdFrom: 6, createdThrough: 8)
            ),
            (
                "created[gte]=5&created[gt]=7&created[lte]=9",
                PaymentPage(limit: 10, cursor: nil, createdFrom: 8, createdThrough: 9)
            ),
            (
                "created=1700000000",
                PaymentPage(
                    limit: 10, cursor: nil, createdFrom: 1_700_000_000,
                    createdThrough: 1_700_000_000)
            ),
        ])
    func pages(_ query: String, _ expected: PaymentPage) async {
        let world = TestWorld()
        world.gateway.reply(.payments([], hasMore: false))
        let response = await world.get("/v1/payment_intents", query)
        #expect(response.status == 200, "\(response.text)")
        guard case .payments(expected) = world.gateway.queries.first else {
            Issue.record("another page was asked for")
            return
        }
    }

    @Test(
        "a list that cannot be is refused",
        arguments: [
            ("limit=0", "400 parameter_invalid_integer limit Invalid limit"),
            ("limit=101", "400 parameter_invalid_integer limit Invalid limit"),
            ("limit=ten", "400 parameter_invalid_integer limit Invalid integer: ten"),
            ("starting_after=x", "400 resource_missing starting_after No such payment_intent: 'x'"),
            ("ending_before=x", "400 resource_missing ending_before No such payment_intent: 'x'"),
            (
                "starting_after=pi_0a0BBBBBBBBBBBBBB&ending_before=pi_0a0BBBBBBBBBBBBBB",
                "400 - ending_before You may only specify one of these parameters"
            ),
            ("customer=cus_1", "400 parameter_unknown customer Received a parameter that is not"),
            ("created[eq]=1", "400 parameter_unknown created[eq] Received unknown parameter"),
            ("created[gt]=x", "400 parameter_invalid_integer created[gt] Invalid integer"),
            ("expand[]=latest_charge", "400 - expand This property cannot be expanded"),
        ])
    func refusedLists(_ query: String, _ expected: String) async {
        let response = await get("/v1/payment_intents", query, .payments([], hasMore: false))
        #expect(response.errorLine.hasPrefix(expected), "\(response.errorLine)")
    }

    @Test("a cursor of somebody else's payment is named")
    func cursor() async {
        let response = await get(
            "/v1/payment_intents", "ending_before=pi_0a0BBBBBBBBBBBBBB",
            .noSuchCursor(Samples.paymentID))
        #expect(
            response.errorLine.hasPrefix(
                "400 resource_missing ending_before No such payment_intent"))
    }

    @Test(
        "the refunds of a payment are listed newest first, in pages",
        arguments: [
            ("payment_intent=pi_0a0BBBBBBBBBBBBBB", ["1", "0"], "false"),
            ("charge=ch_0a0BBBBBBBBBBBBBB0", ["1", "0"], "false"),
            ("payment_intent=pi_0a0BBBBBBBBBBBBBB&limit=1", ["1"], "true"),
            (
                "payment_intent=pi_0a0BBBBBBBBBBBBBB&starting_after=re_0a0BBBBBBBBBBBBBB1", ["0"],
                "false"
            ),
            (
                "payment_intent=pi_0a0BBBBBBBBBBBBBB&ending_before=re_0a0BBBBBBBBBBBBBB0", ["1"],
                "false"
            ),
            (
                "payment_intent=pi_0a0BBBBBBBBBBBBBB&ending_before=re_0a0BBBBBBBBBBBBBB1", [],
                "false"
            ),
        ] as [(String, [String], String)])
    func refunds(_ query: String, _ numbers: [String], _ hasMore: String) async {
        let response = await get("/v1/refunds", query, .payment(Samples.refunded))
        #expect(response.status == 200, "\(response.text)")
        let ids = response.text.split(separator: "\n").filter { $0.contains("\"id\": \"re_") }
        #expect(ids.map { String($0.dropLast(2).suffix(1)) } == numbers)
        #expect(response.member("has_more") == hasMore)
    }

    @Test("refunds are only listed by payment, and from where there is one")
    func refusedRefundLists() async {
        for (query, expected) in [
            ("", "400 - payment_intent This gateway lists the refunds of one payment"),
            ("charge=ch_x", "404 resource_missing charge No such charge: 'ch_x'"),
            ("charge=ch_0a0BBBBBBBBBBBBBB5", "404 resource_missing charge No such charge"),
            (
                "payment_intent=pi_0a0BBBBBBBBBBBBBB&starting_after=re_0a0BBBBBBBBBBBBBB9",
                "400 resource_missing starting_after No such refund"
            ),
        ] {
            let response = await get("/v1/refunds", query, .payment(Samples.refunded))
            #expect(response.errorLine.hasPrefix(expected), "\(response.errorLine)")
        }
    }

    @Test("expanded members are whole objects, to four levels")
    func expansion() async {
        let world = TestWorld()
        world.gateway.reply(.payments([Samples.refunded], hasMore: true))
        let response = await world.get(
            "/v1/payment_intents",
            "expand[]=data.latest_charge.refunds.data&expand[]=data.payment_method"
                + "&expand[]=data.latest_charge.balance_transaction.source&expand[]=data.customer")
        #expect(response.status == 200, "\(response.text)")
        for object in [
            "payment_intent", "charge", "refund", "payment_method", "balance_transaction",
        ] {
            #expect(response.text.contains("\"object\": \"\(object)\""))
        }
        #expect(response.member("customer") == "null")
        #expect(
            response.text.hasSuffix("\"has_more\": true,\n  \"url\": \"/v1/payment_intents\"\n}\n"))
    }
}
