import Gateway
import MerchantAPI
import Payments
import Primitives
import Testing

/// Knows one node abroad.
private struct TestGuide: JurisdictionGuide {
    let jurisdiction: String
    var known: [String] = ["https://eu1.example", "https://eu2.example"]

    func addresses(in jurisdiction: String) -> [String] {
        jurisdiction == "eu" ? known : []
    }
}

/// A node in `world` and a merchant whose cards stay in `eu`.
@Suite("Jurisdictions")
struct JurisdictionTests {
    private let gateway = ScriptedGateway()
    private static let key = "sk_test_jurisdictions"

    private func service(at jurisdiction: String, known: [String]? = nil) -> MerchantService {
        var guide = TestGuide(jurisdiction: jurisdiction)
        if let known { guide.known = known }
        let entry = MerchantDirectory.Entry(
            keyDigest: TestTokenizer.digest(Array(Self.key.utf8), seed: 2),
            merchant: Samples.merchant, isLive: false, jurisdiction: "eu")
        return MerchantService(
            loop: TestLoop(), gateway: gateway, tokenizer: TestTokenizer(),
            directory: MerchantDirectory([entry]), guide: guide, random: TestRandom())
    }

    private func request(
        _ method: String, _ path: String, body: String = "", key: String = Self.key
    ) -> APIRequest {
        let bytes = SensitiveBytes(capacity: body.utf8.count)
        bytes.append(Array(body.utf8))
        return APIRequest(
            method: method, path: path, headers: [("authorization", "Bearer \(key)")],
            body: bytes, receivedAt: MonotonicInstant(nanoseconds: 0))
    }

    @Test(
        "routes that may carry a card are turned away abroad, by the head and in the service alike",
        arguments: [
            "/v1/payment_intents", "/v1/payment_methods",
            "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB/confirm",
        ])
    func turnsAway(path: String) async throws {
        let abroad = service(at: "world")
        #expect(abroad.hasForeignMerchants)
        let byHead = try #require(await abroad.misdirection(of: request("POST", path)))
        let whole = request("POST", path, body: "amount=1&card[number]=1")
        for answer in [byHead, await abroad.respond(to: whole)] {
            #expect(answer.status == 421)
            let location = answer.headers.first { $0.name == "Location" }?.value
            #expect(location == "https://eu1.example" + path)
            let text = String(decoding: answer.body, as: UTF8.self)
            #expect(text.contains("invalid_request_error"))
            #expect(text.contains("https://eu1.example"))
        }
        #expect(gateway.requests.isEmpty)
    }

    @Test("at home, without a card, and without a key, the head alone turns nobody away")
    func letsIn() async {
        let home = service(at: "eu")
        #expect(!home.hasForeignMerchants)
        #expect(await home.misdirection(of: request("POST", "/v1/payment_intents")) == nil)
        let abroad = service(at: "world")
        for path in [
            "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB/capture",
            "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB/cancel", "/v1/refunds", "/v1/nothing",
        ] {
            #expect(await abroad.misdirection(of: request("POST", path)) == nil)
        }
        #expect(await abroad.misdirection(of: request("GET", "/v1/payment_intents")) == nil)
        let stranger = request("POST", "/v1/payment_intents", key: "sk_test_nobody")
        #expect(await abroad.misdirection(of: stranger) == nil)
        #expect(await abroad.respond(to: stranger).status == 401)
    }

    @Test("where no address is known, none is given")
    func withoutAddress() async throws {
        let abroad = service(at: "world", known: [])
        let answer = try #require(
            await abroad.misdirection(of: request("POST", "/v1/payment_methods")))
        #expect(answer.status == 421)
        #expect(!answer.headers.contains { $0.name == "Location" })
    }
}
