import Cluster
import Payments
import Primitives
import StateStore

// What a shard's replica holds, on any node. It is current where a read barrier of the host has
// passed before.

extension Replica where Machine == GatewayMachine {
    func payment(_ id: PaymentID) async -> Payment? {
        guard case .payment(let payment)? = await fetch(.payment(id, in: group)) else {
            return nil
        }
        return payment
    }

    func method(_ id: PaymentMethodID) async -> PaymentMethod? {
        guard case .method(let method)? = await fetch(.method(id, in: group)) else {
            return nil
        }
        return method
    }

    func record(_ claim: IdempotencyClaim) async -> IdempotencyRecord? {
        let key = AggregateKey.idempotency(claim, in: group)
        guard case .idempotency(let record, _)? = await fetch(key) else { return nil }
        return record
    }

    /// A page of payments; nil when the cursor is not a payment of this merchant and mode.
    func list(
        _ page: PaymentPage, merchant: MerchantID, isLive: Bool
    ) async -> [Payment]? {
        var cursor: ListCursor?
        switch page.cursor {
        case .after(let id), .before(let id):
            guard let payment = await payment(id), payment.merchant == merchant,
                payment.isLive == isLive
            else { return nil }
            let place = ListPosition(
                created: payment.created.milliseconds, id: payment.id.stem.text)
            if case .after = page.cursor { cursor = .after(place) } else { cursor = .before(place) }
        case nil: break
        }
        let query = AggregateQuery(
            group: group, kind: .payment,
            owner: paymentOwner(merchant, isLive: isLive), cursor: cursor,
            createdFrom: page.createdFrom.map { $0.multipliedOrSaturated(by: 1000) },
            createdThrough: page.createdThrough.map {
                $0.multipliedOrSaturated(by: 1000, plus: 999)
            },
            limit: page.limit + 1)
        return await list(query).compactMap { aggregate in
            if case .payment(let payment) = aggregate { payment } else { nil }
        }
    }

    func allPayments() async -> [Payment] {
        await allAggregates(.payment).compactMap { aggregate in
            if case .payment(let payment) = aggregate { payment } else { nil }
        }
    }

    func inFlightKeyCount() async -> Int {
        await recordsInFlight().count
    }

    func recordsInFlight() async -> [GatewayAggregate] {
        await openAggregates(.idempotency) + openAggregates(.mintedIdempotency)
    }

    /// Debits minus credits over all books: of the posted, and of the pending.
    func booksTotals() async -> [Int64] {
        var totals: [Int64] = [0, 0]
        for case .books(let balances, _) in await allAggregates(.books) {
            totals[0] += balances.total
            totals[1] += balances.pendingTotal
        }
        return totals
    }
}

extension Int64 {
    fileprivate func multipliedOrSaturated(by factor: Int64, plus rest: Int64 = 0) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        let (sum, carry) = product.addingReportingOverflow(rest)
        return overflow || carry ? (self < 0 ? .min : .max) : sum
    }
}
