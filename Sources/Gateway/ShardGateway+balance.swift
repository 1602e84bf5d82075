import Cluster
import Environment
import Payments
import StateStore

// How much a merchant's balance lets a refund be: what is in the books, less what is proposed, plus
// how far the merchant may go below zero.

extension ShardGateway {
    /// Decides a command of a payment on this state. Nothing comes between the look at the balance
    /// and the note of what is taken from it.
    func decide(
        _ payment: Payment, _ command: PaymentCommand
    ) async -> Result<[PaymentEvent], Refusal> {
        guard let limit = options.balanceLimits.minorUnits(for: payment) else {
            return decide(payment, command, refundMaximum: nil)
        }
        let books = AggregateKey.merchantBooks(PaymentScope(payment), in: group)
        var found: GatewayAggregate?
        if case .refund = command { found = await replica.fetch(books) }
        return decide(payment, command, limit: limit, books: books, found: found)
    }

    private func decide(
        _ payment: Payment, _ command: PaymentCommand, limit: Int64, books: AggregateKey,
        found: GatewayAggregate?
    ) -> Result<[PaymentEvent], Refusal> {
        // The books may have changed since they were fetched: then they are still in memory.
        var balance: Int64 = 0
        if case .books(let sums, _)? = replica.aggregate(books) ?? found {
            balance = sums.merchantBalance
        }
        let taken = tentative.sum(from: books) { payment in
            let key = AggregateKey.payment(payment, in: group)
            guard case .payment(let current)? = replica.aggregate(key) else {
                return nil
            }
            return current.version
        }
        let (least, isBeyond) = balance.subtractingReportingOverflow(taken)
        let decision = decide(
            payment, command, refundMaximum: isBeyond ? 0 : max(0, least + limit))
        if case .success(let events) = decision {
            tentative.reserve(events, of: payment, from: books)
        }
        return decision
    }

    /// What the proposal of these facts took is in the books now, or was not taken.
    func release(_ facts: [ShardEvent]) {
        guard !tentative.isEmpty else { return }
        for case .payment(let scope, _, _) in facts {
            tentative.release(scope.payment, from: .merchantBooks(scope, in: group))
        }
    }
}
