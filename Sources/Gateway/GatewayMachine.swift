public import Cluster
import Payments
public import Primitives
public import StateStore

/// What a merchant shard's log means. Checks every base first, and only then evolves: an entry is
/// applied whole or not at all, and alike on every replica.
public enum GatewayMachine: ShardMachine {
    public typealias Aggregate = GatewayAggregate

    public static func keys(
        of payload: [UInt8], in group: GroupID
    ) throws(Primitives.DecodingError) -> EntryKeys {
        keys(of: try ShardEntry(encoded: payload), in: group)
    }

    static func keys(of entry: ShardEntry, in group: GroupID) -> EntryKeys {
        var keys = EntryKeys()
        keys.known.append(.shard(group))
        for event in entry.events {
            switch event {
            case .payment(let scope, let base, let events):
                let payment = AggregateKey.payment(scope.payment, in: group)
                if base == 0 { keys.created.append(payment) } else { keys.known.append(payment) }
                for case .attemptStarted(let start) in events {
                    keys.created.append(.attempt(start.trace, in: group))
                }
                keys.known.append(.merchantBooks(scope, in: group))
                if let link = scope.link { keys.known.append(.linkBooks(link, scope, in: group)) }
            case .methodCreated(let method):
                keys.created.append(.method(method.id, in: group))
            case .keyClaimed(let facts, _):
                keys.known.append(.idempotency(facts.claim, in: group))
            case .keyCompleted(let facts, let reference, let payment):
                keys.known.append(.idempotency(facts.claim, in: group))
                if let payment { keys.known.append(.payment(payment, in: group)) }
                if case .paymentMethod(let id) = reference {
                    keys.known.append(.method(id, in: group))
                }
            }
        }
        return keys
    }

    public static func apply(
        _ payload: [UInt8], in group: GroupID, to table: inout AggregateTable<GatewayAggregate>
    ) throws(Primitives.DecodingError) -> ApplyVerdict {
        let entry = try ShardEntry(encoded: payload)
        for event in entry.events {
            if let key = staleKey(of: event, entry.stamp, group, table) { return .stale(key) }
        }
        var facts = shardFacts(group, table)
        facts.stamp = max(facts.stamp, entry.stamp)
        for event in entry.events { evolve(event, entry.stamp, group, &table, &facts) }
        table.set(.shard(group), .shard(facts))
        return .applied
    }

    /// Idempotency records past their lifetime, with a margin: a record read from the store a
    /// moment ago must not vanish while a decision rests on it. And what is due no more.
    public static func expired(
        in group: GroupID, _ table: AggregateTable<GatewayAggregate>
    ) -> [(kind: AggregateKind, createdBefore: Int64)] {
        guard table.knows(.shard(group)) else { return [] }
        let stamp = shardFacts(group, table).stamp
        let age = IdempotencyRecord.lifetimeMilliseconds + 3_600_000
        let mintedAge = IdempotencyRecord.mintedLifetimeMilliseconds + 60_000
        return [
            (.idempotency, stamp.advanced(byMilliseconds: -age).milliseconds),
            (.mintedIdempotency, stamp.advanced(byMilliseconds: -mintedAge).milliseconds),
            (.due, AggregateKey.notDue + 1),
        ]
    }

    /// What `expired` is about: each replica removes such rows in its own time.
    package static var expiringKinds: Set<AggregateKind> { [.idempotency, .mintedIdempotency] }

    static func shardFacts(
        _ group: GroupID, _ table: AggregateTable<GatewayAggregate>
    ) -> ShardFacts {
        guard case .shard(let facts) = table[.shard(group)] else { return ShardFacts() }
        return facts
    }

    // MARK: Checking

    private static func staleKey(
        of event: ShardEvent, _ stamp: Timestamp, _ group: GroupID,
        _ table: AggregateTable<GatewayAggregate>
    ) -> AggregateKey? {
        switch event {
        case .payment(let scope, let base, _):
            let key = AggregateKey.payment(scope.payment, in: group)
            return payment(key, table)?.version ?? 0 == base ? nil : key
        case .methodCreated(let method):
            let key = AggregateKey.method(method.id, in: group)
            return table[key] == nil ? nil : key
        case .keyClaimed(let facts, _):
            let key = AggregateKey.idempotency(facts.claim, in: group)
            guard let record = record(key, table) else { return nil }
            return record.isExpired(at: stamp) ? nil : key
        case .keyCompleted(let facts, _, _):
            let key = AggregateKey.idempotency(facts.claim, in: group)
            guard let record = record(key, table), !record.isExpired(at: stamp) else { return nil }
            switch record.state {
            case .inFlight: return record.requestID == facts.requestID ? nil : key
            case .completed: return key
            }
        }
    }

    // MARK: Evolving

    private static func evolve(
        _ event: ShardEvent, _ stamp: Timestamp, _ group: GroupID,
        _ table: inout AggregateTable<GatewayAggregate>, _ facts: inout ShardFacts
    ) {
        switch event {
        case .payment(let scope, _, let events):
            evolve(scope, events, group, &table, &facts)
        case .methodCreated(let method):
            table.set(.method(method.id, in: group), .method(method))
        case .keyClaimed(let key, let awaited):
            let record = IdempotencyRecord(
                keyDigest: key.claim.keyDigest, fingerprint: key.claim.fingerprint,
                requestID: key.requestID, created: stamp, state: .inFlight(awaited))
            table.set(
                .idempotency(key.claim, in: group), .idempotency(record, merchant: key.merchant))
        case .keyCompleted(let key, let reference, let paymentID):
            let shown = paymentID.flatMap { payment(.payment($0, in: group), table) }
            let outcome = outcome(reference, shown, group, table)
            let rowKey = AggregateKey.idempotency(key.claim, in: group)
            let begun = record(rowKey, table).flatMap { $0.isExpired(at: stamp) ? nil : $0.created }
            let record = IdempotencyRecord(
                keyDigest: key.claim.keyDigest, fingerprint: key.claim.fingerprint,
                requestID: key.requestID, created: begun ?? stamp, state: .completed(outcome))
            table.set(rowKey, .idempotency(record, merchant: key.merchant))
        }
    }

    private static func evolve(
        _ scope: PaymentScope, _ events: [PaymentEvent], _ group: GroupID,
        _ table: inout AggregateTable<GatewayAggregate>, _ facts: inout ShardFacts
    ) {
        let key = AggregateKey.payment(scope.payment, in: group)
        var current = payment(key, table)
        let postedCount = current?.ledger.count ?? 0
        let wasDue = current?.expires
        for event in events {
            facts.note(tracesOf: event)
            if case .attemptStarted(let start) = event {
                let place = AttemptPlace(
                    payment: scope.payment, number: start.number,
                    created: start.trace.transmittedAt)
                table.set(.attempt(start.trace, in: group), .attempt(place))
            }
            if current == nil {
                current = Payment(first: event)
                precondition(
                    current != nil, "\(scope.payment): \(event.name) came before its creation")
            } else {
                current!.mustEvolve(event)
            }
        }
        guard let current else { return }
        for entry in current.ledger[postedCount...] { post(entry, scope, group, &table) }
        table.set(key, .payment(current))
        let due = current.expires
        // What the line said before follows from the payment, so that it need not be read.
        if due != wasDue {
            table.set(.due(scope.payment, in: group), .due(scope.payment, at: due))
        }
    }

    /// Adds an entry to the merchant's books and to those with the link: between them it balances.
    private static func post(
        _ entry: LedgerEntry, _ scope: PaymentScope, _ group: GroupID,
        _ table: inout AggregateTable<GatewayAggregate>
    ) {
        guard let link = scope.link else {
            preconditionFailure("\(scope.payment) has a ledger entry and no link")
        }
        let merchantKey = AggregateKey.merchantBooks(scope, in: group)
        var merchantBooks = books(merchantKey, table)
        merchantBooks.post(entry) { $0.belongsToMerchant }
        table.set(merchantKey, .books(merchantBooks, owner: "\(scope.merchant)"))
        let linkKey = AggregateKey.linkBooks(link, scope, in: group)
        var linkBooks = books(linkKey, table)
        linkBooks.post(entry) { !$0.belongsToMerchant }
        table.set(linkKey, .books(linkBooks, owner: "link:\(link)"))
    }

    private static func outcome(
        _ reference: OutcomeReference, _ payment: Payment?, _ group: GroupID,
        _ table: AggregateTable<GatewayAggregate>
    ) -> Outcome {
        switch (reference, payment) {
        case (.payment, let payment?): return .payment(payment)
        case (.declined(let attempt), let payment?): return .declined(payment, attempt: attempt)
        case (.incrementDeclined(let attempt, let number), let payment?):
            return .incrementDeclined(payment, attempt: attempt, number: number)
        case (.refund(let number), let payment?): return .refund(payment, number: number)
        case (.refused(let refusal), let payment): return .refused(refusal, payment)
        case (.paymentMethod(let id), _):
            guard case .method(let method) = table[.method(id, in: group)] else {
                preconditionFailure("\(id) is an outcome and does not exist")
            }
            return .paymentMethod(method)
        case (.payment, nil), (.declined, nil), (.incrementDeclined, nil), (.refund, nil):
            preconditionFailure("an outcome \(reference) without its payment")
        }
    }

    private static func payment(
        _ key: AggregateKey, _ table: AggregateTable<GatewayAggregate>
    ) -> Payment? {
        guard case .payment(let payment) = table[key] else { return nil }
        return payment
    }

    private static func record(
        _ key: AggregateKey, _ table: AggregateTable<GatewayAggregate>
    ) -> IdempotencyRecord? {
        guard case .idempotency(let record, _) = table[key] else { return nil }
        return record
    }

    private static func books(
        _ key: AggregateKey, _ table: AggregateTable<GatewayAggregate>
    ) -> LedgerBalances {
        guard case .books(let balances, _) = table[key] else { return LedgerBalances() }
        return balances
    }
}

extension ShardFacts {
    /// Remembers that the event's traces are used.
    fileprivate mutating func note(tracesOf event: PaymentEvent) {
        event.forEachTrace { trace in
            nextTraceSequence = max(nextTraceSequence, trace.sequence + 1)
        }
    }
}
