import Acquirer
import ISO8583
import Payments

/// The journal of one acquirer as reconciliation looks things up in it, and what it has not found
/// looked up yet.
struct AcquirerBook {
    struct Key: Hashable {
        let terminal: String
        let stan: UInt32
        let reference: String
    }

    let name: String
    let transactions: [AcquirerTransaction]
    /// Rows that stand for a movement whose key an earlier row has already.
    private(set) var duplicates: [AcquirerTransaction] = []
    private var requests: [Key: Int] = [:]
    private var refunds: [Key: Int] = [:]
    /// Tombstones: they have the terminal of the reversal, which may differ from the original's.
    private var tombstones: [Key: Int] = [:]
    private var matched: Set<Int> = []

    init(name: String, transactions: [AcquirerTransaction]) {
        self.name = name
        self.transactions = transactions
        for (index, row) in transactions.enumerated() {
            let key = Key(row)
            let first: Int
            if row.kind == .refund {
                first = refunds.insertIfAbsent(index, at: key)
            } else if row.outcome == .tombstone {
                first = tombstones.insertIfAbsent(index, at: key.withoutTerminal)
            } else {
                first = requests.insertIfAbsent(index, at: key)
            }
            if first != index { duplicates.append(row) }
        }
    }

    /// The authorization, sale or tombstone of an attempt.
    mutating func request(_ trace: PaymentRecord.Trace) -> AcquirerTransaction? {
        let key = Key(trace)
        return take(requests[key] ?? tombstones[key.withoutTerminal])
    }

    mutating func refund(_ trace: PaymentRecord.Trace) -> AcquirerTransaction? {
        take(refunds[Key(trace)])
    }

    private mutating func take(_ index: Int?) -> AcquirerTransaction? {
        guard let index else { return nil }
        matched.insert(index)
        return transactions[index]
    }

    /// What nobody asked for, in the journal's order.
    var unmatched: [AcquirerTransaction] {
        let known = Set(duplicates.map(\.id))
        return transactions.enumerated()
            .filter { !matched.contains($0.offset) && !known.contains($0.element.id) }
            .map(\.element)
    }
}

extension [AcquirerBook.Key: Int] {
    /// The value at the key, which is `value` if there was none.
    fileprivate mutating func insertIfAbsent(_ value: Int, at key: AcquirerBook.Key) -> Int {
        if let present = self[key] { return present }
        self[key] = value
        return value
    }
}

extension AcquirerBook.Key {
    init(_ row: AcquirerTransaction) {
        self.init(
            terminal: row.key.terminal, stan: row.key.trace.rawValue,
            reference: row.key.reference)
    }

    init(_ trace: PaymentRecord.Trace) {
        self.init(terminal: trace.terminal, stan: trace.stan, reference: trace.reference)
    }

    var withoutTerminal: AcquirerBook.Key {
        AcquirerBook.Key(terminal: "", stan: stan, reference: reference)
    }
}

extension AcquirerTransaction {
    /// The currency as we write it.
    var currencyCode: String {
        Int(currency).flatMap { Currency(number: $0)?.code } ?? currency
    }
}
