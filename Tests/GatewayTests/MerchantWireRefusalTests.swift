import Gateway
import Payments
import Primitives
import Testing

/// What is refused while it is read, and what answers do not answer.
@Suite struct MerchantWireRefusalTests {
    private typealias Samples = WireSamples

    private func error(ask bytes: [UInt8]) -> DecodingError? {
        do throws(DecodingError) {
            _ = try MerchantAsk(encoded: bytes, deadline: Samples.deadline)
            return nil
        } catch { return error }
    }

    private func error(answer bytes: [UInt8]) -> DecodingError? {
        do throws(DecodingError) {
            _ = try MerchantAnswer(encoded: bytes)
            return nil
        } catch { return error }
    }

    /// The fault that is found, wherever it is.
    private func fault(_ error: DecodingError?) -> StaticName? {
        if case .invalid(let what, _) = error { what } else { nil }
    }

    private func fault(
        _ command: MerchantCommand, claim: IdempotencyClaim = Samples.callerClaim,
        id: String = "req_1"
    ) -> StaticName? {
        let ask = MerchantAsk.command(Samples.request(command, claim: claim, id: id))
        return fault(error(ask: ask.encoded()))
    }

    private func fault(_ outcome: Outcome, replayOf: String? = nil) -> StaticName? {
        let answer = MerchantAnswer.command(.outcome(outcome, replayOf: replayOf))
        return fault(error(answer: answer.encoded()))
    }

    private static let payment = Samples.held.id
    private static let cancel = MerchantCommand.cancelPayment(payment, reason: nil)

    @Test("messages that end early, and messages with something behind them, are refused")
    func truncatedAndTrailing() {
        for (name, ask) in Samples.asks {
            let bytes = ask.encoded()
            for count in bytes.indices {
                #expect(error(ask: Array(bytes.prefix(count))) != nil, "\(name), \(count)")
            }
            #expect(error(ask: bytes + [0]) == .trailing(offset: bytes.count), "\(name)")
        }
        for (name, answer) in Samples.answers {
            let bytes = answer.encoded()
            for count in bytes.indices {
                #expect(error(answer: Array(bytes.prefix(count))) != nil, "\(name), \(count)")
            }
            #expect(error(answer: bytes + [0]) == .trailing(offset: bytes.count), "\(name)")
        }
    }

    @Test("other versions and other tags are refused by name, and neither is read as the other")
    func unknown() {
        let ask = Samples.asks[0].ask.encoded()
        let answer = Samples.answers[0].answer.encoded()
        for version in [0, 2, 255] as [UInt8] {
            let expected = DecodingError.unsupportedVersion(found: UInt64(version), offset: 0)
            #expect(error(ask: [version] + ask.dropFirst()) == expected)
            #expect(error(answer: [version] + answer.dropFirst()) == expected)
        }
        for tag in [0, 3, 4, 5, 255] as [UInt8] {
            #expect(error(ask: [1, tag]) == .invalid(what: "ask", offset: 1))
        }
        for tag in [0, 1, 2, 5, 255] as [UInt8] {
            #expect(error(answer: [1, tag]) == .invalid(what: "answer", offset: 1))
        }
        #expect(fault(error(ask: answer)) == "ask")
        #expect(fault(error(answer: ask)) == "answer")
        #expect(error(answer: [1, 3, 2]) == .invalid(what: "command reply", offset: 2))
        #expect(error(answer: [1, 4, 5]) == .invalid(what: "query reply", offset: 2))
        #expect(error(answer: [1, 3, 1, 5]) == .invalid(what: "failure", offset: 3))
        #expect(error(answer: [1, 4, 0, 2]) == .invalid(what: "flag", offset: 3))
    }

    @Test("tags within an ask are refused by name")
    func unknownParts() {
        // The tag of the command stands behind a minted claim, a request id and a merchant.
        var bytes = MerchantAsk.command(
            Samples.request(Self.cancel, claim: Samples.mintedClaim, id: "")
        ).encoded()
        let tag = 3 + 17 + 1 + 1 + 13 + 1
        #expect(bytes[tag] == 5)
        bytes[tag] = 8
        #expect(error(ask: bytes) == .invalid(what: "command", offset: tag))
        let query = MerchantQuery.payment(Self.payment)
        var asked = MerchantAsk.query(query, merchant: Self.merchant, isLive: true).encoded()
        asked[2 + 17 + 1] = 3
        #expect(error(ask: asked) == .invalid(what: "query", offset: 20))
    }

    private static let merchant = Samples.held.merchant

    @Test("a code is three or four digits, and comes with a card")
    func codes() {
        for code in ["12", "12345", "12x", "1\u{0}3", " 123"] {
            let new = Samples.newMethod(code: code)
            #expect(fault(.createPaymentMethod(new)) == "verification code", "\(code)")
        }
        let bytes = MerchantAsk.command(Samples.request(Self.cancel)).encoded()
        let withCode = bytes.prefix(2) + [3] + "123".utf8 + bytes.dropFirst(3)
        #expect(error(ask: Array(bytes)) == nil)
        #expect(
            error(ask: Array(withCode))
                == .invalid(what: "verification code without a card", offset: 2))
    }

    @Test("claims of another shape than a caller's or a minted one are refused")
    func claims() {
        for (key, fingerprint) in [(0, 0), (12, 32), (16, 0), (16, 31), (17, 32), (13, 0)] {
            let claim = IdempotencyClaim(
                keyDigest: [UInt8](repeating: 1, count: key),
                fingerprint: [UInt8](repeating: 2, count: fingerprint))
            #expect(fault(Self.cancel, claim: claim) == "idempotency claim")
        }
    }

    @Test("sizes and numbers beyond their bounds are refused")
    func bounds() {
        let long = String(repeating: "r", count: 64)
        #expect(fault(Self.cancel, id: long) == nil)
        #expect(fault(Self.cancel, id: long + "r") == "size of a request id")
        #expect(fault(.payment(Samples.held), replayOf: long) == nil)
        #expect(fault(.payment(Samples.held), replayOf: long + "r") == "size of a request id")
        for count in [1024, 1025] {
            let sealed = [UInt8](repeating: 1, count: count)
            let new = Samples.newMethod(code: nil, sealedCard: sealed)
            let expected: StaticName? = count == 1024 ? nil : "size of a sealed card"
            #expect(fault(.createPaymentMethod(new)) == expected)
        }
        for number in [-1, 62, Int.max, Int.min] {
            #expect(fault(.cancelRefund(Self.payment, number: number)) == "part number")
            let refund = MerchantCommand.createRefund(
                Self.payment, charge: number, amount: nil, reason: nil, metadata: [])
            #expect(fault(refund) == "part number")
        }
        for limit in [0, 101, -1, Int.max] {
            let page = PaymentPage(
                limit: limit, cursor: nil, createdFrom: nil, createdThrough: nil)
            let ask = MerchantAsk.query(
                .payments(page), merchant: Self.merchant, isLive: true)
            #expect(fault(error(ask: ask.encoded())) == "limit of a page")
        }
    }

    @Test("messages beyond their size are refused unread")
    func sizes() {
        let ask = [UInt8](repeating: 1, count: MerchantAsk.byteCountMax + 1)
        #expect(error(ask: ask) == .invalid(what: "size of an ask", offset: 0))
        let answer = [UInt8](repeating: 1, count: MerchantAnswer.byteCountMax + 1)
        #expect(error(answer: answer) == .invalid(what: "size of an answer", offset: 0))
        let full = [Payment](repeating: Samples.declined, count: 100)
        for (payments, expected) in [
            (full, nil), (full + [Samples.held], "count of payments" as StaticName),
        ] {
            let reply = MerchantAnswer.query(.payments(payments, hasMore: false))
            #expect(fault(error(answer: reply.encoded())) == expected)
        }
    }

    @Test("an outcome that names what its payment does not have is refused")
    func outcomes() {
        for number in [1, 61] {
            #expect(fault(.declined(Samples.declined, attempt: number)) == "outcome")
            #expect(fault(.refund(Samples.refunded, number: number)) == "outcome")
            #expect(
                fault(.incrementDeclined(Samples.held, attempt: number, number: 0)) == "outcome")
            #expect(
                fault(.incrementDeclined(Samples.held, attempt: 0, number: number)) == "outcome")
        }
        #expect(fault(.incrementDeclined(Samples.declined, attempt: 0, number: 0)) == "outcome")
    }
}
