import Acquirer
import ISO8583
import Testing

struct ReversalTests {
    @Test("A reversal releases the hold, and again changes nothing")
    func full() throws {
        var host = AcquirerInstance()
        let original = Messages.request()
        _ = host.answer(original)
        let reversal = Messages.reversal(of: original, trace: 2)
        let found = host.answer(reversal)
        let answer = try #require(found)
        #expect(answer.type == .reversalAdviceResponse)
        #expect(answer.responseCode == .approved)
        #expect(answer[.originalDataElements] == reversal[.originalDataElements])
        let repeated = try #require(reversal.repeated())
        #expect(host.answer(repeated) == answer)
        #expect(host.code(Messages.reversal(of: original, trace: 3)) == "00")
        #expect(host.lines == ["auth 1000 reversed captured 0 refunded 0 reversed 1000"])
        #expect(host.code(original) == "00", "the stored answer, with nothing held again")
        #expect(host.transactions.count == 1)
    }

    @Test("A sale that is reversed is captured no more")
    func sale() {
        var host = AcquirerInstance()
        let sale = Messages.request(.financialRequest)
        _ = host.answer(sale)
        #expect(host.code(Messages.reversal(of: sale, trace: 2)) == "00")
        #expect(host.lines == ["sale 1000 reversed captured 0 refunded 0 reversed 1000"])
        #expect(host.code(Messages.refund(1, trace: 3)) == "13")
    }

    @Test("A partial reversal leaves what DE 95 says, before or after the capture of it")
    func partial() {
        let original = Messages.request()
        let reversal = Messages.reversal(of: original, trace: 2, remaining: 400)
        let capture = Messages.capture(400, trace: 3)
        for messages in [[reversal, capture], [capture, reversal]] {
            var host = AcquirerInstance()
            _ = host.answer(original)
            for message in messages { #expect(host.code(message) == "00") }
            #expect(host.lines == ["auth 1000 captured captured 400 refunded 0 reversed 600"])
            #expect(host.code(Messages.capture(1, trace: 4)) == "61")
        }
        var host = AcquirerInstance()
        _ = host.answer(original)
        _ = host.answer(reversal)
        #expect(host.lines == ["auth 1000 partially_reversed captured 0 refunded 0 reversed 600"])
        #expect(host.code(Messages.reversal(of: original, trace: 5, remaining: 700)) == "00")
        #expect(host.code(Messages.reversal(of: original, trace: 6, remaining: 100)) == "00")
        #expect(host.lines == ["auth 1000 partially_reversed captured 0 refunded 0 reversed 900"])
        #expect(host.code(Messages.reversal(of: original, trace: 6, remaining: 90)) == "94")
    }

    @Test("What was captured by an advice, or refunded, is not reversed")
    func captured() {
        var host = AcquirerInstance()
        let original = Messages.request()
        _ = host.answer(original)
        let capture = Messages.capture(400, trace: 2)
        _ = host.answer(capture)
        #expect(host.code(Messages.reversal(of: original, trace: 3)) == "12")
        #expect(host.code(Messages.reversal(of: original, trace: 4, remaining: 399)) == "12")
        #expect(host.code(Messages.reversal(of: capture, trace: 5)) == "12")
        let sale = Messages.request(.financialRequest, trace: 6, reference: "000000000006")
        _ = host.answer(sale)
        _ = host.answer(Messages.refund(10, trace: 7, reference: "000000000006"))
        #expect(host.code(Messages.reversal(of: sale, trace: 8)) == "12")
        #expect(host.code(Messages.reversal(of: sale, trace: 9, remaining: 10)) == "00")
        #expect(
            host.lines.prefix(2) == [
                "auth 1000 captured captured 400 refunded 0 reversed 0",
                "sale 1000 captured captured 10 refunded 10 reversed 990",
            ])
    }

    @Test("Only the increment that DE 90 names is reversed")
    func increment() {
        var host = AcquirerInstance()
        let increment = Messages.request(amount: 500, trace: 2)
        _ = host.answer(Messages.request())
        _ = host.answer(increment)
        #expect(host.code(Messages.reversal(of: increment, trace: 3)) == "00")
        #expect(
            host.lines == [
                "auth 1000 approved captured 0 refunded 0 reversed 0",
                "auth 500 reversed captured 0 refunded 0 reversed 500",
            ])
    }

    @Test("A reversal that overtakes its original leaves a tombstone, and the original is declined")
    func tombstone() {
        for withReference in [true, false] {
            for type in [MessageType.authorizationRequest, .financialRequest] {
                var host = AcquirerInstance()
                let original = Messages.request(type)
                let reversal = Messages.reversal(
                    of: original, trace: 2, withReference: withReference)
                #expect(host.code(reversal) == "00")
                #expect(host.transactions.map(\.state) == [.tombstone])
                #expect(host.code(original) == "12")
                #expect(host.code(original) == "12")
                #expect(host.transactions.map(\.state) == [.declined])
                #expect(host.transactions[0].amount == 1000)
                #expect(host.code(reversal.repeated()!) == "00")
                #expect(host.code(Messages.reversal(of: original, trace: 3)) == "00")
                #expect(host.transactions.map(\.state) == [.declined])
                #expect(host.code(Messages.capture(1, trace: 4)) == "61")
            }
        }
    }

    @Test(
        "A host that forgets acknowledges the reversal and approves the original; then it reverses")
    func forgetting() {
        var host = AcquirerInstance(
            options: AcquirerInstance.Options(forgetsUnknownReversals: true))
        let original = Messages.request()
        let reversal = Messages.reversal(of: original, trace: 2)
        #expect(host.code(reversal) == "00")
        #expect(host.transactions.isEmpty)
        #expect(host.code(original) == "00")
        #expect(host.lines == ["auth 1000 approved captured 0 refunded 0 reversed 0"])
        #expect(host.code(reversal.repeated()!) == "00")
        #expect(host.lines == ["auth 1000 reversed captured 0 refunded 0 reversed 1000"])
    }

    @Test("A trace number that came round is not taken for the original that never arrived")
    func traceComesRound() {
        var host = AcquirerInstance()
        _ = host.answer(Messages.request(trace: 7, reference: "000000000001"))
        var lost = Messages.request(trace: 7, reference: "000000000002")
        lost.transmissionTime = TransmissionTime(digits: Array("0101000000".utf8))
        #expect(host.code(Messages.reversal(of: lost, trace: 8)) == "00")
        #expect(host.transactions.map(\.state) == [.approved, .tombstone])
    }

    @Test("A reversal without DE 90 is about its own trace number, or all that its reference names")
    func withoutOriginalDataElements() {
        var host = AcquirerInstance()
        _ = host.answer(Messages.request())
        var reversal = Messages.request(.reversalAdvice, trace: 9)
        #expect(host.code(reversal) == "00")
        #expect(host.transactions.map(\.state) == [.reversed])
        reversal = Messages.request(.reversalAdvice, trace: 3, reference: "000000000003")
        #expect(host.code(reversal) == "00")
        #expect(host.code(Messages.request(trace: 3, reference: "000000000003")) == "12")
    }

    @Test("A reversal with a malformed DE 90 or in another currency is refused")
    func invalid() {
        var host = AcquirerInstance()
        let original = Messages.request()
        _ = host.answer(original)
        var malformed = Messages.reversal(of: original, trace: 2)
        malformed.set(.originalDataElements, text: String(repeating: "9", count: 42))
        #expect(host.code(malformed) == "30")
        var foreign = Messages.reversal(of: original, trace: 3)
        foreign.set(.currency, text: "840")
        #expect(host.code(foreign) == "12")
        #expect(host.transactions.map(\.state) == [.approved])
    }

    @Test("A reversal request is answered by its own type")
    func request() {
        var host = AcquirerInstance()
        let original = Messages.request()
        _ = host.answer(original)
        var reversal = Messages.reversal(of: original, trace: 2)
        reversal.type = .reversalRequest
        #expect(host.answer(reversal)?.type == .reversalResponse)
        #expect(host.transactions.map(\.state) == [.reversed])
    }
}
