import Payments
import Primitives
import Synchronization

/// Chance that a seed replays, behind the interface that takes it in production.
final class SeededSource: RandomSource {
    private let random: Mutex<SeededRandom>

    init(seed: UInt64) {
        random = Mutex(SeededRandom(seed: seed))
    }

    func next() -> UInt64 { random.withLock { $0.next() } }
}

enum Fixture {
    static let start = Timestamp(milliseconds: 1_700_000_000_000)
    static let stem = IdentifierStem("0a1ABCDEFGHabcdef")!
    static let payment = PaymentID(stem: stem)
    static let merchant = MerchantID(stem: IdentifierStem("0a1mmmmmmmmmmmmmm")!)
    static let usd = Currency(code: "usd")!
    static let fees = FeeSchedule(basisPoints: 290, fixedMinorUnits: 30)

    static let visa = snapshot(lastFour: "4242", brand: .visa)
    static let mastercard = snapshot(lastFour: "4444", brand: .mastercard)
    static let approval = ProcessorAnswer.approved(code: "A1B2C3", .pass)
    static let decline = Decline(responseCode: "51")

    static func snapshot(lastFour: String, brand: CardBrand) -> PaymentMethodSnapshot {
        PaymentMethodSnapshot(
            id: PaymentMethodID(stem: IdentifierStem("0a1pppppppppp\(lastFour)")!),
            card: CardFacts(
                brand: brand, lastFour: lastFour, expiry: CardExpiry(month: 12, year: 2030)!,
                funding: .credit, fingerprint: "abcdefghijklmnop", hasVerificationCode: true),
            billing: BillingDetails())
    }

    static let allOptions = HoldOptions(
        allowsIncrements: true, allowsMulticapture: true, allowsPartialApproval: true,
        overcapturePercent: 50)

    static func terms(
        _ amount: Int64, _ capture: CaptureMethod, _ options: HoldOptions = allOptions
    ) -> PaymentTerms {
        PaymentTerms(
            amount: Money(minorUnits: amount, currency: usd), capture: capture, description: nil,
            receiptEmail: nil, statementDescriptor: nil, statementDescriptorSuffix: nil,
            metadata: [], holdOptions: options)
    }

    static let authentication = CardholderAuthentication(
        indicator: 5, verificationValue: "AAABBEg0VhI0VniQEjRWAAAAAAA=",
        transactionID: "f25084f0-5b16-4c0a-ae5d-b24808a95e4b")
}

/// One payment with what a shard gives it: a stamp, a link, traces.
struct Walk {
    var payment: Payment
    var traces = TraceAllocator(shard: 7, next: 0)
    var now = Fixture.start
    var link: String? = "east"
    var fees = Fixture.fees
    /// What the link grants of what the payment asks for.
    var offer = HoldOptions.none
    /// What the merchant's balance allows.
    var refundMaximum: Int64?
    /// What the processor makes of what it is told.
    var host = HostModel()

    init(
        amount: Int64 = 1000, _ capture: CaptureMethod = .manual,
        method: PaymentMethodSnapshot? = Fixture.visa
    ) {
        payment = Payment(
            PaymentCreated(
                id: Fixture.payment, merchant: Fixture.merchant, isLive: false, at: now,
                terms: Fixture.terms(amount, capture), clientSecret: "secret", method: method))
    }

    var context: DecisionContext {
        DecisionContext(
            now: now, link: link, fees: fees, offer: offer, refundMaximum: refundMaximum)
    }

    /// Decides and, unless refused, evolves; a second passes.
    @discardableResult
    mutating func run(_ command: PaymentCommand) -> Result<[PaymentEvent], Refusal> {
        let decision = payment.decide(command, in: context, traces: &traces)
        if case .success(let events) = decision {
            if !events.isEmpty { host.hear(command, about: payment) }
            for event in events { payment.mustEvolve(event) }
        }
        now = now.advanced(byMilliseconds: 1000)
        return decision
    }

    /// The walk after a few commands that must not be refused.
    func after(_ commands: PaymentCommand...) -> Walk {
        var walk = self
        for command in commands {
            guard case .success = walk.run(command) else {
                preconditionFailure("\(command) was refused in \(walk.payment.status)")
            }
        }
        return walk
    }

    var postedEntries: [LedgerEntry] { payment.ledger.filter { $0.isPosted } }
    var attemptStates: [Attempt.State] { payment.attempts.map(\.state) }
    var effectKinds: [Effect.Kind] { payment.effects.map(\.kind) }
    var openEffects: [Int] {
        payment.effects.filter { $0.state == .open }.map(\.number)
    }
}

extension Walk {
    /// A walk that stands in each status, by its shortest way.
    static func standing(in status: Refusal.StatusName) -> Walk {
        switch status {
        case .requiresPaymentMethod: Walk(method: nil)
        case .requiresConfirmation: Walk()
        case .requiresAction:
            Walk().after(.confirm(method: nil, Presence(), authenticates: true))
        case .processing: Walk().after(.confirm(method: nil))
        case .requiresCapture: authorized
        case .succeeded: authorized.after(.capture(amount: nil))
        case .canceled: Walk().after(.cancel(reason: .abandoned))
        }
    }

    static var authorized: Walk {
        Walk().after(
            .confirm(method: nil), .answered(.authorization(attempt: 0), Fixture.approval))
    }

    /// Authorized, with everything that a hold can be granted.
    static var granted: Walk {
        var walk = Walk()
        walk.offer = Fixture.allOptions
        return walk.after(
            .confirm(method: nil), .answered(.authorization(attempt: 0), Fixture.approval))
    }

    static var paid: Walk {
        Walk(.automatic).after(
            .confirm(method: nil), .answered(.authorization(attempt: 0), Fixture.approval))
    }
}

extension Payment {
    /// What was decided on this very state fits it.
    mutating func mustEvolve(_ event: PaymentEvent) {
        do {
            try evolve(event)
        } catch {
            preconditionFailure("\(event) does not fit \(status): \(error)")
        }
    }
}

func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
        decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
