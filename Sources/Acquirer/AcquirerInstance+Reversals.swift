import ISO8583
import Primitives

/// 0420 and 0400.
extension AcquirerInstance {
    mutating func reverse(
        _ message: Message, _ key: TransactionKey, at now: Timestamp, _ groups: [MessageGroup],
        _ directives: inout [Directive]
    ) -> Answer {
        let isMalformed =
            message.contains(.originalDataElements) && message.originalDataElements == nil
            || message.contains(.replacementAmounts) && message.replacementAmounts == nil
        guard !isMalformed else { return Answer(.formatError) }
        // At most 12 digits.
        let remaining = Int64(message.replacementAmounts?.transactionAmount ?? 0)
        if let known = book.advice(key, isReversal: true) {
            let isSame = known.amount == remaining
            return Answer(isSame ? known.responseCode : .duplicateTransmission)
        }
        guard hasRoom else { return Answer(.systemMalfunction) }
        if let code = control.takeRefusal(groups) {
            let result = Result<Int64, Refusal>.failure(Refusal(code))
            return record(.reversal, key, amount: remaining, result, at: now, &directives)
        }
        let original = book.original(of: message, key: key)
        if let original, remaining > 0, let holds = book.holds(raisedFrom: original) {
            let result = release(holds, downTo: remaining, message, at: now, &directives)
            return record(.reversal, key, amount: remaining, result, at: now, &directives)
        }
        // What was forgotten is not known when it comes again either: it may find its original.
        if original == nil, control.forgetsUnknownReversals { return Answer(.approved) }
        let result = release(message, key, original, remaining, at: now, &directives)
        return record(.reversal, key, amount: remaining, result, at: now, &directives)
    }

    /// Releases of a hold that was raised what was not captured of all its parts.
    private mutating func release(
        _ holds: [AcquirerTransaction], downTo remaining: Int64, _ message: Message,
        at now: Timestamp, _ directives: inout [Directive]
    ) -> Result<Int64, Refusal> {
        let currency = message.text(.currency) ?? holds[0].currency
        let captured = holds.reduce(0) { $0 + ($1.approval?.capturedAmount ?? 0) }
        guard remaining >= captured, holds.allSatisfy({ $0.currency == currency }) else {
            return .failure(Refusal(.invalidTransaction))
        }
        // The newest first: what is kept stays with the first message.
        var rest = holds.reduce(captured - remaining) { $0 + $1.heldAmount }
        for var hold in holds.reversed() where rest > 0 {
            guard case .approved(var approval) = hold.outcome, hold.heldAmount > 0 else { continue }
            let part = min(rest, hold.heldAmount)
            approval.reversedAmount += part
            hold.outcome = .approved(approval)
            hold.updatedAt = now
            book.replace(hold)
            directives.append(.saveTransaction(hold))
            rest -= part
        }
        return .success(holds[0].id)
    }

    /// Releases what is above `remaining`, of a sale what was captured too.
    private mutating func release(
        _ message: Message, _ key: TransactionKey, _ original: AcquirerTransaction?,
        _ remaining: Int64, at now: Timestamp, _ directives: inout [Directive]
    ) -> Result<Int64, Refusal> {
        // What an advice told has happened; it is refunded or corrected, and not reversed.
        if message.originalDataElements?.messageType.function == .advice {
            return .failure(Refusal(.invalidTransaction))
        }
        guard var original else {
            return .success(bury(message, key, at: now, &directives))
        }
        if let currency = message.text(.currency), !original.currency.isEmpty,
            currency != original.currency
        {
            return .failure(Refusal(.invalidTransaction))
        }
        switch original.outcome {
        case .tombstone, .declined: return .success(original.id)
        case .approved(var approval):
            guard remaining < original.amount - approval.reversedAmount else {
                return .success(original.id)
            }
            switch original.kind {
            case .authorization where remaining < approval.capturedAmount,
                .sale where remaining < approval.refundedAmount:
                return .failure(Refusal(.invalidTransaction))
            case .sale: approval.capturedAmount = remaining
            case .authorization: break
            case .refund: preconditionFailure("refund \(original.id) was found as an original")
            }
            approval.reversedAmount = original.amount - remaining
            original.outcome = .approved(approval)
            original.updatedAt = now
            book.replace(original)
            directives.append(.saveTransaction(original))
            return .success(original.id)
        }
    }

    /// Remembers that what the reversal is about must be declined when it comes.
    private mutating func bury(
        _ message: Message, _ key: TransactionKey, at now: Timestamp,
        _ directives: inout [Directive]
    ) -> Int64 {
        let elements = message.originalDataElements
        let tombstone = AcquirerTransaction(
            id: book.nextTransactionID,
            key: TransactionKey(
                terminal: key.terminal, trace: elements?.trace ?? key.trace,
                reference: key.reference),
            kind: elements?.messageType.messageClass == .financial ? .sale : .authorization,
            originalID: nil, transmissionTime: elements?.transmissionTime?.description,
            maskedNumber: maskedNumber(of: message), amount: 0,
            currency: message.text(.currency) ?? "", outcome: .tombstone, verification: nil,
            createdAt: now, updatedAt: now)
        book.append(tombstone)
        directives.append(.saveTransaction(tombstone))
        return tombstone.id
    }
}
