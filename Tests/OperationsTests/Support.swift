import Acquirer
import Glibc
import ISO8583
import Operations
import Payments
import Primitives
import Testing

/// The text of a file of this repository.
func contents(of path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
}

/// A payment of 1000 US cents with one attempt, as a node tells it.
func payment(
    _ state: PaymentRecord.Attempt.State, captured: Int64 = 0,
    refunds: [PaymentRecord.Refund] = [], effects: [PaymentRecord.Effect] = [],
    increments: [PaymentRecord.Increment] = [], number: UInt32 = 1, version: UInt64 = 3
) -> PaymentRecord {
    PaymentRecord(
        id: "pi_\(number)", merchant: "acct_1", isLive: false, version: version, currency: "usd",
        attempts: [
            PaymentRecord.Attempt(
                number: 0, trace: trace(number), amount: 1000, state: state,
                capturedAmount: captured, increments: increments)
        ], refunds: refunds, effects: effects)
}

func trace(_ number: UInt32, reference: UInt32? = nil) -> PaymentRecord.Trace {
    PaymentRecord.Trace(
        link: "acquirer", terminal: "00000000", stan: number,
        reference: "R\(reference ?? number)")
}

func increment(
    _ state: PaymentRecord.Attempt.State, amount: Int64 = 500, number: UInt32 = 5
) -> PaymentRecord.Increment {
    PaymentRecord.Increment(
        trace: trace(number, reference: 1), amount: amount, state: state)
}

func refund(
    _ state: PaymentRecord.Refund.State, amount: Int64 = 400, number: UInt32 = 9
) -> PaymentRecord.Refund {
    PaymentRecord.Refund(
        number: 0, attempt: 0, trace: trace(number, reference: 1), amount: amount, state: state)
}

/// A row of the acquirer's journal.
func row(
    _ outcome: AcquirerTransaction.Outcome, kind: AcquirerTransaction.Kind = .authorization,
    number: UInt32 = 1, reference: UInt32? = nil, amount: Int64 = 1000, currency: String = "840",
    id: Int64 = 1, terminal: String = "00000000"
) -> AcquirerTransaction {
    AcquirerTransaction(
        id: id,
        key: TransactionKey(
            terminal: terminal, trace: TraceNumber(number)!, reference: "R\(reference ?? number)"),
        kind: kind, originalID: nil, transmissionTime: nil, maskedNumber: nil, amount: amount,
        currency: currency, outcome: outcome, verification: nil,
        createdAt: Timestamp(milliseconds: 0), updatedAt: Timestamp(milliseconds: 0))
}

func approved(
    captured: Int64 = 0, reversed: Int64 = 0, refunded: Int64 = 0
) -> AcquirerTransaction.Outcome {
    .approved(
        AcquirerTransaction.Approval(
            code: "ABCDEF", capturedAmount: captured, reversedAmount: reversed,
            refundedAmount: refunded))
}

/// A payment of 1000 US cents, paid at once, of which 400 are asked back.
func refunded() throws -> Payment {
    let stem = try #require(IdentifierStem("0a0BBBBBBBBBBBBBB"))
    let card = CardFacts(
        brand: .visa, lastFour: "4242", expiry: try #require(CardExpiry(month: 12, year: 2034)),
        funding: .credit, fingerprint: "abcdefghijklmnop", hasVerificationCode: false)
    let terms = PaymentTerms(
        amount: Money(minorUnits: 1000, currency: try #require(Currency(code: "usd"))),
        capture: .automatic, description: nil, receiptEmail: nil, statementDescriptor: nil,
        statementDescriptorSuffix: nil, metadata: [])
    let payment = Payment(
        PaymentCreated(
            id: PaymentID(stem: stem), merchant: MerchantID(stem: stem), isLive: false,
            at: Timestamp(milliseconds: 0), terms: terms, clientSecret: "secret",
            method: PaymentMethodSnapshot(
                id: PaymentMethodID(stem: stem), card: card, billing: BillingDetails())))
    return try payment.after(
        .confirm(method: nil),
        .answered(.authorization(attempt: 0), .approved(code: "A1", .absent)),
        .refund(amount: 400, reason: nil, metadata: []))
}

extension Payment {
    /// What commands make of the payment; each must be allowed.
    func after(_ commands: PaymentCommand...) throws -> Payment {
        var payment = self
        var traces = TraceAllocator(shard: 0, next: payment.version)
        let context = DecisionContext(
            now: Timestamp(milliseconds: 0), link: "acquirer",
            fees: FeeSchedule(basisPoints: 0, fixedMinorUnits: 0))
        for command in commands {
            let events = try payment.decide(command, in: context, traces: &traces).get()
            for event in events { try payment.evolve(event) }
        }
        return payment
    }
}
