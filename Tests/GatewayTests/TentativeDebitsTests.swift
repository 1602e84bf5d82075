import Gateway
import Payments
import Primitives
import StateStore
import Testing

/// What proposals take from a merchant's books between their decision and their end.
@Suite struct TentativeDebitsTests {
    private let books = AggregateKey(
        group: GroupID(0), kind: AggregateKind(rawValue: 4), id: "merchant:usd:test")
    private let others = AggregateKey(
        group: GroupID(0), kind: AggregateKind(rawValue: 4), id: "merchant:eur:test")

    private static func after(_ payment: Payment, _ command: PaymentCommand) throws -> (
        payment: Payment, events: [PaymentEvent]
    ) {
        var traces = TraceAllocator(shard: 0, next: payment.version * 10)
        let context = DecisionContext(
            now: Samples.now, link: "acquirer",
            fees: FeeSchedule(basisPoints: 290, fixedMinorUnits: 30))
        let events = try payment.decide(command, in: context, traces: &traces).get()
        var after = payment
        for event in events { try after.evolve(event) }
        return (after, events)
    }

    private static func paid(_ seed: UInt64, _ capture: CaptureMethod) throws -> Payment {
        let approval = ProcessorAnswer.approved(code: "A1", .absent)
        let begun = try after(
            Payment(Samples.creation(Samples.payment(seed), capture: capture)),
            .confirm(method: nil))
        return try after(begun.payment, .answered(.authorization(attempt: 0), approval)).payment
    }

    private static func refund(_ amount: Int64) -> PaymentCommand {
        .refund(amount: amount, reason: nil, metadata: [])
    }

    @Test("refunds that are proposed add up until their proposals end")
    func addUp() throws {
        var debits = TentativeDebits()
        let (first, second) = (try Self.paid(1, .automatic), try Self.paid(2, .automatic))
        #expect(debits.sum(from: books) { _ in nil } == 0)
        debits.reserve(try Self.after(first, Self.refund(300)).events, of: first, from: books)
        debits.reserve(try Self.after(second, Self.refund(50)).events, of: second, from: books)
        #expect(debits.sum(from: books) { _ in nil } == 350)
        #expect(debits.sum(from: others) { _ in nil } == 0)
        debits.release(first.id, from: others)
        debits.release(first.id, from: books)
        debits.release(first.id, from: books)
        #expect(debits.sum(from: books) { _ in nil } == 50)
        #expect(!debits.isEmpty)
        debits.release(second.id, from: books)
        #expect(debits.isEmpty)
    }

    @Test("one that is applied is in the books, and not counted beside them")
    func applied() throws {
        var debits = TentativeDebits()
        let (first, second) = (try Self.paid(1, .automatic), try Self.paid(2, .automatic))
        let (refunded, events) = try Self.after(first, Self.refund(300))
        debits.reserve(events, of: first, from: books)
        debits.reserve(try Self.after(second, Self.refund(50)).events, of: second, from: books)
        let before = [first.id: first.version, second.id: second.version]
        #expect(debits.sum(from: books) { before[$0] } == 350)
        let after = [first.id: refunded.version, second.id: second.version]
        #expect(debits.sum(from: books) { after[$0] } == 50)
    }

    @Test("what takes counts, whatever it is; what brings, or only settles, does not")
    func kinds() throws {
        var debits = TentativeDebits()
        let held = try Self.paid(1, .manual)
        let (captured, capture) = try Self.after(held, .capture(amount: 1000))
        debits.reserve(capture, of: held, from: books)
        #expect(debits.isEmpty)
        // The acquirer refuses what the merchant has taken: 1000 less the fee of 59.
        let refusal = try Self.after(captured, .effectRefused(number: 0, responseCode: "12"))
        debits.reserve(refusal.events, of: captured, from: books)
        #expect(debits.sum(from: books) { _ in nil } == 941)
        debits.release(held.id, from: books)
        let paid = try Self.after(captured, .effectAcknowledged(number: 0))
        debits.reserve(paid.events, of: captured, from: books)
        #expect(debits.isEmpty)
        let (refunded, _) = try Self.after(paid.payment, Self.refund(400))
        let acknowledged = try Self.after(refunded, .effectAcknowledged(number: 1))
        debits.reserve(acknowledged.events, of: refunded, from: books)
        #expect(debits.isEmpty)
        let dispute = DisputeCase(
            caseNumber: "A", amount: Money(minorUnits: 100, currency: Samples.usd),
            reason: .fraudulent, isInquiry: false, evidenceDue: Samples.now)
        let disputed = try Self.after(paid.payment, .openDispute(dispute))
        debits.reserve(disputed.events, of: paid.payment, from: books)
        #expect(debits.sum(from: books) { _ in nil } == 100)
    }
}
