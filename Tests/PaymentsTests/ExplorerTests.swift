import Payments
import Primitives
import Testing

/// Walks every state that small bounds allow, breadth first, and holds each against the promises.
struct Explorer {
    /// Amounts of captures and refunds that are tried besides "all".
    static let amounts: [Int64] = [1, 2]
    static let attemptCountMax = 2

    let refundCountMax: Int
    /// Reversals of one payment, so that late approvals come to an end.
    let reversalCountMax: Int
    /// True when the processor answers effects in the order of their numbers, as the outbox sends
    /// them; false when answers come in any order.
    let answersInOrder: Bool

    private(set) var stateCount = 0
    private(set) var decisionCount = 0
    private(set) var violations: [String] = []

    init(answersInOrder: Bool, refundCountMax: Int, reversalCountMax: Int) {
        self.answersInOrder = answersInOrder
        self.refundCountMax = refundCountMax
        self.reversalCountMax = reversalCountMax
    }

    mutating func explore() {
        var seen: Set<Payment> = []
        var queue: [Walk] = []
        for capture in [CaptureMethod.automatic, .manual] {
            for method in [nil, Fixture.visa] {
                var walk = Walk(amount: 2, capture, method: method)
                walk.fees = FeeSchedule(basisPoints: 2500, fixedMinorUnits: 0)
                if seen.insert(walk.payment.canonical).inserted { queue.append(walk) }
            }
        }
        var head = 0
        while head < queue.count, violations.count < 10 {
            let walk = queue[head]
            head += 1
            check(walk)
            for command in inputs(of: walk.payment) {
                guard let next = step(walk, command) else { continue }
                if seen.insert(next.payment.canonical).inserted { queue.append(next) }
            }
        }
        stateCount = seen.count
    }

    /// What the bounds let happen in a state; what they leave out is decided in `check` all the
    /// same.
    private func inputs(of payment: Payment) -> [PaymentCommand] {
        var inputs: [PaymentCommand] = [.cancel(reason: nil)]
        if payment.attempts.count < Self.attemptCountMax {
            inputs += [.confirm(method: nil), .confirm(method: Fixture.visa)]
        }
        inputs.append(.capture(amount: nil))
        inputs += Self.amounts.map { .capture(amount: $0) }
        if payment.refunds.count < refundCountMax {
            inputs.append(.refund(amount: nil, reason: nil, metadata: []))
            inputs += Self.amounts.map { .refund(amount: $0, reason: nil, metadata: []) }
        }
        for number in payment.attempts.indices {
            inputs += [
                .answered(.authorization(attempt: number), Fixture.approval),
                .answered(.authorization(attempt: number), .declined(Fixture.decline)),
                .notSent(.authorization(attempt: number)),
                .unanswered(.authorization(attempt: number), .timedOut),
            ]
            if payment.effects.count(where: \.isReversal) < reversalCountMax {
                inputs.append(.approvedLate(.authorization(attempt: number)))
            }
        }
        let answerable =
            answersInOrder
            ? payment.nextEffect.map { [$0.number] } ?? [] : Array(payment.effects.indices)
        for number in answerable {
            inputs += [
                .effectAcknowledged(number: number),
                .effectRefused(number: number, responseCode: "12"),
            ]
        }
        return inputs
    }

    /// The walk after a command, or nil when it was refused or nothing happened.
    private mutating func step(_ walk: Walk, _ command: PaymentCommand) -> Walk? {
        decisionCount += 1
        var next = walk
        guard case .success(let events) = next.run(command) else {
            expect(next.payment == walk.payment, "a refusal changed the state", walk)
            return nil
        }
        expect(
            next.payment.version == walk.payment.version + UInt64(events.count),
            "the version is off after \(command)", walk)
        var replica = walk.payment
        for event in events {
            guard let copy = try? PaymentEvent(encoded: event.encoded) else {
                expect(false, "an event does not round trip: \(event)", walk)
                return nil
            }
            replica.evolve(copy)
        }
        expect(replica == next.payment, "a replica differs after \(command)", walk)
        if events.isEmpty {
            expect(next.payment == walk.payment, "no event and yet a change", walk)
            return nil
        }
        return next
    }

    private mutating func check(_ walk: Walk) {
        let payment = walk.payment
        expect((try? Payment(encoded: payment.encoded)) == payment, "no round trip", walk)
        checkMoney(walk)
        let holding = payment.attempts.count { $0.isUnresolved || $0.holdsMoney }
        expect(holding <= 1, "\(holding) attempts hold money", walk)
        let isUnresolved = payment.attempts.contains { $0.isUnresolved }
        expect(
            (payment.status.name == .processing) == isUnresolved,
            "processing and an unresolved attempt disagree", walk)
        checkTotality(walk)
        checkLateApprovals(walk)
        checkRest(walk)
    }

    private mutating func checkMoney(_ walk: Walk) {
        let payment = walk.payment
        var posted: Int64 = 0
        for attempt in payment.attempts {
            guard case .captured(_, let amount, _, let isPosted) = attempt.state else { continue }
            expect(amount > 0 && amount <= attempt.amount, "captured more than held", walk)
            if isPosted { posted += amount }
        }
        var paidBack: Int64 = 0
        for refund in payment.refunds {
            if case .succeeded = refund.state { paidBack += refund.amount }
        }
        expect(payment.amountRefunded <= payment.amountReceived, "refunds above capture", walk)
        var balances = LedgerBalances()
        for entry in payment.ledger { balances.post(entry, to: { _ in true }) }
        expect(balances.total == 0, "the ledger is out of balance", walk)
        expect(
            balances[.acquirerReceivable] == posted - paidBack,
            "the ledger differs from what was captured and paid back", walk)
        expect(
            -balances[.merchantPending] - balances[.fees] == posted - paidBack,
            "what we owe differs from what we are owed", walk)
        if answersInOrder {
            expect(paidBack <= posted, "paid back what was never taken", walk)
        }
    }

    /// Every command with every number and amount, sensible or not: decided without a trap, and the
    /// state untouched.
    private mutating func checkTotality(_ walk: Walk) {
        var commands = inputs(of: walk.payment)
        let numbers = [Int.min, -1, 0, 1, 2, 61, 62, 300, Int.max]
        for number in numbers {
            commands += [
                .answered(.authorization(attempt: number), Fixture.approval),
                .notSent(.authorization(attempt: number)),
                .unanswered(.authorization(attempt: number), .mismatchedAnswer),
                .approvedLate(.authorization(attempt: number)), .effectAcknowledged(number: number),
                .effectRefused(number: number, responseCode: "99"),
            ]
        }
        for amount in [Int64.min, -1, 0, 3, Int64.max] {
            commands += [
                .capture(amount: amount), .refund(amount: amount, reason: nil, metadata: []),
            ]
        }
        for command in commands {
            decisionCount += 1
            var traces = walk.traces
            _ = walk.payment.decide(command, in: walk.context, traces: &traces)
        }
    }

    private mutating func checkLateApprovals(_ walk: Walk) {
        for attempt in walk.payment.attempts {
            var late = walk
            guard case .success(let events) = late.run(.approvedLate(.authorization(attempt: attempt.number)))
            else {
                expect(false, "a late approval was refused", walk)
                continue
            }
            expect(late.payment.status == walk.payment.status, "a late approval counted", walk)
            expect(late.payment.attempts == walk.payment.attempts, "an attempt changed", walk)
            expect(late.payment.ledger == walk.payment.ledger, "the ledger changed", walk)
            switch attempt.state {
            case .pending, .authorized, .captured, .voided:
                expect(events.isEmpty, "a counted approval was reversed", walk)
            case .declined, .notSent, .reversing, .reversed:
                expect(
                    events.count == 1
                        && late.payment.effects.last?.kind == .reversal(.authorization(attempt: attempt.number))
                        && late.payment.effects.last?.state == .open,
                    "a late approval is not reversed", walk)
            }
        }
    }

    /// From every state the outbox alone leads to rest, without a person.
    private mutating func checkRest(_ walk: Walk) {
        var rest = walk
        for _ in 0..<(2 * (walk.payment.effects.count + 2)) {
            if let effect = rest.payment.nextEffect {
                rest.run(.effectAcknowledged(number: effect.number))
            } else if let pending = rest.payment.attempts.first(where: { $0.isUnresolved }) {
                rest.run(.unanswered(.authorization(attempt: pending.number), .connectionLost))
            }
        }
        expect(!rest.payment.hasUnfinishedWork, "work is open for ever", walk)
        expect(rest.payment.status.name != .processing, "processing for ever", walk)
    }

    private mutating func expect(_ holds: Bool, _ promise: String, _ walk: Walk) {
        if !holds { violations.append("\(promise): \(walk.payment)") }
    }
}

extension Effect {
    fileprivate var isReversal: Bool {
        if case .reversal = kind { true } else { false }
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

@Suite("Every state that small bounds allow")
struct ExplorerTests {
    @Test("keeps the promises when effects are answered in order")
    func inOrder() {
        var explorer = Explorer(answersInOrder: true, refundCountMax: 2, reversalCountMax: 2)
        explorer.explore()
        print("in order: \(explorer.stateCount) states, \(explorer.decisionCount) decisions")
        #expect(explorer.violations == [])
        #expect(explorer.stateCount > 500)
    }

    @Test("keeps the promises when effects are answered in any order")
    func anyOrder() {
        var explorer = Explorer(answersInOrder: false, refundCountMax: 1, reversalCountMax: 2)
        explorer.explore()
        print("any order: \(explorer.stateCount) states, \(explorer.decisionCount) decisions")
        #expect(explorer.violations == [])
        #expect(explorer.stateCount > 500)
    }
}
