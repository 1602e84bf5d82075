package import Payments
package import StateStore

// A merchant's balance is a fact of all its payments, which are decided side by side, each on its
// own newest state. What one of them is about to take has to count for the others from the moment
// it is decided:
//
//   decide ── reserve ──▶ propose ──▶ applied: in the books, its version is there ──▶ release
//                            └──────▶ not taken ────────────────────────────────────▶ release
//
// Whoever looks between the two last steps would count it twice; the payment's version tells.

/// What proposals that are under way take from merchants' books, by the payment that they are of:
/// its mailbox lets through one at a time. What they bring is not counted before it is there.
package struct TentativeDebits {
    private struct Debit {
        /// Minor units, more than zero.
        let amount: Int64
        /// The payment's version before the proposal.
        let base: UInt64
    }

    private var books: [AggregateKey: [PaymentID: Debit]] = [:]

    package init() {}

    /// Notes what `events`, decided on `payment`, take from `books`.
    package mutating func reserve(
        _ events: [PaymentEvent], of payment: Payment, from books: AggregateKey
    ) {
        var after = payment
        for event in events { after.mustEvolve(event) }
        let gain = after.ledger[payment.ledger.count...].reduce(0) { $0 + $1.merchantGain }
        guard gain < 0 else { return }
        self.books[books, default: [:]][payment.id] = Debit(amount: -gain, base: payment.version)
    }

    /// The payment's proposal has ended, whichever way.
    package mutating func release(_ payment: PaymentID, from books: AggregateKey) {
        self.books[books]?[payment] = nil
        if self.books[books]?.isEmpty == true { self.books[books] = nil }
    }

    /// What is taken from `books` and not in them yet, in minor units. As many are looked at as one
    /// merchant has proposals under way that take something: it has 4,096 commands at most.
    ///
    /// - Parameter version: the version of a payment as it is applied; nil when it is not in
    ///   memory, and so was not just changed.
    package func sum(from books: AggregateKey, version: (PaymentID) -> UInt64?) -> Int64 {
        guard let debits = self.books[books] else { return 0 }
        var sum: Int64 = 0
        for (payment, debit) in debits where version(payment) ?? debit.base <= debit.base {
            sum += debit.amount
        }
        return sum
    }

    package var isEmpty: Bool { books.isEmpty }
}
