import Payments
import Primitives
import Testing

@Suite("A dispute")
struct DisputeTests {
    private static func opened(
        _ amount: Int64 = 500, inquiry: Bool = false, _ number: String = "A"
    ) -> PaymentCommand {
        .openDispute(
            DisputeCase(
                caseNumber: number, amount: Money(minorUnits: amount, currency: Fixture.usd),
                reason: .fraudulent, isInquiry: inquiry, evidenceDue: Fixture.start))
    }

    private static var paid: Walk {
        var walk = Walk.paid
        walk.fees = FeeSchedule(basisPoints: 290, fixedMinorUnits: 30, disputeMinorUnits: 1500)
        return walk
    }

    private func balances(_ walk: Walk) -> LedgerBalances {
        var balances = LedgerBalances()
        for entry in walk.payment.ledger { balances.post(entry, to: { _ in true }) }
        return balances
    }

    @Test("takes the money with a fee, and gives it back when it is won")
    func won() {
        var walk = Self.paid.after(Self.opened())
        #expect(walk.payment.disputes.map(\.status) == [.needsResponse])
        #expect(balances(walk)[.disputeHold] == -500)
        #expect(balances(walk)[.merchantAvailable] == 2000)
        #expect(walk.run(Self.opened()) == .success([]))
        #expect(
            walk.run(.refund(amount: 1, reason: nil, metadata: [])) == .failure(.chargeDisputed))
        walk = walk.after(
            .answerDispute(number: 0, evidence: Samples.metadata, isSubmitted: true),
            .closeDispute(number: 0, .won))
        #expect(walk.payment.disputes[0].evidence == Samples.metadata)
        #expect(balances(walk)[.disputeHold] == 0)
        #expect(balances(walk)[.merchantAvailable] == 1500)
        #expect(walk.payment.amountRefundable == 1000)
        #expect(
            walk.run(.closeDispute(number: 0, .lost))
                == .failure(.unexpectedDisputeStatus(number: 0, .won)))
    }

    @Test("that is lost stays taken, and is not paid back a second time")
    func lost() {
        var walk = Self.paid.after(Self.opened(), .closeDispute(number: 0, .lost))
        #expect(balances(walk)[.acquirerReceivable] == 500)
        #expect(
            walk.run(.refund(amount: 501, reason: nil, metadata: []))
                == .failure(.refundTooLarge(requested: 501, remaining: 500)))
        walk = walk.after(.refund(amount: 500, reason: nil, metadata: []))
        #expect(
            walk.run(.refund(amount: 1, reason: nil, metadata: [])) == .failure(.alreadyRefunded))
    }

    @Test("of more than is left flags the rest as a loss")
    func loss() {
        let walk = Self.paid.after(
            .refund(amount: 800, reason: nil, metadata: []), .effectAcknowledged(number: 0),
            Self.opened(1000))
        #expect(walk.payment.disputes[0].covered == 200)
        #expect(walk.payment.disputes[0].loss == 800)
        #expect(balances(walk)[.losses] == 800)
        #expect(walk.payment.amountDisputed == 200)
    }

    @Test("and a refund lower the merchant's balance at once, and raise it when they come back")
    func merchantBalance() {
        // 1000 less a fee of 59.
        var walk = Self.paid
        #expect(balances(walk).merchantBalance == 941)
        walk = walk.after(.refund(amount: 300, reason: nil, metadata: []))
        #expect(balances(walk).merchantBalance == 641)
        walk = walk.after(.effectAcknowledged(number: 0))
        #expect(balances(walk).merchantBalance == 641)
        walk = walk.after(Self.opened())
        #expect(balances(walk).merchantBalance == 641 - 500 - 1500)
        walk = walk.after(.closeDispute(number: 0, .won))
        #expect(balances(walk).merchantBalance == 641 - 1500)
        walk = walk.after(.concludeRefund(number: 0, .returned))
        #expect(balances(walk).merchantBalance == 941 - 1500)
        var gains: Int64 = 0
        for entry in walk.payment.ledger { gains += entry.merchantGain }
        #expect(gains == 941 - 1500)
    }

    @Test("begins with an inquiry that moves nothing until it is escalated")
    func inquiry() {
        let asked = Self.paid.after(Self.opened(inquiry: true))
        #expect(asked.payment.ledger.count == 1)
        #expect(asked.payment.disputes[0].status == .warningNeedsResponse)
        let closed = asked.after(.closeDispute(number: 0, .withdrawn))
        #expect(closed.payment.disputes[0].status == .warningClosed)
        let escalated = closed.after(.escalateDispute(number: 0))
        #expect(escalated.payment.disputes[0].status == .needsResponse)
        #expect(escalated.payment.disputes[0].covered == 500)
    }

    @Test("that makes no sense is refused by name")
    func refusals() {
        var walk = Self.paid
        #expect(walk.run(Self.opened(0)) == .failure(.amountNotPositive))
        #expect(
            walk.run(Self.opened(.max))
                == .failure(.amountTooLarge(requested: .max, maximum: 99_999_999)))
        #expect(walk.run(Self.opened(1, "")) == .failure(.evidenceTooLarge))
        let euros = DisputeCase(
            caseNumber: "E", amount: Money(minorUnits: 1, currency: Currency(code: "eur")!),
            reason: .general, isInquiry: false, evidenceDue: Fixture.start)
        #expect(
            walk.run(.openDispute(euros))
                == .failure(.currencyMismatch(expected: Fixture.usd, found: euros.amount.currency)))
        var unpaid = Walk.authorized
        #expect(unpaid.run(Self.opened()) == .failure(.nothingCaptured))
        for command in [
            PaymentCommand.escalateDispute(number: 0), .closeDispute(number: 0, .won),
            .answerDispute(number: 0, evidence: [], isSubmitted: true),
        ] {
            #expect(walk.run(command) == .failure(.noSuchDispute(number: 0)))
        }
        walk = walk.after(Self.opened())
        let text = String(repeating: "x", count: Dispute.evidenceTextByteCountMax + 1)
        #expect(
            walk.run(
                .answerDispute(
                    number: 0, evidence: [MetadataEntry(key: "a", value: text)],
                    isSubmitted: true)) == .failure(.evidenceTooLarge))
    }

    @Test("and a charge settle once, for what they are")
    func settlement() {
        func settle(_ item: SettlementItem, _ amount: Int64) -> PaymentCommand {
            .settle(item, Money(minorUnits: amount, currency: Fixture.usd))
        }
        let charge = SettlementItem.capture(attempt: 0, number: 0)
        var walk = Self.paid
        #expect(
            walk.run(settle(charge, 999))
                == .failure(.settlementMismatch(expected: 1000, found: 999)))
        #expect(walk.run(settle(.refund(number: 0), -1)) == .failure(.nothingCaptured))
        walk = walk.after(settle(charge, 1000))
        #expect(walk.run(settle(charge, 1000)) == .failure(.alreadySettled))
        #expect(balances(walk)[.bank] == 1000)
        #expect(balances(walk)[.merchantPending] == 0)
        #expect(balances(walk)[.merchantAvailable] == -941)
        walk = walk.after(
            Self.opened(), .closeDispute(number: 0, .lost), settle(.dispute(number: 0), -500))
        #expect(balances(walk)[.bank] == 500)
        #expect(balances(walk)[.acquirerReceivable] == 0)
    }
}

@Suite("A refund")
struct RefundTests {
    @Test("is canceled while its message waits behind another, and not after")
    func cancel() {
        var walk = Walk.authorized.after(
            .capture(amount: nil), .refund(amount: 300, reason: nil, metadata: []))
        let canceled = walk.after(.cancelRefund(number: 0))
        #expect(canceled.payment.amountRefunded == 0)
        #expect(canceled.openEffects == [0])
        #expect(canceled.payment.ledger.map(\.phase) == [.pending, .pending, .voiding])
        walk = walk.after(.effectAcknowledged(number: 0))
        #expect(
            walk.run(.cancelRefund(number: 0)) == .failure(.refundNotCancelable(number: 0)))
        #expect(walk.run(.cancelRefund(number: 1)) == .failure(.noSuchRefund(number: 1)))
    }

    @Test("that the bank decides later is pending until then")
    func deferred() {
        let waiting = Walk.paid.after(
            .refund(amount: 300, reason: nil, metadata: []),
            .effectAcknowledged(number: 0, isDeferred: true))
        guard case .pending = waiting.payment.refunds[0].state else {
            Issue.record("\(waiting.payment.refunds[0].state)")
            return
        }
        #expect(waiting.postedEntries.count == 1)
        let paid = waiting.after(.concludeRefund(number: 0, .paid))
        #expect(paid.postedEntries.count == 2)
        let returned = waiting.after(.concludeRefund(number: 0, .returned))
        #expect(returned.payment.amountRefunded == 0)
        #expect(returned.postedEntries.count == 1)
        // Money may also come back that had arrived: corrections are new entries.
        let back = paid.after(.concludeRefund(number: 0, .returned))
        #expect(back.postedEntries.map(\.merchantNet) == [941, -300, 300])
        #expect(back.payment.amountRefundable == 1000)
    }
}
