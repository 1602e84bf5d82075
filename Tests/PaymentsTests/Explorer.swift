import Payments
import Primitives

/// How far an exploration goes: what it tries in each state. What the bounds leave out of the walk
/// is decided in every state all the same.
struct ExplorerBounds {
    var attemptCountMax = 1
    /// Reversals of one payment, so that late approvals come to an end.
    var reversalCountMax = 1
    var challengeCountMax: UInt64 = 0
    var incrementCountMax = 0
    var captureCountMax = 1
    var refundCountMax = 0
    var disputeCountMax = 0
    var settles = false
    /// True when the processor answers effects in the order of their numbers, as the outbox sends
    /// them; false when answers come in any order.
    var answersInOrder = true
    /// Minor units that captures, refunds and increments try besides "all".
    var amounts: [Int64] = [1, 2]
    /// The hold that is asked for.
    var amount: Int64 = 2
}

/// Walks every state that small bounds allow and holds each against the promises.
struct Explorer {
    let bounds: ExplorerBounds
    private(set) var stateCount = 0
    private(set) var decisionCount = 0
    private(set) var violations: [String] = []
    private(set) var statuses: Set<Refusal.StatusName> = []
    /// What was seen to happen.
    private(set) var transitions: Set<Transition> = []

    /// What one decision did to the status, by the names of its events.
    struct Transition: Hashable, Comparable {
        let from: String
        let events: String
        let to: String

        static func < (left: Transition, right: Transition) -> Bool {
            (left.from, left.events, left.to) < (right.from, right.events, right.to)
        }
    }

    init(_ bounds: ExplorerBounds) {
        self.bounds = bounds
    }

    /// Visits every state; with `checks`, each is held against the promises.
    mutating func explore(checks: Bool = true) {
        var seen: Set<StateDigest> = []
        // The last state found is visited first, so that the frontier stays small.
        var frontier: [Walk] = []
        for capture in [CaptureMethod.automatic, .manual] {
            for method in [nil, Fixture.visa] {
                var walk = Walk(amount: bounds.amount, capture, method: method)
                walk.fees = FeeSchedule(
                    basisPoints: 2500, fixedMinorUnits: 0, disputeMinorUnits: 1)
                if bounds.incrementCountMax + bounds.captureCountMax > 1 {
                    walk.offer = Fixture.allOptions
                }
                if seen.insert(StateDigest(walk)).inserted { frontier.append(walk) }
            }
        }
        while let walk = frontier.popLast(), violations.count < 10 {
            statuses.insert(walk.payment.status.name)
            if checks { check(walk) }
            for command in inputs(of: walk.payment) {
                guard let next = step(walk, command) else { continue }
                if seen.insert(StateDigest(next)).inserted { frontier.append(next) }
            }
            if bounds.incrementCountMax > 0, let next = walk.reachingHost,
                seen.insert(StateDigest(next)).inserted
            {
                frontier.append(next)
            }
        }
        stateCount = seen.count
    }

    // MARK: What may happen

    private func inputs(of payment: Payment) -> [PaymentCommand] {
        callers(of: payment) + processors(of: payment) + disputes(of: payment)
    }

    /// What a merchant, and the clock, may ask.
    private func callers(of payment: Payment) -> [PaymentCommand] {
        var inputs: [PaymentCommand] = [.cancel(reason: nil), .expire]
        if payment.attempts.count < bounds.attemptCountMax {
            inputs += [.confirm(method: nil), .confirm(method: Fixture.visa)]
            if payment.version <= bounds.challengeCountMax {
                inputs.append(
                    .confirm(method: Fixture.visa, Presence(), authenticates: true))
            }
        }
        if case .requiresAction(let challenge) = payment.status {
            inputs += [
                .authenticated(challenge: challenge.number, Fixture.authentication),
                .authenticated(challenge: challenge.number, nil),
            ]
        }
        let hold = payment.openHold
        if (hold?.captures.count ?? 0) < bounds.captureCountMax {
            inputs.append(.capture(amount: nil))
            inputs += bounds.amounts.map { .capture(amount: $0) }
            if bounds.captureCountMax > 1 {
                inputs += bounds.amounts.map { .capture(amount: $0, isFinal: false) }
            }
        }
        if let hold, hold.increments.count < bounds.incrementCountMax {
            inputs += bounds.amounts.map { .increment(total: hold.authorized + $0) }
        }
        if payment.refunds.count < bounds.refundCountMax {
            inputs.append(.refund(amount: nil, reason: nil, metadata: []))
            inputs += bounds.amounts.map { .refund(amount: $0, reason: nil, metadata: []) }
        }
        for number in payment.refunds.indices {
            inputs += [
                .cancelRefund(number: number), .concludeRefund(number: number, .paid),
                .concludeRefund(number: number, .returned),
            ]
        }
        return inputs
    }

    /// What a processor may say, or fail to say.
    private func processors(of payment: Payment) -> [PaymentCommand] {
        var inputs: [PaymentCommand] = []
        let reversalCount = payment.effects.count(where: \.isReversal)
        for request in payment.requests {
            inputs += [
                .answered(request, Fixture.approval),
                .answered(request, .declined(Fixture.decline)), .notSent(request),
                .unanswered(request, .timedOut),
            ]
            if payment.version <= bounds.challengeCountMax {
                inputs.append(.answered(request, .declined(Decline(responseCode: "1A"))))
            }
            if bounds.captureCountMax > 1 {
                inputs.append(.answered(request, .approved(code: "P", .pass, amount: 1)))
            }
            if reversalCount < bounds.reversalCountMax { inputs.append(.approvedLate(request)) }
        }
        let answerable =
            bounds.answersInOrder
            ? payment.nextEffect.map { [$0.number] } ?? [] : Array(payment.effects.indices)
        for number in answerable {
            inputs += [
                .effectAcknowledged(number: number),
                .effectRefused(number: number, responseCode: "12"),
            ]
            if case .refund = payment.effects[number].kind {
                inputs.append(.effectAcknowledged(number: number, isDeferred: true))
            }
        }
        return inputs
    }

    /// What comes long after the sale.
    private func disputes(of payment: Payment) -> [PaymentCommand] {
        var inputs: [PaymentCommand] = []
        if payment.disputes.count < bounds.disputeCountMax {
            for amount in [1, bounds.amount + 1] {
                for isInquiry in [false, true] {
                    inputs.append(
                        .openDispute(
                            DisputeCase(
                                caseNumber: "\(payment.disputes.count)",
                                amount: Money(minorUnits: amount, currency: Fixture.usd),
                                reason: .fraudulent, isInquiry: isInquiry,
                                evidenceDue: Fixture.start)))
                }
            }
        }
        for number in payment.disputes.indices {
            inputs += [
                .escalateDispute(number: number),
                .answerDispute(number: number, evidence: [], isSubmitted: true),
                .closeDispute(number: number, .won), .closeDispute(number: number, .lost),
            ]
        }
        return bounds.settles ? inputs + settlements(of: payment) : inputs
    }

    private func settlements(of payment: Payment) -> [PaymentCommand] {
        var inputs: [PaymentCommand] = []
        func settle(_ item: SettlementItem, _ amount: Int64) {
            inputs.append(.settle(item, Money(minorUnits: amount, currency: Fixture.usd)))
        }
        for attempt in payment.attempts {
            for capture in attempt.hold?.captures ?? [] {
                settle(
                    .capture(attempt: attempt.number, number: capture.number), capture.amount)
            }
        }
        for refund in payment.refunds { settle(.refund(number: refund.number), -refund.amount) }
        for dispute in payment.disputes {
            settle(.dispute(number: dispute.number), -dispute.amount)
        }
        return inputs
    }

    // MARK: One step

    /// The walk after a command, or nil when it was refused or nothing happened.
    private mutating func step(_ walk: Walk, _ command: PaymentCommand) -> Walk? {
        decisionCount += 1
        var next = walk
        if command == .expire, let expires = walk.payment.expires {
            next.now = max(next.now, expires)
        }
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
            replica.mustEvolve(copy)
        }
        expect(replica == next.payment, "a replica differs after \(command)", walk)
        if events.isEmpty {
            expect(next.payment == walk.payment, "no event and yet a change", walk)
            return nil
        }
        note(events, walk.payment.status, next.payment.status)
        return next
    }

    private mutating func note(
        _ events: [PaymentEvent], _ from: PaymentStatus, _ to: PaymentStatus
    ) {
        var names: [String] = []
        for event in events {
            let name = String("\(event)".prefix { $0.isLetter })
            if names.last != name { names.append(name) }
        }
        transitions.insert(
            Transition(
                from: "\(from.name)", events: names.joined(separator: " "), to: "\(to.name)"))
    }

    // MARK: What must hold

    private mutating func check(_ walk: Walk) {
        let payment = walk.payment
        expect((try? Payment(encoded: payment.encoded)) == payment, "no round trip", walk)
        for fault in PaymentAudit(payment, isInOrder: bounds.answersInOrder).faults {
            expect(false, fault, walk)
        }
        checkHost(walk, "")
        checkTotality(walk)
        checkLateApprovals(walk)
        checkRest(walk)
    }

    /// Every command with every number and amount, sensible or not, and every event: decided and
    /// evolved without a trap, and the state untouched unless it fits.
    private mutating func checkTotality(_ walk: Walk) {
        for command in inputs(of: walk.payment) + Self.hostileCommands {
            decisionCount += 1
            var traces = walk.traces
            _ = walk.payment.decide(command, in: walk.context, traces: &traces)
        }
        for event in Self.hostileEvents {
            var copy = walk.payment
            do {
                try copy.evolve(event)
                expect(
                    (try? Payment(encoded: copy.encoded)) == copy,
                    "an event that fits makes a state that cannot be read: \(event)", walk)
            } catch {
                expect(copy == walk.payment, "a misfit changed the state: \(event)", walk)
            }
        }
    }

    private static let hostileEvents = Samples.events + Samples.moreEvents

    private static let hostileCommands: [PaymentCommand] = {
        var commands: [PaymentCommand] = Samples.commands
        for number in [Int.min, -1, 0, 1, 2, 61, 62, 400, Int.max] {
            let requests: [ProcessorRequest] = [
                .authorization(attempt: number), .increment(attempt: 0, number: number),
                .increment(attempt: number, number: 0),
            ]
            for request in requests {
                commands += [
                    .answered(request, Fixture.approval), .notSent(request),
                    .unanswered(request, .mismatchedAnswer), .approvedLate(request),
                ]
            }
            commands += [
                .effectAcknowledged(number: number),
                .effectRefused(number: number, responseCode: "99"), .cancelRefund(number: number),
                .concludeRefund(number: number, .returned), .escalateDispute(number: number),
                .answerDispute(number: number, evidence: [], isSubmitted: true),
                .closeDispute(number: number, .lost),
                .settle(.refund(number: number), Money(minorUnits: .min, currency: Fixture.usd)),
            ]
        }
        for amount in [Int64.min, -1, 0, 3, Int64.max] {
            commands += [
                .capture(amount: amount), .capture(amount: amount, isFinal: false),
                .increment(total: amount), .refund(amount: amount, reason: nil, metadata: []),
                .answered(
                    .authorization(attempt: 0), .approved(code: "", .absent, amount: amount)),
            ]
        }
        return commands
    }()

    private mutating func checkLateApprovals(_ walk: Walk) {
        for request in walk.payment.requests {
            var late = walk
            guard case .success(let events) = late.run(.approvedLate(request)) else {
                expect(false, "a late approval was refused", walk)
                continue
            }
            expect(late.payment.status == walk.payment.status, "a late approval counted", walk)
            expect(late.payment.attempts == walk.payment.attempts, "an attempt changed", walk)
            expect(late.payment.ledger == walk.payment.ledger, "the ledger changed", walk)
            if walk.payment.isGivenUp(request) {
                expect(
                    events.count == 1
                        && late.payment.effects.last?.kind == .reversal(request)
                        && late.payment.effects.last?.state == .open,
                    "a late approval is not reversed", walk)
            } else {
                expect(events.isEmpty, "a counted approval was reversed", walk)
            }
        }
    }

    /// From every state the outbox alone leads to rest, without a person; and the clock ends what a
    /// person has begun.
    private mutating func checkRest(_ walk: Walk) {
        var rest = walk
        for _ in 0..<(2 * (walk.payment.effects.count + 4)) {
            if let effect = rest.payment.nextEffect {
                rest.run(.effectAcknowledged(number: effect.number))
            } else if let request = rest.payment.requests.first(where: rest.payment.isUnresolved) {
                rest.run(.unanswered(request, .connectionLost))
            } else if let expires = rest.payment.expires {
                rest.now = max(rest.now, expires)
                rest.run(.expire)
            }
        }
        expect(!rest.payment.hasUnfinishedWork, "work is open for ever", walk)
        switch rest.payment.status {
        case .processing, .requiresAction, .requiresCapture:
            expect(false, "no rest", walk)
        case .requiresPaymentMethod, .requiresConfirmation, .succeeded, .canceled:
            break
        }
        for fault in PaymentAudit(rest.payment, isInOrder: bounds.answersInOrder).faults {
            expect(false, "at rest: \(fault)", walk)
        }
        checkHost(rest, "at rest: ")
    }

    /// Once everything is told and answered, the host holds what can still be captured, and nothing
    /// for a payment that is over. A host that answered in any order, or refused what it must not
    /// refuse, is for people to look at.
    private mutating func checkHost(_ walk: Walk, _ moment: String) {
        guard bounds.answersInOrder, !walk.host.hasRefused, !walk.payment.hasUnfinishedWork else {
            return
        }
        let (held, capturable) = (walk.host.held, walk.payment.amountCapturable)
        expect(
            held == capturable, "\(moment)\(held) held at the host, \(capturable) to capture",
            walk)
    }

    private mutating func expect(
        _ holds: Bool, _ promise: @autoclosure () -> String, _ walk: Walk
    ) {
        if !holds { violations.append("\(promise()): \(walk.payment)") }
    }
}

extension Effect {
    fileprivate var isReversal: Bool {
        if case .reversal = kind { true } else { false }
    }
}

extension Payment {
    /// Everything that a processor was ever asked, or may have been.
    var requests: [ProcessorRequest] {
        attempts.flatMap { attempt in
            [.authorization(attempt: attempt.number)]
                + (attempt.hold?.increments ?? []).map {
                    .increment(attempt: attempt.number, number: $0.number)
                }
        }
    }

    func isUnresolved(_ request: ProcessorRequest) -> Bool {
        switch request {
        case .authorization(let attempt): attempts[attempt].isUnresolved
        case .increment(let attempt, let number):
            attempts[attempt].hold?.increments[number].isUnresolved ?? false
        }
    }

    /// True when an approval of the request would hold money that nobody counts.
    func isGivenUp(_ request: ProcessorRequest) -> Bool {
        switch request {
        case .authorization(let attempt):
            switch attempts[attempt].state {
            case .pending, .authorized, .captured, .voided: false
            case .declined, .notSent, .reversing, .reversed: true
            }
        case .increment(let attempt, let number):
            switch attempts[attempt].hold?.increments[number].state {
            case .pending, .approved, nil: false
            case .declined, .notSent, .reversing, .reversed: true
            }
        }
    }
}
