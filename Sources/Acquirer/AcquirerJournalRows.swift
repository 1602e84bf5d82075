import GRDB
import ISO8583
import Primitives

/// Writing and reading the rows of the journal.
enum AcquirerJournalRows {
    static func write(_ transaction: AcquirerTransaction, _ database: Database) throws {
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO transactions VALUES
                    (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET
                    terminal = excluded.terminal, stan = excluded.stan, rrn = excluded.rrn,
                    transmitted = excluded.transmitted, kind = excluded.kind,
                    pan_masked = excluded.pan_masked, amount = excluded.amount,
                    currency = excluded.currency, state = excluded.state,
                    captured_amount = excluded.captured_amount,
                    refunded_amount = excluded.refunded_amount,
                    reversed_amount = excluded.reversed_amount,
                    approval_code = excluded.approval_code,
                    response_code = excluded.response_code, cvc_result = excluded.cvc_result,
                    updated_at = excluded.updated_at
                """)
        let approval = transaction.approval
        try statement.execute(arguments: [
            transaction.id, transaction.key.terminal, transaction.key.trace.description,
            transaction.key.reference, transaction.transmissionTime, transaction.kind.rawValue,
            transaction.originalID, transaction.maskedNumber, transaction.amount,
            transaction.currency, transaction.state.rawValue, approval?.capturedAmount ?? 0,
            approval?.refundedAmount ?? 0, approval?.reversedAmount ?? 0, approval?.code,
            transaction.responseCode.description, transaction.verification?.rawValue,
            transaction.createdAt.milliseconds, transaction.updatedAt.milliseconds,
        ])
    }

    static func write(_ advice: AcquirerAdvice, _ database: Database) throws {
        let statement = try database.cachedStatement(
            sql: "INSERT INTO advices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        try statement.execute(arguments: [
            advice.id, advice.key.terminal, advice.key.trace.description, advice.key.reference,
            advice.kind.rawValue, advice.transactionID, advice.amount,
            advice.responseCode.description, advice.receivedAt.milliseconds,
        ])
    }

    static func write(_ entry: MessageLogEntry, _ database: Database) throws {
        let statement = try database.cachedStatement(
            sql: "INSERT INTO messages VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)")
        try statement.execute(arguments: [
            entry.direction.rawValue, entry.messageType.description, entry.terminal,
            entry.trace?.description, entry.reference, entry.responseCode?.description,
            entry.at.milliseconds,
        ])
    }

    static func transactions(_ database: Database) throws -> [AcquirerTransaction] {
        let rows = try Row.fetchCursor(database, sql: "SELECT * FROM transactions ORDER BY id")
        var transactions: [AcquirerTransaction] = []
        while let row = try rows.next() {
            let transaction = transaction(row)
            guard let transaction, transaction.id == Int64(transactions.count) + 1 else {
                throw AcquirerJournalError.corrupt(table: "transactions", id: row["id"] ?? 0)
            }
            transactions.append(transaction)
        }
        return transactions
    }

    static func advices(_ database: Database) throws -> [AcquirerAdvice] {
        let rows = try Row.fetchCursor(database, sql: "SELECT * FROM advices ORDER BY id")
        var advices: [AcquirerAdvice] = []
        while let row = try rows.next() {
            guard let advice = advice(row), advice.id == Int64(advices.count) + 1 else {
                throw AcquirerJournalError.corrupt(table: "advices", id: row["id"] ?? 0)
            }
            advices.append(advice)
        }
        return advices
    }

    private static func transaction(_ row: Row) -> AcquirerTransaction? {
        guard let id: Int64 = row["id"], let key = key(row),
            let kind = (row["kind"] as String?).flatMap(AcquirerTransaction.Kind.init),
            let state = (row["state"] as String?).flatMap(AcquirerTransaction.State.init),
            let amount: Int64 = row["amount"], amount >= 0,
            let currency: String = row["currency"],
            let outcome = outcome(row, state),
            let createdAt: Int64 = row["created_at"], let updatedAt: Int64 = row["updated_at"]
        else { return nil }
        let verification: String? = row["cvc_result"]
        let transaction = AcquirerTransaction(
            id: id, key: key, kind: kind, originalID: row["original_id"],
            transmissionTime: row["transmitted"], maskedNumber: row["pan_masked"], amount: amount,
            currency: currency, outcome: outcome,
            verification: verification.flatMap(CardVerificationResult.init),
            createdAt: Timestamp(milliseconds: createdAt),
            updatedAt: Timestamp(milliseconds: updatedAt))
        // The state follows from the rest, and the amounts from what the host lets happen.
        let approval = transaction.approval
        let (captured, reversed) = (approval?.capturedAmount ?? 0, approval?.reversedAmount ?? 0)
        guard transaction.state == state, captured >= 0, reversed >= 0,
            captured <= amount || kind == .authorization,
            reversed <= max(0, amount - captured), 0...captured ~= approval?.refundedAmount ?? 0
        else { return nil }
        return transaction
    }

    private static func outcome(
        _ row: Row, _ state: AcquirerTransaction.State
    ) -> AcquirerTransaction.Outcome? {
        switch state {
        case .tombstone: return .tombstone
        case .declined: return responseCode(row).map { .declined($0) }
        case .approved, .partiallyReversed, .reversed, .captured:
            guard let code: String = row["approval_code"],
                let captured: Int64 = row["captured_amount"],
                let reversed: Int64 = row["reversed_amount"],
                let refunded: Int64 = row["refunded_amount"]
            else { return nil }
            return .approved(
                AcquirerTransaction.Approval(
                    code: code, capturedAmount: captured, reversedAmount: reversed,
                    refundedAmount: refunded))
        }
    }

    private static func advice(_ row: Row) -> AcquirerAdvice? {
        guard let id: Int64 = row["id"], let key = key(row),
            let kind = (row["kind"] as String?).flatMap(AcquirerAdvice.Kind.init),
            let amount: Int64 = row["amount"], let code = responseCode(row),
            let receivedAt: Int64 = row["received_at"]
        else { return nil }
        return AcquirerAdvice(
            id: id, key: key, kind: kind, transactionID: row["transaction_id"], amount: amount,
            responseCode: code, receivedAt: Timestamp(milliseconds: receivedAt))
    }

    private static func key(_ row: Row) -> TransactionKey? {
        guard let terminal: String = row["terminal"],
            let trace = (row["stan"] as String?).flatMap({ TraceNumber(digits: $0.utf8) }),
            let reference: String = row["rrn"]
        else { return nil }
        return TransactionKey(terminal: terminal, trace: trace, reference: reference)
    }

    private static func responseCode(_ row: Row) -> ResponseCode? {
        (row["response_code"] as String?).flatMap { ResponseCode($0) }
    }
}
