public import Primitives

/// A cardholder's objection, as the processor brings it.
///
///     warningNeedsResponse ──evidence──▶ warningUnderReview
///       │        │                          │        │
///       │        └──────▶ warningClosed ◀───┘        │
///       └── escalated ──▶ needsResponse ◀─ escalated ┘
///                            │  │  └──── accepted, or no evidence ─────▶ lost
///                            │  └─ evidence ─▶ underReview ─▶ won, lost
///                            └─ withdrawn ─▶ won
public struct Dispute: Hashable, Sendable {
    public enum Reason: UInt8, Sendable, CaseIterable {
        case general = 0
        case creditNotProcessed, duplicate, fraudulent, productNotReceived, productUnacceptable
        case subscriptionCanceled, unrecognized

        public var name: String {
            switch self {
            case .general: "general"
            case .creditNotProcessed: "credit_not_processed"
            case .duplicate: "duplicate"
            case .fraudulent: "fraudulent"
            case .productNotReceived: "product_not_received"
            case .productUnacceptable: "product_unacceptable"
            case .subscriptionCanceled: "subscription_canceled"
            case .unrecognized: "unrecognized"
            }
        }
    }

    public enum Status: UInt8, Sendable, CaseIterable {
        case warningNeedsResponse = 0
        case warningUnderReview, warningClosed, needsResponse, underReview, won, lost

        public var name: String {
            switch self {
            case .warningNeedsResponse: "warning_needs_response"
            case .warningUnderReview: "warning_under_review"
            case .warningClosed: "warning_closed"
            case .needsResponse: "needs_response"
            case .underReview: "under_review"
            case .won: "won"
            case .lost: "lost"
            }
        }

        /// True while the money is withdrawn from the merchant, or gone.
        var holdsMoney: Bool {
            switch self {
            case .needsResponse, .underReview, .lost: true
            case .warningNeedsResponse, .warningUnderReview, .warningClosed, .won: false
            }
        }

        var isOpen: Bool {
            switch self {
            case .warningNeedsResponse, .warningUnderReview, .needsResponse, .underReview: true
            case .warningClosed, .won, .lost: false
            }
        }
    }

    public let number: Int
    /// The network's case number, up to 32 characters: the same case is never opened twice.
    public let caseNumber: String
    public let amount: Int64
    public let reason: Reason
    public let opened: Timestamp
    public let evidenceDue: Timestamp
    public package(set) var status: Status
    /// What the merchant says, by the names of the public API; set once it is submitted.
    public package(set) var evidence: Metadata
    /// The part of the amount that the merchant's balance bears; the rest is our loss, because more
    /// is disputed than was left of the payment.
    public package(set) var covered: Int64

    public init(
        number: Int, caseNumber: String, amount: Int64, reason: Reason, opened: Timestamp,
        evidenceDue: Timestamp, status: Status, evidence: Metadata = [], covered: Int64 = 0
    ) {
        self.number = number
        self.caseNumber = caseNumber
        self.amount = amount
        self.reason = reason
        self.opened = opened
        self.evidenceDue = evidenceDue
        self.status = status
        self.evidence = evidence
        self.covered = covered
    }

    /// What is lost to us: flagged, never hidden in a balance.
    public var loss: Int64 { status.holdsMoney ? amount - covered : 0 }

    public static let caseNumberByteCountMax = 32
    /// Pieces of evidence, each a text of up to 20,000 bytes, together up to 150,000, as the public
    /// API has it.
    public static let evidenceCountMax = 30
    public static let evidenceTextByteCountMax = 20_000
    public static let evidenceByteCountMax = 150_000
}

/// What a processor says when it brings a dispute.
public struct DisputeCase: Hashable, Sendable {
    public let caseNumber: String
    public let amount: Money
    public let reason: Dispute.Reason
    /// An inquiry: no money moves before it is escalated.
    public let isInquiry: Bool
    public let evidenceDue: Timestamp

    public init(
        caseNumber: String, amount: Money, reason: Dispute.Reason, isInquiry: Bool,
        evidenceDue: Timestamp
    ) {
        self.caseNumber = caseNumber
        self.amount = amount
        self.reason = reason
        self.isInquiry = isInquiry
        self.evidenceDue = evidenceDue
    }
}

/// How a dispute ends.
public enum DisputeResolution: UInt8, Sendable {
    case won = 0
    case lost
    /// The cardholder takes it back.
    case withdrawn
}
