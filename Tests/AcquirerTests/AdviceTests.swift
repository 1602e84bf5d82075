import Acquirer
import ISO8583
import Testing

struct AdviceTests {
    @Test("Captures draw on the hold until it is used up; one more is refused and recorded")
    func capture() {
        var host = AcquirerInstance()
        _ = host.answer(Messages.request())
        #expect(host.answer(Messages.capture(400, trace: 2))?.type == .financialAdviceResponse)
        #expect(host.lines == ["auth 1000 captured captured 400 refunded 0 reversed 0"])
        let directives = host.directives(Messages.capture(601, trace: 3))
        #expect(
            directives.contains {
                guard case .saveAdvice(let advice) = $0 else { return false }
                return advice.kind == .capture && advice.responseCode == .exceedsAmountLimit
                    && advice.transactionID == nil && advice.amount == 601
            })
        #expect(host.code(Messages.capture(601, trace: 3)) == "61")
        #expect(host.code(Messages.capture(600, trace: 4)) == "00")
        #expect(host.code(Messages.capture(1, trace: 5)) == "61")
        #expect(host.lines == ["auth 1000 captured captured 1000 refunded 0 reversed 0"])
    }

    @Test("A repeated advice changes nothing and gets the answer of the first")
    func repeats() throws {
        var host = AcquirerInstance()
        _ = host.answer(Messages.request())
        for advice in [
            Messages.capture(400, trace: 2), Messages.capture(700, trace: 3),
            Messages.refund(100, trace: 4), Messages.refund(500, trace: 5),
        ] {
            let first = host.answer(advice)
            let transactions = host.transactions
            let repeated = try #require(advice.repeated())
            #expect(host.answer(repeated) == first)
            #expect(host.answer(advice) == first)
            #expect(host.transactions == transactions)
        }
        #expect(
            host.lines == [
                "auth 1000 captured captured 400 refunded 100 reversed 0",
                "refund 100 captured captured 100 refunded 0 reversed 0",
                "refund 500 declined 13",
            ])
        #expect(host.code(Messages.capture(401, trace: 2)) == "94")
        #expect(host.code(Messages.refund(400, trace: 2)) == "94")
    }

    @Test("A capture finds its hold by DE 90 when it has no reference or one of its own")
    func captureByOriginalDataElements() {
        for reference in [nil, "000000000777"] {
            var host = AcquirerInstance()
            let original = Messages.request(trace: 7)
            _ = host.answer(original)
            #expect(
                host.code(
                    Messages.capture(1000, trace: 8, reference: reference, of: original)) == "00")
            #expect(host.lines == ["auth 1000 captured captured 1000 refunded 0 reversed 0"])
        }
    }

    @Test("A capture of the total draws on the authorization and its increments")
    func increments() {
        var host = AcquirerInstance()
        let first = Messages.request(amount: 1000)
        _ = host.answer(first)
        _ = host.answer(Messages.request(amount: 500, trace: 2))
        #expect(host.code(Messages.capture(1501, trace: 3, of: first)) == "61")
        #expect(host.code(Messages.capture(1200, trace: 4, of: first)) == "00")
        #expect(
            host.lines == [
                "auth 1000 captured captured 1000 refunded 0 reversed 0",
                "auth 500 captured captured 200 refunded 0 reversed 0",
            ])
        #expect(host.code(Messages.refund(1100, trace: 5)) == "00")
        #expect(host.transactions.map { $0.approval?.refundedAmount } == [1000, 100, 0])
    }

    @Test("A refund gives back what was captured, and no more")
    func refund() {
        var host = AcquirerInstance()
        let sale = Messages.request(.financialRequest)
        _ = host.answer(sale)
        #expect(host.code(Messages.refund(300, trace: 2, of: sale)) == "00")
        #expect(host.code(Messages.refund(701, trace: 3, of: sale)) == "13")
        #expect(host.code(Messages.refund(700, trace: 4, reference: nil, of: sale)) == "00")
        #expect(host.code(Messages.refund(1, trace: 5)) == "13")
        #expect(
            host.lines == [
                "sale 1000 captured captured 1000 refunded 1000 reversed 0",
                "refund 300 captured captured 300 refunded 0 reversed 0",
                "refund 701 declined 13",
                "refund 700 captured captured 700 refunded 0 reversed 0",
                "refund 1 declined 13",
            ])
        #expect(host.transactions.map(\.originalID) == [nil, 1, 1, 1, 1])
    }

    @Test("Nothing is captured or refunded of what was declined or reversed")
    func deadOriginals() {
        var host = AcquirerInstance()
        _ = host.answer(Messages.request(card: Messages.declined))
        #expect(host.code(Messages.capture(1, trace: 2)) == "61")
        #expect(host.code(Messages.refund(1, trace: 3)) == "13")
        let reversed = Messages.request(trace: 4, reference: "000000000004")
        _ = host.answer(reversed)
        _ = host.answer(Messages.reversal(of: reversed, trace: 5))
        #expect(host.code(Messages.capture(1, trace: 6, reference: "000000000004")) == "61")
    }

    @Test("An advice about the unknown is accepted and becomes a transaction of its own")
    func unknownOriginal() {
        var host = AcquirerInstance()
        #expect(host.code(Messages.capture(400, trace: 2)) == "00")
        #expect(host.code(Messages.capture(400, trace: 2)) == "00")
        #expect(host.code(Messages.refund(50, trace: 3, reference: "000000000099")) == "00")
        #expect(
            host.lines == [
                "sale 400 captured captured 400 refunded 0 reversed 0",
                "refund 50 captured captured 50 refunded 0 reversed 0",
            ])
        #expect(host.transactions[1].originalID == nil)
    }

    @Test("An advice in another currency, of nothing, or malformed is refused and recorded")
    func invalid() {
        var host = AcquirerInstance()
        _ = host.answer(Messages.request())
        #expect(host.code(Messages.capture(10, trace: 2, currency: "840")) == "12")
        #expect(host.code(Messages.capture(0, trace: 3)) == "13")
        #expect(host.code(Messages.capture(10, trace: 4, currency: "12")) == "30")
        #expect(host.code(Messages.capture(10, trace: 5, currency: nil)) == "00")
        #expect(host.lines == ["auth 1000 captured captured 10 refunded 0 reversed 0"])
    }
}
