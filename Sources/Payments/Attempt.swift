public import Primitives

/// A question to a processor that it answers with yes, no, or not at all.
public enum ProcessorRequest: Hashable, Sendable {
    /// 0100 or 0200 for the whole amount.
    case authorization(attempt: Int)
    /// 0100 for what the hold grows by.
    case increment(attempt: Int, number: Int)

    public var attempt: Int {
        switch self {
        case .authorization(let attempt), .increment(let attempt, _): attempt
        }
    }
}

/// Why a request's outcome is not known.
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

/// What proves to the issuer that the cardholder was there (EMV 3-D Secure 2).
public struct CardholderAuthentication: Hashable, Sendable {
    /// Electronic commerce indicator: 05, 06 or 07, of some schemes 00 to 02.
    public let indicator: UInt8
    /// The cardholder authentication verification value in Base64: 28 characters.
    public let verificationValue: String
    /// The directory server's transaction id, a UUID as text.
    public let transactionID: String

    public init(indicator: UInt8, verificationValue: String, transactionID: String) {
        self.indicator = indicator
        self.verificationValue = verificationValue
        self.transactionID = transactionID
    }
}

/// Who began a payment with a stored card, and what the network said of the first one (the schemes'
/// stored-credential rules).
public struct StoredCredential: Hashable, Sendable {
    public enum Initiator: UInt8, Sendable {
        case cardholder = 0
        case merchant
    }

    public let initiator: Initiator
    /// The network's id of the transaction with which the card was stored, up to 15 characters.
    public let networkTransactionID: String?

    public init(initiator: Initiator, networkTransactionID: String?) {
        self.initiator = initiator
        self.networkTransactionID = networkTransactionID
    }
}

/// Under which circumstances a payment is confirmed.
public struct Presence: Hashable, Sendable {
    /// The cardholder is not there: nobody can be asked to authenticate.
    public let isOffSession: Bool
    /// The caller cannot handle a required action: a decline instead.
    public let declinesOnAction: Bool
    public let authentication: CardholderAuthentication?
    public let credential: StoredCredential?

    public init(
        isOffSession: Bool = false, declinesOnAction: Bool = false,
        authentication: CardholderAuthentication? = nil, credential: StoredCredential? = nil
    ) {
        self.isOffSession = isOffSession
        self.declinesOnAction = declinesOnAction
        self.authentication = authentication
        self.credential = credential
    }

    /// True when the cardholder can still be asked.
    var canAuthenticate: Bool {
        !isOffSession && !declinesOnAction && authentication == nil
    }

    func with(_ authentication: CardholderAuthentication) -> Presence {
        Presence(
            isOffSession: isOffSession, declinesOnAction: declinesOnAction,
            authentication: authentication, credential: credential)
    }
}

/// Money taken from a hold.
public struct Capture: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        /// Committed here; the processor has not acknowledged it yet.
        case pending
        case posted(at: Timestamp)
        /// The processor refused the advice: a break for people to look at.
        case refused(responseCode: String)
    }

    public let number: Int
    public let amount: Int64
    public let fee: Int64
    public let at: Timestamp
    public var state: State

    public init(number: Int, amount: Int64, fee: Int64, at: Timestamp, state: State) {
        self.number = number
        self.amount = amount
        self.fee = fee
        self.at = at
        self.state = state
    }

    /// What of it can be paid back: nothing of what the processor refused to take.
    var collectible: Int64 {
        switch state {
        case .pending, .posted: amount
        case .refused: 0
        }
    }

    /// As many captures as the public API allows for one payment.
    public static let countMax = 50
}

/// One try to raise a hold.
public struct Increment: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        case pending
        case approved(Approval)
        case declined(Decline)
        case notSent
        case reversing(UnknownReason)
        case reversed(UnknownReason)
    }

    public let number: Int
    public let trace: ProcessorTrace
    /// What the hold grows by: the message asks for the difference.
    public let amount: Int64
    public let created: Timestamp
    public var state: State

    public init(
        number: Int, trace: ProcessorTrace, amount: Int64, created: Timestamp, state: State
    ) {
        self.number = number
        self.trace = trace
        self.amount = amount
        self.created = created
        self.state = state
    }

    /// Tries of one payment, declined ones too, as the public API has it.
    public static let countMax = 10

    public var isUnresolved: Bool {
        switch state {
        case .pending, .reversing: true
        case .approved, .declined, .notSent, .reversed: false
        }
    }
}

/// What an issuer reserved, and what was taken of it.
public struct Hold: Hashable, Sendable {
    public let approval: Approval
    /// What the issuer holds in all, with approved increments, in minor units.
    public package(set) var authorized: Int64
    public let options: HoldOptions
    /// When the issuer lets go of what was not captured.
    public let expires: Timestamp
    public package(set) var captures: HeadList<Capture>
    public package(set) var increments: [Increment]

    public init(
        approval: Approval, authorized: Int64, options: HoldOptions, expires: Timestamp,
        captures: HeadList<Capture> = HeadList(), increments: [Increment] = []
    ) {
        self.approval = approval
        self.authorized = authorized
        self.options = options
        self.expires = expires
        self.captures = captures
        self.increments = increments
    }

    /// How long issuers keep a hold, in seconds: seven days.
    public static let lifetimeSeconds: UInt32 = 7 * 86_400

    // Both inlined: to call them on a hold inside an attempt, the compiler would copy the attempt.

    /// What the merchant took, also what the processor has not acknowledged or refused.
    @inline(__always)
    public var captured: Int64 { captures.sum { $0.amount } }

    /// What was taken less what the processor refused to take.
    @inline(__always)
    public var collectible: Int64 {
        captures.sum { $0.collectible }
    }

    /// What all captures together may come to: the hold and the granted share above it.
    public var captureLimit: Int64 {
        // A hold has at most eight digits, the percentage three.
        authorized + authorized * options.overcapturePercent / 100
    }

    public var capturable: Int64 { max(0, captureLimit - captured) }

    public var hasPendingIncrement: Bool {
        increments.contains { $0.state == .pending }
    }
}

/// One try to move money: one message that asks a processor.
public struct Attempt: Hashable, Sendable {
    /// What is known of it.
    public enum State: Hashable, Sendable {
        /// Committed, and perhaps sent. After a change of leader: unknown.
        case pending
        /// The issuer holds money that can be captured.
        case authorized(Hold)
        /// What was to be taken was taken, and the rest given back.
        case captured(Hold)
        /// The issuer said no.
        case declined(Decline)
        /// Provably never written to a socket.
        case notSent
        /// Whether the issuer holds the amount is unknown; a reversal is under way.
        case reversing(UnknownReason)
        /// Whatever the issuer held was given back before it counted.
        case reversed(UnknownReason)
        /// Was authorized and then given back whole: at the merchant's wish, or in time.
        case voided(Hold)
    }

    /// How it began.
    public let start: AttemptStarted
    public let amount: Int64
    /// What the issuer reserved, when it said yes in time.
    public private(set) var hold: Hold?
    private var stage: Stage
    public let capture: CaptureMethod

    /// The state without its hold, which lies beside it: so it is changed in its place. There is
    /// one in the stages whose states have one, and in no other.
    private enum Stage: Hashable, Sendable {
        case pending, authorized, captured
        case declined(Decline)
        case notSent
        case reversing(UnknownReason)
        case reversed(UnknownReason)
        case voided
    }

    public var number: Int { start.number }
    public var trace: ProcessorTrace { start.trace }
    /// The link of the acquirer that was asked.
    var link: String { start.trace.link }
    public var method: PaymentMethodSnapshot { start.method }
    public var presence: Presence { start.presence }
    public var created: Timestamp { start.at }

    public init(_ start: AttemptStarted, amount: Int64, capture: CaptureMethod, state: State) {
        self.start = start
        self.amount = amount
        self.capture = capture
        stage = .pending
        self.state = state
    }

    public package(set) var state: State {
        get {
            switch stage {
            case .pending: .pending
            case .authorized: .authorized(hold!)
            case .captured: .captured(hold!)
            case .declined(let decline): .declined(decline)
            case .notSent: .notSent
            case .reversing(let reason): .reversing(reason)
            case .reversed(let reason): .reversed(reason)
            case .voided: .voided(hold!)
            }
        }
        set {
            switch newValue {
            case .pending: (stage, hold) = (.pending, nil)
            case .authorized(let held): (stage, hold) = (.authorized, held)
            case .captured(let held): (stage, hold) = (.captured, held)
            case .declined(let decline): (stage, hold) = (.declined(decline), nil)
            case .notSent: (stage, hold) = (.notSent, nil)
            case .reversing(let reason): (stage, hold) = (.reversing(reason), nil)
            case .reversed(let reason): (stage, hold) = (.reversed(reason), nil)
            case .voided(let held): (stage, hold) = (.voided, held)
            }
        }
    }

    /// Changes the hold, whatever became of it.
    mutating func changeHold<Result>(
        _ change: (inout Hold) throws(Misfit) -> Result
    ) throws(Misfit) -> Result {
        guard hold != nil else { throw .unexpectedState }
        return try change(&hold!)
    }

    /// Nothing more will be taken of the hold.
    mutating func endHold() {
        if isAuthorized { stage = .captured }
    }

    var isPending: Bool {
        if case .pending = stage { true } else { false }
    }

    /// True while there is a hold that can be captured.
    var isAuthorized: Bool {
        if case .authorized = stage { true } else { false }
    }

    /// True while money may be held or moved that nobody has accounted for yet.
    public var isUnresolved: Bool {
        switch stage {
        case .pending, .reversing: true
        case .authorized, .captured, .declined, .notSent, .reversed, .voided: false
        }
    }

    /// What the merchant took, in minor units: nothing of a hold that was given back whole.
    public var captured: Int64 { hold?.captured ?? 0 }

    /// What can be paid back, in minor units: taken, and not refused by the processor.
    var collectible: Int64 { hold?.collectible ?? 0 }

    /// True when the attempt shows as a charge: the issuer said yes or no, or the outcome had to be
    /// undone.
    public var isCharge: Bool {
        switch stage {
        case .authorized, .captured, .declined, .voided, .reversed, .notSent: true
        case .pending, .reversing: false
        }
    }

    /// Why the attempt brought nothing, in the API's words; nil when it did, or is not known yet.
    public var failure: Decline? {
        switch stage {
        case .declined(let decline): decline
        case .notSent, .reversed: Decline(reason: .processingError)
        case .pending, .authorized, .captured, .reversing, .voided: nil
        }
    }
}
