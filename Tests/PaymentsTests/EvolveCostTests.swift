import CAllocations
import Payments
import Primitives
import Testing

/// The states that a payment has on its common way hold their parts in themselves.
@Suite("evolve")
struct EvolveCostTests {
    @Test("works on a state that is copied in a few cache lines")
    func size() {
        #expect(MemoryLayout<Payment>.size <= 1024)
        #expect(MemoryLayout<PaymentStatus>.size <= 16)
        // Entries are copied as they lie, without a look at each.
        #expect(MemoryLayout<LedgerEntry>.size <= 80)
        #expect(_isPOD(LedgerEntry.self))
        #expect(_isPOD(IdentifierStem.self))
    }

    @Test("allocates nothing for the events of a payment that is paid, captured and paid back")
    func allocations() {
        for start in [Walk(.automatic), Walk(.manual)] {
            var walk = start
            var commands: [PaymentCommand] = [
                .confirm(method: nil), .answered(.authorization(attempt: 0), Fixture.approval),
            ]
            if start.payment.terms.capture == .manual {
                commands += [.capture(amount: 400), .effectAcknowledged(number: 0)]
            }
            commands += [
                .effectAcknowledged(number: 1), .refund(amount: 300, reason: nil, metadata: []),
                .effectAcknowledged(number: start.payment.terms.capture == .manual ? 2 : 0),
            ]
            for command in commands {
                guard
                    case .success(let events) = walk.payment.decide(
                        command, in: walk.context, traces: &walk.traces)
                else {
                    Issue.record("\(command) was refused")
                    return
                }
                for event in events {
                    let before = CAllocationsOfThread()
                    walk.payment.mustEvolve(event)
                    let count = CAllocationsOfThread() - before
                    #expect(count == 0, "\(count) allocations for \(event)")
                }
            }
            #expect(walk.payment.refunds.count == 1)
            #expect(walk.payment.ledger.count >= 3)
        }
    }
}
