public import Primitives

/// Who captures an approved payment.
public enum CaptureMethod: UInt8, Sendable {
    /// The processor, in the same message as the approval.
    case automatic = 0
    /// The merchant, later.
    case manual = 1
}

/// What a merchant may do with a hold beyond capturing it once: asked for when the payment is made,
/// and granted by the link when it is approved.
public struct HoldOptions: Hashable, Sendable {
    /// Raising the hold by further authorizations.
    public let allowsIncrements: Bool
    /// Several captures, all but the last not final.
    public let allowsMulticapture: Bool
    /// An approval of less than was asked for (DE 39 = 10) stands instead of being reversed.
    public let allowsPartialApproval: Bool
    /// Per cent of the hold that may be captured beyond it, 0 to 100.
    public let overcapturePercent: Int64

    /// Percentages outside 0 to 100 are brought to the nearer bound.
    public init(
        allowsIncrements: Bool = false, allowsMulticapture: Bool = false,
        allowsPartialApproval: Bool = false, overcapturePercent: Int64 = 0
    ) {
        self.allowsIncrements = allowsIncrements
        self.allowsMulticapture = allowsMulticapture
        self.allowsPartialApproval = allowsPartialApproval
        self.overcapturePercent = max(0, min(100, overcapturePercent))
    }

    public static let none = HoldOptions()

    /// What is both wanted and offered.
    public func granted(by offer: HoldOptions) -> HoldOptions {
        HoldOptions(
            allowsIncrements: allowsIncrements && offer.allowsIncrements,
            allowsMulticapture: allowsMulticapture && offer.allowsMulticapture,
            allowsPartialApproval: allowsPartialApproval && offer.allowsPartialApproval,
            overcapturePercent: min(overcapturePercent, offer.overcapturePercent))
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
    public let holdOptions: HoldOptions

    public init(
        amount: Money, capture: CaptureMethod, description: String?, receiptEmail: String?,
        statementDescriptor: String?, statementDescriptorSuffix: String?, metadata: Metadata,
        holdOptions: HoldOptions = .none
    ) {
        self.amount = amount
        self.capture = capture
        self.description = description
        self.receiptEmail = receiptEmail
        self.statementDescriptor = statementDescriptor
        self.statementDescriptorSuffix = statementDescriptorSuffix
        self.metadata = metadata
        self.holdOptions = holdOptions
    }
}

/// What is fixed once a payment is made. An object, because every state of the payment shares it.
public final class PaymentCreated: Hashable, Sendable {
    public let id: PaymentID
    public let merchant: MerchantID
    public let isLive: Bool
    public let at: Timestamp
    public let terms: PaymentTerms
    /// The random part of the client secret.
    public let clientSecret: String
    /// Set when the payment is made with a card.
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

    public static func == (left: PaymentCreated, right: PaymentCreated) -> Bool {
        left === right
            || (left.id == right.id && left.merchant == right.merchant
                && left.isLive == right.isLive && left.at == right.at
                && left.terms == right.terms && left.clientSecret == right.clientSecret
                && left.method == right.method)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(id)
    }
}
