public import Primitives

// The life of a payment.
//
//                      create
//                        │
//        ┌───────────────┴───────────────┐
//        ▼ no method                     ▼ with a method
//  requiresPaymentMethod ──────▶ requiresConfirmation
//        ▲    │ confirm with method      │ confirm
//        │    └────────────┬─────────────┘
//        │                 ▼
//        │ declined,   processing ──────────────┐ approved,
//        │ not sent,       │                    │ automatic capture
//        │ reversed        │ approved,          ▼
//        └─────────────────┤ manual capture  succeeded ◀──┐  (refunds leave it there)
//                          ▼                              │
//                    requiresCapture ── capture ──────────┘
//                          │ cancel
//                          ▼
//                      canceled ◀── cancel from requiresPaymentMethod, requiresConfirmation
//
//  from                   input                      to                     function
//  ---------------------  -------------------------  ---------------------  -----------------
//  (none)                 create                     requiresPaymentMethod  Payment.create
//  (none)                 create with a method       requiresConfirmation   Payment.create
//  requiresPaymentMethod  confirm with a method      processing             decideConfirm
//  requiresConfirmation   confirm                    processing             decideConfirm
//  processing             approved (0200)            succeeded              decideAnswer
//  processing             approved (0100)            requiresCapture        decideAnswer
//  processing             declined                   requiresPaymentMethod  decideAnswer
//  processing             not sent                   requiresPaymentMethod  decideNotSent
//  processing             no usable answer           processing, reversing  decideNoAnswer
//  processing, reversing  reversal acknowledged      requiresPaymentMethod  decideAcknowledged
//  requiresCapture        capture                    succeeded              decideCapture
//  requiresCapture        cancel                     canceled               decideCancel
//  requiresPaymentMethod  cancel                     canceled               decideCancel
//  requiresConfirmation   cancel                     canceled               decideCancel
//  succeeded              refund                     succeeded              decideRefund
//  any                    late approval              unchanged              decideLateApproval
//
// Every other pair is a `Refusal`, and nothing changes. While an attempt is pending or reversing
// the payment is `processing`, and no second attempt can begin: money never moves elsewhere while
// an outcome is unknown.

/// Who captures an approved payment.
public enum CaptureMethod: UInt8, Sendable {
    /// The processor, in the same message as the approval.
    case automatic = 0
    /// The merchant, later.
    case manual = 1
}

/// Why a payment was canceled, as the caller said.
public enum CancellationReason: UInt8, Sendable, CaseIterable {
    case abandoned = 0
    case duplicate, fraudulent, requestedByCustomer

    public var name: String {
        switch self {
        case .abandoned: "abandoned"
        case .duplicate: "duplicate"
        case .fraudulent: "fraudulent"
        case .requestedByCustomer: "requested_by_customer"
        }
    }
}

/// Where a payment stands; what only one state knows lives in it.
public enum PaymentStatus: Hashable, Sendable {
    /// Waits for a card. After a decline, `lastAttempt` says which attempt failed.
    case requiresPaymentMethod(lastAttempt: Int?)
    /// Has a card and waits for the word.
    case requiresConfirmation
    /// The attempt's outcome is not known yet.
    case processing(attempt: Int)
    /// The attempt holds money that can be captured.
    case requiresCapture(attempt: Int)
    /// The attempt's money was captured. Final.
    case succeeded(attempt: Int)
    /// Nothing more will move. Final.
    case canceled(at: Timestamp, reason: CancellationReason?)
}

/// What identifies one message to a processor: unique for ever within a link.
public struct ProcessorTrace: Hashable, Sendable {
    /// The link's name in the configuration.
    public let link: String
    /// The shard that sends, 0 to 46,655: three characters of base 36.
    public let shard: UInt32
    /// Counts the shard's messages over all links.
    public let sequence: UInt64
    /// The moment for DE 7.
    public let transmittedAt: Timestamp

    public init(link: String, shard: UInt32, sequence: UInt64, transmittedAt: Timestamp) {
        self.link = link
        self.shard = shard
        self.sequence = sequence
        self.transmittedAt = transmittedAt
    }

    private static let stanCount: UInt64 = 999_999

    /// DE 11, 1 to 999,999: the system trace audit number.
    public var stan: UInt32 { UInt32(sequence % Self.stanCount) + 1 }

    /// DE 41, eight characters: the shard, and how often its STANs ran out. Together with the STAN
    /// it does not repeat.
    public var terminal: String {
        Base36.text(UInt64(shard), width: 3) + Base36.text(sequence / Self.stanCount, width: 5)
    }

    /// DE 37, twelve characters: the retrieval reference number.
    public var reference: String {
        Base36.text(UInt64(shard), width: 3) + Base36.text(sequence, width: 9)
    }

    /// The shard that a reference names; nil for text that is no reference of ours.
    public static func shard(ofReference reference: String) -> UInt32? {
        guard reference.utf8.count == 12 else { return nil }
        return Base36.value(reference.prefix(3)).flatMap(UInt32.init)
    }
}

/// One try to move money: one message that asks a processor.
public struct Attempt: Hashable, Sendable {
    /// What is known of it.
    public enum State: Hashable, Sendable {
        /// Committed, and perhaps sent. After a change of leader: unknown.
        case pending
        /// The issuer holds the amount.
        case authorized(Approval)
        /// The amount, or a part of it, was taken.
        case captured(Approval, amount: Int64, at: Timestamp, isPosted: Bool)
        /// The issuer said no.
        case declined(Decline)
        /// Provably never written to a socket.
        case notSent
        /// Whether the issuer holds the amount is unknown; a reversal is under way.
        case reversing(UnknownReason)
        /// Whatever the issuer held was given back before it counted.
        case reversed(UnknownReason)
        /// Was authorized and then given back at the merchant's wish.
        case voided(Approval)
    }

    public let number: Int
    public let trace: ProcessorTrace
    public let amount: Int64
    public let method: PaymentMethodSnapshot
    public let capture: CaptureMethod
    public let created: Timestamp
    public var state: State

    public init(
        number: Int, trace: ProcessorTrace, amount: Int64, method: PaymentMethodSnapshot,
        capture: CaptureMethod, created: Timestamp, state: State
    ) {
        self.number = number
        self.trace = trace
        self.amount = amount
        self.method = method
        self.capture = capture
        self.created = created
        self.state = state
    }

    /// True while money may be held or moved that nobody has accounted for yet.
    public var isUnresolved: Bool {
        switch state {
        case .pending, .reversing: true
        case .authorized, .captured, .declined, .notSent, .reversed, .voided: false
        }
    }
}

/// Why an attempt's outcome is not known.
public enum UnknownReason: UInt8, Sendable {
    /// No answer within the link's time.
    case timedOut = 0
    /// The link broke, or the sending process ended, after the message may have left.
    case connectionLost
    /// An answer came that does not fit what was asked (amount, currency, partial approval).
    case mismatchedAnswer
}

/// What an issuer said with its yes.
public struct Approval: Hashable, Sendable {
    /// DE 38, six characters, possibly blank.
    public let code: String
    public let at: Timestamp
    /// What the issuer said of the card verification code.
    public let verificationCodeCheck: VerificationCodeCheck

    public init(code: String, at: Timestamp, verificationCodeCheck: VerificationCodeCheck) {
        self.code = code
        self.at = at
        self.verificationCodeCheck = verificationCodeCheck
    }
}

/// What became of the card verification code.
public enum VerificationCodeCheck: UInt8, Sendable {
    /// None was given.
    case absent = 0
    case pass, fail
    /// It was given, and gone before it could be sent (a restart).
    case unavailable
    /// It was sent and the issuer did not look.
    case unchecked

    /// The word in `payment_method_details.card.checks.cvc_check`; nil when there was none.
    public var name: String? {
        switch self {
        case .absent: nil
        case .pass: "pass"
        case .fail: "fail"
        case .unavailable: "unavailable"
        case .unchecked: "unchecked"
        }
    }
}

/// A message that must reach the processor however long it takes: the outbox of a payment.
///
/// The open effects of a payment are sent one at a time, in the order of their numbers, each
/// repeated until it is answered.
public struct Effect: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// 0420: give back all that attempt may hold.
        case reversal(attempt: Int)
        /// 0420 with DE 95: give back what was not captured; `captured` stays.
        case partialReversal(attempt: Int, captured: Int64)
        /// 0220: take the amount.
        case capture(attempt: Int, amount: Int64)
        /// 0220 with the refund's processing code: pay back.
        case refund(number: Int)
    }

    public enum State: Hashable, Sendable {
        /// Must still be sent, or sent again.
        case open
        case acknowledged(at: Timestamp)
        /// The processor refused an advice that it must not refuse: a break for people to look at.
        case refused(responseCode: String, at: Timestamp)
    }

    public let number: Int
    public let kind: Kind
    public let trace: ProcessorTrace
    public var state: State

    public init(number: Int, kind: Kind, trace: ProcessorTrace, state: State = .open) {
        self.number = number
        self.kind = kind
        self.trace = trace
        self.state = state
    }
}

/// Why money is paid back.
public enum RefundReason: UInt8, Sendable, CaseIterable {
    case duplicate = 0
    case fraudulent, requestedByCustomer

    public var name: String {
        switch self {
        case .duplicate: "duplicate"
        case .fraudulent: "fraudulent"
        case .requestedByCustomer: "requested_by_customer"
        }
    }
}

/// Money on its way back.
public struct Refund: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        /// Committed here; the processor has not acknowledged it yet.
        case pending
        case succeeded(at: Timestamp)
        case failed(responseCode: String, at: Timestamp)
    }

    public let number: Int
    public let amount: Int64
    public let reason: RefundReason?
    public let metadata: Metadata
    public let created: Timestamp
    public let trace: ProcessorTrace
    public var state: State

    public init(
        number: Int, amount: Int64, reason: RefundReason?, metadata: Metadata,
        created: Timestamp, trace: ProcessorTrace, state: State
    ) {
        self.number = number
        self.amount = amount
        self.reason = reason
        self.metadata = metadata
        self.created = created
        self.trace = trace
        self.state = state
    }
}

/// What the caller says of a payment when it is made.
public struct PaymentTerms: Hashable, Sendable {
    public let amount: Money
    public let capture: CaptureMethod
    public let description: String?
    public let receiptEmail: String?
    public let statementDescriptor: String?
    public let statementDescriptorSuffix: String?
    public let metadata: Metadata

    public init(
        amount: Money, capture: CaptureMethod, description: String?, receiptEmail: String?,
        statementDescriptor: String?, statementDescriptorSuffix: String?, metadata: Metadata
    ) {
        self.amount = amount
        self.capture = capture
        self.description = description
        self.receiptEmail = receiptEmail
        self.statementDescriptor = statementDescriptor
        self.statementDescriptorSuffix = statementDescriptorSuffix
        self.metadata = metadata
    }
}

/// One payment with everything that happened to it: the aggregate that a shard stores as one row.
public struct Payment: Hashable, Sendable {
    public let id: PaymentID
    public let merchant: MerchantID
    public let isLive: Bool
    public let created: Timestamp
    public let terms: PaymentTerms
    /// The random part of the client secret.
    public let clientSecret: String
    /// How many events made this state: the base that a decision names.
    public package(set) var version: UInt64
    public package(set) var status: PaymentStatus
    public package(set) var method: PaymentMethodSnapshot?
    public package(set) var attempts: [Attempt]
    public package(set) var refunds: [Refund]
    public package(set) var effects: [Effect]
    public package(set) var ledger: [LedgerEntry]

    package init(
        id: PaymentID, merchant: MerchantID, isLive: Bool, created: Timestamp,
        terms: PaymentTerms, clientSecret: String, version: UInt64, status: PaymentStatus,
        method: PaymentMethodSnapshot?, attempts: [Attempt], refunds: [Refund],
        effects: [Effect], ledger: [LedgerEntry]
    ) {
        self.id = id
        self.merchant = merchant
        self.isLive = isLive
        self.created = created
        self.terms = terms
        self.clientSecret = clientSecret
        self.version = version
        self.status = status
        self.method = method
        self.attempts = attempts
        self.refunds = refunds
        self.effects = effects
        self.ledger = ledger
    }

    /// How many effects a payment may gather. What merchants can ask for stays below 190 (62
    /// attempts with a reversal, 62 refunds, a capture); the rest is room for late approvals, which
    /// a broken host could send without end. Beyond it they show as breaks of the reconciliation.
    public static let effectCountMax = 256

    /// The outbox's next message; later ones wait for its answer.
    public var nextEffect: Effect? {
        effects.first { $0.state == .open }
    }

    /// True while the processor still has to be told or asked something.
    public var hasUnfinishedWork: Bool {
        nextEffect != nil || attempts.contains { $0.isUnresolved }
    }

    /// What the merchant may still capture, in minor units.
    public var amountCapturable: Int64 {
        switch status {
        case .requiresCapture(let attempt): attempts[attempt].amount
        case .requiresPaymentMethod, .requiresConfirmation, .processing, .succeeded, .canceled: 0
        }
    }

    /// What was captured, in minor units.
    public var amountReceived: Int64 {
        attempts.reduce(0) { sum, attempt in
            switch attempt.state {
            case .captured(_, let amount, _, _): sum + amount
            case .pending, .authorized, .declined, .notSent, .reversing, .reversed, .voided: sum
            }
        }
    }

    /// What was paid back or is on its way back, in minor units; failed refunds do not count.
    public var amountRefunded: Int64 {
        refunds.reduce(0) { sum, refund in
            switch refund.state {
            case .pending, .succeeded: sum + refund.amount
            case .failed: sum
            }
        }
    }

    /// The most recent attempt that reached an answer, whose charge is the payment's latest.
    public var latestChargedAttempt: Attempt? {
        attempts.last { $0.isCharge }
    }
}

extension Attempt {
    /// True when the attempt shows as a charge: the issuer said yes or no, or the outcome had to be
    /// undone.
    public var isCharge: Bool {
        switch state {
        case .authorized, .captured, .declined, .voided, .reversed, .notSent: true
        case .pending, .reversing: false
        }
    }

    /// Why the attempt brought nothing, in the API's words; nil when it did, or is not known yet.
    public var failure: Decline? {
        switch state {
        case .declined(let decline): decline
        case .notSent, .reversed: Decline(reason: .processingError)
        case .pending, .authorized, .captured, .reversing, .voided: nil
        }
    }
}
