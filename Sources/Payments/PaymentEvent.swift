public import Primitives

/// A fact about one payment, as the log keeps it. `Payment.evolve` makes the state from these.
public enum PaymentEvent: Hashable, Sendable {
    case created(PaymentCreated)
    /// The word was given: a message may leave for the processor once this is committed.
    case attemptStarted(AttemptStarted)
    /// The issuer said yes; `fee` applies when the message captured as well.
    case attemptApproved(attempt: Int, approval: Approval, fee: Int64)
    case attemptDeclined(attempt: Int, decline: Decline, at: Timestamp)
    case attemptNotSent(attempt: Int, at: Timestamp)
    /// The outcome is unknown and is being made to be nothing.
    case attemptLost(attempt: Int, reason: UnknownReason, reversal: Effect)
    /// The issuer said yes after we had given up: another reversal.
    case lateApproval(attempt: Int, reversal: Effect)
    /// The merchant takes `amount` of the hold; the rest, if any, is given back.
    case captured(attempt: Int, amount: Int64, at: Timestamp, advice: Effect, release: Effect?)
    case canceled(reason: CancellationReason?, at: Timestamp, reversal: Effect?)
    case refundCreated(Refund, advice: Effect)
    /// The processor took note of an effect; `fee` applies to a capture.
    case effectAcknowledged(number: Int, at: Timestamp, fee: Int64)
    case effectRefused(number: Int, responseCode: String, at: Timestamp)
}

/// How a payment begins.
public struct PaymentCreated: Hashable, Sendable {
    public let id: PaymentID
    public let merchant: MerchantID
    public let isLive: Bool
    public let at: Timestamp
    public let terms: PaymentTerms
    public let clientSecret: String
    public let method: PaymentMethodSnapshot?

    public init(
        id: PaymentID, merchant: MerchantID, isLive: Bool, at: Timestamp, terms: PaymentTerms,
        clientSecret: String, method: PaymentMethodSnapshot?
    ) {
        self.id = id
        self.merchant = merchant
        self.isLive = isLive
        self.at = at
        self.terms = terms
        self.clientSecret = clientSecret
        self.method = method
    }
}

/// How an attempt begins.
public struct AttemptStarted: Hashable, Sendable {
    public let number: Int
    public let trace: ProcessorTrace
    public let method: PaymentMethodSnapshot
    public let at: Timestamp

    public init(number: Int, trace: ProcessorTrace, method: PaymentMethodSnapshot, at: Timestamp) {
        self.number = number
        self.trace = trace
        self.method = method
        self.at = at
    }
}

extension Payment {
    /// The state in which a payment begins.
    public init(_ facts: PaymentCreated) {
        self.init(
            id: facts.id, merchant: facts.merchant, isLive: facts.isLive, created: facts.at,
            terms: facts.terms, clientSecret: facts.clientSecret, version: 1,
            status: facts.method == nil
                ? .requiresPaymentMethod(lastAttempt: nil) : .requiresConfirmation,
            method: facts.method, attempts: [], refunds: [], effects: [], ledger: [])
    }

    /// The state after one more event. The event was decided on exactly this state, which the shard
    /// checks by version before it calls; an event that does not fit ends the process.
    public mutating func evolve(_ event: PaymentEvent) {
        version += 1
        switch event {
        case .created:
            preconditionFailure("\(id) was created twice")
        case .attemptStarted(let start):
            begin(start)
        case .attemptApproved(let number, let approval, let fee):
            approve(number, approval, fee: fee)
        case .attemptDeclined(let number, let decline, _):
            attempts[number].state = .declined(decline)
            status = .requiresPaymentMethod(lastAttempt: number)
            method = nil
        case .attemptNotSent(let number, _):
            attempts[number].state = .notSent
            status = .requiresPaymentMethod(lastAttempt: number)
            method = nil
        case .attemptLost(let number, let reason, let reversal):
            attempts[number].state = .reversing(reason)
            effects.append(reversal)
        case .lateApproval(_, let reversal):
            effects.append(reversal)
        case .captured(let number, let amount, let at, let advice, let release):
            attempts[number].state = .captured(
                attempts[number].approval, amount: amount, at: at, isPosted: false)
            effects.append(advice)
            if let release { effects.append(release) }
            status = .succeeded(attempt: number)
        case .canceled(let reason, let at, let reversal):
            if case .requiresCapture(let number) = status {
                attempts[number].state = .voided(attempts[number].approval)
            }
            if let reversal { effects.append(reversal) }
            status = .canceled(at: at, reason: reason)
        case .refundCreated(let refund, let advice):
            refunds.append(refund)
            effects.append(advice)
        case .effectAcknowledged(let number, let at, let fee):
            acknowledge(number, at: at, fee: fee)
        case .effectRefused(let number, let responseCode, let at):
            refuse(number, responseCode: responseCode, at: at)
        }
    }

    private mutating func begin(_ start: AttemptStarted) {
        precondition(start.number == attempts.count, "\(id): attempt \(start.number) out of turn")
        attempts.append(
            Attempt(
                number: start.number, trace: start.trace, amount: terms.amount.minorUnits,
                method: start.method, capture: terms.capture, created: start.at, state: .pending))
        method = start.method
        status = .processing(attempt: start.number)
    }

    private mutating func approve(_ number: Int, _ approval: Approval, fee: Int64) {
        let amount = attempts[number].amount
        switch attempts[number].capture {
        case .manual:
            attempts[number].state = .authorized(approval)
            status = .requiresCapture(attempt: number)
        case .automatic:
            attempts[number].state = .captured(
                approval, amount: amount, at: approval.at, isPosted: true)
            ledger.append(.charge(attempt: number, amount: amount, fee: fee, at: approval.at))
            status = .succeeded(attempt: number)
        }
    }

    private mutating func acknowledge(_ number: Int, at: Timestamp, fee: Int64) {
        effects[number].state = .acknowledged(at: at)
        switch effects[number].kind {
        case .reversal(let attempt):
            concludeReversal(of: attempt)
        case .partialReversal:
            break
        case .capture(let attempt, let amount):
            guard case .captured(let approval, _, let capturedAt, _) = attempts[attempt].state
            else { preconditionFailure("\(id): a capture of attempt \(attempt) that has none") }
            attempts[attempt].state = .captured(
                approval, amount: amount, at: capturedAt, isPosted: true)
            ledger.append(.charge(attempt: attempt, amount: amount, fee: fee, at: at))
        case .refund(let refund):
            refunds[refund].state = .succeeded(at: at)
            ledger.append(.refund(number: refund, amount: refunds[refund].amount, at: at))
        }
    }

    private mutating func concludeReversal(of number: Int) {
        // A reversal for a cancel, or a second one for a late approval, concludes nothing more.
        guard case .reversing(let reason) = attempts[number].state else { return }
        attempts[number].state = .reversed(reason)
        status = .requiresPaymentMethod(lastAttempt: number)
        method = nil
    }

    private mutating func refuse(_ number: Int, responseCode: String, at: Timestamp) {
        effects[number].state = .refused(responseCode: responseCode, at: at)
        switch effects[number].kind {
        case .reversal(let attempt):
            // A host that cannot find the original holds nothing for it.
            concludeReversal(of: attempt)
        case .partialReversal, .capture:
            break
        case .refund(let refund):
            refunds[refund].state = .failed(responseCode: responseCode, at: at)
        }
    }
}

extension Attempt {
    /// The issuer's yes; only called where the state has one.
    fileprivate var approval: Approval {
        switch state {
        case .authorized(let approval), .captured(let approval, _, _, _), .voided(let approval):
            approval
        case .pending, .declined, .notSent, .reversing, .reversed:
            preconditionFailure("attempt \(number) has no approval")
        }
    }
}
