import ISO8583
import Primitives

/// 0220: captures and refunds.
extension AcquirerInstance {
    mutating func advise(
        _ message: Message, _ key: TransactionKey, at now: Timestamp, _ groups: [MessageGroup],
        _ directives: inout [Directive]
    ) -> Answer {
        guard let processingCode = message[.processingCode] else { return Answer(.formatError) }
        let isRefund = processingCode.prefix(2).elementsEqual("20".utf8)
        let kind: AcquirerAdvice.Kind = isRefund ? .refund : .capture
        let amount = message.number(.amount).flatMap { Int64(exactly: $0) } ?? 0
        if let known = book.advice(key, isReversal: false) {
            let isSame = known.kind == kind && known.amount == amount
            return Answer(isSame ? known.responseCode : .duplicateTransmission)
        }
        guard hasRoom else { return Answer(.systemMalfunction) }
        let result: Result<Int64, Refusal>
        if let code = control.takeRefusal(groups) {
            result = .failure(Refusal(code))
        } else {
            result =
                isRefund
                ? refund(message, key, at: now, &directives)
                : capture(message, key, at: now, &directives)
        }
        return record(kind, key, amount: amount, result, at: now, &directives)
    }

    /// Whether one more advice, and the transaction that it may make, can be kept.
    var hasRoom: Bool {
        book.adviceCount < options.recordCountMaximum
            && book.transactions.count < options.recordCountMaximum
    }

    /// Keeps an advice with its answer.
    mutating func record(
        _ kind: AcquirerAdvice.Kind, _ key: TransactionKey, amount: Int64,
        _ result: Result<Int64, Refusal>, at now: Timestamp, _ directives: inout [Directive]
    ) -> Answer {
        let transactionID: Int64?
        let code: ResponseCode
        switch result {
        case .success(let id): (transactionID, code) = (id, .approved)
        case .failure(let refusal): (transactionID, code) = (nil, refusal.code)
        }
        let advice = AcquirerAdvice(
            id: book.nextAdviceID, key: key, kind: kind, transactionID: transactionID,
            amount: amount, responseCode: code, receivedAt: now)
        book.append(advice)
        directives.append(.saveAdvice(advice))
        return Answer(code)
    }

    /// Draws on the holds that the message names, the one in DE 90 first. What no hold is known of
    /// has happened all the same, so it becomes a sale that reconciliation will find.
    private mutating func capture(
        _ message: Message, _ key: TransactionKey, at now: Timestamp,
        _ directives: inout [Directive]
    ) -> Result<Int64, Refusal> {
        let originals = book.originals(of: message, key: key)
        switch amountAndCurrency(of: message, else: originals.first?.currency) {
        case .failure(let refusal): return .failure(refusal)
        case .success(let (amount, currency)):
            guard let first = originals.first else {
                return .success(force(message, key, amount, currency, at: now, &directives))
            }
            if let refusal = mismatch(originals, currency) { return .failure(refusal) }
            let held = originals.reduce(0) { $0 + $1.heldAmount }
            guard amount <= held + overcapturable(originals) else {
                return .failure(Refusal(.exceedsAmountLimit))
            }
            distribute(
                min(amount, held), over: originals, by: \.heldAmount, at: now, &directives
            ) { $0.capturedAmount += $1 }
            if amount > held { overcapture(amount - held, first.id, at: now, &directives) }
            return .success(first.id)
        }
    }

    /// What may still be captured beyond what is held: a share of what the issuer let be held, less
    /// what of it was taken already.
    private func overcapturable(_ originals: [AcquirerTransaction]) -> Int64 {
        var granted: Int64 = 0
        var taken: Int64 = 0
        for original in originals where original.kind == .authorization {
            guard let approval = original.approval else { continue }
            granted += original.amount - approval.reversedAmount
            taken += approval.capturedAmount + original.heldAmount
        }
        return max(0, granted + granted * options.overcapturePercent / 100 - taken)
    }

    /// Captures beyond the hold go to the transaction that DE 90 names.
    private mutating func overcapture(
        _ amount: Int64, _ id: Int64, at now: Timestamp, _ directives: inout [Directive]
    ) {
        var original = book[id]
        guard case .approved(var approval) = original.outcome else {
            preconditionFailure("transaction \(id) was refused and is captured")
        }
        approval.capturedAmount += amount
        original.outcome = .approved(approval)
        original.updatedAt = now
        book.replace(original)
        directives.append(.saveTransaction(original))
    }

    private mutating func force(
        _ message: Message, _ key: TransactionKey, _ amount: Int64, _ currency: String,
        at now: Timestamp, _ directives: inout [Directive]
    ) -> Int64 {
        let sale = AcquirerTransaction(
            id: book.nextTransactionID, key: key, kind: .sale, originalID: nil,
            transmissionTime: message.transmissionTime?.description,
            maskedNumber: maskedNumber(of: message), amount: amount, currency: currency,
            outcome: .approved(
                AcquirerTransaction.Approval(
                    code: "", capturedAmount: amount, reversedAmount: 0, refundedAmount: 0)),
            verification: nil, createdAt: now, updatedAt: now)
        book.append(sale)
        directives.append(.saveTransaction(sale))
        return sale.id
    }

    /// Gives back what the message names. Every refund is a transaction of its own, a refused one
    /// too.
    private mutating func refund(
        _ message: Message, _ key: TransactionKey, at now: Timestamp,
        _ directives: inout [Directive]
    ) -> Result<Int64, Refusal> {
        let originals = book.originals(of: message, key: key)
        switch amountAndCurrency(of: message, else: originals.first?.currency) {
        case .failure(let refusal): return .failure(refusal)
        case .success(let (amount, currency)):
            var refusal = mismatch(originals, currency)
            let refundable = originals.reduce(0) { $0 + $1.refundableAmount }
            if refusal == nil, !originals.isEmpty, amount > refundable {
                refusal = Refusal(.invalidAmount)
            }
            let approval = AcquirerTransaction.Approval(
                code: "", capturedAmount: amount, reversedAmount: 0, refundedAmount: 0)
            let transaction = AcquirerTransaction(
                id: book.nextTransactionID, key: key, kind: .refund,
                originalID: originals.first?.id,
                transmissionTime: message.transmissionTime?.description,
                maskedNumber: maskedNumber(of: message) ?? originals.first?.maskedNumber,
                amount: amount, currency: currency,
                outcome: refusal.map { .declined($0.code) } ?? .approved(approval),
                verification: nil, createdAt: now, updatedAt: now)
            book.append(transaction)
            directives.append(.saveTransaction(transaction))
            if let refusal { return .failure(refusal) }
            if !originals.isEmpty {
                distribute(amount, over: originals, by: \.refundableAmount, at: now, &directives) {
                    $0.refundedAmount += $1
                }
            }
            return .success(transaction.id)
        }
    }

    private func mismatch(
        _ originals: [AcquirerTransaction], _ currency: String
    ) -> Refusal? {
        // A tombstone may know no currency.
        let isSame = originals.allSatisfy { $0.currency.isEmpty || $0.currency == currency }
        return isSame ? nil : Refusal(.invalidTransaction)
    }

    /// Takes `amount`, which `available` adds up to at least, from one original after the other.
    private mutating func distribute(
        _ amount: Int64, over originals: [AcquirerTransaction],
        by available: KeyPath<AcquirerTransaction, Int64>, at now: Timestamp,
        _ directives: inout [Directive],
        _ change: (inout AcquirerTransaction.Approval, Int64) -> Void
    ) {
        var rest = amount
        for var original in originals where rest > 0 {
            let part = min(rest, original[keyPath: available])
            guard part > 0, case .approved(var approval) = original.outcome else { continue }
            change(&approval, part)
            original.outcome = .approved(approval)
            original.updatedAt = now
            book.replace(original)
            directives.append(.saveTransaction(original))
            rest -= part
        }
        precondition(rest == 0, "\(rest) of \(amount) found nowhere to go")
    }
}
