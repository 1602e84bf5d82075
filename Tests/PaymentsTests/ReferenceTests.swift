import Payments
import Primitives
import Testing

/// The engine beside a naive model of it, over a long random walk.
@Suite("A random walk of 100,000 steps")
struct ReferenceTests {
    private static let stepCount = 100_000
    private static let stepsOfPayment = 80

    @Test("agrees with the reference model at every step")
    func walk() {
        var random = SeededRandom(seed: 4)
        var steps = 0
        var accepted = 0
        var seen: Set<String> = []
        while steps < Self.stepCount {
            var (walk, model) = Self.begin(&random)
            for _ in 0..<Self.stepsOfPayment {
                let command = Self.command(walk.payment, &random)
                // Mostly seconds pass; now and then the hours and days that expiries wait for.
                let pause: Int64 = [1, 1, 1, 1, 60, 3601, 90_000].randomElement(using: &random)!
                walk.now = walk.now.advanced(byMilliseconds: pause * 1000)
                model.now = walk.now.milliseconds
                let before = walk.payment
                let isAccepted = model.run(
                    command, version: before.version + command.eventCount(in: before))
                let decision = walk.run(command)
                steps += 1
                if case .success = decision { accepted += 1 }
                guard ((try? decision.get()) != nil) == isAccepted, Self.agree(walk, model)
                else {
                    Issue.record("step \(steps): \(command) in \(before): \(decision), \(model)")
                    return
                }
                seen.insert(model.status)
            }
        }
        print("reference model: \(steps) steps, \(accepted) of them accepted")
        #expect(seen.count == 7)
        #expect(accepted > steps / 4)
    }

    private static func begin(_ random: inout SeededRandom) -> (Walk, ReferenceModel) {
        let amount = Int64.random(in: 1...20, using: &random)
        let isManual = Int.random(in: 0..<4, using: &random) > 0
        let hasCard = Bool.random(using: &random)
        var walk = Walk(
            amount: amount, isManual ? .manual : .automatic, method: hasCard ? Fixture.visa : nil)
        walk.offer = Fixture.allOptions
        return (walk, ReferenceModel(amount: amount, isManual: isManual, hasCard: hasCard))
    }

    /// Any command, sensible ones more often.
    private static func command(
        _ payment: Payment, _ random: inout SeededRandom
    ) -> PaymentCommand {
        let part = Int.random(in: 0...2, using: &random)
        let amount = Int64.random(in: -1...25, using: &random)
        let request: ProcessorRequest =
            payment.requests.randomElement(using: &random) ?? .authorization(attempt: part)
        let effect =
            payment.nextEffect?.number ?? Int.random(in: 0...3, using: &random)
        switch Int.random(in: 0..<26, using: &random) {
        case 0...2:
            return .confirm(
                method: Bool.random(using: &random) ? Fixture.visa : nil,
                Presence(isOffSession: part == 0), authenticates: part == 1)
        case 3:
            let number = challengeNumber(payment) + (part == 2 ? 1 : 0)
            return .authenticated(
                challenge: number, part == 0 ? nil : Fixture.authentication)
        case 4: return .increment(total: amount + (payment.openHold?.authorized ?? 0))
        case 5: return .capture(amount: part == 0 ? nil : amount, isFinal: true)
        case 6: return .capture(amount: amount / 3, isFinal: false)
        case 7: return part == 0 ? .cancel(reason: .abandoned) : .expire
        case 8: return .refund(amount: part == 0 ? nil : amount / 2, reason: nil, metadata: [])
        case 9: return .cancelRefund(number: part)
        case 10: return .concludeRefund(number: part, amount > 12 ? .paid : .returned)
        case 11...14: return .answered(request, answer(part, amount))
        case 15: return .notSent(request)
        case 16: return .unanswered(request, .timedOut)
        case 17: return .approvedLate(request)
        case 18...20: return .effectAcknowledged(number: effect, isDeferred: part == 0)
        case 21: return .effectRefused(number: effect, responseCode: "12")
        case 22: return .openDispute(dispute(part, max(1, amount)))
        case 23: return .escalateDispute(number: part)
        case 24:
            return part == 0
                ? .answerDispute(number: part, evidence: [], isSubmitted: amount > 5)
                : .closeDispute(number: part - 1, amount > 10 ? .won : .lost)
        default: return settlement(payment, part, amount)
        }
    }

    private static func challengeNumber(_ payment: Payment) -> UInt64 {
        if case .requiresAction(let challenge) = payment.status { challenge.number } else { 3 }
    }

    private static func answer(_ part: Int, _ amount: Int64) -> ProcessorAnswer {
        switch part {
        case 0: .approved(code: "A1B2C3", .pass, amount: amount > 15 ? amount - 15 : nil)
        case 1: .declined(Decline(responseCode: amount > 10 ? "1A" : "51"))
        default: Fixture.approval
        }
    }

    private static func dispute(_ part: Int, _ amount: Int64) -> DisputeCase {
        DisputeCase(
            caseNumber: "\(part)", amount: Money(minorUnits: amount, currency: Fixture.usd),
            reason: .general, isInquiry: amount % 3 == 0, evidenceDue: Fixture.start)
    }

    private static func settlement(
        _ payment: Payment, _ part: Int, _ amount: Int64
    ) -> PaymentCommand {
        let item: SettlementItem
        var owed = amount
        switch amount % 3 {
        case 0:
            item = .refund(number: part)
            if payment.refunds.indices.contains(part) { owed = -payment.refunds[part].amount }
        case 1:
            item = .dispute(number: part)
            if payment.disputes.indices.contains(part) { owed = -payment.disputes[part].amount }
        default:
            let attempt = max(0, payment.attempts.count - 1)
            item = .capture(attempt: attempt, number: part)
            if let hold = payment.attempts.last?.hold, hold.captures.indices.contains(part) {
                owed = hold.captures[part].amount
            }
        }
        return .settle(item, Money(minorUnits: owed, currency: Fixture.usd))
    }

    private static func agree(_ walk: Walk, _ model: ReferenceModel) -> Bool {
        let payment = walk.payment
        return payment.status.name.apiName == model.status && payment.amountReceived == model.taken
            && payment.amountRefunded == model.paidBack && payment.amountDisputed == model.disputed
            && payment.amountRefundable == model.refundable
            && payment.amountCapturable
                == (model.status == "requires_capture" ? max(0, model.held - model.taken) : 0)
            && payment.effects.count { $0.state == .open } == model.openMessages
            && payment.effects.count == model.outbox.count
            && payment.attempts.count == model.attempts.count
            && PaymentAudit(payment, isInOrder: true, disputeFee: 0).faults.isEmpty
            && (payment.hasUnfinishedWork || walk.host.hasRefused
                || walk.host.held == payment.amountCapturable)
    }
}

extension PaymentCommand {
    /// How many events the command has where it begins a challenge: the number of the challenge.
    fileprivate func eventCount(in payment: Payment) -> UInt64 {
        if case .answered = self { 2 } else { 1 }
    }
}

extension Refusal.StatusName {
    fileprivate var apiName: String {
        switch self {
        case .requiresPaymentMethod: "requires_payment_method"
        case .requiresConfirmation: "requires_confirmation"
        case .requiresAction: "requires_action"
        case .processing: "processing"
        case .requiresCapture: "requires_capture"
        case .succeeded: "succeeded"
        case .canceled: "canceled"
        }
    }
}
