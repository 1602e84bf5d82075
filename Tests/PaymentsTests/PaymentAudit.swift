import Payments
import Primitives

/// Holds a payment against the promises, from its parts alone: once (P2), known (P3), balanced
/// (P6).
struct PaymentAudit {
    private let payment: Payment
    private let isInOrder: Bool
    private let disputeFee: Int64
    private(set) var faults: [String] = []

    /// `isInOrder` when the processor answered effects in the order of their numbers, as the outbox
    /// sends them; `disputeFee` is what a dispute costs.
    init(_ payment: Payment, isInOrder: Bool, disputeFee: Int64 = 1) {
        self.payment = payment
        self.isInOrder = isInOrder
        self.disputeFee = disputeFee
        checkOnce()
        checkAmounts()
        checkLedger()
    }

    private mutating func checkOnce() {
        let holding = payment.attempts.count { $0.isUnresolved || $0.holdsMoney }
        expect(holding <= 1, "\(holding) attempts hold money")
        let isUnresolved = payment.attempts.contains { $0.isUnresolved }
        expect(
            (payment.status.name == .processing) == isUnresolved,
            "processing and an unresolved attempt disagree")
        if payment.status.name == .canceled {
            expect(holding == 0 && payment.amountReceived == 0, "canceled, and money was taken")
        }
    }

    private mutating func checkAmounts() {
        var collectible: Int64 = 0
        for attempt in payment.attempts {
            guard let hold = attempt.hold else { continue }
            let limit = hold.authorized + hold.authorized * hold.options.overcapturePercent / 100
            let captured = hold.captures.reduce(0) { $0 + $1.amount }
            expect(captured <= limit, "captured above what is held and granted")
            expect(hold.captures.allSatisfy { $0.amount > 0 }, "a capture of nothing")
            for capture in hold.captures where !capture.isRefused { collectible += capture.amount }
            let raised = hold.increments.reduce(Int64(0)) { $1.isApproved ? $0 + $1.amount : $0 }
            expect(hold.authorized <= attempt.amount + raised, "more held than was asked for")
        }
        var paidBack: Int64 = 0
        for refund in payment.refunds where refund.counts { paidBack += refund.amount }
        var disputed: Int64 = 0
        for dispute in payment.disputes where dispute.isOpenOrLost {
            disputed += dispute.covered
            expect(
                dispute.covered <= dispute.amount
                    && dispute.loss == dispute.amount - dispute.covered, "a loss without a flag")
        }
        if isInOrder {
            expect(
                paidBack + disputed <= collectible,
                "refunds and disputes come to more than was captured")
        }
    }

    private mutating func checkLedger() {
        var balances = LedgerBalances()
        for entry in payment.ledger {
            balances.post(entry, to: { _ in true })
            expect(
                balances.total == 0 && balances.pendingTotal == 0, "the ledger is out of balance")
        }
        let expected = ExpectedBalances(payment, disputeFee: disputeFee)
        for account in LedgerAccount.allCases {
            expect(
                balances[account] == expected.posted[account] ?? 0,
                "\(account) is \(balances[account]) and not \(expected.posted[account] ?? 0)")
            expect(
                balances.pending(account) == expected.pending[account] ?? 0,
                "pending \(account) is \(balances.pending(account))")
        }
        for refund in payment.refunds {
            guard case .succeeded = refund.state, isInOrder else { continue }
            expect(expected.posted[.acquirerReceivable] != nil, "paid back what was never taken")
        }
    }

    private mutating func expect(_ holds: Bool, _ promise: @autoclosure () -> String) {
        if !holds { faults.append(promise()) }
    }
}

/// What the accounts have to be, reckoned from the states of captures, refunds and disputes.
private struct ExpectedBalances {
    var posted: [LedgerAccount: Int64] = [:]
    var pending: [LedgerAccount: Int64] = [:]

    init(_ payment: Payment, disputeFee: Int64) {
        for attempt in payment.attempts {
            for capture in attempt.hold?.captures ?? [] {
                switch capture.state {
                case .pending: Self.charge(&pending, capture)
                case .posted: Self.charge(&posted, capture)
                case .refused: break
                }
            }
        }
        for refund in payment.refunds {
            switch refund.state {
            case .requested, .pending: Self.refund(&pending, refund.amount)
            case .succeeded: Self.refund(&posted, refund.amount)
            case .failed, .canceled: break
            }
        }
        for dispute in payment.disputes { add(dispute) }
        for entry in payment.ledger { settle(entry, payment) }
        // A dispute's fee is kept whatever becomes of it.
        let count = payment.ledger.count { entry in
            if case .dispute = entry.cause { true } else { false }
        }
        posted[.merchantAvailable, default: 0] += Int64(count) * disputeFee
        posted[.fees, default: 0] -= Int64(count) * disputeFee
    }

    private static func charge(_ sums: inout [LedgerAccount: Int64], _ capture: Capture) {
        sums[.acquirerReceivable, default: 0] += capture.amount
        sums[.merchantPending, default: 0] -= capture.amount - capture.fee
        sums[.fees, default: 0] -= capture.fee
    }

    private static func refund(_ sums: inout [LedgerAccount: Int64], _ amount: Int64) {
        sums[.acquirerReceivable, default: 0] -= amount
        sums[.merchantPending, default: 0] += amount
    }

    private mutating func add(_ dispute: Dispute) {
        guard dispute.isOpenOrLost else { return }
        posted[.merchantAvailable, default: 0] += dispute.covered
        posted[.losses, default: 0] += dispute.amount - dispute.covered
        let account: LedgerAccount = dispute.status == .lost ? .acquirerReceivable : .disputeHold
        posted[account, default: 0] -= dispute.amount
    }

    private mutating func settle(_ entry: LedgerEntry, _ payment: Payment) {
        guard case .settlement(let item) = entry.cause else { return }
        let amount: Int64
        let share: Int64
        switch item {
        case .capture(let attempt, let number):
            let capture = payment.attempts[attempt].hold!.captures[number]
            (amount, share) = (capture.amount, capture.amount - capture.fee)
        case .refund(let number):
            (amount, share) = (-payment.refunds[number].amount, -payment.refunds[number].amount)
        case .dispute(let number):
            (amount, share) = (-payment.disputes[number].amount, 0)
        }
        posted[.bank, default: 0] += amount
        posted[.acquirerReceivable, default: 0] -= amount
        posted[.merchantPending, default: 0] += share
        posted[.merchantAvailable, default: 0] -= share
    }
}

extension Attempt {
    fileprivate var holdsMoney: Bool {
        switch state {
        case .authorized, .captured: true
        case .pending, .declined, .notSent, .reversing, .reversed, .voided: false
        }
    }
}

extension Capture {
    fileprivate var isRefused: Bool {
        if case .refused = state { true } else { false }
    }
}

extension Increment {
    fileprivate var isApproved: Bool {
        if case .approved = state { true } else { false }
    }
}

extension Dispute {
    fileprivate var isOpenOrLost: Bool {
        switch status {
        case .needsResponse, .underReview, .lost: true
        case .warningNeedsResponse, .warningUnderReview, .warningClosed, .won: false
        }
    }
}
