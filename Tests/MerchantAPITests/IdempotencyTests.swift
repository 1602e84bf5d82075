import Gateway
import MerchantAPI
import Payments
import Testing

struct IdempotencyTests {
    private static let card =
        "amount=1000&currency=usd&confirm=true&payment_method_data[type]=card"
        + "&payment_method_data[card][exp_month]=8&payment_method_data[card][exp_year]=2030"
    private static let first =
        card + "&payment_method_data[card][number]=4242424242424242"
        + "&payment_method_data[card][cvc]=123"

    private func claims(
        _ requests: [(path: String, body: String, key: String, idempotencyKey: String)]
    ) async -> [IdempotencyClaim] {
        let world = TestWorld()
        world.gateway.reply(.outcome(.payment(Samples.created()), replayOf: nil))
        for request in requests {
            _ = await world.post(
                request.path, request.body, key: request.key,
                headers: [("idempotency-key", request.idempotencyKey)])
        }
        return world.gateway.requests.map(\.claim)
    }

    @Test("a retry has the same claim although its card is sealed anew under another id")
    func stability() async throws {
        let path = "/v1/payment_intents"
        let world = TestWorld()
        world.gateway.reply(.outcome(.payment(Samples.created()), replayOf: nil))
        let variants = [
            Self.first, Self.first,
            // Other order, other encoding, other spelling of the number, other security code.
            "payment%5Fmethod%5Fdata%5Bcard%5D[cvc]=999&" + Self.card
                + "&payment_method_data[card][number]=4242-4242-4242-4242",
        ]
        for body in variants {
            _ = await world.post(path, body, headers: [("idempotency-key", "k")])
        }
        let requests = world.gateway.requests
        try #require(requests.count == 3)
        #expect(Set(requests.map(\.claim)).count == 1)
        #expect(requests[0].claim.keyDigest.count == 16)
        #expect(requests[0].claim.fingerprint.count == 32)
        let methods = requests.compactMap { request -> NewPaymentMethod? in
            guard case .createPayment(let new) = request.command, case .new(let method) = new.method
            else { return nil }
            return method
        }
        #expect(Set(methods.map(\.id)).count == 3)
        #expect(Set(methods.map(\.sealedCard)).count == 3)
    }

    @Test("a request without a key has a minted one, each its own, that no key of a caller equals")
    func minting() async {
        let world = TestWorld()
        world.gateway.reply(.outcome(.payment(Samples.created()), replayOf: nil))
        for _ in 0..<3 { _ = await world.post("/v1/payment_intents", Self.first) }
        let claims = world.gateway.requests.map(\.claim)
        #expect(claims.count == 3 && claims.allSatisfy(\.isMinted))
        #expect(Set(claims.map(\.keyDigest)).count == 3)
        #expect(claims.allSatisfy { $0.keyDigest.count == 12 })
        let response = await world.post(
            "/v1/payment_intents", Self.first, headers: [("idempotency-key", "k")])
        #expect(world.gateway.requests.last?.claim.isMinted == false)
        #expect(response.status == 200)
    }

    @Test("whatever a caller could mean differently gives another fingerprint")
    func sensitivity() async throws {
        let path = "/v1/payment_intents"
        let bodies = [
            Self.first,
            Self.card + "&payment_method_data[card][number]=5555555555554444",
            Self.first + "&metadata[a]=1", Self.first + "&metadata[a]=2",
            Self.first + "&metadata[b]=1", Self.first + "&description=a",
            Self.first + "&expand[]=payment_method",
            Self.first.replacing("=1000", with: "=1001"),
            Self.first.replacing("exp_month]=8", with: "exp_month]=9"),
        ]
        let claims = await claims(
            bodies.map { (path, $0, TestWorld.testKey, "k") }
        )
        try #require(claims.count == bodies.count)
        #expect(Set(claims.map(\.fingerprint)).count == bodies.count)
        #expect(Set(claims.map(\.keyDigest)).count == 1)
    }

    @Test("key, mode and path tell requests apart")
    func scopes() async throws {
        let one = "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB/cancel"
        let two = "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBC/cancel"
        let claims = await claims([
            (one, "", TestWorld.testKey, "k"), (one, "", TestWorld.testKey, "l"),
            (one, "", TestWorld.liveKey, "k"), (two, "", TestWorld.testKey, "k"),
        ])
        try #require(claims.count == 4)
        #expect(Set(claims.map(\.keyDigest)).count == 3)
        #expect(claims[0].keyDigest == claims[3].keyDigest)
        #expect(claims[0].fingerprint == claims[1].fingerprint)
        #expect(Set(claims.map(\.fingerprint)).count == 3)
    }

    @Test("a replay has the bytes of the first answer and says so")
    func replay() async {
        let world = TestWorld()
        let body = Self.first + "&expand[]=latest_charge"
        let headers = [(name: "idempotency-key", value: "order 6735")]
        for outcome in [
            Outcome.payment(Samples.succeeded), .declined(Samples.declined, attempt: 0),
            .refused(.methodMissing, Samples.created(hasMethod: false)),
        ] {
            world.gateway.reply(.outcome(outcome, replayOf: nil))
            let first = await world.post("/v1/payment_intents", body, headers: headers)
            world.gateway.reply(.outcome(outcome, replayOf: first.header("Request-Id")))
            world.loop.advance(by: .seconds(1))
            let second = await world.post("/v1/payment_intents", body, headers: headers)
            #expect(first.body == second.body && first.status == second.status)
            #expect(first.header("Idempotent-Replayed") == nil)
            #expect(second.header("Idempotent-Replayed") == "true")
            #expect(second.header("Original-Request") == first.header("Request-Id"))
            #expect(second.header("Request-Id") != first.header("Request-Id"))
            #expect(second.header("Idempotency-Key") == "order 6735")
        }
    }

    @Test(
        "what the shard cannot tell becomes an answer that says whether to retry",
        arguments: [
            (
                GatewayFailure.keyMismatch, "idempotency_error", nil,
                "400 - - Keys for idempotent requests can only be used with the same parameters "
                    + "they were first used with. Try using a key other than 'k1'"
            ),
            (
                .keyInUse, "invalid_request_error", nil,
                "409 idempotency_key_in_use - There is currently another in-progress request"
            ),
            (
                .lockTimeout, "invalid_request_error", "true",
                "429 lock_timeout - This object cannot be accessed right now"
            ),
            (.unavailable, "api_error", "true", "503 - - The outcome of this request is not known"),
            (.overloaded, "invalid_request_error", "true", "429 rate_limit - Too many requests"),
        ] as [(GatewayFailure, String, String?, String)])
    func failures(
        _ failure: GatewayFailure, _ type: String, _ shouldRetry: String?, _ expected: String
    ) async {
        let world = TestWorld()
        world.gateway.reply(CommandReply.failure(failure))
        let response = await world.post(
            "/v1/payment_intents", Self.first, headers: [("idempotency-key", "k1")])
        #expect(response.errorLine.hasPrefix(expected), "\(response.errorLine)")
        #expect(response.member("type") == type)
        #expect(response.header("Stripe-Should-Retry") == shouldRetry)
        world.gateway.reply(QueryReply.failure(failure))
        let query = await world.get("/v1/payment_intents")
        #expect(query.status == response.status)
    }

    @Test("a request whose time is over is not begun, and too many at once are refused")
    func bounds() async {
        let late = TestWorld()
        late.loop.advance(by: .seconds(25))
        let response = await late.post("/v1/payment_intents", Self.first)
        #expect(response.status == 503)
        #expect(await late.get("/v1/payment_intents").status == 503)
        #expect(late.gateway.requests.isEmpty && late.gateway.queries.isEmpty)
        let full = TestWorld(limits: MerchantAPILimits(requestsInFlightMax: 0))
        #expect(await full.get("/v1/payment_intents").member("code") == "rate_limit")
    }
}
