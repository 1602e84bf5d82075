public import Primitives

// Making a card ready for later payments, without money.
//
//  from                   input                    to                     function
//  ---------------------  -----------------------  ---------------------  ---------------
//  (none)                 create                   requiresPaymentMethod  SetupIntent.init
//  (none)                 create with a method     requiresConfirmation   SetupIntent.init
//  requiresPaymentMethod  confirm with a method    processing             decideConfirm
//  requiresConfirmation   confirm                  processing             decideConfirm
//  either of them         confirm, authenticates   requiresAction         decideConfirm
//  requiresAction         authenticated            processing             decideChallenge
//  requiresAction         not authenticated        requiresPaymentMethod  decideChallenge
//  requiresAction         expire                   requiresPaymentMethod  decideExpire
//  processing             verified                 succeeded              decideAnswer
//  processing             declined                 requiresPaymentMethod  decideAnswer
//  processing             declined, issuer asks    requiresAction         decideAnswer
//  processing             not sent, unanswered     requiresPaymentMethod  decideFailure
//  requires…              cancel                   canceled               decideCancel
//
// A verification asks for no money (0100 with an amount of zero), so that one without an answer has
// nothing to reverse: it failed, and may be tried again.

/// A setup intent: `seti_<stem>`.
public struct SetupIntentID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let stem: IdentifierStem

    public init(stem: IdentifierStem) {
        self.stem = stem
    }

    /// Reads `seti_…`; nil when it is not the id of a setup intent.
    public init?(_ text: some StringProtocol) {
        guard let stem = IdentifierStem(prefix: "seti_", text) else { return nil }
        self.stem = stem
    }

    public static func < (left: SetupIntentID, right: SetupIntentID) -> Bool {
        left.stem < right.stem
    }
    public var description: String { "seti_\(stem.text)" }
}

/// What is fixed once a setup intent is made.
public struct SetupCreated: Hashable, Sendable {
    public let id: SetupIntentID
    public let merchant: MerchantID
    public let isLive: Bool
    public let at: Timestamp
    public let isForOffSession: Bool
    public let description: String?
    public let metadata: Metadata
    public let clientSecret: String
    public let method: PaymentMethodSnapshot?

    public init(
        id: SetupIntentID, merchant: MerchantID, isLive: Bool, at: Timestamp,
        isForOffSession: Bool, description: String?, metadata: Metadata, clientSecret: String,
        method: PaymentMethodSnapshot?
    ) {
        self.id = id
        self.merchant = merchant
        self.isLive = isLive
        self.at = at
        self.isForOffSession = isForOffSession
        self.description = description
        self.metadata = metadata
        self.clientSecret = clientSecret
        self.method = method
    }
}

/// One question to the issuer whether a card is good.
public struct Verification: Hashable, Sendable {
    public let number: Int
    public let trace: ProcessorTrace
    public let method: PaymentMethodSnapshot
    public let presence: Presence
    public let at: Timestamp

    public init(
        number: Int, trace: ProcessorTrace, method: PaymentMethodSnapshot, presence: Presence,
        at: Timestamp
    ) {
        self.number = number
        self.trace = trace
        self.method = method
        self.presence = presence
        self.at = at
    }

    /// Verifications of one setup intent.
    public static let countMax = 62
}

public enum SetupCommand: Hashable, Sendable {
    case confirm(method: PaymentMethodSnapshot?, Presence, authenticates: Bool)
    case authenticated(challenge: UInt64, CardholderAuthentication?)
    /// What the issuer said; `networkTransactionID` is what later payments refer to.
    case verified(number: Int, networkTransactionID: String?)
    case declined(number: Int, Decline)
    /// Not sent, or not answered.
    case failed(number: Int)
    case cancel(reason: CancellationReason?)
    case expire
}

public enum SetupEvent: Hashable, Sendable {
    case created(SetupCreated)
    case verificationStarted(Verification)
    case actionRequired(Challenge)
    case authenticationFailed(at: Timestamp)
    case verified(networkTransactionID: String?, at: Timestamp)
    case declined(Decline, at: Timestamp)
    case canceled(reason: CancellationReason?, at: Timestamp)
}

public struct SetupIntent: Hashable, Sendable {
    public enum Failure: Hashable, Sendable {
        case declined(Decline)
        case authentication
    }

    public enum Status: Hashable, Sendable {
        case requiresPaymentMethod(lastFailure: Failure?)
        case requiresConfirmation
        case requiresAction(Challenge)
        case processing(Verification)
        case succeeded(PaymentMethodSnapshot, networkTransactionID: String?, at: Timestamp)
        case canceled(reason: CancellationReason?, at: Timestamp)

        public var name: Refusal.StatusName {
            switch self {
            case .requiresPaymentMethod: .requiresPaymentMethod
            case .requiresConfirmation: .requiresConfirmation
            case .requiresAction: .requiresAction
            case .processing: .processing
            case .succeeded: .succeeded
            case .canceled: .canceled
            }
        }
    }

    public let facts: SetupCreated
    public private(set) var version: UInt64
    public private(set) var status: Status
    public private(set) var method: PaymentMethodSnapshot?
    public private(set) var verificationCount: Int

    public init(_ facts: SetupCreated) {
        self.facts = facts
        version = 1
        status =
            facts.method == nil ? .requiresPaymentMethod(lastFailure: nil) : .requiresConfirmation
        method = facts.method
        verificationCount = 0
    }

    /// What happens when `command` meets this state; total over all states and commands.
    public func decide(
        _ command: SetupCommand, in context: DecisionContext, traces: inout TraceAllocator
    ) -> Result<[SetupEvent], Refusal> {
        switch command {
        case .confirm(let method, let presence, let authenticates):
            decideConfirm(method, presence, authenticates, context, &traces)
        case .authenticated(let challenge, let authentication):
            decideChallenge(challenge, authentication, context, &traces)
        case .verified(let number, let networkTransactionID):
            .success(
                isProcessing(number)
                    ? [.verified(networkTransactionID: networkTransactionID, at: context.now)]
                    : [])
        case .declined(let number, let decline):
            .success(decideDecline(number, decline, context))
        case .failed(let number):
            .success(
                isProcessing(number)
                    ? [.declined(Decline(reason: .processingError), at: context.now)] : [])
        case .cancel(let reason):
            decideCancel(reason, context)
        case .expire:
            .success(decideExpire(context))
        }
    }

    private func decideConfirm(
        _ given: PaymentMethodSnapshot?, _ presence: Presence, _ authenticates: Bool,
        _ context: DecisionContext, _ traces: inout TraceAllocator
    ) -> Result<[SetupEvent], Refusal> {
        switch status {
        case .requiresPaymentMethod, .requiresConfirmation: break
        case .requiresAction, .processing, .succeeded, .canceled:
            return .failure(.unexpectedStatus(operation: .confirm, status: status.name))
        }
        guard let method = given ?? method else { return .failure(.methodMissing) }
        if authenticates, presence.canAuthenticate {
            return .success([
                .actionRequired(
                    Challenge(
                        number: version + 1, method: method, presence: presence, attempt: nil,
                        created: context.now))
            ])
        }
        return start(method, presence, context, &traces)
    }

    private func decideChallenge(
        _ number: UInt64, _ authentication: CardholderAuthentication?, _ context: DecisionContext,
        _ traces: inout TraceAllocator
    ) -> Result<[SetupEvent], Refusal> {
        guard case .requiresAction(let challenge) = status, challenge.number == number,
            context.now < challenge.expires
        else { return .failure(.noSuchChallenge) }
        guard let authentication else {
            return .success([.authenticationFailed(at: context.now)])
        }
        return start(
            challenge.method, challenge.presence.with(authentication), context, &traces)
    }

    private func start(
        _ method: PaymentMethodSnapshot, _ presence: Presence, _ context: DecisionContext,
        _ traces: inout TraceAllocator
    ) -> Result<[SetupEvent], Refusal> {
        guard verificationCount < Verification.countMax else {
            return .failure(.attemptsExhausted)
        }
        guard let link = context.link else { return .failure(.noLinkAvailable) }
        return .success([
            .verificationStarted(
                Verification(
                    number: verificationCount,
                    trace: traces.allocate(link: link, at: context.now), method: method,
                    presence: presence, at: context.now))
        ])
    }

    private func decideDecline(
        _ number: Int, _ decline: Decline, _ context: DecisionContext
    ) -> [SetupEvent] {
        guard case .processing(let verification) = status, verification.number == number else {
            return []
        }
        var events: [SetupEvent] = [.declined(decline, at: context.now)]
        if decline.reason == .authenticationRequired, verification.presence.canAuthenticate {
            events.append(
                .actionRequired(
                    Challenge(
                        number: version + 2, method: verification.method,
                        presence: verification.presence, attempt: number,
                        created: context.now)))
        }
        return events
    }

    private func decideCancel(
        _ reason: CancellationReason?, _ context: DecisionContext
    ) -> Result<[SetupEvent], Refusal> {
        switch status {
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction:
            .success([.canceled(reason: reason, at: context.now)])
        case .processing, .succeeded, .canceled:
            .failure(.unexpectedStatus(operation: .cancel, status: status.name))
        }
    }

    private func decideExpire(_ context: DecisionContext) -> [SetupEvent] {
        guard case .requiresAction(let challenge) = status, context.now >= challenge.expires
        else { return [] }
        return [.authenticationFailed(at: context.now)]
    }

    private func isProcessing(_ number: Int) -> Bool {
        if case .processing(let verification) = status {
            verification.number == number
        } else {
            false
        }
    }

    /// The state after one more event; one that does not fit changes nothing.
    public mutating func evolve(_ event: SetupEvent) throws(Misfit) {
        switch (event, status) {
        case (.created, _):
            throw .alreadyCreated
        case (.verificationStarted(let verification), .requiresPaymentMethod),
            (.verificationStarted(let verification), .requiresConfirmation),
            (.verificationStarted(let verification), .requiresAction):
            guard verification.number == verificationCount else { throw .unexpectedNumber }
            method = verification.method
            verificationCount += 1
            status = .processing(verification)
        case (.actionRequired(let challenge), .requiresPaymentMethod),
            (.actionRequired(let challenge), .requiresConfirmation):
            method = challenge.method
            status = .requiresAction(challenge)
        case (.authenticationFailed, .requiresAction):
            method = nil
            status = .requiresPaymentMethod(lastFailure: .authentication)
        case (.verified(let networkTransactionID, let at), .processing(let verification)):
            status = .succeeded(
                verification.method, networkTransactionID: networkTransactionID, at: at)
        case (.declined(let decline, _), .processing):
            method = nil
            status = .requiresPaymentMethod(lastFailure: .declined(decline))
        case (.canceled(let reason, let at), .requiresPaymentMethod),
            (.canceled(let reason, let at), .requiresConfirmation),
            (.canceled(let reason, let at), .requiresAction):
            status = .canceled(reason: reason, at: at)
        case (.verificationStarted, _), (.actionRequired, _), (.authenticationFailed, _),
            (.verified, _), (.declined, _), (.canceled, _):
            throw .unexpectedState
        }
        version += 1
    }
}
