public import Primitives

/// A card scheme, as the API names it.
public enum CardBrand: UInt8, Sendable, CaseIterable {
    case unknown = 0
    case visa, mastercard, amex, discover, diners, jcb, unionpay

    /// The brand's name in responses.
    public var name: String {
        switch self {
        case .unknown: "unknown"
        case .visa: "visa"
        case .mastercard: "mastercard"
        case .amex: "amex"
        case .discover: "discover"
        case .diners: "diners"
        case .jcb: "jcb"
        case .unionpay: "unionpay"
        }
    }

    /// How many digits the card verification code has.
    public var verificationCodeDigitCount: Int {
        switch self {
        case .amex: 4
        case .unknown, .visa, .mastercard, .discover, .diners, .jcb, .unionpay: 3
        }
    }

    /// How many digits today's numbers of the brand have.
    var numberDigitCounts: [Int] {
        switch self {
        case .unknown: []
        case .visa: [16, 19]
        case .mastercard: [16]
        case .amex: [15]
        case .discover: [16, 19]
        case .diners: [14, 16, 19]
        case .jcb: [16, 19]
        case .unionpay: [16, 17, 18, 19]
        }
    }

    /// The brand of a number by its issuer range (ISO/IEC 7812 prefixes as the schemes publish
    /// them).
    public init(numberDigits digits: some Collection<UInt8>) {
        func prefix(_ count: Int) -> Int {
            digits.prefix(count).reduce(0) { $0 * 10 + Int($1) }
        }
        switch (prefix(1), prefix(2), prefix(3), prefix(4)) {
        case (4, _, _, _): self = .visa
        case (_, 51...55, _, _), (_, _, _, 2221...2720): self = .mastercard
        case (_, 34, _, _), (_, 37, _, _): self = .amex
        case (_, _, _, 6011), (_, _, 644...649, _), (_, 65, _, _): self = .discover
        case (_, _, 300...305, _), (_, 36, _, _), (_, 38, _, _), (_, 39, _, _): self = .diners
        case (_, _, _, 3528...3589): self = .jcb
        case (_, 62, _, _), (_, 81, _, _): self = .unionpay
        default: self = .unknown
        }
    }
}

/// A primary account number: 12 to 19 digits (ISO/IEC 7812-1) that pass the Luhn check.
public struct CardNumber: Sendable, CustomStringConvertible {
    /// Digits as values 0 to 9; wiped when the last copy of the number goes.
    private let digits: SensitiveBytes

    /// What is wrong with text that should be a card number.
    public enum Fault: Error, Sendable {
        /// A character that is not a digit, or a length that no scheme has.
        case malformed
        /// The check digit is wrong.
        case checkDigit
    }

    /// Reads ASCII digits; blanks and hyphens between them are allowed, as people type them.
    public init(_ text: some Sequence<UInt8>) throws(Fault) {
        let digits = SensitiveBytes(capacity: 20)
        for byte in text {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits.append(CollectionOfOne(byte - UInt8(ascii: "0")))
            case UInt8(ascii: " "), UInt8(ascii: "-"): continue
            default: throw .malformed
            }
            guard digits.count <= 19 else { throw .malformed }
        }
        guard digits.count >= 12 else { throw .malformed }
        guard digits.read({ CardNumber.passesLuhn($0) }) else { throw .checkDigit }
        self.digits = digits
    }

    public var brand: CardBrand { digits.read { CardBrand(numberDigits: $0) } }

    /// The last four digits, which may be shown.
    public var lastFour: String {
        digits.read { digits in
            String(decoding: digits.suffix(4).map { $0 + UInt8(ascii: "0") }, as: UTF8.self)
        }
    }

    /// All digits as ASCII. For the vault and the fingerprint only; the caller wipes them.
    public var asciiDigits: [UInt8] { digits.read { $0.map { $0 + UInt8(ascii: "0") } } }

    /// Whether these are the number's digits, without making text of the number.
    public func hasDigits(_ text: String) -> Bool {
        digits.read { $0.elementsEqual(text.utf8.lazy.map { $0 &- UInt8(ascii: "0") }) }
    }

    public var description: String { "***\(lastFour)" }

    /// The check of ISO/IEC 7812-1 annex B over digits as values.
    public static func passesLuhn(_ digits: some BidirectionalCollection<UInt8>) -> Bool {
        var sum = 0
        for (place, digit) in digits.reversed().enumerated() {
            let doubled = place % 2 == 1 ? Int(digit) * 2 : Int(digit)
            sum += doubled > 9 ? doubled - 9 : doubled
        }
        return sum % 10 == 0
    }
}

// Embedded Swift has no reflection that could look inside.
#if !hasFeature(Embedded)
extension CardNumber: CustomReflectable {
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
#endif

extension CardNumber {
    /// True when `text` contains what looks like a card number: digits in a row, or in the groups
    /// in which cards are written with single blanks, hyphens or dots between them, that pass the
    /// Luhn check and have a length and a beginning of a known issuer.
    ///
    /// Free text with one is refused, so that numbers do not settle in descriptions and logs.
    /// Groups have to stand alone: the tail of a UUID is none.
    public static func appears(in text: some StringProtocol) -> Bool {
        var word: [UInt8] = []
        var groups: [[UInt8]] = []
        var separatorCount = 0
        for byte in text.utf8 {
            if isWordByte(byte) {
                word.append(byte)
                // A word is looked at in pieces, so that a long one costs no more than its length.
                if word.count == 128 {
                    if holdsNumber(word) { return true }
                    word.removeFirst(128 - 19)
                }
                continue
            }
            if !word.isEmpty {
                if endsNumber(word, &groups, separatorCount) { return true }
                word.removeAll(keepingCapacity: true)
                separatorCount = 0
            }
            let isSeparator = [UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: ".")].contains(
                byte)
            separatorCount += isSeparator ? 1 : 2
        }
        return !word.isEmpty && endsNumber(word, &groups, separatorCount)
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), 0x80...0xFF:
            true
        default: false
        }
    }

    /// The digit groups that numbers are printed in: 16 and 19 digits, American Express, Diners
    /// Club.
    private static let printedGroups = [[4, 4, 4, 4], [4, 4, 4, 4, 3], [4, 6, 5], [4, 6, 4]]

    /// Whether a number lies in `word`, or ends with it as its last printed group.
    private static func endsNumber(
        _ word: [UInt8], _ groups: inout [[UInt8]], _ separatorCount: Int
    ) -> Bool {
        if holdsNumber(word) { return true }
        let digits = word.compactMap { Base62.value(of: $0) }.filter { $0 < 10 }
        guard digits.count == word.count, (3...6).contains(word.count) else {
            groups.removeAll()
            return false
        }
        if separatorCount != 1 { groups.removeAll() }
        groups.append(digits.map { UInt8($0) })
        if groups.count > 5 { groups.removeFirst() }
        return printedGroups.contains { pattern in
            let last = groups.suffix(pattern.count)
            return last.map { $0.count } == pattern && isNumber(Array(last.joined()))
        }
    }

    /// Whether digits in a row within `word` are a number.
    private static func holdsNumber(_ word: [UInt8]) -> Bool {
        var run: [UInt8] = []
        for byte in word {
            if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                run.append(byte - UInt8(ascii: "0"))
            } else {
                if runHoldsNumber(run) { return true }
                run.removeAll(keepingCapacity: true)
            }
        }
        return runHoldsNumber(run)
    }

    private static func runHoldsNumber(_ run: [UInt8]) -> Bool {
        // Visa's old thirteen digits count only alone: as a part of any longer number that begins
        // with a four, they would refuse a good part of all order numbers.
        if run.count == 13, CardBrand(numberDigits: run) == .visa, passesLuhn(run) { return true }
        for start in run.indices {
            let brand = CardBrand(numberDigits: Array(run[start...].prefix(4)))
            for count in brand.numberDigitCounts where start + count <= run.count {
                if passesLuhn(Array(run[start..<(start + count)])) { return true }
            }
        }
        return false
    }

    private static func isNumber(_ digits: [UInt8]) -> Bool {
        CardBrand(numberDigits: digits).numberDigitCounts.contains(digits.count)
            && passesLuhn(digits)
    }
}

/// The month after which a card is no longer good.
public struct CardExpiry: Hashable, Sendable {
    /// 1 to 12.
    public let month: Int
    /// Four digits.
    public let year: Int

    /// Nil when the month is none, or the year is outside 2000 to 2099.
    public init?(month: Int, year: Int) {
        guard (1...12).contains(month), (2000...2099).contains(year) else { return nil }
        self.month = month
        self.year = year
    }

    /// True once the month is over in UTC.
    public func isPast(at now: Timestamp) -> Bool {
        let civil = CivilTime(now)
        return (year, month) < (civil.year, civil.month)
    }

    /// The four digits of DE 14: year, then month.
    public var yearMonthDigits: String {
        let value = year % 100 * 100 + month
        return String(repeating: "0", count: 4 - String(value).count) + String(value)
    }
}

/// How a card is paid off.
public enum CardFunding: UInt8, Sendable {
    case unknown = 0
    case credit, debit, prepaid

    public var name: String {
        switch self {
        case .unknown: "unknown"
        case .credit: "credit"
        case .debit: "debit"
        case .prepaid: "prepaid"
        }
    }
}

/// What may be known of a card outside the vault.
public struct CardFacts: Hashable, Sendable {
    public let brand: CardBrand
    /// Four digits.
    public let lastFour: String
    public let expiry: CardExpiry
    public let funding: CardFunding
    /// A keyed digest in sixteen characters: the same for the same number at the same account.
    public let fingerprint: String
    /// Whether a card verification code came with the number.
    public let hasVerificationCode: Bool

    public init(
        brand: CardBrand, lastFour: String, expiry: CardExpiry, funding: CardFunding,
        fingerprint: String, hasVerificationCode: Bool
    ) {
        self.brand = brand
        self.lastFour = lastFour
        self.expiry = expiry
        self.funding = funding
        self.fingerprint = fingerprint
        self.hasVerificationCode = hasVerificationCode
    }
}

extension CardFacts: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(brand.rawValue)
        writer.write(lastFour)
        writer.writeVarint(UInt64(expiry.month))
        writer.writeVarint(UInt64(expiry.year))
        writer.write(funding.rawValue)
        writer.write(fingerprint)
        writer.write(hasVerificationCode)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        brand = try reader.readEnum()
        lastFour = try reader.readString()
        let start = reader.offset
        let month = try reader.readInteger(Int.self)
        let year = try reader.readInteger(Int.self)
        guard let expiry = CardExpiry(month: month, year: year) else {
            throw .invalid(what: "card expiry", offset: start)
        }
        self.expiry = expiry
        funding = try reader.readEnum()
        fingerprint = try reader.readString()
        hasVerificationCode = try reader.readBool()
    }
}
