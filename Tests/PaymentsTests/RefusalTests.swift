import Payments
import Primitives
import Testing

@Suite("What a payment refuses")
struct RefusalTests {
    private static let asked: [(Refusal.Operation, PaymentCommand)] = [
        (.confirm, .confirm(method: Fixture.visa)),
        (.capture, .capture(amount: nil)),
        (.cancel, .cancel(reason: nil)),
        (.refund, .refund(amount: nil, reason: nil, metadata: [])),
        (.increment, .increment(total: 2000)),
    ]

    private static func isAllowed(
        _ operation: Refusal.Operation, in status: Refusal.StatusName
    ) -> Bool {
        switch (operation, status) {
        case (.confirm, .requiresPaymentMethod), (.confirm, .requiresConfirmation): true
        case (.capture, .requiresCapture): true
        case (.cancel, .requiresPaymentMethod), (.cancel, .requiresConfirmation): true
        case (.cancel, .requiresCapture): true
        case (.refund, .succeeded): true
        case (.increment, .requiresCapture): true
        case (.cancel, .requiresAction): true
        case (.confirm, _), (.capture, _), (.cancel, _), (.refund, _), (.increment, _): false
        }
    }

    @Test("every operation in every status is allowed or refused by name, and changes nothing then")
    func matrix() {
        for status in Refusal.StatusName.allCases {
            for (operation, command) in Self.asked {
                var walk = Walk.standing(in: status)
                if status == .requiresCapture { walk = Walk.granted }
                #expect(walk.payment.status.name == status)
                let before = walk.payment
                let traces = walk.traces.next
                let decision = walk.run(command)
                if Self.isAllowed(operation, in: status) {
                    #expect(throws: Never.self) { try decision.get() }
                    #expect(walk.payment != before)
                } else {
                    #expect(
                        decision
                            == .failure(
                                .unexpectedStatus(operation: operation, status: status)))
                    #expect(walk.payment == before)
                    #expect(walk.traces.next == traces)
                }
            }
        }
    }

    private static func creation(
        _ amount: Int64, _ code: String = "usd", metadata: Metadata = []
    ) -> PaymentCreated {
        let terms = PaymentTerms(
            amount: Money(minorUnits: amount, currency: Currency(code: code)!),
            capture: .automatic, description: nil, receiptEmail: nil, statementDescriptor: nil,
            statementDescriptorSuffix: nil, metadata: metadata)
        return PaymentCreated(
            id: Fixture.payment, merchant: Fixture.merchant, isLive: false, at: Fixture.start,
            terms: terms, clientSecret: "secret", method: nil)
    }

    private static func metadata(_ count: Int, key: Int = 5, value: Int = 5) -> Metadata {
        (0..<count).map { number in
            let digits = String(number)
            return MetadataEntry(
                key: digits + String(repeating: "k", count: key - digits.utf8.count),
                value: String(repeating: "v", count: value))
        }
    }

    @Test("a payment is of what its currency allows, and its metadata within the limits")
    func create() {
        func refusal(_ creation: PaymentCreated) -> Refusal? {
            if case .failure(let refusal) = Payment.decideCreate(creation) { refusal } else { nil }
        }
        for amount in [0, -1, Int64.min] {
            #expect(refusal(Self.creation(amount)) == .amountNotPositive)
        }
        for (code, least) in [("usd", 50), ("sek", 300), ("jpy", 50)] as [(String, Int64)] {
            #expect(
                refusal(Self.creation(least - 1, code))
                    == .amountTooSmall(requested: least - 1, minimum: least))
            #expect(refusal(Self.creation(least, code)) == nil)
        }
        #expect(refusal(Self.creation(99_999_999)) == nil)
        for amount in [100_000_000, Int64.max] {
            #expect(
                refusal(Self.creation(amount))
                    == .amountTooLarge(requested: amount, maximum: 99_999_999))
        }
        let full = Self.metadata(50, key: 160, value: 2000)
        #expect(refusal(Self.creation(1000, metadata: full)) == nil)
        for excess in [
            Self.metadata(51), Self.metadata(1, key: 161), Self.metadata(1, value: 2001),
        ] {
            #expect(refusal(Self.creation(1000, metadata: excess)) == .metadataTooLarge)
            var walk = Walk.paid
            let before = walk.payment
            #expect(
                walk.run(.refund(amount: 1, reason: nil, metadata: excess))
                    == .failure(.metadataTooLarge))
            #expect(walk.payment == before)
        }
    }

    @Test("while an outcome is being undone nothing else may begin")
    func whileReversing() {
        var walk = Walk().after(
            .confirm(method: nil), .unanswered(.authorization(attempt: 0), .timedOut))
        for (operation, command) in Self.asked {
            #expect(
                walk.run(command)
                    == .failure(.unexpectedStatus(operation: operation, status: .processing)))
        }
    }

    @Test("a confirm needs a method, a link, and an attempt that is left")
    func confirm() {
        var bare = Walk(method: nil)
        #expect(bare.run(.confirm(method: nil)) == .failure(.methodMissing))
        var unlinked = Walk()
        unlinked.link = nil
        #expect(unlinked.run(.confirm(method: nil)) == .failure(.noLinkAvailable))
        var walk = Walk()
        for number in 0..<PartID.countMax {
            walk = walk.after(
                .confirm(method: Fixture.visa), .notSent(.authorization(attempt: number)))
        }
        #expect(walk.run(.confirm(method: Fixture.visa)) == .failure(.attemptsExhausted))
    }

    @Test("a capture is more than nothing and no more than the hold")
    func capture() {
        var walk = Walk.authorized
        for amount in [0, -1, Int64.min] {
            #expect(walk.run(.capture(amount: amount)) == .failure(.amountNotPositive))
        }
        for amount in [1001, Int64.max] {
            #expect(
                walk.run(.capture(amount: amount))
                    == .failure(.captureTooLarge(requested: amount, capturable: 1000)))
        }
        #expect(walk.payment.status.name == .requiresCapture)
    }

    @Test("a refund is more than nothing and no more than what is left")
    func refund() {
        var walk = Walk.paid.after(.refund(amount: 400, reason: nil, metadata: []))
        for amount in [0, -1, Int64.min] {
            #expect(
                walk.run(.refund(amount: amount, reason: nil, metadata: []))
                    == .failure(.amountNotPositive))
        }
        for amount in [601, Int64.max] {
            #expect(
                walk.run(.refund(amount: amount, reason: nil, metadata: []))
                    == .failure(.refundTooLarge(requested: amount, remaining: 600)))
        }
        walk = walk.after(.refund(amount: nil, reason: nil, metadata: []))
        #expect(
            walk.run(.refund(amount: nil, reason: nil, metadata: []))
                == .failure(.alreadyRefunded))
        #expect(
            walk.run(.refund(amount: 1, reason: nil, metadata: [])) == .failure(.alreadyRefunded))
    }

    @Test("a refund is no more than the merchant's balance allows, and passes once it does")
    func balance() {
        var walk = Walk.paid
        let before = walk.payment
        walk.refundMaximum = 599
        for amount in [nil, 600, 1000] as [Int64?] {
            let traces = walk.traces.next
            #expect(
                walk.run(.refund(amount: amount, reason: nil, metadata: []))
                    == .failure(.insufficientBalance(requested: amount ?? 1000, available: 599)))
            #expect(walk.payment == before)
            #expect(walk.traces.next == traces)
        }
        // What is wrong with it for ever is said first.
        #expect(
            walk.run(.refund(amount: 1001, reason: nil, metadata: []))
                == .failure(.refundTooLarge(requested: 1001, remaining: 1000)))
        walk = walk.after(.refund(amount: 599, reason: nil, metadata: []))
        walk.refundMaximum = 0
        #expect(
            walk.run(.refund(amount: 1, reason: nil, metadata: []))
                == .failure(.insufficientBalance(requested: 1, available: 0)))
        walk.refundMaximum = nil
        walk = walk.after(.refund(amount: nil, reason: nil, metadata: []))
        #expect(walk.payment.amountRefundable == 0)
    }

    @Test("a payment has as many refunds as ids can name")
    func refundsExhausted() {
        var walk = Walk.paid
        for _ in 0..<PartID.countMax {
            walk = walk.after(.refund(amount: 1, reason: nil, metadata: []))
        }
        #expect(
            walk.run(.refund(amount: 1, reason: nil, metadata: [])) == .failure(.refundsExhausted))
    }

    @Test("answers that come twice, or for what does not exist, do nothing")
    func repeatedAnswers() {
        let stray: [PaymentCommand] = [-1, 1, 62, Int.max, Int.min].flatMap { number in
            [
                .answered(.authorization(attempt: number), Fixture.approval),
                .notSent(.authorization(attempt: number)),
                .unanswered(.authorization(attempt: number), .timedOut),
                .approvedLate(.authorization(attempt: number)),
                .effectAcknowledged(number: number),
                .effectRefused(number: number, responseCode: "12"),
            ]
        }
        for status in Refusal.StatusName.allCases {
            var walk = Walk.standing(in: status)
            let before = walk.payment
            for command in stray { #expect(walk.run(command) == .success([])) }
            #expect(walk.payment == before)
        }
        var captured = Walk.standing(in: .succeeded).after(.effectAcknowledged(number: 0))
        let before = captured.payment
        #expect(captured.run(.effectAcknowledged(number: 0)) == .success([]))
        #expect(captured.run(.effectRefused(number: 0, responseCode: "12")) == .success([]))
        #expect(
            captured.run(.answered(.authorization(attempt: 0), Fixture.approval)) == .success([]))
        #expect(captured.run(.unanswered(.authorization(attempt: 0), .timedOut)) == .success([]))
        #expect(captured.run(.approvedLate(.authorization(attempt: 0))) == .success([]))
        #expect(captured.payment == before)
    }
}
