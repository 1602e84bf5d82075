import Payments
import Primitives

/// In which world and when a request is read.
struct ReadingContext: Sendable {
    let isLive: Bool
    /// Civil time of this node, for the expiry of cards only.
    let now: Timestamp
}

/// A card as the caller wrote it, checked and not sealed yet.
struct CardDraft: Sendable {
    let number: CardNumber
    let expiry: CardExpiry
    /// ASCII digits.
    let verificationCode: SensitiveBytes?
    let funding: CardFunding
    let billing: BillingDetails
    let metadata: Metadata

    /// The only parameters that may hold a card number.
    static let numberNames = ["card[number]", "payment_method_data[card][number]"]
    /// The parameters that a request's fingerprint leaves out.
    static let verificationCodeNames = ["card[cvc]", "payment_method_data[card][cvc]"]
    /// The parameters of which no text is made.
    static let secretNames = Set(numberNames + verificationCodeNames)
    /// A card that is good for longer was mistyped.
    private static let expiryYearsMax = 50

    /// Reads `type` and `card` below `prefix`, which is empty or the name of a group.
    init(
        _ parameters: inout Parameters, below prefix: String, in context: ReadingContext
    ) throws(APIError) {
        func name(_ part: String) -> String { prefix.isEmpty ? part : "\(prefix)[\(part)]" }
        let type = name("type")
        guard try parameters.required(type) == "card" else {
            throw .invalid(
                "Invalid \(type): this gateway takes cards only, so it must be card", param: type)
        }
        let card = name("card")
        guard try parameters.group(card) else { throw .missing(card) }
        number = try Self.number(&parameters, "\(card)[number]", in: context)
        expiry = try Self.expiry(&parameters, card, in: context)
        verificationCode = try Self.verificationCode(&parameters, "\(card)[cvc]", number.brand)
        funding = Self.funding(of: number)
        billing = try parameters.billingDetails(name("billing_details"))
        metadata = try parameters.metadata(name("metadata"))
    }

    /// The card that a `pm_card_…` token of test mode stands for; nil when there is none.
    init?(token: String, in context: ReadingContext) {
        guard !context.isLive, let text = TestCards.number(token: token),
            let number = try? CardNumber(text.utf8),
            let expiry = CardExpiry(month: 12, year: CivilTime(context.now).year + 1)
        else { return nil }
        self.number = number
        self.expiry = expiry
        verificationCode = SensitiveBytes(
            copying: "1234".utf8.prefix(number.brand.verificationCodeDigitCount))
        funding = Self.funding(of: number)
        billing = BillingDetails()
        metadata = []
    }

    private static func number(
        _ parameters: inout Parameters, _ name: String, in context: ReadingContext
    ) throws(APIError) -> CardNumber {
        guard let written = try parameters.takeSecret(name) else { throw .missing(name) }
        let number: CardNumber
        do {
            number = try written.read { (digits) throws(CardNumber.Fault) in
                try CardNumber(digits)
            }
        } catch {
            switch error {
            case .malformed:
                throw .card(
                    "The card number is not a valid credit card number.", code: "invalid_number",
                    param: "number")
            case .checkDigit:
                throw .card(
                    "Your card number is incorrect.", code: "incorrect_number", param: "number")
            }
        }
        switch (TestCards.contains(number), context.isLive) {
        case (true, true):
            throw .card(
                "Your card was declined. Your request was in live mode, but "
                    + "used a known test card.",
                code: "card_declined", declineCode: "live_mode_test_card", param: "number")
        case (false, false):
            throw .card(
                "Your card was declined. Your request was in test mode, but used a non test (live) "
                    + "card. For a list of valid test cards, visit: "
                    + "https://stripe.com/docs/testing.",
                code: "card_declined", declineCode: "test_mode_live_card", param: "number")
        case (true, false), (false, true):
            break
        }
        guard number.brand != .unknown else {
            throw .card(
                "Your card is not supported.", code: "card_declined",
                declineCode: "card_not_supported", param: "number")
        }
        return number
    }

    private static func expiry(
        _ parameters: inout Parameters, _ card: String, in context: ReadingContext
    ) throws(APIError) -> CardExpiry {
        guard let month = try parameters.integer("\(card)[exp_month]") else {
            throw .missing("\(card)[exp_month]")
        }
        guard let writtenYear = try parameters.integer("\(card)[exp_year]") else {
            throw .missing("\(card)[exp_year]")
        }
        let invalidMonth = APIError.card(
            "Your card's expiration month is invalid.", code: "invalid_expiry_month",
            param: "exp_month")
        let invalidYear = APIError.card(
            "Your card's expiration year is invalid.", code: "invalid_expiry_year",
            param: "exp_year")
        guard (1...12).contains(month) else { throw invalidMonth }
        let year = (0...99).contains(writtenYear) ? writtenYear + 2000 : writtenYear
        let thisYear = CivilTime(context.now).year
        guard year >= thisYear, year <= thisYear + expiryYearsMax,
            let expiry = CardExpiry(month: Int(month), year: Int(year))
        else { throw invalidYear }
        guard !expiry.isPast(at: context.now) else { throw invalidMonth }
        return expiry
    }

    private static func verificationCode(
        _ parameters: inout Parameters, _ name: String, _ brand: CardBrand
    ) throws(APIError) -> SensitiveBytes? {
        guard let written = try parameters.takeSecret(name) else { return nil }
        let areDigits = written.read { bytes in
            bytes.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        guard written.count == brand.verificationCodeDigitCount, areDigits else {
            throw .card(
                "Your card's security code is invalid.", code: "invalid_cvc", param: "cvc")
        }
        return written.read { SensitiveBytes(copying: $0) }
    }

    /// How a card is paid off is in the schemes' range tables, which this gateway does not have; of
    /// the public test cards it is documented.
    private static func funding(of number: CardNumber) -> CardFunding {
        guard TestCards.contains(number) else { return .unknown }
        return switch number.lastFour {
        case "5556" where number.brand == .visa: .debit
        case "8210" where number.brand == .mastercard: .debit
        case "5100" where number.brand == .mastercard: .prepaid
        default: .credit
        }
    }
}

/// Where the card of a payment is to come from.
enum MethodDraft: Sendable {
    case stored(PaymentMethodID)
    case card(CardDraft)

    /// Reads `payment_method` or `payment_method_data`; nil when neither was sent.
    static func read(
        _ parameters: inout Parameters, in context: ReadingContext
    ) throws(APIError) -> MethodDraft? {
        let named = try parameters.text("payment_method")
        guard try parameters.group("payment_method_data") else {
            return try named.map { (id) throws(APIError) in try method(id, in: context) }
        }
        guard named == nil else {
            throw .invalid(
                "You may only specify one of these parameters: payment_method, "
                    + "payment_method_data.", param: "payment_method_data")
        }
        return .card(try CardDraft(&parameters, below: "payment_method_data", in: context))
    }

    private static func method(
        _ id: String, in context: ReadingContext
    ) throws(APIError) -> MethodDraft {
        if let card = CardDraft(token: id, in: context) { return .card(card) }
        if let id = PaymentMethodID(id) { return .stored(id) }
        throw .noSuch("PaymentMethod", id, param: "payment_method", status: 400)
    }
}
