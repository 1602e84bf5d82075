import Cluster
import Gateway
import Payments
import Primitives
import StateStore
import Testing

/// What a shard's log means: entries applied to a table, whole or not at all.
@Suite struct GatewayMachineTests {
    @Test("an aggregate is small, because tables and queues move it about")
    func size() {
        #expect(MemoryLayout<GatewayAggregate>.size <= 64)
    }

    private let group = GroupID(0)
    private var table = AggregateTable<GatewayAggregate>(cleanCountMax: 64)

    private mutating func apply(
        _ events: [ShardEvent], at stamp: Timestamp = Samples.now
    ) throws -> ApplyVerdict {
        let payload = ShardEntry(stamp: stamp, events: events).encoded
        // As the shard does: what the entry names is brought into memory, and nothing else.
        let keys = try GatewayMachine.keys(of: payload, in: group)
        for key in keys.known + keys.created where !table.knows(key) {
            table.admit(key, nil)
        }
        return try GatewayMachine.apply(payload, in: group, to: &table)
    }

    private func key(_ id: PaymentID) -> AggregateKey {
        AggregateKey(group: group, kind: AggregateKind(rawValue: 1), id: id.stem.text)
    }

    private func payment(_ id: PaymentID) -> Payment? {
        guard case .payment(let payment) = table[key(id)] else { return nil }
        return payment
    }

    private func paid(_ id: PaymentID) throws -> (Payment, [PaymentEvent]) {
        var traces = TraceAllocator(shard: 0, next: 0)
        let context = DecisionContext(
            now: Samples.now, link: "acquirer",
            fees: FeeSchedule(basisPoints: 290, fixedMinorUnits: 30))
        var payment = Payment(Samples.creation(id))
        var events: [PaymentEvent] = []
        let commands: [PaymentCommand] = [
            .confirm(method: nil),
            .answered(.authorization(attempt: 0), .approved(code: "A1", .absent)),
        ]
        for command in commands {
            guard
                case .success(let decided) = payment.decide(command, in: context, traces: &traces)
            else { continue }
            for event in decided { try payment.evolve(event) }
            events += decided
        }
        return (payment, events)
    }

    @Test("a payment made and approved in one entry is posted to balanced books")
    mutating func books() throws {
        let id = Samples.payment(10)
        let (after, events) = try paid(id)
        let verdict = try apply([
            .methodCreated(Samples.method),
            .payment(
                PaymentScope(after), base: 0, events: [.created(Samples.creation(id))] + events),
        ])
        #expect(verdict == .applied)
        #expect(payment(id) == after)
        #expect(after.status == .succeeded(attempt: 0))
        var total: Int64 = 0
        var merchantNet: Int64 = 0
        for row in table.takeDirty().map(\.row) where row.key.kind == AggregateKind(rawValue: 4) {
            guard case .books(let balances, _) = try GatewayAggregate(row: row) else { continue }
            total += balances.total
            merchantNet -= balances[.merchantPending]
        }
        #expect(total == 0)
        // 1000 less 2.9 % and 30: 29 and 30 are the fee.
        #expect(merchantNet == 1000 - 59)
    }

    /// The merchant's balance in the books, as a leader looks at it.
    private var balance: Int64 {
        let id = "\(Samples.merchant):usd:test"
        let key = AggregateKey(group: group, kind: AggregateKind(rawValue: 4), id: id)
        guard case .books(let sums, _) = table[key] else { return 0 }
        return sums.merchantBalance
    }

    @Test("the balance follows every entry: charges, refunds before their word, disputes")
    mutating func balances() throws {
        let ids = [Samples.payment(40), Samples.payment(41)]
        for id in ids {
            let (after, events) = try paid(id)
            _ = try apply([
                .payment(
                    PaymentScope(after), base: 0,
                    events: [.created(Samples.creation(id))] + events)
            ])
        }
        #expect(balance == 2 * 941)
        try run(.refund(amount: 600, reason: nil, metadata: []), on: ids[0])
        #expect(balance == 1282)
        try run(.effectAcknowledged(number: 0), on: ids[0])
        #expect(balance == 1282)
        try run(.refund(amount: 400, reason: nil, metadata: []), on: ids[0])
        try run(.effectRefused(number: 1, responseCode: "57"), on: ids[0])
        #expect(balance == 1282)
        let opened = DisputeCase(
            caseNumber: "A", amount: Money(minorUnits: 1000, currency: Samples.usd),
            reason: .fraudulent, isInquiry: false, evidenceDue: Samples.now)
        try run(.openDispute(opened), on: ids[1])
        #expect(balance == 282)
        try run(.refund(amount: 400, reason: nil, metadata: []), on: ids[0])
        #expect(balance == -118)
        try run(.closeDispute(number: 0, .won), on: ids[1])
        #expect(balance == 882)
    }

    @Test("an entry decided on an old version changes nothing at all")
    mutating func stale() throws {
        let id = Samples.payment(11)
        let (after, events) = try paid(id)
        _ = try apply([
            .payment(
                PaymentScope(after), base: 0, events: [.created(Samples.creation(id))] + events)
        ])
        let before = payment(id)
        let verdict = try apply([
            .keyCompleted(Samples.key(1), .refused(.methodMissing), payment: nil),
            .payment(
                PaymentScope(after), base: 1,
                events: [.canceled(reason: nil, at: Samples.now, reversals: [])]),
        ])
        #expect(verdict == .stale(key(id)))
        #expect(payment(id) == before)
        #expect(
            try apply([.keyCompleted(Samples.key(1), .refused(.methodMissing), payment: nil)])
                == .applied)
    }

    @Test("a key is claimed once, completed once, and free again after its lifetime")
    mutating func keys() throws {
        let id = Samples.payment(12)
        let (after, events) = try paid(id)
        let create = ShardEvent.payment(
            PaymentScope(after), base: 0, events: [.created(Samples.creation(id))] + events)
        let awaited = AwaitedOutcome.attempt(id, number: 0)
        #expect(
            try apply([create, .keyClaimed(Samples.key(7), awaited: awaited)]) == .applied)
        let second = try apply([.keyClaimed(Samples.key(7, requestID: "req_2"), awaited: awaited)])
        #expect(second != .applied)
        let foreign = try apply([
            .keyCompleted(Samples.key(7, requestID: "req_2"), .payment, payment: id)
        ])
        #expect(foreign != .applied)
        #expect(
            try apply([.keyCompleted(Samples.key(7), .payment, payment: id)]) == .applied)
        #expect(
            try apply([.keyCompleted(Samples.key(7), .payment, payment: id)]) != .applied)
        let later = Samples.now.advanced(
            byMilliseconds: IdempotencyRecord.lifetimeMilliseconds + 1)
        let anew = try apply(
            [.keyCompleted(Samples.key(7, requestID: "req_3"), .payment, payment: id)], at: later)
        #expect(anew == .applied)
    }

    @Test("a minted key has a row of its own kind, and is free again after a minute")
    mutating func mintedKeys() throws {
        let minted = IdempotencyClaim.minted(from: Samples.Chance(seed: 21))
        let key = KeyFacts(merchant: Samples.merchant, claim: minted, requestID: "req_1")
        let other = KeyFacts(merchant: Samples.merchant, claim: minted, requestID: "req_2")
        let id = Samples.payment(15)
        let (after, events) = try paid(id)
        let create = ShardEvent.payment(
            PaymentScope(after), base: 0, events: [.created(Samples.creation(id))] + events)
        let awaited = AwaitedOutcome.attempt(id, number: 0)
        #expect(try apply([create, .keyClaimed(key, awaited: awaited)]) == .applied)
        #expect(try apply([.keyClaimed(other, awaited: awaited)]) != .applied)
        let rows = table.takeDirty().map(\.row).filter { $0.key.kind == AggregateKind(rawValue: 6) }
        #expect(rows.count == 1 && rows[0].isOpen && rows[0].key.id.count == 24)
        let lifetime = IdempotencyRecord.mintedLifetimeMilliseconds
        // Even in flight: nobody waits for it any more.
        let late = Samples.now.advanced(byMilliseconds: lifetime + 1)
        #expect(try apply([.keyClaimed(other, awaited: awaited)], at: late) == .applied)
        let expired = GatewayMachine.expired(in: group, table)
        #expect(expired.map(\.kind.rawValue) == [3, 6, 8])
        #expect(expired[1].createdBefore == late.milliseconds - lifetime - 60_000)
    }

    @Test("an attempt is found by its link and reference, from the entry that begins it on")
    mutating func attemptIndex() throws {
        let id = Samples.payment(16)
        let (after, events) = try paid(id)
        let entry = [
            ShardEvent.payment(
                PaymentScope(after), base: 0, events: [.created(Samples.creation(id))] + events)
        ]
        _ = try apply(entry)
        let kind = AggregateKind(rawValue: 7)
        let rows = table.takeDirty().map(\.row).filter { $0.key.kind == kind }
        try #require(rows.count == 1)
        #expect(rows[0].key.id == "\(after.attempts[0].trace.reference):acquirer")
        let place = AttemptPlace(
            payment: id, number: 0, created: after.attempts[0].trace.transmittedAt)
        #expect(try GatewayAggregate(row: rows[0]) == .attempt(place))
        // The log alone makes the same row again.
        table = AggregateTable(cleanCountMax: 64)
        _ = try apply(entry)
        #expect(table.takeDirty().map(\.row).filter { $0.key.kind == kind } == rows)
    }

    /// Applies what is decided on the payment as the table has it.
    private mutating func run(_ command: PaymentCommand, on id: PaymentID) throws {
        var traces = TraceAllocator(shard: 0, next: 100)
        let context = DecisionContext(
            now: Samples.now, link: "acquirer",
            fees: FeeSchedule(basisPoints: 290, fixedMinorUnits: 30))
        let before = try #require(payment(id))
        let events = try before.decide(command, in: context, traces: &traces).get()
        var after = before
        for event in events { try after.evolve(event) }
        let verdict = try apply([
            .payment(PaymentScope(after), base: before.version, events: events)
        ])
        #expect(verdict == .applied)
    }

    private mutating func dueRows() -> [AggregateRow] {
        table.takeDirty().map(\.row).filter { $0.key.kind == AggregateKind(rawValue: 8) }
    }

    @Test("a hold is due at its end, and no more once it is captured; a payment without is never")
    mutating func due() throws {
        let id = Samples.payment(17)
        let creation = Samples.creation(id, capture: .manual)
        _ = try apply([
            .payment(PaymentScope(Payment(creation)), base: 0, events: [.created(creation)])
        ])
        try run(.confirm(method: nil), on: id)
        #expect(dueRows() == [])
        table.written()
        let approval = ProcessorAnswer.approved(code: "A1", .absent)
        try run(.answered(.authorization(attempt: 0), approval), on: id)
        let end = Samples.now.advanced(byMilliseconds: 7 * 86_400_000)
        let held = dueRows()
        table.written()
        #expect(held.map(\.created) == [end.milliseconds])
        #expect(held.map(\.owner) == [""])
        #expect(try held.map { try GatewayAggregate(row: $0) } == [.due(id, at: end)])
        try run(.capture(amount: 400), on: id)
        let captured = dueRows()
        table.written()
        #expect(captured.map(\.key) == held.map(\.key))
        #expect(try captured.map { try GatewayAggregate(row: $0) } == [.due(id, at: nil)])
        // Where the store removes the lines that say nothing.
        let bound = GatewayMachine.expired(in: group, table)[2].createdBefore
        #expect(captured[0].created < bound && bound < held[0].created)

        let (after, events) = try paid(Samples.payment(18))
        let first = [.created(Samples.creation(Samples.payment(18)))] + events
        _ = try apply([.payment(PaymentScope(after), base: 0, events: first)])
        #expect(dueRows() == [])
    }

    @Test("rows read back are the aggregates that were written")
    mutating func rows() throws {
        let id = Samples.payment(13)
        let (after, events) = try paid(id)
        _ = try apply([
            .methodCreated(Samples.method),
            .payment(
                PaymentScope(after), base: 0, events: [.created(Samples.creation(id))] + events),
            .keyCompleted(Samples.key(9), .payment, payment: id),
        ])
        let rows = table.takeDirty().map(\.row)
        #expect(rows.count == 7)
        for row in rows {
            let aggregate = try GatewayAggregate(row: row)
            #expect(aggregate.row(key: row.key) == row)
        }
    }

    @Test("an entry cut anywhere is refused, and never traps")
    func truncated() throws {
        let id = Samples.payment(14)
        let (after, events) = try paid(id)
        let entry = ShardEntry(
            stamp: Samples.now,
            events: [
                .methodCreated(Samples.method),
                .payment(
                    PaymentScope(after), base: 0,
                    events: [.created(Samples.creation(id))] + events),
                .keyClaimed(Samples.key(3), awaited: .attempt(id, number: 0)),
                .keyCompleted(Samples.key(4), .refused(.alreadyRefunded), payment: nil),
            ])
        let bytes = entry.encoded
        #expect(try ShardEntry(encoded: bytes) == entry)
        for count in 0..<bytes.count {
            #expect(throws: DecodingError.self) {
                try ShardEntry(encoded: Array(bytes.prefix(count)))
            }
        }
        #expect(throws: DecodingError.self) { try ShardEntry(encoded: [9] + bytes.dropFirst()) }
    }
}
