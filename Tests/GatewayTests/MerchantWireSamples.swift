import Gateway
import Payments
import Primitives

/// A named value of each form that goes over the links between nodes, with every optional part once
/// there and once absent.
enum WireSamples {
    static let deadline = MonotonicInstant(nanoseconds: 25_000_000_000)

    static let callerClaim = IdempotencyClaim(
        keyDigest: [UInt8](0..<16), fingerprint: [UInt8](100..<132))
    static let mintedClaim = IdempotencyClaim(keyDigest: [UInt8](0..<12), fingerprint: [])

    static let metadata = [
        MetadataEntry(key: "customer", value: "Größe 7"), MetadataEntry(key: "order", value: "17"),
    ]

    static let billing: BillingDetails = {
        var details = BillingDetails()
        details.name = "Ada Lovelace"
        details.email = "ada@example.org"
        details.line2 = ""
        details.country = "DE"
        return details
    }()

    static let terms = PaymentTerms(
        amount: Money(minorUnits: 1099, currency: Samples.usd), capture: .manual,
        description: "Two tickets", receiptEmail: "ada@example.org",
        statementDescriptor: "SUNNY", statementDescriptorSuffix: "TICKETS", metadata: metadata,
        holdOptions: HoldOptions(
            allowsIncrements: true, allowsMulticapture: true, overcapturePercent: 100))

    static func newMethod(
        code: String?, sealedCard: [UInt8] = [0, 1, 2, 255]
    ) -> NewPaymentMethod {
        NewPaymentMethod(
            id: Samples.method.id, card: Samples.method.card, sealedCard: sealedCard,
            verificationCode: code.map { SensitiveBytes(copying: $0.utf8) }, billing: billing,
            metadata: metadata)
    }

    static func request(
        _ command: MerchantCommand, claim: IdempotencyClaim = callerClaim,
        id: String = "req_A1b2C3d4E5f6G7", isLive: Bool = true,
        merchant: MerchantID = Samples.merchant
    ) -> MerchantRequest {
        MerchantRequest(
            merchant: merchant, isLive: isLive, requestID: id, claim: claim, command: command,
            deadline: deadline)
    }

    private static let payment = Samples.payment(1)

    static let commands: [(name: String, command: MerchantCommand)] = [
        ("createPaymentMethod", .createPaymentMethod(newMethod(code: "735"))),
        ("createPaymentMethod-no-code", .createPaymentMethod(newMethod(code: nil))),
        (
            "createPayment-new",
            .createPayment(
                NewPayment(terms: terms, method: .new(newMethod(code: "7351")), confirm: true))
        ),
        (
            "createPayment-stored",
            .createPayment(
                NewPayment(terms: terms, method: .stored(Samples.method.id), confirm: false))
        ),
        (
            "createPayment-bare",
            .createPayment(
                NewPayment(terms: Samples.creation(payment).terms, method: nil, confirm: false))
        ),
        ("confirmPayment", .confirmPayment(payment, method: nil)),
        ("confirmPayment-stored", .confirmPayment(payment, method: .stored(Samples.method.id))),
        ("confirmPayment-new", .confirmPayment(payment, method: .new(newMethod(code: "987")))),
        ("incrementPayment", .incrementPayment(payment, total: 1500)),
        ("capturePayment", .capturePayment(payment, amount: nil, isFinal: true)),
        ("capturePayment-part", .capturePayment(payment, amount: .max, isFinal: false)),
        ("cancelPayment", .cancelPayment(payment, reason: nil)),
        ("cancelPayment-reason", .cancelPayment(payment, reason: .requestedByCustomer)),
        (
            "createRefund",
            .createRefund(payment, charge: nil, amount: nil, reason: nil, metadata: [])
        ),
        (
            "createRefund-part",
            .createRefund(
                payment, charge: 61, amount: -300, reason: .duplicate, metadata: metadata)
        ),
        ("cancelRefund", .cancelRefund(payment, number: 61)),
    ]

    static let queries: [(name: String, query: MerchantQuery)] = [
        ("payment", .payment(payment)),
        ("paymentMethod", .paymentMethod(Samples.method.id)),
        (
            "payments",
            .payments(
                PaymentPage(limit: 1, cursor: nil, createdFrom: nil, createdThrough: nil))
        ),
        (
            "payments-after",
            .payments(
                PaymentPage(
                    limit: 10, cursor: .after(payment), createdFrom: .min, createdThrough: nil))
        ),
        (
            "payments-before",
            .payments(
                PaymentPage(
                    limit: 100, cursor: .before(payment), createdFrom: 1_700_000_000,
                    createdThrough: .max))
        ),
    ]

    static let asks: [(name: String, ask: MerchantAsk)] =
        commands.map { ($0.name, .command(request($0.command))) }
        + [("minted", .command(request(commands[5].command, claim: mintedClaim, isLive: false)))]
        + queries.map {
            ($0.name, .query($0.query, merchant: Samples.merchant, isLive: false))
        }
}

/// Payments at the end of some way.
extension WireSamples {
    /// The payment after commands that are not refused, a second after one another.
    static func walked(_ id: PaymentID, _ commands: PaymentCommand...) -> Payment {
        let facts = PaymentCreated(
            id: id, merchant: Samples.merchant, isLive: true, at: Samples.now, terms: terms,
            clientSecret: "secret", method: Samples.method.snapshot)
        var payment = Payment(facts)
        var traces = TraceAllocator(shard: 7, next: 0)
        var now = Samples.now
        for command in commands {
            let context = DecisionContext(
                now: now, link: "east",
                fees: FeeSchedule(basisPoints: 290, fixedMinorUnits: 30),
                offer: terms.holdOptions)
            do {
                let decision = payment.decide(command, in: context, traces: &traces)
                for event in try decision.get() { try payment.evolve(event) }
            } catch {
                preconditionFailure("\(command) in \(payment.status): \(error)")
            }
            now = now.advanced(byMilliseconds: 1000)
        }
        return payment
    }

    static let declined = walked(
        payment, .confirm(method: nil),
        .answered(.authorization(attempt: 0), .declined(Decline(responseCode: "51"))))

    static let held = walked(
        payment, .confirm(method: nil),
        .answered(.authorization(attempt: 0), .approved(code: "A1B2C3", .pass)),
        .increment(total: 1500),
        .answered(
            .increment(attempt: 0, number: 0), .declined(Decline(responseCode: "51"))))

    static let refunded = walked(
        payment, .confirm(method: nil),
        .answered(.authorization(attempt: 0), .approved(code: "A1B2C3", .pass)),
        .capture(amount: nil), .effectAcknowledged(number: 0),
        .refund(amount: 100, reason: .duplicate, metadata: metadata),
        .effectAcknowledged(number: 1))

    static let method = PaymentMethod(
        id: Samples.method.id, merchant: Samples.merchant, isLive: true, created: Samples.now,
        card: Samples.method.card, sealedCard: [0, 1, 2, 255], billing: billing,
        metadata: metadata)
}

/// What comes back.
extension WireSamples {
    static let refusals: [Refusal] = [
        .unexpectedStatus(operation: .capture, status: .succeeded), .methodMissing,
        .attemptsExhausted, .captureTooLarge(requested: .max, capturable: 0),
        .refundTooLarge(requested: .min, remaining: 1), .alreadyRefunded, .refundsExhausted,
        .amountNotPositive, .noSuchPayment(payment), .noSuchPaymentMethod(Samples.method.id),
        .noSuchPart(PartID(payment: payment, number: 61)), .noLinkAvailable,
        .amountTooSmall(requested: 1, minimum: 50),
        .amountTooLarge(requested: 100_000_000, maximum: 99_999_999), .metadataTooLarge,
        .currencyMismatch(expected: Samples.usd, found: Currency(code: "eur")!),
        .capturesExhausted, .multicaptureNotGranted, .incrementNotGranted,
        .incrementTooSmall(requested: 5, authorized: 1000), .incrementsExhausted,
        .incrementPending, .incrementAfterOvercapture(captured: 1100, authorized: 1000),
        .noSuchChallenge, .noSuchRefund(number: 4),
        .refundNotCancelable(number: 3), .noSuchDispute(number: 2),
        .unexpectedDisputeStatus(number: 1, .won), .disputesExhausted, .evidenceTooLarge,
        .chargeDisputed, .nothingCaptured, .alreadySettled,
        .settlementMismatch(expected: 500, found: -500),
        .insufficientBalance(requested: 5, available: -5), .unexpectedPayoutStatus(.paid),
    ]

    static let failures: [GatewayFailure] = [
        .unavailable, .keyInUse, .keyMismatch, .lockTimeout, .overloaded,
    ]

    static let outcomes: [(name: String, outcome: Outcome)] =
        [
            ("payment", .payment(held)), ("declined", .declined(declined, attempt: 0)),
            ("incrementDeclined", .incrementDeclined(held, attempt: 0, number: 0)),
            ("refund", .refund(refunded, number: 0)), ("paymentMethod", .paymentMethod(method)),
            ("refused-payment", .refused(.incrementPending, held)),
        ] + refusals.map { ("refused", .refused($0, nil)) }

    static let commandReplies: [(name: String, reply: CommandReply)] =
        outcomes.map { ($0.name, .outcome($0.outcome, replayOf: nil)) }
        + [("replay", .outcome(.paymentMethod(method), replayOf: "req_A1b2C3d4E5f6G7"))]
        + failures.map { ("failure", .failure($0)) }

    static let queryReplies: [(name: String, reply: QueryReply)] =
        [
            ("payment", .payment(refunded)), ("payment-none", .payment(nil)),
            ("paymentMethod", .paymentMethod(method)), ("paymentMethod-none", .paymentMethod(nil)),
            ("payments", .payments([declined, held], hasMore: true)),
            ("payments-none", .payments([], hasMore: false)),
            ("noSuchCursor", .noSuchCursor(payment)),
        ] + failures.map { ("failure", .failure($0)) }

    static let answers: [(name: String, answer: MerchantAnswer)] =
        commandReplies.map { ($0.name, .command($0.reply)) }
        + queryReplies.map { ($0.name, .query($0.reply)) }
}
