import Payments
import Primitives

/// One value of each form that is ever written, with every optional part once there and once
/// absent.
enum Samples {
    static let at = Timestamp(milliseconds: 1_700_000_123_456)
    static let trace = ProcessorTrace(
        link: "east", shard: 7, sequence: 1_234_567, transmittedAt: at)
    static let approval = Approval(code: "A1B2C3", at: at, verificationCodeCheck: .pass)
    static let metadata = [
        MetadataEntry(key: "customer", value: "Größe 7"), MetadataEntry(key: "order", value: "17"),
    ]

    static let billing: BillingDetails = {
        var details = BillingDetails()
        details.name = "Ada Lovelace"
        details.email = "ada@example.org"
        details.phone = "+4930123456"
        details.line1 = "Unter den Linden 1"
        details.line2 = ""
        details.city = "Berlin"
        details.postalCode = "10117"
        details.country = "DE"
        return details
    }()

    static let method = PaymentMethodSnapshot(
        id: Fixture.visa.id, card: Fixture.visa.card, billing: billing)

    static let storedMethod = PaymentMethod(
        id: Fixture.visa.id, merchant: Fixture.merchant, isLive: true, created: at,
        card: Fixture.visa.card, sealedCard: [0, 1, 2, 255], billing: billing,
        metadata: metadata)

    static let fullTerms = PaymentTerms(
        amount: Money(minorUnits: 1099, currency: Fixture.usd), capture: .manual,
        description: "Two tickets", receiptEmail: "ada@example.org",
        statementDescriptor: "SUNNY", statementDescriptorSuffix: "TICKETS", metadata: metadata,
        holdOptions: Fixture.allOptions)

    static let created = PaymentCreated(
        id: Fixture.payment, merchant: Fixture.merchant, isLive: true, at: at, terms: fullTerms,
        clientSecret: "s3cr3t", method: method)

    static let increments: [Increment] = [
        Increment.State.pending, .approved(approval), .declined(Decline(responseCode: "51")),
        .notSent, .reversing(.timedOut), .reversed(.connectionLost),
    ].enumerated().map {
        Increment(number: $0, trace: trace, amount: 10, created: at, state: $1)
    }

    static let hold = Hold(
        approval: approval, authorized: 1099, options: Fixture.allOptions, expires: at,
        captures: [
            Capture(number: 0, amount: 400, fee: 12, at: at, state: .posted(at: at)),
            Capture(number: 1, amount: 300, fee: 0, at: at, state: .pending),
            Capture(number: 2, amount: 1, fee: 1, at: at, state: .refused(responseCode: "12")),
        ], increments: increments)

    static let emptyHold = Hold(
        approval: approval, authorized: 1, options: .none, expires: at)

    static let presences: [Presence] = [
        Presence(), Presence(isOffSession: true), Presence(declinesOnAction: true),
        Presence(
            authentication: Fixture.authentication,
            credential: StoredCredential(
                initiator: .merchant, networkTransactionID: "016150703802094")),
        Presence(
            credential: StoredCredential(initiator: .cardholder, networkTransactionID: nil)),
    ]

    static let attemptStates: [Attempt.State] = [
        .pending, .authorized(hold), .authorized(emptyHold), .captured(hold),
        .declined(Decline(responseCode: "51")), .notSent, .reversing(.timedOut),
        .reversing(.connectionLost), .reversed(.mismatchedAnswer), .voided(emptyHold),
    ]

    static let attempts: [Attempt] = attemptStates.enumerated().map { index, state in
        Attempt(
            AttemptStarted(
                number: 3, trace: trace, method: method,
                presence: presences[index % presences.count], at: at),
            amount: 1099, capture: .automatic, state: state)
    }

    static let effects: [Effect] = [
        Effect(number: 0, kind: .reversal(.authorization(attempt: 1)), trace: trace),
        Effect(
            number: 1, kind: .partialReversal(attempt: 2, captured: 400), trace: trace,
            state: .acknowledged(at: at)),
        Effect(
            number: 200, kind: .capture(attempt: 61, number: 49, amount: 99_999_999),
            trace: trace, state: .refused(responseCode: "12", at: at)),
        Effect(number: 3, kind: .refund(number: 61), trace: trace, state: .withdrawn(at: at)),
        Effect(number: 4, kind: .reversal(.increment(attempt: 0, number: 9)), trace: trace),
    ]

    static let refunds: [Refund] = [
        refund(.requested, reason: nil, metadata: []),
        refund(.succeeded(at: at), reason: .fraudulent, metadata: metadata),
        refund(
            .failed(.refused(responseCode: "57"), at: at), reason: .requestedByCustomer,
            metadata: []),
        refund(.failed(.returned, at: at), reason: nil, metadata: []),
        refund(.pending(at: at), reason: nil, metadata: []),
        refund(.canceled(at: at), reason: .duplicate, metadata: []),
    ]

    private static func refund(
        _ state: Refund.State, reason: RefundReason?, metadata: Metadata
    ) -> Refund {
        Refund(
            number: 5, amount: 300, reason: reason, metadata: metadata, created: at, trace: trace,
            state: state)
    }

    static let disputes: [Dispute] = Dispute.Status.allCases.map { status in
        Dispute(
            number: 2, caseNumber: "CASE-1", amount: 500, reason: .productNotReceived, opened: at,
            evidenceDue: at, status: status, evidence: metadata, covered: 400)
    }

    static let dispute = DisputeCase(
        caseNumber: "CASE-1", amount: Money(minorUnits: 500, currency: Fixture.usd),
        reason: .fraudulent, isInquiry: false, evidenceDue: at)

    static let challenge = Challenge(
        number: 7, method: method, presence: Presence(), attempt: nil, created: at)

    static let statuses: [PaymentStatus] = [
        .requiresPaymentMethod(lastFailure: nil), .requiresPaymentMethod(lastFailure: .attempt(4)),
        .requiresPaymentMethod(lastFailure: .authentication(method)), .requiresConfirmation,
        .requiresAction(challenge), .processing(attempt: 0), .requiresCapture(attempt: 1),
        .succeeded(attempt: 61), .canceled(at: at, reason: nil),
        .canceled(at: at, reason: .requestedByCustomer),
    ]

    /// One event of each kind, in the order of their tags.
    static let events: [PaymentEvent] = [
        .created(created),
        .attemptStarted(
            AttemptStarted(
                number: 0, trace: trace, method: method, presence: presences[3], at: at)),
        .approved(
            .authorization(attempt: 0), approval, amount: 1099, options: Fixture.allOptions,
            fee: 59),
        .declined(.authorization(attempt: 1), Decline(responseCode: "51"), at: at),
        .notSent(.authorization(attempt: 2), at: at),
        .lost(.increment(attempt: 3, number: 1), .timedOut, reversal: trace),
        .lateApproval(.authorization(attempt: 4), reversal: trace),
        .captured(
            CaptureMade(
                attempt: 5, amount: 400, fee: 42, isFinal: true, at: at, advice: trace,
                release: trace)),
        .canceled(reason: .duplicate, at: at, reversals: [trace, trace]),
        .refundCreated(refunds[1]),
        .effectAcknowledged(number: 6, at: at, isDeferred: false),
        .effectRefused(number: 7, responseCode: "25", at: at),
        .actionRequired(challenge),
        .authenticationFailed(at: at),
        .incrementStarted(attempt: 0, amount: 500, trace: trace, at: at),
        .released(at: at, release: trace),
        .refundCanceled(number: 3, at: at),
        .refundConcluded(number: 4, .returned, at: at),
        .disputeOpened(disputes[3], fee: 1500),
        .disputeEscalated(number: 0, covered: 300, fee: 1500, at: at),
        .disputeAnswered(number: 1, evidence: metadata, isSubmitted: true),
        .disputeClosed(number: 2, .withdrawn, at: at),
        .settled(.capture(attempt: 0, number: 3), at: at),
    ]

    /// The other forms of some.
    static let moreEvents: [PaymentEvent] = [
        .captured(
            CaptureMade(
                attempt: 5, amount: 400, fee: 0, isFinal: false, at: at, advice: trace,
                release: nil)),
        .canceled(reason: nil, at: at, reversals: []),
        .created(
            PaymentCreated(
                id: Fixture.payment, merchant: Fixture.merchant, isLive: false, at: at,
                terms: Fixture.terms(1, .automatic), clientSecret: "", method: nil)),
        .settled(.refund(number: 2), at: at), .settled(.dispute(number: 1), at: at),
    ]

    /// Commands of each kind, with every optional part once there and once absent.
    static let commands: [PaymentCommand] = [
        .confirm(method: nil), .confirm(method: method, presences[3], authenticates: true),
        .capture(amount: nil), .capture(amount: 400, isFinal: false), .cancel(reason: nil),
        .cancel(reason: .fraudulent), .refund(amount: nil, reason: nil, metadata: []),
        .refund(amount: .max, reason: .duplicate, metadata: metadata),
        .answered(.authorization(attempt: 0), .approved(code: "A1B2C3", .unavailable)),
        .answered(
            .increment(attempt: 0, number: 2), .approved(code: "A1B2C3", .absent, amount: 5)),
        .answered(.authorization(attempt: 61), .declined(Decline(responseCode: "51"))),
        .notSent(.authorization(attempt: 1)),
        .unanswered(.authorization(attempt: 2), .mismatchedAnswer),
        .approvedLate(.authorization(attempt: 3)), .effectAcknowledged(number: 200),
        .effectAcknowledged(number: 1, isDeferred: true),
        .effectRefused(number: 7, responseCode: "25"),
        .authenticated(challenge: 7, Fixture.authentication), .authenticated(challenge: 9, nil),
        .increment(total: 1500), .expire, .cancelRefund(number: 3),
        .concludeRefund(number: 4, .paid), .openDispute(dispute), .escalateDispute(number: 1),
        .answerDispute(number: 0, evidence: metadata, isSubmitted: false),
        .closeDispute(number: 0, .lost),
        .settle(.dispute(number: 1), Money(minorUnits: -500, currency: Fixture.usd)),
    ]

    /// A payment with something in each of its lists: the end of a long walk.
    static let payment: Payment = {
        var walk = Walk(amount: 1000, .manual, method: method)
        walk.offer = Fixture.allOptions
        let request = ProcessorRequest.authorization(attempt: 1)
        return walk.after(
            .confirm(method: nil), .unanswered(.authorization(attempt: 0), .timedOut),
            .effectAcknowledged(number: 0), .confirm(method: method),
            .answered(request, Fixture.approval),
            .increment(total: 1500),
            .answered(.increment(attempt: 1, number: 0), Fixture.approval),
            .increment(total: 1600), .notSent(.increment(attempt: 1, number: 1)),
            .capture(amount: 300, isFinal: false), .effectAcknowledged(number: 1),
            .capture(amount: 500), .effectAcknowledged(number: 2),
            .refund(amount: 100, reason: .duplicate, metadata: metadata),
            .refund(amount: 50, reason: nil, metadata: []), .cancelRefund(number: 1),
            .effectAcknowledged(number: 3), .effectAcknowledged(number: 4),
            .settle(
                .capture(attempt: 1, number: 0), Money(minorUnits: 300, currency: Fixture.usd)),
            .openDispute(dispute), .answerDispute(number: 0, evidence: metadata, isSubmitted: true),
            .closeDispute(number: 0, .lost)
        ).payment
    }()

    static let refusals: [Refusal] =
        [Refusal.Operation.confirm, .capture, .cancel, .refund, .increment].flatMap { operation in
            Refusal.StatusName.allCases.map { status in
                Refusal.unexpectedStatus(operation: operation, status: status)
            }
        } + [
            .methodMissing, .attemptsExhausted, .captureTooLarge(requested: .max, capturable: 0),
            .refundTooLarge(requested: .min, remaining: 1), .alreadyRefunded, .refundsExhausted,
            .amountNotPositive, .noSuchPayment(Fixture.payment),
            .noSuchPaymentMethod(Fixture.visa.id),
            .noSuchPart(PartID(payment: Fixture.payment, number: 61)), .noLinkAvailable,
            .amountTooSmall(requested: 1, minimum: 50),
            .amountTooLarge(requested: 100_000_000, maximum: 99_999_999), .metadataTooLarge,
            .currencyMismatch(expected: Fixture.usd, found: Currency(code: "eur")!),
            .capturesExhausted, .multicaptureNotGranted, .incrementNotGranted,
            .incrementTooSmall(requested: 5, authorized: 1000), .incrementsExhausted,
            .incrementPending, .incrementAfterOvercapture(captured: 1100, authorized: 1000),
            .noSuchChallenge, .noSuchRefund(number: .min),
            .refundNotCancelable(number: 3), .noSuchDispute(number: .max),
            .unexpectedDisputeStatus(number: 1, .won), .disputesExhausted, .evidenceTooLarge,
            .chargeDisputed, .nothingCaptured, .alreadySettled,
            .settlementMismatch(expected: 500, found: -500),
            .insufficientBalance(requested: 5, available: -5), .unexpectedPayoutStatus(.paid),
        ]

    static let outcomes: [Outcome] =
        [
            .payment(payment), .declined(payment, attempt: 61), .refund(payment, number: 2),
            .incrementDeclined(payment, attempt: 1, number: 0),
            .paymentMethod(storedMethod), .refused(.methodMissing, payment),
        ] + refusals.map { .refused($0, nil) }

    static let awaited: [AwaitedOutcome] = [
        .attempt(Fixture.payment, number: 3), .capture(Fixture.payment),
        .refund(Fixture.payment, number: 61),
        .increment(Fixture.payment, attempt: 1, number: 9),
    ]

    static let records: [IdempotencyRecord] =
        (awaited.map { .inFlight($0) } + [.completed(outcomes[4])]).map {
            IdempotencyRecord(
                keyDigest: [UInt8](0..<16), fingerprint: [UInt8](0..<32), requestID: "req_1",
                created: at, state: $0)
        }

    static let balances: LedgerBalances = {
        var balances = LedgerBalances()
        for entry in payment.ledger { balances.post(entry, to: { _ in true }) }
        return balances
    }()
}
