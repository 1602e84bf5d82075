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
        statementDescriptor: "SUNNY", statementDescriptorSuffix: "TICKETS", metadata: metadata)

    static let created = PaymentCreated(
        id: Fixture.payment, merchant: Fixture.merchant, isLive: true, at: at, terms: fullTerms,
        clientSecret: "s3cr3t", method: method)

    static let attemptStates: [Attempt.State] = [
        .pending, .authorized(approval),
        .captured(approval, amount: 1099, at: at, isPosted: true),
        .captured(approval, amount: 1, at: at, isPosted: false),
        .declined(Decline(responseCode: "51")), .notSent, .reversing(.timedOut),
        .reversing(.connectionLost), .reversed(.mismatchedAnswer), .voided(approval),
    ]

    static let attempts: [Attempt] = attemptStates.map { state in
        Attempt(
            number: 3, trace: trace, amount: 1099, method: method, capture: .automatic,
            created: at, state: state)
    }

    static let effects: [Effect] = [
        Effect(number: 0, kind: .reversal(.authorization(attempt: 1)), trace: trace),
        Effect(
            number: 1, kind: .partialReversal(attempt: 2, captured: 400), trace: trace,
            state: .acknowledged(at: at)),
        Effect(
            number: 200, kind: .capture(attempt: 61, amount: 99_999_999), trace: trace,
            state: .refused(responseCode: "12", at: at)),
        Effect(number: 3, kind: .refund(number: 61), trace: trace),
    ]

    static let refunds: [Refund] = [
        refund(.pending, reason: nil, metadata: []),
        refund(.succeeded(at: at), reason: .fraudulent, metadata: metadata),
        refund(
            .failed(responseCode: "57", at: at), reason: .requestedByCustomer, metadata: []),
    ]

    private static func refund(
        _ state: Refund.State, reason: RefundReason?, metadata: Metadata
    ) -> Refund {
        Refund(
            number: 5, amount: 300, reason: reason, metadata: metadata, created: at, trace: trace,
            state: state)
    }

    static let statuses: [PaymentStatus] = [
        .requiresPaymentMethod(lastFailure: nil), .requiresPaymentMethod(lastFailure: .attempt(4)),
        .requiresConfirmation, .processing(attempt: 0), .requiresCapture(attempt: 1),
        .succeeded(attempt: 61), .canceled(at: at, reason: nil),
        .canceled(at: at, reason: .requestedByCustomer),
    ]

    /// One event of each kind, in the order of their tags, and the other forms of some.
    static let events: [PaymentEvent] = [
        .created(created),
        .attemptStarted(AttemptStarted(number: 0, trace: trace, method: method, at: at)),
        .attemptApproved(attempt: 0, approval: approval, fee: 59),
        .attemptDeclined(attempt: 1, decline: Decline(responseCode: "51"), at: at),
        .attemptNotSent(attempt: 2, at: at),
        .attemptLost(attempt: 3, reason: .timedOut, reversal: effects[0]),
        .lateApproval(attempt: 4, reversal: effects[0]),
        .captured(attempt: 5, amount: 400, at: at, advice: effects[2], release: effects[1]),
        .canceled(reason: .duplicate, at: at, reversal: effects[0]),
        .refundCreated(refunds[1], advice: effects[3]),
        .effectAcknowledged(number: 6, at: at, fee: 42),
        .effectRefused(number: 7, responseCode: "25", at: at),
    ]

    static let moreEvents: [PaymentEvent] = [
        .captured(attempt: 5, amount: 400, at: at, advice: effects[2], release: nil),
        .canceled(reason: nil, at: at, reversal: nil),
        .created(
            PaymentCreated(
                id: Fixture.payment, merchant: Fixture.merchant, isLive: false, at: at,
                terms: Fixture.terms(1, .automatic), clientSecret: "", method: nil)),
    ]

    /// Commands of each kind, with every optional part once there and once absent.
    static let commands: [PaymentCommand] = [
        .confirm(method: nil), .confirm(method: method), .capture(amount: nil),
        .capture(amount: 400), .cancel(reason: nil), .cancel(reason: .fraudulent),
        .refund(amount: nil, reason: nil, metadata: []),
        .refund(amount: .max, reason: .duplicate, metadata: metadata),
        .answered(.authorization(attempt: 0), .approved(code: "A1B2C3", .unavailable)),
        .answered(.authorization(attempt: 61), .declined(Decline(responseCode: "51"))),
        .notSent(.authorization(attempt: 1)), .unanswered(.authorization(attempt: 2), .mismatchedAnswer),
        .approvedLate(.authorization(attempt: 3)), .effectAcknowledged(number: 200),
        .effectRefused(number: 7, responseCode: "25"),
    ]

    /// A payment with something in each of its lists.
    static let payment: Payment = {
        var payment = Payment(created)
        payment.version = 300
        payment.attempts = attempts
        payment.refunds = refunds
        payment.effects = effects
        payment.ledger = [
            LedgerEntry(
                cause: .charge(attempt: 0), at: at,
                postings: [
                    LedgerPosting(.acquirerReceivable, debit: 1099),
                    LedgerPosting(.merchantPending, debit: -1037),
                    LedgerPosting(.fees, debit: -62),
                ]),
            LedgerEntry(
                cause: .refund(number: 1), at: at,
                postings: [
                    LedgerPosting(.merchantAvailable, debit: 300),
                    LedgerPosting(.losses, debit: -300),
                ]),
        ]
        return payment
    }()

    static let refusals: [Refusal] =
        [Refusal.Operation.confirm, .capture, .cancel, .refund].flatMap { operation in
            Refusal.StatusName.all.map { status in
                Refusal.unexpectedStatus(operation: operation, status: status)
            }
        } + [
            .methodMissing, .attemptsExhausted, .captureTooLarge(requested: .max, capturable: 0),
            .refundTooLarge(requested: .min, remaining: 1), .alreadyRefunded, .refundsExhausted,
            .amountNotPositive, .noSuchPayment(Fixture.payment),
            .noSuchPaymentMethod(Fixture.visa.id),
            .noSuchPart(PartID(payment: Fixture.payment, number: 61)), .noLinkAvailable,
        ]

    static let outcomes: [Outcome] =
        [
            .payment(payment), .declined(payment, attempt: 61), .refund(payment, number: 2),
            .paymentMethod(storedMethod), .refused(.methodMissing, payment),
        ] + refusals.map { .refused($0, nil) }

    static let awaited: [AwaitedOutcome] = [
        .attempt(Fixture.payment, number: 3), .capture(Fixture.payment),
        .refund(Fixture.payment, number: 61),
    ]

    static let records: [IdempotencyRecord] =
        (awaited.map { .inFlight($0) } + [.completed(outcomes[3])]).map {
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
