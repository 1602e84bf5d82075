import Acquirer
import ISO8583
import Primitives
import Testing

/// Messages as a gateway sends them. Every element can be left out by giving nil.
enum Messages {
    static let visa = "4242424242424242"
    static let declined = "4000000000000002"

    static func request(
        _ type: MessageType = .authorizationRequest, card: String? = visa, amount: UInt64? = 1000,
        trace: UInt32 = 1, reference: String? = "000000000001", terminal: String? = "TERM0001",
        currency: String? = "978", processingCode: String? = "000000", code: String? = nil
    ) -> Message {
        var message = Message(type)
        if let card { message.set(.primaryAccountNumber, text: card) }
        if let processingCode { message.set(.processingCode, text: processingCode) }
        if let amount { try! message.set(.amount, number: amount, width: 12) }
        message.transmissionTime = time(of: trace)
        message.trace = TraceNumber(trace)
        if let reference {
            message.set(.retrievalReferenceNumber, text: reference, width: 12)
        }
        if let terminal { message.set(.terminal, text: terminal, width: 8) }
        message.set(.merchant, text: "MERCHANT", width: 15)
        if let currency { message.set(.currency, text: currency) }
        if let code { message.set(.privateData, text: "92" + "0\(code.count)" + code) }
        return message
    }

    static func capture(
        _ amount: UInt64, trace: UInt32, reference: String? = "000000000001",
        of original: Message? = nil, currency: String? = "978", processingCode: String = "000000"
    ) -> Message {
        var message = request(
            .financialAdvice, card: nil, amount: amount, trace: trace, reference: reference,
            currency: currency, processingCode: processingCode)
        message.originalDataElements = original.flatMap { OriginalDataElements(of: $0) }
        return message
    }

    static func refund(
        _ amount: UInt64, trace: UInt32, reference: String? = "000000000001",
        of original: Message? = nil
    ) -> Message {
        capture(
            amount, trace: trace, reference: reference, of: original, processingCode: "200000")
    }

    /// A reversal of `original`, in full or down to `remaining`.
    static func reversal(
        of original: Message, trace: UInt32, remaining: UInt64? = nil, withReference: Bool = true
    ) -> Message {
        var message = request(
            .reversalAdvice, card: nil, trace: trace,
            reference: withReference ? original.text(.retrievalReferenceNumber) : nil)
        message.originalDataElements = OriginalDataElements(of: original)
        message.replacementAmounts = remaining.flatMap {
            ReplacementAmounts(transactionAmount: $0)
        }
        return message
    }

    static func networkManagement(_ code: NetworkManagementCode, trace: UInt32 = 1) -> Message {
        .networkManagement(code, trace: TraceNumber(trace)!, at: time(of: trace))
    }

    /// A time for each trace number.
    static func time(of trace: UInt32) -> TransmissionTime {
        TransmissionTime(Timestamp(milliseconds: 1_800_000_000_000 + Int64(trace) * 1000))
    }
}

extension AcquirerInstance {
    static let session = SessionID(1)

    /// Everything that a message leads to, at a time that is its trace number.
    mutating func directives(_ message: Message) -> [Directive] {
        let now = Timestamp(milliseconds: Int64(message.trace?.rawValue ?? 0))
        return onMessage(message, from: Self.session, at: now)
    }

    /// The one answer to a message; nil when there is none.
    mutating func answer(_ message: Message) -> Message? {
        let answers = directives(message).compactMap { directive in
            if case .answer(let answer, Self.session, _) = directive { answer } else { nil }
        }
        return answers.count == 1 ? answers[0] : nil
    }

    /// The response code of the answer to a message.
    mutating func code(_ message: Message) -> String? {
        answer(message)?.responseCode?.description
    }

    /// The states and amounts of the transactions, a line each.
    var lines: [String] {
        transactions.map { transaction in
            let approval = transaction.approval
            let amounts = approval.map {
                " captured \($0.capturedAmount) refunded \($0.refundedAmount)"
                    + " reversed \($0.reversedAmount)"
            }
            return "\(transaction.kind.rawValue) \(transaction.amount) "
                + transaction.state.rawValue + (amounts ?? " \(transaction.responseCode)")
        }
    }
}
