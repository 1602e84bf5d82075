import GRDB

/// The tables of the journal.
///
/// ```sql
/// transactions (id, terminal, stan, rrn, transmitted, kind, original_id, pan_masked, amount,
///               currency, state, captured_amount, refunded_amount, reversed_amount,
///               approval_code, response_code, cvc_result, created_at, updated_at)
///     -- One row a movement of money, by the order of arrival from 1; it changes as captures,
///     -- refunds and reversals do. kind: auth, sale, refund. state: tombstone, declined, approved,
///     -- partially_reversed, reversed, captured. original_id: the transaction that a refund gives
///     -- back. pan_masked: the first six and last four digits; the others are stars.
/// advices (id, terminal, stan, rrn, kind, transaction_id, amount, response_code, received_at)
///     -- One row an answered advice, so that a repeat gets the same answer: kind capture, refund
///     -- or reversal. amount: what is captured or refunded, or what a reversal leaves (DE 95).
///     -- transaction_id: what it changed or made; null when it was refused. Never changes.
/// messages (sequence, direction, mti, terminal, stan, rrn, response_code, at)
///     -- Every message in and every answer that was to be sent out. Only appended to.
/// ```
///
/// Amounts are minor units of `currency`, the three digits of ISO 4217; times are milliseconds
/// since the Unix epoch; `stan` has six digits and `transmitted` is DE 7. Full card numbers and
/// verification codes are never written.
enum AcquirerJournalSchema {
    /// "SACQ": tells a journal from any other SQLite file.
    static let applicationID: Int64 = 0x5341_4351
    static let version: Int64 = 1

    /// Makes the tables in a new file and checks those of an old one.
    static func prepare(_ database: Database) throws {
        let found = try Int64.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        let tableCount = try Int64.fetchOne(
            database, sql: "SELECT count(*) FROM sqlite_schema")
        guard found == 0, tableCount == 0 else { return try check(database) }
        try database.inTransaction(.immediate) {
            try database.execute(sql: tables)
            try database.execute(
                sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version)")
            return .commit
        }
    }

    /// - Throws: `notAJournal` or `newerSchema`.
    static func check(_ database: Database) throws {
        let application = try Int64.fetchOne(database, sql: "PRAGMA application_id")
        guard application == applicationID else { throw AcquirerJournalError.notAJournal }
        let found = try Int64.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard found == version else {
            throw AcquirerJournalError.newerSchema(found: found, supported: version)
        }
    }

    private static let tables = """
        CREATE TABLE transactions (
            id INTEGER PRIMARY KEY,
            terminal TEXT NOT NULL,
            stan TEXT NOT NULL,
            rrn TEXT NOT NULL,
            transmitted TEXT,
            kind TEXT NOT NULL,
            original_id INTEGER REFERENCES transactions (id),
            pan_masked TEXT,
            amount INTEGER NOT NULL,
            currency TEXT NOT NULL,
            state TEXT NOT NULL,
            captured_amount INTEGER NOT NULL,
            refunded_amount INTEGER NOT NULL,
            reversed_amount INTEGER NOT NULL,
            approval_code TEXT,
            response_code TEXT NOT NULL,
            cvc_result TEXT,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX transactions_by_rrn ON transactions (rrn);
        CREATE TABLE advices (
            id INTEGER PRIMARY KEY,
            terminal TEXT NOT NULL,
            stan TEXT NOT NULL,
            rrn TEXT NOT NULL,
            kind TEXT NOT NULL,
            transaction_id INTEGER REFERENCES transactions (id),
            amount INTEGER NOT NULL,
            response_code TEXT NOT NULL,
            received_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE messages (
            sequence INTEGER PRIMARY KEY,
            direction TEXT NOT NULL,
            mti TEXT NOT NULL,
            terminal TEXT,
            stan TEXT,
            rrn TEXT,
            response_code TEXT,
            at INTEGER NOT NULL
        ) STRICT;
        """
}
