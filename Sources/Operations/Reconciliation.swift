public import Acquirer
import ISO8583

/// Compares what our payments say with what the acquirers' journals say. It changes nothing.
///
/// Our side is read before and after theirs: a payment that changed in between cannot be compared
/// with a journal read at one moment, and counts as in flight. What an acquirer has that stands in
/// neither reading was never ours, since an attempt is committed before it is sent.
///
///     our attempt      the acquirer's row must be
///     ---------------  --------------------------------------------------------------
///     authorized       approved, of the amount, what was not captured held
///     captured         approved, the same captured and refunded, nothing held any more
///     voided           approved and all of it given back
///     reversed         absent, a tombstone, declined, or with nothing held or captured
///     declined         absent (some refusals leave no row), declined, or given back
///     not sent         absent, or a tombstone
///     increment        as an attempt, in a row of its own; held and captured are compared as the
///                      sums over the attempt and its increments
///     our refund
///     ---------------  --------------------------------------------------------------
///     succeeded        an approved refund of the amount
///     returned         the same: the bank undid what the acquirer had done
///     failed, canceled absent, or declined
public struct Reconciliation {
    private var books: [AcquirerBook]
    private var breaks: [ReconciliationReport.Break] = []
    private var inFlight: [ReconciliationReport.InFlight] = []
    private var ourSums: [String: ReconciliationReport.Sums] = [:]
    private var attemptCount = 0
    private var seenTraces: Set<Place> = []

    private struct Place: Hashable {
        let link: String
        let terminal: String
        let stan: UInt32
    }

    /// - Parameters:
    ///   - before: All payments, read before the journals.
    ///   - journals: By the acquirer's name, which is that of our link to it.
    ///   - after: All payments, read after the journals.
    public static func compare(
        before: [PaymentRecord], journals: [(name: String, transactions: [AcquirerTransaction])],
        after: [PaymentRecord]
    ) -> ReconciliationReport {
        let versions = Dictionary(before.map { ($0.id, $0.version) }) { first, _ in first }
        var comparison = Reconciliation(
            books: journals.map { AcquirerBook(name: $0.name, transactions: $0.transactions) })
        for payment in after {
            comparison.check(payment, hasMoved: versions[payment.id] != payment.version)
        }
        comparison.checkTheirs()
        return comparison.report(paymentCount: after.count)
    }

    private init(books: [AcquirerBook]) {
        self.books = books
    }

    // MARK: Our side

    private mutating func check(_ payment: PaymentRecord, hasMoved: Bool) {
        for attempt in payment.attempts {
            attemptCount += 1
            noteOnce(attempt.trace, payment)
            guard let bookIndex = book(of: attempt.trace, payment, attempt.state) else { continue }
            let row = books[bookIndex].request(attempt.trace)
            var increments: [IncrementPair] = []
            for increment in attempt.increments {
                noteOnce(increment.trace, payment)
                increments.append((increment, books[bookIndex].request(increment.trace)))
            }
            if let reason = payment.openWork(on: attempt, hasMoved: hasMoved) {
                note(payment, "attempt \(attempt.number): \(reason)")
            } else {
                check(attempt, payment, row, increments)
            }
            add(attempt, payment)
        }
        for refund in payment.refunds {
            noteOnce(refund.trace, payment)
            guard let bookIndex = book(of: refund.trace, payment, .captured) else { continue }
            let row = books[bookIndex].refund(refund.trace)
            if hasMoved || refund.state == .pending {
                note(payment, "refund \(refund.number): \(hasMoved ? "just changed" : "pending")")
            } else {
                check(refund, payment, row)
            }
        }
    }

    /// The journal of the trace's link; nil, and a break where money may be, when there is none.
    private mutating func book(
        of trace: PaymentRecord.Trace, _ payment: PaymentRecord,
        _ state: PaymentRecord.Attempt.State
    ) -> Int? {
        if let index = books.firstIndex(where: { $0.name == trace.link }) { return index }
        if state != .notSent {
            report(.missingWithThem, trace, payment, "there is no acquirer \(trace.link)")
        }
        return nil
    }

    private mutating func noteOnce(_ trace: PaymentRecord.Trace, _ payment: PaymentRecord) {
        let place = Place(link: trace.link, terminal: trace.terminal, stan: trace.stan)
        if !seenTraces.insert(place).inserted {
            report(.duplicate, trace, payment, "two of our movements have this terminal and STAN")
        }
    }

    private typealias IncrementPair = (ours: PaymentRecord.Increment, row: AcquirerTransaction?)

    private mutating func check(
        _ attempt: PaymentRecord.Attempt, _ payment: PaymentRecord, _ row: AcquirerTransaction?,
        _ increments: [IncrementPair]
    ) {
        var holds: [AcquirerTransaction] = []
        guard
            check(attempt.trace, attempt.amount, attempt.state, payment, row, holds: &holds)
        else { return }
        for (ours, row) in increments {
            guard check(ours.trace, ours.amount, ours.state, payment, row, holds: &holds) else {
                return
            }
        }
        switch attempt.state {
        case .pending, .reversing, .notSent, .declined, .reversed: return
        case .authorized, .captured, .voided: compareSums(attempt, payment, holds)
        }
    }

    /// Holds one request against its row, and adds the row to `holds` where both sides say yes;
    /// false after a break.
    private mutating func check(
        _ trace: PaymentRecord.Trace, _ amount: Int64, _ state: PaymentRecord.Attempt.State,
        _ payment: PaymentRecord, _ row: AcquirerTransaction?,
        holds: inout [AcquirerTransaction]
    ) -> Bool {
        switch state {
        case .pending, .reversing: return true
        case .notSent:
            guard let row, row.outcome != .tombstone else { return true }
            report(
                .state, trace, payment, "we never sent it; with them it is \(row.state.rawValue)")
        case .declined, .reversed:
            guard let row, row.heldAmount > 0 || (row.approval?.capturedAmount ?? 0) > 0 else {
                return true
            }
            report(
                .state, trace, payment,
                "with us it is \(state.rawValue), with them \(row.state.rawValue)")
        case .authorized, .captured, .voided:
            guard let row else {
                report(
                    .missingWithThem, trace, payment,
                    "with us it is \(state.rawValue), and they do not know it")
                return false
            }
            guard row.approval != nil else {
                report(
                    .state, trace, payment,
                    "with us it is \(state.rawValue), with them \(row.state.rawValue)")
                return false
            }
            guard agree(trace, payment, ours: amount, row) else { return false }
            holds.append(row)
            return true
        }
        return false
    }

    private mutating func compareSums(
        _ attempt: PaymentRecord.Attempt, _ payment: PaymentRecord,
        _ holds: [AcquirerTransaction]
    ) {
        if payment.effects.contains(where: {
            $0.kind == .capture && $0.attempt == attempt.number && $0.state == .refused
        }) {
            return report(.state, attempt.trace, payment, "they refused the capture")
        }
        let refunded = payment.refundedAmount(of: attempt)
        func theirs(_ part: (AcquirerTransaction) -> Int64) -> Int64 {
            holds.reduce(0) { $0 + part($1) }
        }
        let parts: [(what: String, ours: Int64, theirs: Int64)] = [
            ("held", attempt.heldAmount, theirs(\.heldAmount)),
            ("captured", attempt.capturedAmount, theirs { $0.approval?.capturedAmount ?? 0 }),
            ("refunded", refunded, theirs { $0.approval?.refundedAmount ?? 0 }),
        ]
        for part in parts where part.ours != part.theirs {
            let isOfState = part.ours == 0 || part.theirs == 0
            // Refunds under way are listed as such, and change the sum when they are done.
            if part.what == "refunded", payment.hasPendingRefund(of: attempt) { continue }
            report(
                isOfState ? .state : .amount, attempt.trace, payment,
                "\(part.what) with us \(part.ours), with them \(part.theirs)")
        }
    }

    private mutating func check(
        _ refund: PaymentRecord.Refund, _ payment: PaymentRecord, _ row: AcquirerTransaction?
    ) {
        switch refund.state {
        case .pending: return
        case .failed, .canceled:
            guard let row, row.approval != nil else { return }
            report(
                .state, refund.trace, payment,
                "the refund is \(refund.state.rawValue) with us and not with them")
        case .succeeded, .returned:
            guard let row else {
                return report(
                    .missingWithThem, refund.trace, payment, "they do not know the refund")
            }
            guard row.approval != nil else {
                return report(
                    .state, refund.trace, payment, "they refused the refund and we count it")
            }
            _ = agree(refund.trace, payment, ours: refund.amount, row)
        }
    }

    private mutating func agree(
        _ trace: PaymentRecord.Trace, _ payment: PaymentRecord, ours: Int64,
        _ row: AcquirerTransaction
    ) -> Bool {
        guard row.currencyCode == payment.currency else {
            report(
                .currency, trace, payment,
                "\(payment.currency) with us, \(row.currencyCode) with them")
            return false
        }
        guard row.amount == ours else {
            report(.amount, trace, payment, "\(ours) with us, \(row.amount) with them")
            return false
        }
        return true
    }

    private mutating func add(_ attempt: PaymentRecord.Attempt, _ payment: PaymentRecord) {
        var sums = ourSums[payment.currency] ?? ReconciliationReport.Sums()
        sums.held += attempt.heldAmount
        sums.captured += attempt.capturedAmount
        sums.refunded += payment.refundedAmount(of: attempt)
        ourSums[payment.currency] = sums
    }

    // MARK: Their side

    private mutating func checkTheirs() {
        for book in books {
            for row in book.duplicates {
                report(.duplicate, book.name, row, "the acquirer has it twice")
            }
            for row in book.unmatched {
                report(
                    .missingWithUs, book.name, row,
                    "with them it is \(row.kind.rawValue), \(row.state.rawValue), "
                        + "\(row.amount) \(row.currencyCode)")
            }
        }
    }

    private func theirSums() -> [String: ReconciliationReport.Sums] {
        var sums: [String: ReconciliationReport.Sums] = [:]
        for row in books.flatMap(\.transactions) {
            guard let approval = row.approval else { continue }
            var sum = sums[row.currencyCode] ?? ReconciliationReport.Sums()
            if row.kind == .refund {
                sum.refunded += row.amount
            } else {
                sum.held += row.heldAmount
                sum.captured += approval.capturedAmount
            }
            sums[row.currencyCode] = sum
        }
        return sums
    }

    // MARK: The report

    private func report(paymentCount: Int) -> ReconciliationReport {
        let theirs = theirSums()
        let currencies = Set(ourSums.keys).union(theirs.keys).sorted()
        return ReconciliationReport(
            paymentCount: paymentCount, attemptCount: attemptCount,
            transactionCount: books.reduce(0) { $0 + $1.transactions.count },
            breaks: breaks, inFlight: inFlight,
            totals: currencies.map { currency in
                ReconciliationReport.Totals(
                    currency: currency, ours: ourSums[currency] ?? ReconciliationReport.Sums(),
                    theirs: theirs[currency] ?? ReconciliationReport.Sums())
            })
    }

    private mutating func note(_ payment: PaymentRecord, _ detail: String) {
        inFlight.append(ReconciliationReport.InFlight(payment: payment.id, detail: detail))
    }

    private mutating func report(
        _ kind: ReconciliationReport.Break.Kind, _ trace: PaymentRecord.Trace,
        _ payment: PaymentRecord, _ detail: String
    ) {
        breaks.append(
            ReconciliationReport.Break(
                kind: kind, acquirer: trace.link, terminal: trace.terminal, stan: trace.stan,
                reference: trace.reference, payment: payment.id, detail: detail))
    }

    private mutating func report(
        _ kind: ReconciliationReport.Break.Kind, _ acquirer: String, _ row: AcquirerTransaction,
        _ detail: String
    ) {
        breaks.append(
            ReconciliationReport.Break(
                kind: kind, acquirer: acquirer, terminal: row.key.terminal,
                stan: row.key.trace.rawValue, reference: row.key.reference, payment: nil,
                detail: detail))
    }
}

extension PaymentRecord.Attempt {
    /// What the issuer should hold for us, in minor units.
    fileprivate var heldAmount: Int64 {
        guard state == .authorized else { return 0 }
        let raised = increments.reduce(0) { $1.state == .authorized ? $0 + $1.amount : $0 }
        return max(0, amount + raised - capturedAmount)
    }
}

extension PaymentRecord {
    /// What of an attempt is still being found out; nil when nothing is.
    fileprivate func openWork(on attempt: Attempt, hasMoved: Bool) -> String? {
        switch attempt.state {
        case .pending, .reversing: return attempt.state.rawValue
        case .authorized, .captured, .declined, .notSent, .reversed, .voided: break
        }
        for increment in attempt.increments {
            switch increment.state {
            case .pending, .reversing: return "an increment is \(increment.state.rawValue)"
            case .authorized, .captured, .declined, .notSent, .reversed, .voided: break
            }
        }
        if hasMoved { return "just changed" }
        let open = effects.first {
            $0.state == .open && $0.attempt == attempt.number && $0.kind != .refund
        }
        return open.map { "its \($0.kind.rawValue) is not acknowledged" }
    }

    /// What the acquirer paid back, also where the bank returned it.
    fileprivate func refundedAmount(of attempt: Attempt) -> Int64 {
        refunds.reduce(0) { sum, refund in
            switch refund.state {
            case .succeeded, .returned:
                refund.attempt == attempt.number ? sum + refund.amount : sum
            case .pending, .failed, .canceled: sum
            }
        }
    }

    fileprivate func hasPendingRefund(of attempt: Attempt) -> Bool {
        refunds.contains { $0.state == .pending && $0.attempt == attempt.number }
    }
}
