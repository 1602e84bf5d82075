import Gateway
import Payments
import Primitives

/// Facts that tests build on.
enum Samples {
    struct Chance: RandomSource {
        let seed: UInt64

        func next() -> UInt64 {
            var generator = SeededRandom(seed: seed)
            return generator.next()
        }
    }

    static let now = Timestamp(milliseconds: 1_767_571_200_000)
    static let merchant = MerchantID(
        stem: IdentifierStem(slot: Slot(5)!, random: Chance(seed: 1)))
    static let usd = Currency(code: "usd")!

    static func payment(_ seed: UInt64) -> PaymentID {
        PaymentID(stem: IdentifierStem(slot: Slot(5)!, random: Chance(seed: seed)))
    }

    static let method = PaymentMethod(
        id: PaymentMethodID(stem: IdentifierStem(slot: Slot(5)!, random: Chance(seed: 2))),
        merchant: merchant, isLive: false, created: now,
        card: CardFacts(
            brand: .visa, lastFour: "4242", expiry: CardExpiry(month: 12, year: 2034)!,
            funding: .credit, fingerprint: "abcdefghijklmnop", hasVerificationCode: false),
        sealedCard: [1, 2, 3], billing: BillingDetails(), metadata: [])

    static func creation(
        _ id: PaymentID, amount: Int64 = 1000, capture: CaptureMethod = .automatic
    ) -> PaymentCreated {
        PaymentCreated(
            id: id, merchant: merchant, isLive: false, at: now,
            terms: PaymentTerms(
                amount: Money(minorUnits: amount, currency: usd), capture: capture,
                description: nil, receiptEmail: nil, statementDescriptor: nil,
                statementDescriptorSuffix: nil, metadata: []),
            clientSecret: "secret", method: method.snapshot)
    }

    static func key(_ byte: UInt8, requestID: String = "req_1") -> KeyFacts {
        KeyFacts(
            merchant: merchant,
            claim: IdempotencyClaim(
                keyDigest: [UInt8](repeating: byte, count: 16),
                fingerprint: [UInt8](repeating: byte, count: 32)),
            requestID: requestID)
    }
}
