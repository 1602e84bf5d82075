import Gateway
import MerchantAPI
import Payments
import Primitives
import Testing

struct AuthenticationTests {
    private func send(_ authorization: String?) async -> APIResponse {
        let world = TestWorld()
        world.gateway.reply(.payments([], hasMore: false))
        return await world.send(
            "GET", "/v1/payment_intents", key: nil,
            headers: authorization.map { [("authorization", $0)] } ?? [])
    }

    @Test(
        "keys come as bearer or basic credentials",
        arguments: [
            "Bearer sk_test_4eC39HqLyjWDarjtT1zdp7dc", "bearer  sk_test_4eC39HqLyjWDarjtT1zdp7dc ",
            // `sk_test_4eC39HqLyjWDarjtT1zdp7dc:` in base 64.
            "Basic c2tfdGVzdF80ZUMzOUhxTHlqV0Rhcmp0VDF6ZHA3ZGM6",
            "Basic c2tfdGVzdF80ZUMzOUhxTHlqV0Rhcmp0VDF6ZHA3ZGM",
        ])
    func accepted(_ authorization: String) async {
        #expect(await send(authorization).status == 200)
    }

    @Test(
        "other credentials are refused, and keys are masked",
        arguments: [
            (nil, "401 - - You did not provide an API key. You need"),
            ("", "401 - - You did not provide an API key, though"),
            ("Bearer", "401 - - You did not provide an API key, though"),
            ("Bearer  ", "401 - - You did not provide an API key, though"),
            ("Digest abc", "401 - - You did not provide an API key, though"),
            ("Basic !!!", "401 - - You did not provide an API key, though"),
            ("Basic Og==", "401 - - You did not provide an API key, though"),
            (
                "Bearer sk_test_4eC39HqLyjWDarjtT1zdabcd",
                "401 - - Invalid API Key provided: sk_test_********abcd"
            ),
            ("Bearer sk_live_short", "401 - - Invalid API Key provided: sk_live_********"),
            ("Bearer rk_test_1", "401 - - Invalid API Key provided: rk_test_********"),
            ("Bearer \"><script>", "401 - - Invalid API Key provided: ********"),
            (
                "Bearer pk_test_TYooMQauvdEDq54NiTphI7jx",
                "403 secret_key_required - This API call cannot be made with a publishable API key"
            ),
        ] as [(String?, String)])
    func refused(_ authorization: String?, _ expected: String) async {
        let response = await send(authorization)
        #expect(response.errorLine.hasPrefix(expected), "\(response.errorLine)")
        #expect(response.member("type") == "invalid_request_error")
        #expect(!response.text.contains("4eC39HqLyjWDarjtT1zd"))
    }

    @Test("a key of the right start and the wrong end is nobody's, however long")
    func wrongKeys() async {
        #expect(await send("Bearer " + TestWorld.testKey + "x").status == 401)
        #expect(await send("Bearer " + String(repeating: "a", count: 100_000)).status == 401)
    }

    @Test("the key says which world the command belongs to, and a new directory takes effect")
    func worlds() async {
        let world = TestWorld()
        let path = "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB/cancel"
        world.gateway.reply(.outcome(.payment(Samples.created()), replayOf: nil))
        _ = await world.post(path, "")
        _ = await world.post(path, "", key: TestWorld.liveKey)
        #expect(world.gateway.requests.map(\.isLive) == [false, true])
        #expect(world.gateway.requests.map(\.merchant) == [Samples.merchant, Samples.merchant])
        await world.service.use(MerchantDirectory([]))
        #expect(await world.post(path, "").status == 401)
    }

    @Test("headers are checked before they are obeyed or echoed")
    func headers() async {
        let world = TestWorld()
        world.gateway.reply(.payments([], hasMore: false))
        func send(_ name: String, _ value: String) async -> APIResponse {
            await world.send("GET", "/v1/payment_intents", headers: [(name, value)])
        }
        let plain = await world.get("/v1/payment_intents")
        #expect(plain.header("Stripe-Version") == "2026-10-28.endive")
        #expect(plain.header("Content-Type") == "application/json")
        #expect(plain.header("Cache-Control") == "no-cache, no-store")
        #expect(plain.header("Idempotency-Key") == nil)
        let id = plain.header("Request-Id") ?? ""
        #expect(id.hasPrefix("req_") && id.utf8.count == 18)
        #expect(
            id.utf8.dropFirst(4).allSatisfy { byte in Base62.value(of: byte) != nil })

        let version = "2020-08-27; orders_beta=v4"
        #expect(await send("stripe-version", version).header("Stripe-Version") == version)
        for version in ["", "2020\r\nSet-Cookie: b", String(repeating: "v", count: 201)] {
            let response = await send("stripe-version", version)
            #expect(response.status == 400)
            #expect(response.header("Stripe-Version") == "2026-10-28.endive")
        }
        #expect(await send("stripe-version", "2020-08-27").header("Stripe-Version") == "2020-08-27")
        #expect(await send("idempotency-key", "abc-1").header("Idempotency-Key") == "abc-1")
        for key in ["", String(repeating: "k", count: 256), "a\r\nSet-Cookie: b", "schlüssel"] {
            let response = await send("idempotency-key", key)
            #expect(response.status == 400)
            #expect(response.header("Idempotency-Key") == nil)
        }
        #expect(await send("idempotency-key", String(repeating: "k", count: 255)).status == 200)
        for name in ["Stripe-Account", "Stripe-Context"] {
            let response = await send(name.lowercased(), "acct_1")
            #expect(response.errorLine.hasPrefix("400 - - The \(name) header is not supported"))
        }
    }
}
