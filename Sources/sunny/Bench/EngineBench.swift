import Payments
import Primitives
import Transport

/// Decide and evolve, in nanoseconds a command: no I/O, no actors.
struct EngineBench {
    private static let rounds = 20_000

    /// Name and nanoseconds at the median of 40 batches.
    func run() -> [(name: String, nanoseconds: Double)] {
        [
            ("create", measure { _ in Payment(creation) }),
            ("decide + evolve confirm", measure { traces in confirmed(&traces) }),
            ("decide + evolve approval", measure(of: pending()) { step($0, approval, &$1) }),
            (
                "decide + evolve capture",
                measure(of: authorized()) { step($0, .capture(amount: 700), &$1) }
            ),
            (
                "decide + evolve refund",
                measure(of: captured()) {
                    step($0, .refund(amount: 300, reason: nil, metadata: []), &$1)
                }
            ),
            ("encode payment", measure(of: captured()) { payment, _ in payment.encoded.count }),
            (
                "decode payment",
                measure(of: captured().encoded) { bytes, _ in (try? Payment(encoded: bytes)) != nil
                }
            ),
        ]
    }

    private let approval = PaymentCommand.answered(
        .authorization(attempt: 0), .approved(code: "123456", .pass))
    private let context = DecisionContext(
        now: Timestamp(milliseconds: 1_767_571_200_000), link: "acquirer",
        fees: FeeSchedule(basisPoints: 290, fixedMinorUnits: 30))
    private let creation: PaymentCreated = {
        let stem = IdentifierStem(slot: Slot(1)!, random: SystemRandom())
        let now = Timestamp(milliseconds: 1_767_571_200_000)
        let method = PaymentMethodSnapshot(
            id: PaymentMethodID(stem: stem),
            card: CardFacts(
                brand: .visa, lastFour: "4242", expiry: CardExpiry(month: 12, year: 2034)!,
                funding: .credit, fingerprint: "abcdefghijklmnop", hasVerificationCode: false),
            billing: BillingDetails())
        return PaymentCreated(
            id: PaymentID(stem: stem), merchant: MerchantID(stem: stem), isLive: false, at: now,
            terms: PaymentTerms(
                amount: Money(minorUnits: 1000, currency: Currency(code: "usd")!),
                capture: .manual, description: nil, receiptEmail: nil, statementDescriptor: nil,
                statementDescriptorSuffix: nil, metadata: []),
            clientSecret: "0123456789012345678901234", method: method)
    }()

    private func confirmed(_ traces: inout TraceAllocator) -> Payment {
        step(Payment(creation), .confirm(method: nil), &traces)
    }

    private func pending() -> Payment {
        var traces = TraceAllocator(shard: 0, next: 0)
        return confirmed(&traces)
    }

    private func authorized() -> Payment {
        var traces = TraceAllocator(shard: 0, next: 1)
        return step(pending(), approval, &traces)
    }

    private func captured() -> Payment {
        var traces = TraceAllocator(shard: 0, next: 2)
        return step(authorized(), .capture(amount: nil), &traces)
    }

    private func step(
        _ payment: Payment, _ command: PaymentCommand, _ traces: inout TraceAllocator
    ) -> Payment {
        var payment = payment
        if case .success(let events) = payment.decide(command, in: context, traces: &traces) {
            for event in events { try? payment.evolve(event) }
        }
        return payment
    }

    private func measure<Output>(_ body: (inout TraceAllocator) -> Output) -> Double {
        measure(of: ()) { body(&$1) }
    }

    private func measure<Input, Output>(
        of input: Input, _ body: (Input, inout TraceAllocator) -> Output
    ) -> Double {
        let clock = ContinuousClock()
        var traces = TraceAllocator(shard: 0, next: 0)
        var batches: [Double] = []
        for _ in 0..<40 {
            let begun = clock.now
            for _ in 0..<(Self.rounds / 40) { keep(body(input, &traces)) }
            let elapsed = (clock.now - begun).wholeNanoseconds
            batches.append(Double(elapsed) / Double(Self.rounds / 40))
        }
        return batches.sorted()[batches.count / 2]
    }

    @inline(never)
    private func keep<Value>(_ value: Value) {}
}
