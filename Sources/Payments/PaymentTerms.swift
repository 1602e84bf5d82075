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
    private let percent: UInt8
    /// How long the issuer keeps the hold, in seconds, 1 to `Hold.lifetimeSeconds`.
    public let lifetimeSeconds: UInt32

    /// Per cent of the hold that may be captured beyond it, 0 to 100.
    public var overcapturePercent: Int64 { Int64(percent) }

    /// What is outside its bounds is brought to the nearer one.
    public init(
        allowsIncrements: Bool = false, allowsMulticapture: Bool = false,
        allowsPartialApproval: Bool = false, overcapturePercent: Int64 = 0,
        lifetimeSeconds: UInt32 = Hold.lifetimeSeconds
    ) {
        self.allowsIncrements = allowsIncrements
        self.allowsMulticapture = allowsMulticapture
        self.allowsPartialApproval = allowsPartialApproval
        percent = UInt8(max(0, min(100, overcapturePercent)))
        self.lifetimeSeconds = max(1, min(Hold.lifetimeSeconds, lifetimeSeconds))
    }

    public static let none = HoldOptions()

    /// The same, for holds that end sooner.
    public func lasting(seconds: UInt32) -> HoldOptions {
        HoldOptions(
            allowsIncrements: allowsIncrements, allowsMulticapture: allowsMulticapture,
            allowsPartialApproval: allowsPartialApproval, overcapturePercent: overcapturePercent,
            lifetimeSeconds: seconds)
    }

    /// What is both wanted and offered.
    public func granted(by offer: HoldOptions) -> HoldOptions {
        HoldOptions(
            allowsIncrements: allowsIncrements && offer.allowsIncrements,
            allowsMulticapture: allowsMulticapture && offer.allowsMulticapture,
            allowsPartialApproval: allowsPartialApproval && offer.allowsPartialApproval,
            overcapturePercent: min(overcapturePercent, offer.overcapturePercent),
            lifetimeSeconds: min(lifetimeSeconds, offer.lifetimeSeconds))
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
