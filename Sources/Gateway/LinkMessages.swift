import ISO8583
import Payments
import Primitives

// The message map: which ISO 8583 message each operation becomes, and what an answer to it means.
//
//   operation                      message                       repeated as
//   -----------------------------  ----------------------------  -----------
//   authorize (manual capture)     0100                          never
//   raise the hold                 0100 with DE 90, the rise     never
//   pay (automatic capture)        0200                          never
//   capture                        0220, processing code 000000  0221
//   refund                         0220, processing code 200000  0221
//   give back all of one request   0420                          0421
//   give back what is not captured 0420 with DE 95               0421
//
// Whatever follows an authorization carries the original's reference in DE 37 and its data elements
// in DE 90; terminal and STAN are its own. The reversal of a rise names the rise in DE 90.

/// Builds requests and reads answers of an acquirer link.
enum LinkMessages {
    /// Goods and services.
    private static let purchase = "000000"
    /// Returns.
    private static let refund = "200000"
    /// DE 22: the number was keyed, no PIN can be entered.
    private static let entryMode = "012"
    /// DE 25: electronic commerce.
    private static let conditionCode = "59"
    /// DE 18: miscellaneous and specialty retail.
    private static let merchantType = "5999"

    /// 0100 or 0200 for an attempt, before the card is put in.
    static func attempt(
        _ attempt: Attempt, of payment: Payment
    ) throws(ISO8583.EncodingError) -> Message {
        var message = Message(
            attempt.capture == .manual ? .authorizationRequest : .financialRequest)
        message.set(.processingCode, text: purchase)
        message.set(.expiryDate, text: attempt.method.card.expiry.yearMonthDigits)
        try describe(&message, attempt.trace, attempt.amount, payment)
        message.set(.retrievalReferenceNumber, text: attempt.trace.reference)
        return message
    }

    /// Puts the card into a request. From here on the message holds what has to be wiped.
    static func put(
        number: Secret<[UInt8]>, verificationCode: Secret<[UInt8]>?, into message: inout Message
    ) {
        message.set(.primaryAccountNumber, secret: number)
        guard let verificationCode else { return }
        var element = VerificationCodeElement.encode(verificationCode)
        message.set(.privateData, secret: element)
        element.wipe()
    }

    /// 0100 for what a hold grows by, before the card is put in.
    static func increment(
        _ increment: Increment, of attempt: Attempt, in payment: Payment
    ) throws(ISO8583.EncodingError) -> Message {
        var message = Message(.authorizationRequest)
        message.set(.processingCode, text: purchase)
        message.set(.expiryDate, text: attempt.method.card.expiry.yearMonthDigits)
        try describe(&message, increment.trace, increment.amount, payment)
        message.set(.retrievalReferenceNumber, text: attempt.trace.reference)
        message.originalDataElements = original(attempt.trace, attempt.requestType)
        return message
    }

    /// The advice or reversal of an effect.
    static func effect(
        _ effect: Effect, of payment: Payment
    ) throws(ISO8583.EncodingError) -> Message {
        let attempt: Attempt
        var message: Message
        let amount: Int64
        switch effect.kind {
        case .reversal(let request):
            attempt = payment.attempts[request.attempt]
            message = Message(.reversalAdvice)
            amount = payment.amount(of: request)
        case .partialReversal(let number, let captured):
            attempt = payment.attempts[number]
            message = Message(.reversalAdvice)
            message.replacementAmounts = ReplacementAmounts(
                transactionAmount: UInt64(captured))
            amount = attempt.hold?.authorized ?? attempt.amount
        case .capture(let number, _, let captured):
            attempt = payment.attempts[number]
            message = Message(.financialAdvice)
            amount = captured
        case .refund(let number):
            attempt = payment.chargedAttempt
            message = Message(.financialAdvice)
            amount = payment.refunds[number].amount
        }
        message.set(.processingCode, text: effect.kind.isRefund ? refund : purchase)
        try describe(&message, effect.trace, amount, payment)
        message.set(.retrievalReferenceNumber, text: attempt.trace.reference)
        var named = attempt.trace
        if case .reversal(let request) = effect.kind { named = payment.trace(of: request) }
        message.originalDataElements = original(named, attempt.requestType)
        return message
    }

    private static func original(
        _ trace: ProcessorTrace, _ type: MessageType
    ) -> OriginalDataElements? {
        OriginalDataElements(
            messageType: type, trace: Self.trace(trace),
            transmissionTime: TransmissionTime(trace.transmittedAt))
    }

    private static func describe(
        _ message: inout Message, _ trace: ProcessorTrace, _ amount: Int64, _ payment: Payment
    ) throws(ISO8583.EncodingError) {
        try message.set(.amount, number: UInt64(amount), width: 12)
        message.transmissionTime = TransmissionTime(trace.transmittedAt)
        message.trace = Self.trace(trace)
        let civil = CivilTime(trace.transmittedAt)
        try message.set(
            .localTime, number: UInt64(civil.hour * 10_000 + civil.minute * 100 + civil.second),
            width: 6)
        try message.set(.localDate, number: UInt64(civil.month * 100 + civil.day), width: 4)
        message.set(.merchantType, text: merchantType)
        message.set(.entryMode, text: entryMode)
        message.set(.conditionCode, text: conditionCode)
        message.set(.terminal, text: trace.terminal, width: 8)
        message.set(.merchant, text: String(payment.merchant.stem.text.prefix(15)), width: 15)
        try message.set(
            .currency, number: UInt64(payment.terms.amount.currency.number), width: 3)
    }

    private static func trace(_ trace: ProcessorTrace) -> TraceNumber {
        // A STAN is 1 to 999,999 by construction.
        TraceNumber(trace.stan)!
    }

    // MARK: Answers

    /// Codes that are no plain yes and no certain no (ISO 8583:1987 DE 39): approvals with a
    /// condition or in part (08, 10, 11, 16), an answer that came too late (68), and a duplicate of
    /// what is asked once (94).
    private static let mayHoldMoney: Set<String> = ["08", "10", "11", "16", "68", "94"]

    /// What an answer says of an effect.
    enum EffectReading: Hashable {
        case acknowledged
        case refused(code: String)
        /// Not now: the host could not, or whether it did is unknown.
        case repeatLater
    }

    /// Reads the answer to an advice or a reversal. A reversal is done when the host says so, or
    /// when it has nothing to reverse (25); anything else is said again until it is.
    static func read(_ answer: Message, to effect: Effect) -> EffectReading {
        guard let code = answer.responseCode else { return .repeatLater }
        if code.isApproved { return .acknowledged }
        switch effect.kind {
        case .reversal, .partialReversal:
            return code == .unableToLocateRecord ? .acknowledged : .repeatLater
        case .capture, .refund:
            let isPassing = ["68", "91", "92", "96"].contains("\(code)")
            return isPassing ? .repeatLater : .refused(code: "\(code)")
        }
    }

    /// What an answer says of an attempt.
    enum Reading: Hashable {
        case approved(code: String, VerificationCodeCheck)
        case declined(Decline)
        /// The answer does not fit what was asked: success is never inferred from it.
        case mismatched
    }

    /// Reads the answer to a request; its terminal and STAN have matched already.
    static func read(
        _ answer: Message, to request: ProcessorRequest, of payment: Payment,
        sentVerificationCode: Bool
    ) -> Reading {
        let attempt = payment.attempts[request.attempt]
        guard let code = answer.responseCode else { return .mismatched }
        guard code.isApproved else {
            // What holds money that nobody asked for, or may hold some, is given back.
            if mayHoldMoney.contains("\(code)") { return .mismatched }
            return .declined(Decline(responseCode: "\(code)"))
        }
        guard answer.number(.amount) == UInt64(payment.amount(of: request)),
            answer.number(.currency) == UInt64(payment.terms.amount.currency.number),
            answer.trimmedText(.retrievalReferenceNumber) == attempt.trace.reference
        else { return .mismatched }
        let check: VerificationCodeCheck
        if case .increment = request {
            check = .absent
        } else if sentVerificationCode {
            switch answer.trimmedText(.additionalResponseData)?.first {
            case "M": check = .pass
            case "N": check = .fail
            default: check = .unchecked
            }
        } else {
            check = attempt.method.card.hasVerificationCode ? .unavailable : .absent
        }
        return .approved(code: answer.trimmedText(.approvalCode) ?? "", check)
    }
}

/// The card verification code as subelement 92 of DE 48: `92`, two digits of length, the digits.
enum VerificationCodeElement {
    static func encode(_ code: Secret<[UInt8]>) -> Secret<[UInt8]> {
        code.reveal { digits in
            let length = Array((digits.count < 10 ? "0\(digits.count)" : "\(digits.count)").utf8)
            return Secret(Array("92".utf8) + length + digits)
        }
    }
}

/// Whose session begins, as subelement 91 of DE 48 of a sign-on: `91`, two digits of length, the
/// region's name. A host that takes one session for each station tells them apart by it.
enum StationElement {
    static func text(of region: String) -> String {
        let name = region.unicodeScalars.filter { (0x21...0x7E).contains($0.value) }.prefix(99)
        let length = name.count < 10 ? "0\(name.count)" : "\(name.count)"
        return "91" + length + String(String.UnicodeScalarView(name))
    }
}

extension Payment {
    /// The attempt that the payment's money came from.
    fileprivate var chargedAttempt: Attempt {
        switch status {
        case .succeeded(let number), .requiresCapture(let number): return attempts[number]
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .processing,
            .canceled:
            preconditionFailure("\(id) has no charge")
        }
    }

    /// What a request asked for, in minor units. It exists.
    fileprivate func amount(of request: ProcessorRequest) -> Int64 {
        increment(of: request)?.amount ?? attempts[request.attempt].amount
    }

    /// What a request's message was known by. It exists.
    fileprivate func trace(of request: ProcessorRequest) -> ProcessorTrace {
        increment(of: request)?.trace ?? attempts[request.attempt].trace
    }

    /// The increment that a request is, unless it is an authorization.
    func increment(of request: ProcessorRequest) -> Increment? {
        switch request {
        case .authorization: nil
        case .increment(let attempt, let number): attempts[attempt].hold?.increments[number]
        }
    }
}

extension Attempt {
    /// The type of the message that asked.
    fileprivate var requestType: MessageType {
        capture == .manual ? .authorizationRequest : .financialRequest
    }
}

extension Effect.Kind {
    fileprivate var isRefund: Bool { if case .refund = self { true } else { false } }
}
