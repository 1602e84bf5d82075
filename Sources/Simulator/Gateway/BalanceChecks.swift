import Payments
import Primitives

/// Whether no refund took the merchant's balance below its limit, at any entry of the log (P6).
///
/// The order is that of the stamps under which the entries were decided: they never run backwards,
/// and what is decided counts for everything that is decided after it. Within one millisecond, what
/// was gained goes first.
struct BalanceChecks {
    private struct Movement {
        let at: Timestamp
        let gain: Int64
        let payment: PaymentID
        let isRefund: Bool
    }

    /// All of one merchant, in one currency.
    let payments: [Payment]
    /// Minor units below zero.
    let limit: Int64

    func violations() -> [String] {
        var found: [String] = []
        var balance: Int64 = 0
        for movement in movements {
            balance += movement.gain
            if movement.isRefund, balance < -limit {
                found.append(
                    "P6 a refund of \(-movement.gain) of \(movement.payment) left \(balance), "
                        + "below -\(limit)")
            }
        }
        return found
    }

    private var movements: [Movement] {
        let all = payments.flatMap { payment in
            payment.ledger.map { entry in
                Movement(
                    at: entry.at, gain: entry.merchantGain, payment: payment.id,
                    isRefund: entry.startsRefund)
            }
        }
        return all.sorted { ($0.at, -$0.gain) < ($1.at, -$1.gain) }
    }
}

extension LedgerEntry {
    fileprivate var startsRefund: Bool {
        if case (.refund, .pending) = (cause, phase) { true } else { false }
    }
}
