import ISO8583
import Primitives

/// 0100 and 0200.
extension AcquirerInstance {
    mutating func request(
        _ message: Message, _ key: TransactionKey, at now: Timestamp, _ groups: [MessageGroup],
        isSignedOff: Bool, _ directives: inout [Directive]
    ) -> Answer {
        let kind: AcquirerTransaction.Kind =
            message.type.messageClass == .authorization ? .authorization : .sale
        guard !key.reference.isEmpty, message[.processingCode] != nil,
            let number = message[.primaryAccountNumber]
        else { return Answer(.formatError) }
        let verification = CardVerificationElement.content(of: message)
        guard verification != .malformed else { return Answer(.formatError) }
        switch amountAndCurrency(of: message) {
        case .failure(let refusal): return Answer(refusal.code)
        case .success(let (amount, currency)):
            let known = book.request(key)
            if let known, known.outcome != .tombstone {
                let isSame =
                    known.kind == kind && known.amount == amount && known.currency == currency
                return isSame ? Answer(known) : Answer(.duplicateTransmission)
            }
            if isSignedOff { return Answer(.issuerUnavailable) }
            guard known != nil || book.transactions.count < options.recordCountMaximum else {
                return Answer(.systemMalfunction)
            }
            guard let card = CardBehavior(number: number) else {
                return Answer(.invalidCardNumber)
            }
            var transaction = AcquirerTransaction(
                id: known?.id ?? book.nextTransactionID, key: key, kind: kind,
                originalID: nil, transmissionTime: message.transmissionTime?.description,
                maskedNumber: maskedNumber(of: message), amount: amount, currency: currency,
                outcome: .tombstone,
                verification: verification == .present ? card.verification : nil,
                createdAt: known?.createdAt ?? now, updatedAt: now)
            transaction.outcome = outcome(
                of: kind, card, wasReversed: known != nil, transaction, groups)
            if known == nil { book.append(transaction) } else { book.replace(transaction) }
            directives.append(.saveTransaction(transaction))
            return Answer(transaction)
        }
    }

    /// What came before the request outweighs the card, and a fault outweighs the card too.
    private mutating func outcome(
        of kind: AcquirerTransaction.Kind, _ card: CardBehavior, wasReversed: Bool,
        _ transaction: AcquirerTransaction, _ groups: [MessageGroup]
    ) -> AcquirerTransaction.Outcome {
        if wasReversed { return .declined(.invalidTransaction) }
        if let code = control.takeDecline(groups) { return .declined(code) }
        guard card.responseCode.isApproved else { return .declined(card.responseCode) }
        return .approved(
            AcquirerTransaction.Approval(
                code: Base36.text(UInt64(transaction.id), width: 6),
                capturedAmount: kind == .sale ? transaction.amount : 0, reversedAmount: 0,
                refundedAmount: 0))
    }

    /// The first six and last four digits of DE 2, which is all that is ever kept; nil when there
    /// is no number of at least twelve digits.
    func maskedNumber(of message: Message) -> String? {
        guard let number = message[.primaryAccountNumber], number.count >= 12 else { return nil }
        let stars = String(repeating: "*", count: number.count - 10)
        return String(decoding: number.prefix(6), as: UTF8.self) + stars
            + String(decoding: number.suffix(4), as: UTF8.self)
    }
}
