/// What a journal holds: what the host is rebuilt from.
public struct JournalRecords: Hashable, Sendable {
    /// In the order of their ids, from 1 without a gap.
    public var transactions: [AcquirerTransaction]
    /// In the order of their ids, from 1 without a gap.
    public var advices: [AcquirerAdvice]

    public init(transactions: [AcquirerTransaction] = [], advices: [AcquirerAdvice] = []) {
        self.transactions = transactions
        self.advices = advices
    }
}

/// What one commit writes.
public struct JournalBatch: Hashable, Sendable {
    /// The latest form of each transaction that changed, in the order of the first change.
    public private(set) var transactions: [AcquirerTransaction] = []
    public private(set) var advices: [AcquirerAdvice] = []
    public private(set) var messages: [MessageLogEntry] = []
    private var indexByID: [Int64: Int] = [:]

    public init() {}

    public var isEmpty: Bool { transactions.isEmpty && advices.isEmpty && messages.isEmpty }

    /// Takes what the directive says to write; nothing for the others.
    public mutating func add(_ directive: Directive) {
        switch directive {
        case .saveTransaction(let transaction):
            if let index = indexByID[transaction.id] {
                transactions[index] = transaction
            } else {
                indexByID[transaction.id] = transactions.count
                transactions.append(transaction)
            }
        case .saveAdvice(let advice): advices.append(advice)
        case .log(let entry): messages.append(entry)
        case .answer, .close, .end, .closeAll: break
        }
    }
}
