import ISO8583
import Primitives
import Testing

struct InFlightMatcherTests {
    private typealias Matcher = InFlightMatcher<String>

    private func at(_ seconds: Int) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds) * 1_000_000_000)
    }

    private func message(
        _ type: MessageType, _ trace: UInt32, terminal: String? = "T0000001"
    ) -> Message {
        var message = Message(type)
        message.trace = TraceNumber(trace)
        if let terminal { message.set(.terminal, text: terminal) }
        return message
    }

    private func text(_ match: Matcher.Match) -> String {
        switch match {
        case .matched(let token): "matched \(token)"
        case .late(let token): "late \(token)"
        case .duplicate(let token): "duplicate \(token)"
        case .unknown: "unknown"
        }
    }

    @Test("A transcript: answered, answered twice, timed out, late, late twice, forgotten")
    func transcript() throws {
        var matcher = Matcher(limits: .init(memory: .seconds(120)))
        try matcher.register(message(.authorizationRequest, 1), token: "a", deadline: at(10))
        try matcher.register(message(.authorizationRequest, 2), token: "b", deadline: at(11))
        try matcher.register(message(.reversalAdvice, 1), token: "c", deadline: at(9))
        #expect(matcher.inFlightCount == 3)
        #expect(matcher.nextInstant == at(9))
        let first = message(.authorizationResponse, 1)
        #expect(text(matcher.match(first, now: at(1))) == "matched a")
        #expect(text(matcher.match(first, now: at(2))) == "duplicate a")
        #expect(matcher.expire(now: at(8)) == [])
        #expect(matcher.expire(now: at(11)) == ["c", "b"])
        #expect(matcher.inFlightCount == 0)
        #expect(matcher.timedOutCount == 2)
        let second = message(.authorizationResponse, 2)
        #expect(text(matcher.match(second, now: at(60))) == "late b")
        #expect(text(matcher.match(second, now: at(61))) == "duplicate b")
        #expect(matcher.timedOutCount == 1)
        #expect(text(matcher.match(first, now: at(120))) == "duplicate a")
        #expect(text(matcher.match(first, now: at(121))) == "unknown")
        let third = message(.reversalAdviceResponse, 1)
        #expect(text(matcher.match(third, now: at(131))) == "unknown")
        #expect(matcher.expire(now: at(500)) == [])
        #expect(matcher.timedOutCount == 0)
        #expect(matcher.nextInstant == nil)
    }

    @Test("Terminal, trace and type have to be those of the request")
    func keys() throws {
        var matcher = Matcher()
        try matcher.register(message(.authorizationRequest, 7), token: "a", deadline: at(10))
        try matcher.register(
            message(.authorizationRequest, 7, terminal: "T0000002"), token: "b", deadline: at(10))
        try matcher.register(message(.financialRequest, 7), token: "c", deadline: at(10))
        try matcher.register(
            message(.networkManagementRequest, 7, terminal: nil), token: "d", deadline: at(10))
        func match(_ message: Message) -> String { text(matcher.match(message, now: at(1))) }
        #expect(match(message(.authorizationResponse, 8)) == "unknown")
        #expect(match(message(.authorizationResponse, 7, terminal: nil)) == "unknown")
        #expect(match(message(.authorizationResponse, 7, terminal: "T0000003")) == "unknown")
        #expect(match(message(.authorizationResponse, 7, terminal: "T00000011")) == "unknown")
        #expect(match(message(.authorizationRequest, 7)) == "unknown")
        #expect(match(Message(.authorizationResponse)) == "unknown")
        #expect(match(message(.authorizationResponse, 7, terminal: "T0000002")) == "matched b")
        #expect(match(message(.financialResponse, 7)) == "matched c")
        #expect(match(message(.networkManagementResponse, 7, terminal: nil)) == "matched d")
        #expect(match(message(.authorizationResponse, 7)) == "matched a")
    }

    @Test("What cannot be matched or held is refused")
    func refusals() throws {
        var matcher = Matcher(limits: .init(inFlightCountMaximum: 2, rememberedCountMaximum: 3))
        func refusal(_ message: Message) -> Matcher.Refusal? {
            do throws(Matcher.Refusal) {
                try matcher.register(message, token: "x", deadline: at(10))
                return nil
            } catch { return error }
        }
        #expect(refusal(message(.authorizationResponse, 1)) == .notARequest(.authorizationResponse))
        #expect(refusal(Message(.authorizationRequest)) == .noKey)
        #expect(refusal(message(.authorizationRequest, 1, terminal: "T00000001")) == .noKey)
        #expect(refusal(message(.authorizationRequest, 1)) == nil)
        #expect(refusal(message(.authorizationRequest, 1)) == .keyInFlight)
        #expect(refusal(message(.authorizationRequest, 2)) == nil)
        #expect(refusal(message(.authorizationRequest, 3)) == .full)
        // Both time out and stay remembered: one more has room, a second has not.
        #expect(matcher.expire(now: at(10)).count == 2)
        #expect(refusal(message(.authorizationRequest, 3)) == nil)
        #expect(refusal(message(.authorizationRequest, 4)) == .full)
        // A key that timed out may be used again, for it takes the place of its first use.
        #expect(text(matcher.match(message(.authorizationResponse, 3), now: at(11))) == "matched x")
        #expect(refusal(message(.authorizationRequest, 2)) == nil)
        #expect(matcher.timedOutCount == 1)
    }

    @Test("A repeated advice takes over the key of the one that timed out")
    func repeats() throws {
        var matcher = Matcher()
        let advice = message(.reversalAdvice, 5)
        try matcher.register(advice, token: "first", deadline: at(10))
        let repeated = try #require(advice.repeated())
        #expect(throws: Matcher.Refusal.keyInFlight) {
            try matcher.register(repeated, token: "second", deadline: at(20))
        }
        #expect(matcher.expire(now: at(10)) == ["first"])
        try matcher.register(repeated, token: "second", deadline: at(20))
        let answer = message(.reversalAdviceResponse, 5)
        #expect(text(matcher.match(answer, now: at(12))) == "matched second")
        #expect(matcher.expire(now: at(30)) == [])
        #expect(text(matcher.match(answer, now: at(31))) == "duplicate second")
    }

    @Test("A lost link times out everything in order, and answers over the next one are late")
    func lostLink() throws {
        var matcher = Matcher()
        for (trace, token) in zip(UInt32(1)..., ["a", "b", "c"]) {
            try matcher.register(
                message(.financialRequest, trace), token: token, deadline: at(30 - Int(trace)))
        }
        #expect(matcher.withdraw(message(.financialRequest, 3)) == "c")
        #expect(matcher.withdraw(message(.financialRequest, 3)) == nil)
        #expect(matcher.expireAll(now: at(5)) == ["a", "b"])
        #expect(matcher.expireAll(now: at(5)) == [])
        #expect(matcher.expire(now: at(40)) == [])
        #expect(text(matcher.match(message(.financialResponse, 2), now: at(60))) == "late b")
        #expect(text(matcher.match(message(.financialResponse, 3), now: at(60))) == "unknown")
        #expect(matcher.inFlightCount == 0)
        #expect(matcher.expire(now: at(1000)) == [])
        #expect(matcher.timedOutCount == 0)
    }

    @Test("A host that answers 0400 with 0430 is a pairing")
    func pairing() throws {
        let pairing = ResponsePairing(exceptions: [.reversalRequest: .reversalAdviceResponse])
        var matcher = Matcher(pairing: pairing)
        try matcher.register(message(.reversalRequest, 1), token: "a", deadline: at(10))
        #expect(text(matcher.match(message(.reversalResponse, 1), now: at(1))) == "unknown")
        #expect(text(matcher.match(message(.reversalAdviceResponse, 1), now: at(1))) == "matched a")
    }

    @Test("However requests end, each token comes out once and nothing is left behind")
    func conservation() throws {
        var random = SeededRandom(seed: 90)
        let limits = InFlightMatcher<Int>.Limits(
            inFlightCountMaximum: 50, rememberedCountMaximum: 200, memory: .seconds(20))
        var matcher = InFlightMatcher<Int>(limits: limits)
        var settled: [Int: Int] = [:]
        var late: [Int: Int] = [:]
        var registered = 0
        for second in 0..<20_000 {
            let trace = UInt32.random(in: 0..<400, using: &random)
            if random.chance(1, in: 2) {
                let deadline = at(second + Int.random(in: 1...30, using: &random))
                let request = message(.authorizationRequest, trace)
                if (try? matcher.register(request, token: registered, deadline: deadline)) != nil {
                    registered += 1
                }
            }
            // The answer to some other request, if any: most requests wait, some for ever.
            let answer = UInt32.random(in: 0..<400, using: &random)
            switch matcher.match(message(.authorizationResponse, answer), now: at(second)) {
            case .matched(let token): settled[token, default: 0] += 1
            case .late(let token): late[token, default: 0] += 1
            case .duplicate, .unknown: break
            }
            for token in matcher.expire(now: at(second)) { settled[token, default: 0] += 1 }
            #expect(matcher.inFlightCount <= 50)
        }
        for token in matcher.expireAll(now: at(20_000)) { settled[token, default: 0] += 1 }
        #expect(settled.count == registered)
        #expect(settled.values.allSatisfy { $0 == 1 })
        #expect(late.values.allSatisfy { $0 == 1 })
        #expect(late.count > 100, "the run has to come to late answers")
        #expect(matcher.expire(now: at(100_000)) == [])
        #expect(matcher.nextInstant == nil)
        #expect(matcher.timedOutCount == 0)
    }
}
