import Payments
import Primitives
import Testing

@Suite("Money")
struct MoneyTests {
    @Test("fees are rounded half to even on the minor unit")
    func halfToEven() {
        let half = FeeSchedule(basisPoints: 5000, fixedMinorUnits: 0)
        let expected: [(Int64, Int64)] = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (7, 4)]
        for (amount, fee) in expected {
            #expect(half.fee(for: Money(minorUnits: amount, currency: Fixture.usd)) == fee)
        }
        let usual = FeeSchedule(basisPoints: 290, fixedMinorUnits: 30)
        for (amount, fee): (Int64, Int64) in [(1000, 59), (1050, 60), (50, 31), (31, 31), (1, 1)] {
            #expect(usual.fee(for: Money(minorUnits: amount, currency: Fixture.usd)) == fee)
        }
    }

    @Test("a fee is the nearest whole number, the even one of two, and never above the amount")
    func againstDefinition() {
        var random = SeededRandom(seed: 9)
        for _ in 0..<20_000 {
            let amount = Int64.random(in: 0...Money.chargeMaximum, using: &random)
            let rate = Int64.random(in: 0...10_000, using: &random)
            let fixed = Int64.random(in: 0...100, using: &random)
            let fee = FeeSchedule(basisPoints: rate, fixedMinorUnits: fixed)
                .fee(for: Money(minorUnits: amount, currency: Fixture.usd))
            guard fee < amount else {
                #expect(fee == amount)
                continue
            }
            let distance = abs((fee - fixed) * 10_000 - amount * rate)
            #expect(distance < 5000 || (distance == 5000 && (fee - fixed) % 2 == 0))
        }
    }

    @Test("the largest charge at the largest rate does not overflow")
    func largest() {
        let all = FeeSchedule(basisPoints: 10_000, fixedMinorUnits: Money.chargeMaximum)
        let most = Money(minorUnits: Money.chargeMaximum, currency: Fixture.usd)
        #expect(all.fee(for: most) == Money.chargeMaximum)
    }
}

@Suite("Currencies")
struct CurrencyTests {
    private var all: [Currency] { (0...999).compactMap { Currency(number: $0) } }

    @Test("codes and numbers are unique, three letters and three digits")
    func unique() {
        #expect(all.count == 156)
        #expect(Set(all.map(\.code)).count == all.count)
        for currency in all {
            #expect(currency.code.utf8.count == 3)
            #expect(currency.code.utf8.allSatisfy { (97...122).contains($0) })
            #expect(Currency(code: currency.code) == currency)
            #expect(Currency(code: currency.code.uppercased()) == currency)
            #expect([0, 2, 3].contains(currency.exponent))
            #expect(currency.chargeMinimum > 0)
        }
    }

    @Test("known rows of ISO 4217")
    func known() {
        let rows: [(String, Int, Int)] = [
            ("usd", 840, 2), ("eur", 978, 2), ("gbp", 826, 2), ("jpy", 392, 0), ("kwd", 414, 3),
            ("bhd", 48, 3), ("krw", 410, 0), ("aud", 36, 2), ("ars", 32, 2), ("chf", 756, 2),
            ("zar", 710, 2), ("clp", 152, 0), ("tnd", 788, 3), ("inr", 356, 2), ("brl", 986, 2),
        ]
        for (code, number, exponent) in rows {
            #expect(Currency(code: code)?.number == number)
            #expect(Currency(code: code)?.exponent == exponent)
        }
    }

    @Test("what is not a currency is refused")
    func refused() {
        for code in ["", "us", "usdd", "xxx", "btc", "us ", "u[d", "ＵＳＤ"] {
            #expect(Currency(code: code) == nil)
        }
        for number in [-1, 0, 999, 1000, Int.max] { #expect(Currency(number: number) == nil) }
    }
}

@Suite("The ledger")
struct LedgerTests {
    @Test("sums what is posted to the accounts that are asked for")
    func balances() {
        let entries = Walk.paid.after(
            .refund(amount: 300, reason: nil, metadata: []), .effectAcknowledged(number: 0)
        ).payment.ledger
        var merchant = LedgerBalances()
        var shard = LedgerBalances()
        for entry in entries {
            merchant.post(entry, to: { $0.belongsToMerchant })
            shard.post(entry, to: { !$0.belongsToMerchant })
        }
        #expect(merchant[.merchantPending] == -641)
        #expect(merchant[.acquirerReceivable] == 0)
        #expect(shard[.acquirerReceivable] == 700)
        #expect(shard[.fees] == -59)
        #expect(merchant.total + shard.total == 0)
        let posted = entries.filter { $0.isPosted }
        #expect(posted.map(\.merchantNet) == [941, -300])
        #expect(posted.map(\.fee) == [59, 0])
    }

    @Test("a fee that eats the amount leaves the merchant nothing, and no fee no posting")
    func edges() {
        var walk = Walk(amount: 20, .automatic).after(
            .confirm(method: nil), .answered(.authorization(attempt: 0), Fixture.approval))
        #expect(walk.payment.ledger[0].merchantNet == 0)
        #expect(walk.payment.ledger[0].fee == 20)
        walk = Walk(amount: 20, .automatic)
        walk.fees = FeeSchedule(basisPoints: 0, fixedMinorUnits: 0)
        walk = walk.after(
            .confirm(method: nil), .answered(.authorization(attempt: 0), Fixture.approval))
        #expect(walk.payment.ledger[0].postings.count == 2)
        #expect(walk.payment.ledger[0].merchantNet == 20)
    }
}
