public import Payments

/// What reconciliation needs to know of a payment, as a node tells it: a line of `/admin/payments`.
/// It has no card data and no secret.
public struct PaymentRecord: Codable, Hashable, Sendable {
    /// One try to move money.
    public struct Attempt: Codable, Hashable, Sendable {
        public enum State: String, Codable, Hashable, Sendable {
            case pending, authorized, captured, declined, reversing, reversed, voided
            case notSent = "not_sent"
        }

        public var number: Int
        public var trace: Trace
        /// What was asked for, in minor units.
        public var amount: Int64
        public var state: State
        /// What was captured, in minor units; 0 unless it was.
        public var capturedAmount: Int64
        /// What was asked for beyond it later.
        public var increments: [Increment]

        package init(
            number: Int, trace: Trace, amount: Int64, state: State, capturedAmount: Int64,
            increments: [Increment] = []
        ) {
            self.number = number
            self.trace = trace
            self.amount = amount
            self.state = state
            self.capturedAmount = capturedAmount
            self.increments = increments
        }
    }

    /// One try to raise a hold.
    public struct Increment: Codable, Hashable, Sendable {
        public var trace: Trace
        /// What the hold was to grow by, in minor units.
        public var amount: Int64
        /// Never captured or voided: that is said of the attempt.
        public var state: Attempt.State

        package init(trace: Trace, amount: Int64, state: Attempt.State) {
            self.trace = trace
            self.amount = amount
            self.state = state
        }
    }

    /// What a message was known by on its link.
    public struct Trace: Codable, Hashable, Sendable {
        public var link: String
        /// DE 41.
        public var terminal: String
        /// DE 11.
        public var stan: UInt32
        /// DE 37, which is that of the original for what follows an authorization.
        public var reference: String

        package init(
            link: String, terminal: String, stan: UInt32, reference: String
        ) {
            self.link = link
            self.terminal = terminal
            self.stan = stan
            self.reference = reference
        }
    }

    public struct Refund: Codable, Hashable, Sendable {
        public enum State: String, Codable, Hashable, Sendable {
            case pending, succeeded, failed, canceled
            /// The acquirer paid it back, and the bank sent the money back to us.
            case returned
        }

        public var number: Int
        /// The attempt whose money goes back.
        public var attempt: Int
        public var trace: Trace
        public var amount: Int64
        public var state: State

        package init(number: Int, attempt: Int, trace: Trace, amount: Int64, state: State) {
            self.number = number
            self.attempt = attempt
            self.trace = trace
            self.amount = amount
            self.state = state
        }
    }

    /// A message of the outbox.
    public struct Effect: Codable, Hashable, Sendable {
        public enum Kind: String, Codable, Hashable, Sendable {
            case reversal, capture, refund
            case partialReversal = "partial_reversal"
        }

        public enum State: String, Codable, Hashable, Sendable {
            case open, acknowledged, refused, withdrawn
        }

        public var kind: Kind
        /// The attempt that it is about.
        public var attempt: Int
        public var state: State

        package init(kind: Kind, attempt: Int, state: State) {
            self.kind = kind
            self.attempt = attempt
            self.state = state
        }
    }

    public var id: String
    public var merchant: String
    public var isLive: Bool
    /// How many events made it: the same version is the same payment.
    public var version: UInt64
    /// Three letters of ISO 4217 in lower case.
    public var currency: String
    public var attempts: [Attempt]
    public var refunds: [Refund]
    public var effects: [Effect]

    package init(
        id: String, merchant: String, isLive: Bool, version: UInt64, currency: String,
        attempts: [Attempt], refunds: [Refund], effects: [Effect]
    ) {
        self.id = id
        self.merchant = merchant
        self.isLive = isLive
        self.version = version
        self.currency = currency
        self.attempts = attempts
        self.refunds = refunds
        self.effects = effects
    }
}

extension PaymentRecord {
    public init(_ payment: Payment) {
        id = "\(payment.id)"
        merchant = "\(payment.merchant)"
        isLive = payment.isLive
        version = payment.version
        currency = payment.terms.amount.currency.code
        attempts = payment.attempts.map(Attempt.init)
        // Only captured money is refunded, and only one attempt has any.
        let charged = payment.attempts.last { $0.captured > 0 }
        refunds = payment.refunds.map { Refund($0, of: charged) }
        effects = payment.effects.map { Effect($0, charged: charged?.number ?? 0) }
    }
}

extension PaymentRecord.Attempt {
    fileprivate init(_ attempt: Payments.Attempt) {
        number = attempt.number
        trace = PaymentRecord.Trace(attempt.trace, reference: attempt.trace.reference)
        amount = attempt.amount
        capturedAmount = attempt.captured
        increments = (attempt.hold?.increments ?? []).map {
            PaymentRecord.Increment($0, of: attempt)
        }
        state =
            switch attempt.state {
            case .pending: .pending
            case .authorized: .authorized
            case .captured: .captured
            case .declined: .declined
            case .notSent: .notSent
            case .reversing: .reversing
            case .reversed: .reversed
            case .voided: .voided
            }
    }
}

extension PaymentRecord.Increment {
    fileprivate init(_ increment: Payments.Increment, of attempt: Payments.Attempt) {
        trace = PaymentRecord.Trace(increment.trace, reference: attempt.trace.reference)
        amount = increment.amount
        state =
            switch increment.state {
            case .pending: .pending
            case .approved: .authorized
            case .declined: .declined
            case .notSent: .notSent
            case .reversing: .reversing
            case .reversed: .reversed
            }
    }
}

extension PaymentRecord.Refund {
    fileprivate init(_ refund: Payments.Refund, of charged: Payments.Attempt?) {
        number = refund.number
        attempt = charged?.number ?? 0
        trace = PaymentRecord.Trace(
            refund.trace, reference: charged?.trace.reference ?? refund.trace.reference)
        amount = refund.amount
        state =
            switch refund.state {
            case .requested, .pending: .pending
            case .succeeded: .succeeded
            case .failed(.returned, _): .returned
            case .failed(.refused, _): .failed
            case .canceled: .canceled
            }
    }
}

extension PaymentRecord.Effect {
    fileprivate init(_ effect: Payments.Effect, charged: Int) {
        switch effect.kind {
        case .reversal(let request): (kind, self.attempt) = (.reversal, request.attempt)
        case .partialReversal(let attempt, _): (kind, self.attempt) = (.partialReversal, attempt)
        case .capture(let attempt, _, _): (kind, self.attempt) = (.capture, attempt)
        case .refund: (kind, attempt) = (.refund, charged)
        }
        state =
            switch effect.state {
            case .open: .open
            case .acknowledged: .acknowledged
            case .refused: .refused
            case .withdrawn: .withdrawn
            }
    }
}

extension PaymentRecord.Trace {
    fileprivate init(_ trace: ProcessorTrace, reference: String) {
        self.init(
            link: trace.link, terminal: trace.terminal, stan: trace.stan, reference: reference)
    }
}
