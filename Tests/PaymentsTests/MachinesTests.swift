import Payments
import Primitives
import Testing

@Suite("A payout")
struct PayoutTests {
    private static func created(_ amount: Int64 = 500) -> PayoutCreated {
        PayoutCreated(
            id: PayoutID(stem: Fixture.stem), merchant: Fixture.merchant, isLive: false,
            amount: Money(minorUnits: amount, currency: Fixture.usd), at: Fixture.start)
    }

    private func run(_ commands: [PayoutCommand]) throws -> Payout {
        var payout = Payout(Self.created())
        for command in commands {
            for event in try payout.decide(command, at: Fixture.start).get() {
                let copy = try PayoutEvent(encoded: event.encoded)
                #expect(copy == event)
                try payout.evolve(copy)
            }
        }
        return payout
    }

    @Test("never exceeds what is available")
    func available() {
        #expect(
            Payout.decideCreate(Self.created(), available: 499)
                == .failure(.insufficientBalance(requested: 500, available: 499)))
        #expect(
            Payout.decideCreate(Self.created(0), available: 499) == .failure(.amountNotPositive))
        #expect(
            Payout.decideCreate(Self.created(), available: 500)
                == .success(.created(Self.created()))
        )
    }

    @Test(
        "ends paid, failed or canceled, and the books balance after every order of the bank's words"
    )
    func everyOrder() throws {
        var count = 0
        func walk(_ commands: [PayoutCommand]) throws {
            let payout: Payout
            do { payout = try run(commands) } catch is Refusal { return }
            count += 1
            var balances = LedgerBalances()
            for entry in payout.ledger { balances.post(entry, to: { _ in true }) }
            #expect(balances.total == 0)
            let expected: (available: Int64, transit: Int64, bank: Int64) =
                switch payout.status {
                case .pending, .inTransit: (500, -500, 0)
                case .paid: (500, 0, -500)
                case .failed, .canceled: (0, 0, 0)
                }
            #expect(balances[.merchantAvailable] == expected.available)
            #expect(balances[.payoutInTransit] == expected.transit)
            #expect(balances[.bank] == expected.bank)
            guard commands.count < 5 else { return }
            for command in PayoutCommand.allCases { try walk(commands + [command]) }
        }
        try walk([])
        #expect(count > 300)
    }

    @Test("refuses an event that does not fit")
    func misfit() {
        var payout = Payout(Self.created())
        #expect(throws: Misfit.unexpectedState) { try payout.evolve(.arrived(at: Fixture.start)) }
        #expect(throws: Misfit.alreadyCreated) { try payout.evolve(.created(Self.created())) }
        #expect(payout == Payout(Self.created()))
    }
}

@Suite("A setup intent")
struct SetupIntentTests {
    private static let created = SetupCreated(
        id: SetupIntentID(stem: Fixture.stem), merchant: Fixture.merchant, isLive: false,
        at: Fixture.start, isForOffSession: true, description: nil, metadata: [],
        clientSecret: "secret", method: Fixture.visa)

    private struct Run {
        var intent = SetupIntent(SetupIntentTests.created)
        var traces = TraceAllocator(shard: 7, next: 0)
        var now = Fixture.start

        @discardableResult
        mutating func callAsFunction(_ command: SetupCommand) throws -> [SetupEvent] {
            let context = DecisionContext(now: now, link: "east", fees: Fixture.fees)
            let events = try intent.decide(command, in: context, traces: &traces).get()
            for event in events { try intent.evolve(event) }
            return events
        }
    }

    private static let confirm = SetupCommand.confirm(
        method: nil, Presence(), authenticates: false)

    @Test("is ready once the issuer says that the card is good")
    func verified() throws {
        var run = Run()
        try run(Self.confirm)
        #expect(run.intent.status.name == .processing)
        #expect(try run(.verified(number: 1, networkTransactionID: nil)) == [])
        try run(.verified(number: 0, networkTransactionID: "016150703802094"))
        #expect(run.intent.status.name == .succeeded)
        #expect(run.traces.next == 1)
        #expect(throws: Refusal.self) { try run(Self.confirm) }
        #expect(throws: Refusal.self) { try run(.cancel(reason: nil)) }
    }

    @Test("fails without an answer, and may be tried again")
    func failed() throws {
        var run = Run()
        try run(Self.confirm)
        try run(.failed(number: 0))
        #expect(
            run.intent.status
                == .requiresPaymentMethod(
                    lastFailure: .declined(Decline(reason: .processingError))))
        #expect(throws: Refusal.methodMissing) { try run(Self.confirm) }
        try run(.confirm(method: Fixture.visa, Presence(), authenticates: false))
        #expect(run.intent.verificationCount == 2)
    }

    @Test("asks the cardholder when the issuer does, or the caller")
    func challenge() throws {
        for byCaller in [true, false] {
            var run = Run()
            if byCaller {
                try run(.confirm(method: nil, Presence(), authenticates: true))
            } else {
                try run(Self.confirm)
                try run(.declined(number: 0, Decline(responseCode: "1A")))
            }
            guard case .requiresAction(let challenge) = run.intent.status else {
                Issue.record("\(run.intent.status)")
                return
            }
            var late = run
            late.now = challenge.expires
            try late(.expire)
            #expect(
                late.intent.status == .requiresPaymentMethod(lastFailure: .authentication))
            try run(.authenticated(challenge: challenge.number, Fixture.authentication))
            #expect(run.intent.status.name == .processing)
            let canceled = late
            late = canceled
            try late(.cancel(reason: .abandoned))
            #expect(late.intent.status.name == .canceled)
        }
    }
}

@Suite("Retries")
struct RetryPolicyTests {
    private let now = Fixture.start

    private func verdict(
        _ code: String, _ brand: CardBrand = .visa, advice: String? = nil, tries: [Int64] = [],
        amount: Int64 = 100
    ) -> RetryVerdict {
        RetryPolicy.verdict(
            on: Decline(responseCode: code), brand: brand,
            advice: advice.flatMap { AdviceCode(code: $0) }, amount: amount,
            history: tries.map {
                PastAttempt(at: now.advanced(byMilliseconds: -$0 * 3_600_000), amount: 100)
            }, at: now)
    }

    @Test("are forbidden for ever by the issuer, whatever else is said")
    func never() {
        for code in ["04", "14", "41", "43", "R0", "R1", "R3"] {
            #expect(verdict(code, advice: "02") == .forbidden(.issuer))
        }
        #expect(verdict("51", .mastercard, advice: "03") == .forbidden(.issuer))
        #expect(verdict("51", .mastercard, advice: "21") == .forbidden(.issuer))
    }

    @Test("wait as long as the scheme says")
    func waiting() {
        let day = now.advanced(byMilliseconds: 86_400_000)
        #expect(verdict("51") == .allowed(notBefore: day))
        #expect(verdict("51", .mastercard, advice: "25") == .allowed(notBefore: day))
        #expect(
            verdict("05", .mastercard, advice: "30")
                == .allowed(notBefore: now.advanced(byMilliseconds: 240 * 3_600_000)))
        #expect(verdict("54") == .needsChange)
        #expect(verdict("05", advice: "01") == .needsChange)
        #expect(verdict("05") == .forbidden(.noAdvice))
    }

    @Test("end at the scheme's limits, within their windows")
    func limits() {
        let twenty = [Int64](repeating: 24, count: 20)
        #expect(verdict("51", tries: twenty) == .forbidden(.schemeLimit))
        #expect(verdict("51", tries: Array(twenty.dropLast())) != .forbidden(.schemeLimit))
        #expect(
            verdict("51", tries: twenty.map { $0 + 30 * 24 }) != .forbidden(.schemeLimit))
        let ten = [Int64](repeating: 1, count: 10)
        #expect(verdict("51", .mastercard, tries: ten) == .forbidden(.schemeLimit))
        #expect(
            verdict("51", .mastercard, tries: ten, amount: 99) != .forbidden(.schemeLimit))
        let thirtyFive = [Int64](repeating: 48, count: 35)
        #expect(verdict("51", .mastercard, tries: thirtyFive) == .forbidden(.schemeLimit))
    }
}

@Suite("A processor's currencies")
struct ProcessorCurrenciesTests {
    @Test("count in decimal places of their own, exactly or not at all")
    func rescale() throws {
        let isk = Currency(code: "isk")!
        let huf = Currency(code: "huf")!
        let processor = try #require(ProcessorCurrencies(exponents: [isk: 2, huf: 0]))
        #expect(try processor.processorUnits(of: Money(minorUnits: 500, currency: isk)) == 50_000)
        #expect(try processor.processorUnits(of: Money(minorUnits: 500, currency: huf)) == 5)
        #expect(try processor.money(processorUnits: 5, huf).minorUnits == 500)
        #expect(try processor.processorUnits(of: Money(minorUnits: 7, currency: Fixture.usd)) == 7)
        #expect(throws: ProcessorCurrencies.Fault.inexact) {
            try processor.processorUnits(of: Money(minorUnits: 501, currency: huf))
        }
        #expect(throws: ProcessorCurrencies.Fault.overflow) {
            try processor.processorUnits(of: Money(minorUnits: .max / 2, currency: isk))
        }
        #expect(ProcessorCurrencies(exponents: [isk: 5]) == nil)
    }
}
