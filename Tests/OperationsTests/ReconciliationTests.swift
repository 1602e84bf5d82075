import Acquirer
import ISO8583
import Operations
import Payments
import Testing

private typealias Kind = ReconciliationReport.Break.Kind

private func compare(
    _ payments: [PaymentRecord], _ rows: [AcquirerTransaction], before: [PaymentRecord]? = nil
) -> ReconciliationReport {
    Reconciliation.compare(
        before: before ?? payments, journals: [("acquirer", rows)], after: payments)
}

private func kinds(_ payments: [PaymentRecord], _ rows: [AcquirerTransaction]) -> [Kind] {
    compare(payments, rows).breaks.map(\.kind)
}

@Test("Both sides saying the same is balanced, and sums agree")
func balances() {
    let sale = row(approved(captured: 1000, refunded: 400), kind: .sale)
    let back = row(
        approved(captured: 400), kind: .refund, number: 9, reference: 1, amount: 400, id: 2)
    let report = compare(
        [payment(.captured, captured: 1000, refunds: [refund(.succeeded)])], [sale, back])
    #expect(report.verdict == .balanced, "\(report)")
    #expect(report.totals.count == 1)
    #expect(report.totals[0].ours == report.totals[0].theirs)
    #expect(report.totals[0].ours.captured == 1000)
    #expect(report.totals[0].ours.refunded == 400)
}

@Test("A settled attempt agrees with exactly the rows that its state allows")
func statesAgree() {
    let declined = AcquirerTransaction.Outcome.declined(.doNotHonor)
    let held = row(approved())
    let sold = row(approved(captured: 1000), kind: .sale)
    let returned = row(approved(reversed: 1000))
    let refused = row(declined)
    let tombstone = row(.tombstone, amount: 0, terminal: "00000ABC")
    let cases: [(PaymentRecord, [AcquirerTransaction], isBalanced: Bool)] = [
        (payment(.authorized), [held], true),
        (payment(.authorized), [], false),
        (payment(.authorized), [sold], false),
        (payment(.authorized), [returned], false),
        (payment(.authorized), [refused], false),
        (payment(.captured, captured: 1000), [sold], true),
        (payment(.captured, captured: 1000), [held], false),
        (payment(.captured, captured: 1000), [], false),
        (payment(.captured, captured: 600), [row(approved(captured: 600, reversed: 400))], true),
        (payment(.captured, captured: 600), [row(approved(captured: 600))], false),
        (payment(.voided), [returned], true),
        (payment(.voided), [held], false),
        (payment(.reversed), [], true),
        (payment(.reversed), [tombstone], true),
        (payment(.reversed), [refused], true),
        (payment(.reversed), [returned], true),
        (payment(.reversed), [held], false),
        (payment(.reversed), [sold], false),
        (payment(.declined), [], true),
        (payment(.declined), [refused], true),
        (payment(.declined), [held], false),
        (payment(.notSent), [], true),
        (payment(.notSent), [tombstone], true),
        (payment(.notSent), [refused], false),
        (payment(.notSent), [held], false),
    ]
    for (payment, rows, isBalanced) in cases {
        let report = compare([payment], rows)
        #expect(
            report.verdict == (isBalanced ? .balanced : .broken),
            "\(payment.attempts[0].state) with \(rows.map(\.state)): \(report.breaks)")
    }
}

@Test("Each kind of break is named")
func namesBreaks() {
    #expect(kinds([], [row(approved())]) == [.missingWithUs])
    #expect(kinds([payment(.authorized)], []) == [.missingWithThem])
    #expect(kinds([payment(.authorized)], [row(approved(), amount: 999)]) == [.amount])
    #expect(kinds([payment(.authorized)], [row(approved(), currency: "978")]) == [.currency])
    #expect(kinds([payment(.authorized)], [row(approved(reversed: 1000))]) == [.state])
    #expect(
        kinds([payment(.authorized)], [row(approved()), row(approved(), id: 2)]) == [.duplicate])
    #expect(
        kinds(
            [payment(.captured, captured: 1000)], [row(approved(captured: 900, reversed: 100))])
            == [.amount])
}

@Test("Two of our movements under one message key are a duplicate")
func findsOurDuplicate() {
    var twin = payment(.declined)
    twin.id = "pi_twin"
    #expect(kinds([payment(.declined), twin], []) == [.duplicate])
}

@Test("A link without an acquirer is a break unless nothing was sent")
func missesAcquirer() {
    let report = Reconciliation.compare(
        before: [payment(.authorized)], journals: [], after: [payment(.authorized)])
    #expect(report.breaks.map(\.kind) == [.missingWithThem])
    let unsent = [payment(.notSent)]
    #expect(Reconciliation.compare(before: unsent, journals: [], after: unsent).breaks.isEmpty)
}

@Test("Refunds are held against rows of their own")
func comparesRefunds() {
    func check(
        _ state: PaymentRecord.Refund.State, _ row: AcquirerTransaction?, refunded: Int64
    ) -> [Kind] {
        let sale = saleRow(refunded: refunded)
        return kinds(
            [payment(.captured, captured: 1000, refunds: [refund(state)])],
            [sale] + (row.map { [$0] } ?? []))
    }
    let made = row(approved(captured: 400), kind: .refund, number: 9, reference: 1, amount: 400)
    let refused = row(
        .declined(.invalidAmount), kind: .refund, number: 9, reference: 1, amount: 400)
    let smaller = row(approved(captured: 300), kind: .refund, number: 9, reference: 1, amount: 300)
    #expect(check(.succeeded, made, refunded: 400) == [])
    #expect(check(.succeeded, nil, refunded: 400) == [.missingWithThem])
    #expect(check(.succeeded, refused, refunded: 0) == [.state, .state])
    #expect(check(.succeeded, smaller, refunded: 300) == [.amount, .amount])
    #expect(check(.failed, nil, refunded: 0) == [])
    #expect(check(.failed, refused, refunded: 0) == [])
    #expect(check(.failed, made, refunded: 400) == [.state, .state])
    // The acquirer did what it was asked to, and knows nothing of what the bank did then.
    #expect(check(.returned, made, refunded: 400) == [])
    #expect(check(.returned, nil, refunded: 400) == [.missingWithThem])
    #expect(check(.returned, smaller, refunded: 300) == [.amount, .amount])
}

private func saleRow(refunded: Int64) -> AcquirerTransaction {
    row(approved(captured: 1000, refunded: refunded), kind: .sale, id: 7)
}

@Test("A refund is told as the engine has it: refused, or returned by the bank")
func tellsRefunds() throws {
    let pending = try refunded().after(.effectAcknowledged(number: 0, isDeferred: true))
    #expect(PaymentRecord(pending).refunds.map(\.state) == [.pending])
    let returned = try pending.after(.concludeRefund(number: 0, .returned))
    #expect(PaymentRecord(returned).refunds.map(\.state) == [.returned])
    let paid = try pending.after(.concludeRefund(number: 0, .paid))
    #expect(PaymentRecord(paid).refunds.map(\.state) == [.succeeded])
    let later = try paid.after(.concludeRefund(number: 0, .returned))
    #expect(PaymentRecord(later).refunds.map(\.state) == [.returned])
    let refused = try refunded().after(.effectRefused(number: 0, responseCode: "57"))
    #expect(PaymentRecord(refused).refunds.map(\.state) == [.failed])
}

@Test("What is still being found out is in flight and no break")
func listsInFlight() {
    let open = PaymentRecord.Effect(kind: .reversal, attempt: 0, state: .open)
    let cases: [(PaymentRecord, [AcquirerTransaction])] = [
        (payment(.pending), []),
        (payment(.pending), [row(approved())]),
        (payment(.reversing), [row(approved(captured: 1000), kind: .sale)]),
        (payment(.voided, effects: [open]), [row(approved())]),
        (
            payment(.captured, captured: 1000, refunds: [refund(.pending)]),
            [row(approved(captured: 1000), kind: .sale)]
        ),
        (
            payment(.captured, captured: 1000, refunds: [refund(.pending)]),
            [
                row(approved(captured: 1000, refunded: 400), kind: .sale),
                row(approved(captured: 400), kind: .refund, number: 9, reference: 1, amount: 400),
            ]
        ),
    ]
    for (payment, rows) in cases {
        let report = compare([payment], rows)
        #expect(report.verdict == .inFlight, "\(report)")
        #expect(report.inFlight.count == 1)
    }
}

@Test("A refused capture is a break although both sides know of the hold")
func findsRefusedCapture() {
    let refused = PaymentRecord.Effect(kind: .capture, attempt: 0, state: .refused)
    let report = compare(
        [payment(.captured, captured: 1000, effects: [refused])], [row(approved())])
    #expect(report.breaks.map(\.detail) == ["they refused the capture"])
}

@Test("A payment that moved while the journal was read is in flight")
func skipsWhatMoved() {
    let before = [payment(.pending, version: 2)]
    let after = [payment(.captured, captured: 1000, version: 3)]
    #expect(compare(after, [], before: before).verdict == .inFlight)
    #expect(compare(after, [], before: []).verdict == .inFlight)
    #expect(compare(after, [], before: after).verdict == .broken)
}

@Test("A raised hold agrees when the sums over its parts do, and each part is there")
func raisedHolds() {
    func part(_ outcome: AcquirerTransaction.Outcome, amount: Int64 = 500) -> AcquirerTransaction {
        row(outcome, number: 5, reference: 1, amount: amount, id: 2)
    }
    let rise = [increment(.authorized)]
    let cases: [(PaymentRecord, [AcquirerTransaction], isBalanced: Bool)] = [
        (payment(.authorized, increments: rise), [row(approved()), part(approved())], true),
        (payment(.authorized, increments: rise), [row(approved())], false),
        (
            payment(.authorized, increments: rise),
            [row(approved()), part(approved(), amount: 400)], false
        ),
        (payment(.authorized), [row(approved()), part(approved())], false),
        (
            payment(.authorized, increments: [increment(.declined)]),
            [row(approved()), part(.declined(.doNotHonor))], true
        ),
        (payment(.authorized, increments: [increment(.reversed)]), [row(approved())], true),
        (
            payment(.authorized, increments: [increment(.reversed)]),
            [row(approved()), part(approved())], false
        ),
        (
            payment(.captured, captured: 1200, increments: rise),
            [row(approved(captured: 1000)), part(approved(captured: 200, reversed: 300))], true
        ),
        (
            payment(.captured, captured: 1200, increments: rise),
            [row(approved(captured: 1000)), part(approved(captured: 200))], false
        ),
        // Beyond the hold, what is captured lies with the first part.
        (
            payment(.captured, captured: 1600, increments: rise),
            [row(approved(captured: 1100)), part(approved(captured: 500))], true
        ),
        // Some was captured, and more may be.
        (payment(.authorized, captured: 300), [row(approved(captured: 300))], true),
        (
            payment(.voided, increments: rise),
            [row(approved(reversed: 1000)), part(approved())], false
        ),
    ]
    for (index, (ours, theirs, isBalanced)) in cases.enumerated() {
        let report = compare([ours], theirs)
        #expect((report.verdict == .balanced) == isBalanced, "case \(index): \(report)")
        if isBalanced { #expect(report.totals[0].ours == report.totals[0].theirs) }
    }
    let pending = compare(
        [payment(.authorized, increments: [increment(.pending)])], [row(approved())])
    #expect(pending.verdict == .inFlight)
}
