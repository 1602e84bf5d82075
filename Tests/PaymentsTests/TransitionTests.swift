import Payments
import Primitives
import Testing

/// Every row of the table in `Payment.swift`, as a transcript.
@Suite("The life of a payment")
struct TransitionTests {
    @Test("created without a method it waits for one, with a method for the word")
    func created() {
        #expect(Walk(method: nil).payment.status == .requiresPaymentMethod(lastFailure: nil))
        #expect(Walk().payment.status == .requiresConfirmation)
        #expect(Walk().payment.version == 1)
        #expect(!Walk().payment.hasUnfinishedWork)
    }

    @Test("confirm commits one pending attempt with a trace of its own before anything is sent")
    func confirm() {
        var walk = Walk()
        let started = walk.now
        let trace = ProcessorTrace(link: "east", shard: 7, sequence: 0, transmittedAt: started)
        #expect(
            walk.run(.confirm(method: nil))
                == .success([
                    .attemptStarted(
                        AttemptStarted(
                            number: 0, trace: trace, method: Fixture.visa, at: started))
                ]))
        #expect(walk.payment.status == .processing(attempt: 0))
        #expect(walk.attemptStates == [.pending])
        #expect(walk.payment.attempts[0].amount == 1000)
        #expect(walk.payment.hasUnfinishedWork)
        #expect(walk.traces.next == 1)
    }

    @Test("confirm with a method replaces the payment's own")
    func confirmWithMethod() {
        let fresh = Walk(method: nil).after(.confirm(method: Fixture.mastercard))
        #expect(fresh.payment.method == Fixture.mastercard)
        let replaced = Walk().after(.confirm(method: Fixture.mastercard))
        #expect(replaced.payment.attempts[0].method == Fixture.mastercard)
        #expect(replaced.payment.status == .processing(attempt: 0))
    }

    @Test("an approval with automatic capture takes the money and posts it with the fee")
    func approvedAutomatic() {
        let walk = Walk.paid
        #expect(walk.payment.status == .succeeded(attempt: 0))
        #expect(walk.payment.amountReceived == 1000)
        #expect(walk.payment.amountCapturable == 0)
        #expect(walk.payment.effects.isEmpty)
        #expect(walk.payment.ledger.map(\.fee) == [59])
        #expect(walk.payment.ledger.map(\.merchantNet) == [941])
        #expect(!walk.payment.hasUnfinishedWork)
        #expect(walk.payment.latestChargedAttempt?.number == 0)
    }

    @Test("an approval with manual capture holds the money and posts nothing")
    func approvedManual() {
        let walk = Walk.authorized
        let approval = Approval(
            code: "A1B2C3", at: Fixture.start.advanced(byMilliseconds: 1000),
            verificationCodeCheck: .pass)
        #expect(walk.payment.status == .requiresCapture(attempt: 0))
        #expect(
            walk.attemptStates == [
                .authorized(
                    Hold(
                        approval: approval, authorized: 1000, options: .none,
                        expires: approval.at.advanced(byMilliseconds: 7 * 86_400_000)))
            ])
        #expect(walk.payment.expires == walk.payment.openHold?.expires)
        #expect(walk.payment.amountCapturable == 1000)
        #expect(walk.payment.amountReceived == 0)
        #expect(walk.payment.ledger.isEmpty)
    }

    @Test("a decline asks for another method and forgets the card")
    func declined() {
        let walk = Walk().after(
            .confirm(method: nil), .answered(.authorization(attempt: 0), .declined(Fixture.decline))
        )
        #expect(walk.payment.status == .requiresPaymentMethod(lastFailure: .attempt(0)))
        #expect(walk.attemptStates == [.declined(Fixture.decline)])
        #expect(walk.payment.method == nil)
        #expect(walk.payment.attempts[0].failure?.reason == .insufficientFunds)
        #expect(!walk.payment.hasUnfinishedWork)
    }

    @Test("a message that was never sent needs no reversal")
    func notSent() {
        let walk = Walk().after(.confirm(method: nil), .notSent(.authorization(attempt: 0)))
        #expect(walk.payment.status == .requiresPaymentMethod(lastFailure: .attempt(0)))
        #expect(walk.attemptStates == [.notSent])
        #expect(walk.payment.effects.isEmpty)
        #expect(walk.payment.attempts[0].failure?.reason == .processingError)
    }

    @Test("an unknown outcome stays processing until its reversal is answered")
    func unanswered() {
        for reason in [UnknownReason.timedOut, .connectionLost, .mismatchedAnswer] {
            var walk = Walk().after(
                .confirm(method: nil), .unanswered(.authorization(attempt: 0), reason))
            #expect(walk.payment.status == .processing(attempt: 0))
            #expect(walk.attemptStates == [.reversing(reason)])
            #expect(walk.effectKinds == [.reversal(.authorization(attempt: 0))])
            #expect(walk.payment.nextEffect?.trace.sequence == 1)
            #expect(walk.payment.nextEffect?.trace.link == "east")

            let refused = walk.after(.effectRefused(number: 0, responseCode: "25"))
            #expect(refused.attemptStates == [.reversed(reason)])
            #expect(refused.payment.status == .requiresPaymentMethod(lastFailure: .attempt(0)))

            walk.run(.effectAcknowledged(number: 0))
            #expect(walk.payment.status == .requiresPaymentMethod(lastFailure: .attempt(0)))
            #expect(walk.attemptStates == [.reversed(reason)])
            #expect(walk.payment.method == nil)
            #expect(!walk.payment.hasUnfinishedWork)
            #expect(walk.payment.ledger.isEmpty)
        }
    }

    @Test("after a failed attempt another one can succeed, on another link")
    func secondAttempt() {
        var walk = Walk().after(
            .confirm(method: nil), .unanswered(.authorization(attempt: 0), .timedOut),
            .effectAcknowledged(number: 0))
        walk.link = "west"
        walk = walk.after(
            .confirm(method: Fixture.mastercard),
            .answered(.authorization(attempt: 1), Fixture.approval))
        #expect(walk.payment.status == .requiresCapture(attempt: 1))
        #expect(walk.payment.attempts.map(\.trace.link) == ["east", "west"])
        #expect(walk.payment.attempts.map(\.trace.sequence) == [0, 2])
    }

    @Test("a capture counts at once and is posted when the processor has acknowledged it")
    func capture() {
        var walk = Walk.authorized
        walk.link = "west"
        walk = walk.after(.capture(amount: nil))
        #expect(walk.payment.status == .succeeded(attempt: 0))
        #expect(walk.payment.amountReceived == 1000)
        #expect(walk.effectKinds == [.capture(attempt: 0, number: 0, amount: 1000)])
        #expect(walk.payment.effects[0].trace.link == "east")
        #expect(walk.payment.ledger.map(\.phase) == [.pending])
        let acknowledgedAt = walk.now
        walk = walk.after(.effectAcknowledged(number: 0))
        #expect(walk.postedEntries.map(\.cause) == [.charge(attempt: 0, capture: 0)])
        #expect(walk.payment.ledger.map(\.phase) == [.pending, .posting])
        #expect(walk.postedEntries.map(\.fee) == [59])
        #expect(
            walk.payment.attempts[0].hold?.captures.map(\.state) == [.posted(at: acknowledgedAt)])
    }

    @Test("a partial capture gives the rest back, in a second message")
    func partialCapture() {
        let walk = Walk.authorized.after(.capture(amount: 400))
        #expect(
            walk.effectKinds == [
                .capture(attempt: 0, number: 0, amount: 400),
                .partialReversal(attempt: 0, captured: 400),
            ])
        #expect(walk.payment.nextEffect?.number == 0)
        let captured = walk.after(.effectAcknowledged(number: 0))
        #expect(captured.payment.nextEffect?.number == 1)
        let done = captured.after(.effectAcknowledged(number: 1))
        #expect(done.payment.amountReceived == 400)
        #expect(done.postedEntries.map(\.fee) == [42])
        #expect(!done.payment.hasUnfinishedWork)
    }

    @Test("a cancel ends what has not moved, and gives a hold back")
    func cancel() {
        for reason in CancellationReason.allCases {
            for walk in [Walk(method: nil), Walk()] {
                let canceled = walk.after(.cancel(reason: reason))
                #expect(canceled.payment.status == .canceled(at: walk.now, reason: reason))
                #expect(canceled.payment.effects.isEmpty)
            }
        }
        let held = Walk.authorized
        let voided = held.after(.cancel(reason: nil))
        #expect(voided.payment.status == .canceled(at: held.now, reason: nil))
        guard case .voided = voided.attemptStates[0] else {
            Issue.record("not voided: \(voided.attemptStates[0])")
            return
        }
        #expect(voided.effectKinds == [.reversal(.authorization(attempt: 0))])
        let done = voided.after(.effectAcknowledged(number: 0))
        #expect(done.payment.status == voided.payment.status)
        #expect(done.attemptStates == voided.attemptStates)
        #expect(!done.payment.hasUnfinishedWork)
    }

    @Test("a refund counts against the rest at once and is posted when acknowledged")
    func refund() {
        var walk = Walk.paid
        let note = MetadataEntry(key: "order", value: "17")
        walk = walk.after(
            .refund(amount: 300, reason: .duplicate, metadata: [note]))
        #expect(walk.payment.status == .succeeded(attempt: 0))
        #expect(walk.payment.amountRefunded == 300)
        #expect(walk.payment.refunds.map(\.state) == [.requested])
        #expect(walk.payment.refunds.map(\.metadata) == [[note]])
        #expect(walk.effectKinds == [.refund(number: 0)])
        #expect(walk.payment.refunds[0].trace == walk.payment.effects[0].trace)
        let acknowledgedAt = walk.now
        walk = walk.after(.effectAcknowledged(number: 0))
        #expect(walk.payment.refunds.map(\.state) == [.succeeded(at: acknowledgedAt)])
        #expect(
            walk.postedEntries.map(\.cause) == [
                .charge(attempt: 0, capture: 0), .refund(number: 0),
            ])
        #expect(walk.postedEntries.map(\.merchantNet) == [941, -300])
        walk = walk.after(.refund(amount: nil, reason: nil, metadata: []))
        #expect(walk.payment.refunds.map(\.amount) == [300, 700])
    }

    @Test("a refused refund frees its amount for another")
    func refundRefused() {
        var walk = Walk.paid.after(.refund(amount: nil, reason: nil, metadata: []))
        let at = walk.now
        walk = walk.after(.effectRefused(number: 0, responseCode: "57"))
        #expect(
            walk.payment.refunds.map(\.state) == [.failed(.refused(responseCode: "57"), at: at)])
        #expect(walk.payment.amountRefunded == 0)
        #expect(walk.postedEntries.count == 1)
        #expect(walk.payment.ledger.map(\.phase) == [.direct, .pending, .voiding])
        walk = walk.after(.refund(amount: 1000, reason: nil, metadata: []))
        #expect(walk.payment.amountRefunded == 1000)
    }

    @Test("what the acquirer refused to capture is not paid back, and refunds that waited fail")
    func captureRefused() {
        var walk = Walk.authorized.after(
            .capture(amount: 600), .refund(amount: 100, reason: nil, metadata: []))
        #expect(walk.openEffects == [0, 1, 2])
        let at = walk.now
        #expect(
            walk.run(.effectRefused(number: 0, responseCode: "12"))
                == .success([
                    .effectRefused(number: 0, responseCode: "12", at: at),
                    .effectRefused(number: 2, responseCode: "12", at: at),
                ]))
        #expect(walk.openEffects == [1])
        #expect(
            walk.payment.refunds.map(\.state) == [.failed(.refused(responseCode: "12"), at: at)])
        #expect(walk.postedEntries.isEmpty)
        #expect(
            walk.run(.refund(amount: 100, reason: nil, metadata: []))
                == .failure(.alreadyRefunded))
    }

    @Test("a late approval leads to one more reversal and never to a success")
    func lateApproval() {
        let lost = Walk().after(
            .confirm(method: nil), .unanswered(.authorization(attempt: 0), .connectionLost))
        let late = lost.after(.approvedLate(.authorization(attempt: 0)))
        #expect(late.payment.status == .processing(attempt: 0))
        #expect(late.openEffects == [0, 1])
        let reversed = late.after(.effectAcknowledged(number: 0))
        #expect(reversed.payment.status == .requiresPaymentMethod(lastFailure: .attempt(0)))
        #expect(reversed.payment.hasUnfinishedWork)
        // The second reversal is answered while a second attempt runs: it must not touch that one.
        let running = reversed.after(
            .confirm(method: Fixture.visa), .effectAcknowledged(number: 1))
        #expect(running.payment.status == .processing(attempt: 1))
        #expect(running.payment.method == Fixture.visa)
        let paid = running.after(.answered(.authorization(attempt: 1), Fixture.approval))
        #expect(paid.payment.status == .requiresCapture(attempt: 1))
        let again = paid.after(.approvedLate(.authorization(attempt: 0)))
        #expect(again.payment.status == .requiresCapture(attempt: 1))
        #expect(again.payment.nextEffect?.kind == .reversal(.authorization(attempt: 0)))
    }

    @Test("late approvals stop being answered at the bound of effects")
    func lateApprovalBound() {
        var walk = Walk().after(.confirm(method: nil), .notSent(.authorization(attempt: 0)))
        for _ in 0..<Payment.effectCountMax {
            walk = walk.after(.approvedLate(.authorization(attempt: 0)))
        }
        #expect(walk.payment.effects.count == Payment.effectCountMax)
        #expect(walk.run(.approvedLate(.authorization(attempt: 0))) == .success([]))
        // What the merchant may still do has room beyond it.
        walk = walk.after(
            .confirm(method: Fixture.visa), .unanswered(.authorization(attempt: 1), .timedOut))
        #expect(walk.payment.effects.count == Payment.effectCountMax + 1)
    }
}
