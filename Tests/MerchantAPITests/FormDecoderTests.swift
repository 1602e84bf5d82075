import MerchantAPI
import Primitives
import Testing

struct FormDecoderTests {
    private func flat(_ text: String) throws -> [String] {
        try FormDecoder.decode(text.utf8).entries.map { "\($0.name)=\($0.value)" }
    }

    @Test(
        "forms become flat, sorted names",
        arguments: [
            ("", []),
            ("a=1", ["a=1"]),
            ("a", ["a="]),
            ("a=", ["a="]),
            ("&&b=2&a=1&", ["a=1", "b=2"]),
            ("a=1=2", ["a=1=2"]),
            ("a+b=c+d%2Be", ["a b=c d+e"]),
            ("a[b][c]=1", ["a[b][c]=1"]),
            ("a%5Bb%5D=%E2%82%AC", ["a[b]=€"]),
            ("expand[]=x&expand[]=y", ["expand[0]=x", "expand[1]=y"]),
            ("expand[1]=y&expand[0]=x", ["expand[0]=x", "expand[1]=y"]),
            ("metadata[ü b]=1", ["metadata[ü b]=1"]),
            ("metadata[\u{301}]=1", ["metadata[\u{301}]=1"]),
            ("a[b][c][d][e]=1", ["a[b][c][d][e]=1"]),
        ] as [(String, [String])])
    func decodes(_ text: String, _ expected: [String]) throws {
        #expect(try flat(text) == expected)
    }

    @Test(
        "what is not a form is refused with a reason",
        arguments: [
            ("=1", "malformed"), ("[a]=1", "malformed"), ("a[=1", "malformed"),
            ("a]=1", "malformed"), ("a[b=1", "malformed"), ("a[b]c=1", "malformed"),
            ("a[b[c]]=1", "malformed"), ("a[[b]]=1", "malformed"),
            ("a[][b]=1", "use indexes"),
            ("a[b][c][d][e][f]=1", "nested more than 5"),
            ("a=%", "hexadecimal"), ("a=%4", "hexadecimal"), ("a=%zz", "hexadecimal"),
            ("%=a", "hexadecimal"), ("a=%FF", "UTF-8"), ("a=%00", "UTF-8"), ("%C0%80=1", "UTF-8"),
            ("a=1&a=2", "more than once"), ("a[b]=1&a%5bb%5d=1", "more than once"),
            ("x[]=1&x[0]=2", "more than once"),
            ("a=1&a[b]=2", "as a value and as a group"),
            ("a[b][c]=1&a[b]=2&a[b][d]=1", "as a value and as a group"),
            ("4242424242424242=1", "card number"),
            ("metadata[4242-4242-4242-4242]=1", "card number"),
        ])
    func refuses(_ text: String, _ reason: String) {
        let error = #expect(throws: APIError.self) { try FormDecoder.decode(text.utf8) }
        #expect(error?.status == 400)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("4242") == false)
    }

    @Test("the bounds are exact")
    func bounds() throws {
        func count(_ text: String) -> Int? { try? FormDecoder.decode(text.utf8).entries.count }
        let many = (0..<1000).map { "a\($0)=" }
        #expect(count(many.joined(separator: "&")) == 1000)
        #expect(count((many + ["b="]).joined(separator: "&")) == nil)
        #expect(count(String(repeating: "a", count: 256) + "=1") == 1)
        #expect(count(String(repeating: "a", count: 257) + "=1") == nil)
        #expect(count("a=" + String(repeating: "b", count: 5000)) == 1)
        #expect(count("a=" + String(repeating: "b", count: 5001)) == nil)
        #expect(count(String(repeating: "&", count: 64 * 1024)) == 0)
        #expect(count(String(repeating: "&", count: 64 * 1024 + 1)) == nil)
    }

    @Test("no bytes make the decoder trap, and what it accepts it accepts again in any order")
    func randomBytes() throws {
        var random = SeededRandom(seed: 20_261_123)
        // Weighted to what a form is made of, so that deep paths are reached.
        let alphabet = Array("a=&[]%5bB0+=&[]xé\u{0}".utf8) + [0xFF, 0xC0, 0x80]
        var acceptedCount = 0
        for round in 0..<100_000 {
            let length = Int.random(in: 0...40, using: &random)
            let bytes = (0..<length).map { _ in
                round.isMultiple(of: 4)
                    ? UInt8.random(in: .min ... .max, using: &random)
                    : alphabet.randomElement(using: &random)!
            }
            guard let parameters = try? FormDecoder.decode(bytes) else { continue }
            acceptedCount += 1
            let rebuilt = try Parameters(parameters.entries.shuffled(using: &random))
            #expect(rebuilt.entries.map(\.name) == parameters.entries.map(\.name))
        }
        #expect(acceptedCount > 1000)
    }

    @Test("of what holds card data no text is made, and nothing is left when it was read")
    func cardData() async throws {
        let parameters = try FormDecoder.decode("card%5Bnumber%5D=%34242&card[cvc]=123&a=b".utf8)
        #expect(parameters.entries.map(\.value) == ["b", "", ""])
        let secrets = parameters.entries.compactMap(\.secret)
        #expect(secrets.map { $0.read { Array($0) } } == ["123", "4242"].map { Array($0.utf8) })
        parameters.wipeSecrets()
        #expect(secrets.allSatisfy { $0.isWiped })
    }

    @Test(
        "the body is zeros once a request was answered, however it ended",
        arguments: [
            "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2034"
                + "&card[cvc]=123",
            "type=card&card[number]=4242424242424241&card[exp_month]=12&card[exp_year]=2034",
            "type=card&card[number]=4242424242424242&card[number]=4242424242424242", "%zz",
        ])
    func bodyIsWiped(text: String) async {
        let world = TestWorld()
        let body = SensitiveBytes(copying: text.utf8)
        _ = await world.service.respond(
            to: APIRequest(
                method: "POST", path: "/v1/payment_methods",
                headers: [("authorization", "Bearer \(TestWorld.testKey)")], body: body,
                receivedAt: MonotonicInstant(nanoseconds: 0)))
        #expect(body.isWiped && body.count == text.utf8.count)
    }

    @Test("parameters show nothing of themselves")
    func redaction() throws {
        let parameters = try FormDecoder.decode("card[number]=4242424242424242".utf8)
        var dumped = ""
        dump(parameters, to: &dumped)
        dump(parameters.entries, to: &dumped)
        #expect(!(dumped + "\(parameters) \(parameters.entries)").contains("4242"))
        let request = APIRequest(
            method: "POST", path: "/", headers: [("authorization", "Bearer sk_test_secret")],
            body: SensitiveBytes(copying: "4242424242424242".utf8),
            receivedAt: MonotonicInstant(nanoseconds: 0))
        var text = "\(request)"
        dump(request, to: &text)
        #expect(!text.contains("secret") && !text.contains("4242"))
    }
}
