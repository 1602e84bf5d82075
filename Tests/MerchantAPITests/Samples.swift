import Gateway
import Payments
import Primitives

/// Objects that tests are about, made by the payment machine itself.
enum Samples {
    static let merchant = MerchantID("acct_0a0AAAAAAAAAAAAAA")!
    static let paymentID = PaymentID("pi_0a0BBBBBBBBBBBBBB")!
    static let methodID = PaymentMethodID("pm_0a0CCCCCCCCCCCCCC")!
    static let created = Timestamp(milliseconds: 1_795_435_200_000)
    static let usd = Currency(code: "usd")!

    static let card = CardFacts(
        brand: .visa, lastFour: "4242", expiry: CardExpiry(month: 8, year: 2030)!,
        funding: .credit, fingerprint: "AbCdEfGhIjKlMnOp", hasVerificationCode: true)

    static var billing: BillingDetails {
        var billing = BillingDetails()
        billing.name = "Ada \"Countess\" Lovelace"
        billing.email = "ada@example.com"
        billing.postalCode = "W1"
        billing.country = "GB"
        return billing
    }

    static let method = PaymentMethod(
        id: methodID, merchant: merchant, isLive: false, created: created, card: card,
        sealedCard: [9, 9, 9], billing: billing,
        metadata: [MetadataEntry(key: "source", value: "web")])

    static func created(
        amount: Int64 = 1000, capture: CaptureMethod = .automatic, hasMethod: Bool = true,
        holdOptions: HoldOptions = .none
    ) -> Payment {
        let terms = PaymentTerms(
            amount: Money(minorUnits: amount, currency: usd), capture: capture,
            description: "Two books", receiptEmail: "ada@example.com", statementDescriptor: nil,
            statementDescriptorSuffix: "BOOKS",
            metadata: [MetadataEntry(key: "order", value: "6735")], holdOptions: holdOptions)
        return Payment(
            PaymentCreated(
                id: paymentID, merchant: merchant, isLive: false, at: created, terms: terms,
                clientSecret: "Q2xpZW50U2VjcmV0RGF0YQ",
                method: hasMethod ? method.snapshot : nil))
    }

    /// What commands make of a payment; each must be allowed.
    static func after(_ payment: Payment, _ commands: [PaymentCommand]) -> Payment {
        var payment = payment
        var traces = TraceAllocator(shard: 5, next: 100)
        for (place, command) in commands.enumerated() {
            let context = DecisionContext(
                now: created.advanced(byMilliseconds: Int64(place + 1) * 1000), link: "acquirer-a",
                fees: FeeSchedule(basisPoints: 290, fixedMinorUnits: 30),
                offer: HoldOptions(
                    allowsIncrements: true, allowsMulticapture: true, overcapturePercent: 15))
            switch payment.decide(command, in: context, traces: &traces) {
            case .success(let events): for event in events { evolve(&payment, event) }
            case .failure(let refusal): preconditionFailure("\(command) was refused: \(refusal)")
            }
        }
        return payment
    }

    private static func evolve(_ payment: inout Payment, _ event: PaymentEvent) {
        do {
            try payment.evolve(event)
        } catch {
            preconditionFailure("\(event) does not fit: \(error)")
        }
    }

    static let approval = PaymentCommand.answered(
        .authorization(attempt: 0), .approved(code: "A1B2C3", .pass))
    static let succeeded = after(created(), [.confirm(method: nil), approval])
    static let authorized = after(
        created(capture: .manual), [.confirm(method: nil), approval])
    /// A hold that may be raised, captured in parts, and beyond its amount.
    static let flexible = after(
        created(
            capture: .manual,
            holdOptions: HoldOptions(
                allowsIncrements: true, allowsMulticapture: true, overcapturePercent: 100)),
        [.confirm(method: nil), approval])
    static let declined = after(
        created(),
        [
            .confirm(method: nil),
            .answered(.authorization(attempt: 0), .declined(Decline(responseCode: "51"))),
        ])
    /// A refund of 400 that the processor acknowledged, and one of 100 that it did not yet.
    static let refunded = after(
        created(),
        [
            .confirm(method: nil), approval,
            .refund(
                amount: 400, reason: .requestedByCustomer,
                metadata: [MetadataEntry(key: "ticket", value: "12")]),
            .effectAcknowledged(number: 0),
            .refund(amount: 100, reason: nil, metadata: []),
        ])
}
