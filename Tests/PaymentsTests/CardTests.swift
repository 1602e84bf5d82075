import Payments
import Primitives
import Testing

@Suite("Cards")
struct CardTests {
    private func digits(_ text: String) -> [UInt8] {
        text.utf8.map { $0 - UInt8(ascii: "0") }
    }

    @Test("the Luhn check finds every wrong digit and its known numbers")
    func luhn() {
        for good in ["0", "18", "79927398713", "4242424242424242", "378282246310005"] {
            #expect(CardNumber.passesLuhn(digits(good)))
        }
        let number = digits("4000056655665556")
        for place in number.indices {
            for digit in UInt8(0)...9 where digit != number[place] {
                var wrong = number
                wrong[place] = digit
                #expect(!CardNumber.passesLuhn(wrong))
            }
        }
    }

    @Test("a number is 12 to 19 digits, as people type them")
    func reading() throws {
        let typed = try CardNumber("4242 4242-4242 4242".utf8)
        #expect(typed.asciiDigits == Array("4242424242424242".utf8))
        #expect(typed.lastFour == "4242")
        #expect(typed.brand == .visa)
        #expect(throws: CardNumber.Fault.checkDigit) {
            try CardNumber("4242424242424241".utf8)
        }
        let malformed = [
            "", "42424242424", "42424242424242424242", "4242x42424242424", "４242424242424242",
            String(repeating: "0", count: 4096),
        ]
        for text in malformed {
            #expect(throws: CardNumber.Fault.malformed) { try CardNumber(text.utf8) }
        }
        #expect(throws: Never.self) { try CardNumber("676700000000".utf8 + [] as [UInt8]) }
    }

    @Test("a number prints no more than its last four digits")
    func printing() throws {
        let number = try CardNumber("4242424242424242".utf8)
        var text = "\(number) \(String(reflecting: number)) \([number])"
        dump(number, to: &text)
        #expect(!text.contains("42424"))
        #expect("\(number)" == "***4242")
    }

    @Test("brands by the edges of their ranges")
    func brands() {
        let edges: [(String, CardBrand)] = [
            ("4000", .visa), ("4999", .visa), ("5099", .unknown), ("5100", .mastercard),
            ("5599", .mastercard), ("5600", .unknown), ("2220", .unknown), ("2221", .mastercard),
            ("2720", .mastercard), ("2721", .unknown), ("3399", .unknown), ("3400", .amex),
            ("3499", .amex), ("3500", .unknown), ("3700", .amex), ("3799", .amex),
            ("6010", .unknown), ("6011", .discover), ("6012", .unknown), ("6439", .unknown),
            ("6440", .discover), ("6499", .discover), ("6500", .discover), ("6600", .unknown),
            ("2999", .unknown), ("3000", .diners), ("3059", .diners), ("3060", .unknown),
            ("3600", .diners), ("3800", .diners), ("3999", .diners), ("3527", .unknown),
            ("3528", .jcb), ("3589", .jcb), ("3590", .unknown), ("6200", .unionpay),
            ("6299", .unionpay), ("8100", .unionpay), ("8200", .unknown), ("0000", .unknown),
        ]
        for (prefix, brand) in edges {
            #expect(CardBrand(numberDigits: digits(prefix + "00000000")) == brand, "\(prefix)")
        }
        #expect(CardBrand(numberDigits: []) == .unknown)
        #expect(CardBrand.allCases.count { $0.verificationCodeDigitCount == 4 } == 1)
        #expect(Set(CardBrand.allCases.map(\.name)).count == CardBrand.allCases.count)
    }

    @Test("free text with a card number in it is found")
    func appears() {
        let found = [
            "4242424242424242", "card 4242 4242 4242 4242 please", "4242-4242-4242-4242",
            "4242.4242.4242.4242", "x4242424242424242y", "4222222222222",
            "3782 822463 10005",
            "6011 1111 1111 1117.", "(5555-5555-5555-4444)", "99994242424242424242",
            "order 17 5555555555554444",
            "5555555555554444 17", "a  4242424242424242", "4242424242424242  17",
            "\u{FEFF}6011111111111117\n", "größe4000056655665556ß",
            String(repeating: "1", count: 500) + "4242424242424242",
            String(repeating: "9", count: 45) + "4242424242424242"
                + String(repeating: "0", count: 45),
        ]
        for text in found { #expect(CardNumber.appears(in: text), "\(text)") }
        for padding in 0..<140 {
            let text = String(repeating: "1", count: padding) + "4242424242424242"
            #expect(CardNumber.appears(in: text + "1"), "\(padding)")
        }
    }

    @Test("order numbers, timestamps, ids and broken numbers are not card numbers")
    func notAppearing() {
        let innocent = [
            "", "4242424242424241", "424242424242", "94222222222222", "1700000000000",
            "1700000000123456",
            "2023-11-14T22:13:20.123Z", "20231114221320", "order 2023-0000-1234-5678",
            "+49 30 12345678", "pi_0a1ABCDEFGHabcdef", "4242424242 / 424242",
            "4242  4242  4242  4242", "4242\n4242\n4242\n4242", "0000000000000000",
            "1111111111111111", "DE89 3704 0044 0532 0130 00",
            String(repeating: "1", count: 5000),
            // What the SDK makes as idempotency keys.
            "9340f32c-76ab-4294-9820-130511541826", "25f8c787-8ff2-4427-9426-097284155e9c",
            "952bd94b-5241-4211-9738-68049500d7af", "39979060-1909-494e-8991-56ca991e6ab0",
            "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
        ]
        for text in innocent { #expect(!CardNumber.appears(in: text), "\(text)") }
    }

    @Test("a card is good until its month is over in UTC")
    func expiry() {
        let expiry = CardExpiry(month: 12, year: 2030)!
        let newYear = Timestamp(milliseconds: 1_924_992_000_000)
        #expect(CivilTime(newYear) == CivilTime(Timestamp(milliseconds: 1_924_992_000_999)))
        #expect(!expiry.isPast(at: newYear.advanced(byMilliseconds: -1)))
        #expect(expiry.isPast(at: newYear))
        #expect(expiry.yearMonthDigits == "3012")
        #expect(CardExpiry(month: 1, year: 2000)!.yearMonthDigits == "0001")
        #expect(CardExpiry(month: 9, year: 2099)!.yearMonthDigits == "9909")
        for (month, year) in [(0, 2030), (13, 2030), (1, 1999), (1, 2100), (-1, 2030), (1, .max)] {
            #expect(CardExpiry(month: month, year: year) == nil)
        }
    }

    @Test("the test cards pass the check and are of known brands")
    func testCards() throws {
        let tokens = [
            ("pm_card_visa", CardBrand.visa), ("pm_card_mastercard", .mastercard),
            ("pm_card_amex", .amex), ("pm_card_discover", .discover), ("pm_card_diners", .diners),
            ("pm_card_jcb", .jcb), ("pm_card_unionpay", .unionpay),
            ("pm_card_chargeDeclined", .visa), ("pm_card_refundFail", .visa),
        ]
        for (token, brand) in tokens {
            let number = try CardNumber(try #require(TestCards.number(token: token)).utf8)
            #expect(number.brand == brand)
            #expect(TestCards.contains(number))
        }
        #expect(TestCards.number(token: "pm_card_nobody") == nil)
        #expect(!TestCards.contains(try CardNumber("4539578763621486".utf8)))
        #expect(TestCards.allNumbers.count >= 30)
        for text in TestCards.allNumbers {
            let number = try CardNumber(text.utf8)
            #expect(number.brand != .unknown, "\(text)")
            #expect(TestCards.contains(number))
        }
    }
}

@Suite("Declines")
struct DeclineTests {
    @Test("every response code has the reason of the table")
    func mapping() {
        let table: [(String, Decline.Reason)] = [
            ("05", .generic), ("01", .doNotHonor), ("04", .doNotHonor), ("07", .doNotHonor),
            ("13", .invalidAmount), ("14", .incorrectNumber), ("15", .incorrectNumber),
            ("41", .lostCard), ("43", .stolenCard), ("51", .insufficientFunds),
            ("54", .expiredCard), ("57", .transactionNotAllowed), ("58", .transactionNotAllowed),
            ("62", .transactionNotAllowed), ("59", .fraudulent), ("61", .velocityExceeded),
            ("65", .velocityExceeded), ("1A", .authenticationRequired), ("82", .incorrectCVC),
            ("N7", .incorrectCVC), ("91", .issuerNotAvailable), ("92", .issuerNotAvailable),
            ("96", .processingError), ("", .generic), ("ZZ", .generic), ("051", .generic),
        ]
        for (code, reason) in table {
            #expect(Decline(responseCode: code).reason == reason, "\(code)")
            #expect(Decline(responseCode: code).responseCode == code)
        }
    }

    @Test("people are not told that a card was lost, stolen or suspected")
    func discretion() {
        for reason in [Decline.Reason.lostCard, .stolenCard, .fraudulent, .doNotHonor] {
            #expect(reason.message == Decline.Reason.generic.message)
            #expect(reason.code == "card_declined")
        }
        let codes = Decline.Reason.allCases.map(\.declineCode)
        #expect(Set(codes).count == codes.count)
        #expect(Decline.Reason.expiredCard.code == "expired_card")
        #expect(Decline.Reason.insufficientFunds.code == "card_declined")
    }
}
