import CAllocations
import Payments
import Primitives
import Testing

/// The states that a payment has on its common way hold their parts in themselves.
@Suite("evolve")
struct EvolveCostTests {
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
