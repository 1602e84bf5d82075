public import Primitives

// The life of a payment.
//
//                       create
//                         │
//         ┌───────────────┴───────────────┐
//         ▼ no method                     ▼ with a method
//   requiresPaymentMethod ──────▶ requiresConfirmation
//         ▲    │ confirm with method      │ confirm
//         │    └────────────┬─────────────┘
//         │                 ├───────────────▶ requiresAction ─┐ the cardholder did
//         │                 ▼       issuer asks ▲  │ failed    │
//         │ declined,   processing ─────────────┘  │           │
//         │ not sent,       │ ▲────────────────────│───────────┘
//         │ reversed        │                      │
//         ├─────────────────┼──────────────────────┘
//         │                 ├─ approved, automatic ──────▶ succeeded ◀── last capture, release
//         │                 └─ approved, manual ─▶ requiresCapture ───────────┘
//         │                                              │ cancel, expiry of an untouched hold
//         └───────────── cancel ───────────▶ canceled ◀──┘
//
//  from                   input                      events                   to
//  ---------------------  -------------------------  -----------------------  ---------------------
//  (none)                 create                     created                  requiresPaymentMethod
//  (none)                 create with a method       created                  requiresConfirmation
//  requiresPaymentMethod  confirm with a method      attemptStarted           processing
//  requiresConfirmation   confirm                    attemptStarted           processing
//  requiresPaymentMethod  confirm, authenticating    actionRequired           requiresAction
//  requiresConfirmation   confirm, authenticating    actionRequired           requiresAction
//  requiresAction         authenticated              attemptStarted           processing
//  requiresAction         not authenticated, expire  authenticationFailed     requiresPaymentMethod
//  processing             approved (0200)            approved                 succeeded
//  processing             approved (0100)            approved                 requiresCapture
//  processing             declined                   declined                 requiresPaymentMethod
//  processing             issuer asks cardholder     declined actionRequired  requiresAction
//  processing             not sent                   notSent                  requiresPaymentMethod
//  processing             no usable answer           lost                     processing
//  processing             reversal acknowledged      effectAcknowledged       requiresPaymentMethod
//  processing             reversal refused           effectRefused            requiresPaymentMethod
//  requiresCapture        increment                  incrementStarted         requiresCapture
//  requiresCapture        increment approved         approved                 requiresCapture
//  requiresCapture        increment declined         declined                 requiresCapture
//  requiresCapture        increment not sent         notSent                  requiresCapture
//  requiresCapture        increment without answer   lost                     requiresCapture
//  requiresCapture        capture, more to follow    captured                 requiresCapture
//  requiresCapture        last capture               captured                 succeeded
//  requiresCapture        cancel, expire: the rest   released                 succeeded
//  requiresCapture        cancel, expire: untouched  canceled                 canceled
//  requiresPaymentMethod  cancel                     canceled                 canceled
//  requiresConfirmation   cancel                     canceled                 canceled
//  requiresAction         cancel                     canceled                 canceled
//  succeeded              refund                     refundCreated            succeeded
//  succeeded              refund canceled            refundCanceled           succeeded
//  succeeded              refund paid, returned      refundConcluded          succeeded
//  any                    other effect acknowledged  effectAcknowledged       unchanged
//  any                    other effect refused       effectRefused            unchanged
//  any                    dispute of what was taken  disputeOpened            unchanged
//  any                    inquiry becomes a dispute  disputeEscalated         unchanged
//  any                    evidence                   disputeAnswered          unchanged
//  any                    dispute decided            disputeClosed            unchanged
//  any                    settlement                 settled                  unchanged
//  any                    late approval              lateApproval             unchanged
//
// Every other pair is a `Refusal`, or has no event, and nothing changes. `StateTableTests` holds
// the rows against what the explorer sees. While an attempt is pending or reversing the payment is
// `processing`, and no second attempt can begin: money never moves elsewhere while an outcome is
// unknown.

/// Why a payment was canceled: as the caller said, or by itself.
public enum CancellationReason: UInt8, Sendable, CaseIterable {
    case abandoned = 0
    case duplicate, fraudulent, requestedByCustomer
    /// The hold ran out.
    case automatic

    public var name: String {
        switch self {
        case .abandoned: "abandoned"
        case .duplicate: "duplicate"
        case .fraudulent: "fraudulent"
        case .requestedByCustomer: "requested_by_customer"
        case .automatic: "automatic"
        }
    }
}

/// What the cardholder is asked to do before the issuer says yes (3-D Secure).
public struct Challenge: Hashable, Sendable {
    /// The payment's version when the challenge began: no two challenges of a payment share it.
    public let number: UInt64
    public let method: PaymentMethodSnapshot
    public let presence: Presence
    /// The attempt at which the issuer asked for it, unless the caller did.
    public let attempt: Int?
    public let created: Timestamp

    public init(
        number: UInt64, method: PaymentMethodSnapshot, presence: Presence, attempt: Int?,
        created: Timestamp
    ) {
        self.number = number
        self.method = method
        self.presence = presence
        self.attempt = attempt
        self.created = created
    }

    /// How long the cardholder has, in milliseconds: an hour.
    public static let lifetimeMilliseconds: Int64 = 3_600_000

    public var expires: Timestamp { created.advanced(byMilliseconds: Self.lifetimeMilliseconds) }
}

/// Why a payment waits for another card.
public enum PaymentFailure: Hashable, Sendable {
    case attempt(Int)
    /// The cardholder failed the challenge, or did nothing in time.
    case authentication(PaymentMethodSnapshot)
}

/// Where a payment stands; what only one state knows lives in it.
public enum PaymentStatus: Hashable, Sendable {
    /// Waits for a card. After a failure, which one it was.
    case requiresPaymentMethod(lastFailure: PaymentFailure?)
    /// Has a card and waits for the word.
    case requiresConfirmation
    /// The cardholder has to prove who they are.
    indirect case requiresAction(Challenge)
    /// The attempt's outcome is not known yet.
    case processing(attempt: Int)
    /// The attempt holds money that can be captured.
    case requiresCapture(attempt: Int)
    /// The attempt's money was captured. Final.
    case succeeded(attempt: Int)
    /// Nothing was taken, and nothing will be. Final.
    case canceled(at: Timestamp, reason: CancellationReason?)
}

extension PaymentStatus {
    public var name: Refusal.StatusName {
        switch self {
        case .requiresPaymentMethod: .requiresPaymentMethod
        case .requiresConfirmation: .requiresConfirmation
        case .requiresAction: .requiresAction
        case .processing: .processing
        case .requiresCapture: .requiresCapture
        case .succeeded: .succeeded
        case .canceled: .canceled
        }
    }
}

/// One payment with everything that happened to it: the aggregate that a shard stores as one row.
public struct Payment: Hashable, Sendable {
    /// What was fixed when the payment was made.
    public let facts: PaymentCreated
    /// How many events made this state: the base that a decision names.
    public package(set) var version: UInt64
    public package(set) var status: PaymentStatus
    public package(set) var method: PaymentMethodSnapshot?
    public package(set) var attempts: HeadList<Attempt>
    public package(set) var refunds: HeadList<Refund>
    public package(set) var disputes: [Dispute]
    public package(set) var effects: ShortList<3, Effect>
    public package(set) var ledger: ShortList<4, LedgerEntry>

    public var id: PaymentID { facts.id }
    public var merchant: MerchantID { facts.merchant }
    public var isLive: Bool { facts.isLive }
    public var created: Timestamp { facts.at }
    public var terms: PaymentTerms { facts.terms }
    /// The random part of the client secret.
    public var clientSecret: String { facts.clientSecret }

    /// How many effects a payment may gather. What merchants can ask for stays below 260 (62
    /// attempts with a reversal, 62 refunds, 50 captures, 10 increments with a reversal, the
    /// reversals of a cancel); the rest is room for late approvals, which a broken host could send
    /// without end. Beyond it they show as breaks of the reconciliation.
    public static let effectCountMax = 320

    /// How many entries a payment's ledger can come to: of a capture one that is pending, one that
    /// resolves it and the settlement; of a refund a fourth when it comes back; of a dispute what
    /// it took, what became of it and the settlement.
    static let ledgerCountMax = 3 * Capture.countMax + 4 * PartID.countMax + 3 * PartID.countMax

    /// The outbox's next message; later ones wait for its answer.
    public var nextEffect: Effect? {
        effects.first { $0.isOpen }
    }

    /// True while the processor still has to be told or asked something.
    public var hasUnfinishedWork: Bool {
        nextEffect != nil || attempts.contains { $0.isUnresolved }
            || attempts.contains { $0.hold?.increments.contains { $0.isUnresolved } ?? false }
    }

    /// When `expire` will find something to do, unless something else happens first.
    public var expires: Timestamp? {
        switch status {
        case .requiresAction(let challenge): challenge.expires
        case .requiresCapture(let attempt): attempts[attempt].hold?.expires
        case .requiresPaymentMethod, .requiresConfirmation, .processing, .succeeded, .canceled:
            nil
        }
    }

    /// The hold that can be captured.
    public var openHold: Hold? {
        switch status {
        case .requiresCapture(let attempt): attempts[attempt].hold
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .processing,
            .succeeded, .canceled:
            nil
        }
    }

    /// What the merchant may still capture of the hold itself, in minor units.
    public var amountCapturable: Int64 {
        openHold.map { max(0, $0.authorized - $0.captured) } ?? 0
    }

    /// What was captured, in minor units.
    public var amountReceived: Int64 {
        attempts.sum { $0.captured }
    }

    /// What was paid back or is on its way back, in minor units; failed refunds do not count.
    public var amountRefunded: Int64 {
        refunds.sum { $0.amountThatCounts }
    }

    /// What disputes took or may take from the merchant, in minor units.
    public var amountDisputed: Int64 {
        disputes.reduce(0) { $1.status.holdsMoney ? $0 + $1.covered : $0 }
    }

    /// What can still be paid back, in minor units: what the acquirer refused to take cannot, since
    /// it would be money of nobody.
    public var amountRefundable: Int64 {
        guard let number = attemptWithMoney else { return 0 }
        let collectible = attempts.look(number) { $0.collectible }
        return max(0, collectible - amountRefunded - amountDisputed)
    }

    /// No other attempt than the one that holds money ever took any.
    private var attemptWithMoney: Int? {
        switch status {
        case .requiresCapture(let attempt), .succeeded(let attempt): attempt
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .processing,
            .canceled:
            nil
        }
    }

    /// The most recent attempt that reached an answer, whose charge is the payment's latest.
    public var latestChargedAttempt: Attempt? {
        attempts.last { $0.isCharge }
    }
}

extension Payment {
    /// A payment begins. By the memberwise initializer, which copies no part: one that sets member
    /// after member copies a value of this size once more at its end.
    public init(_ facts: PaymentCreated) {
        self.init(
            facts: facts, version: 1,
            status: facts.method == nil
                ? .requiresPaymentMethod(lastFailure: nil) : .requiresConfirmation,
            method: facts.method, attempts: HeadList(), refunds: HeadList(), disputes: [],
            effects: ShortList(), ledger: ShortList())
    }
}
