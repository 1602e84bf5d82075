import ISO8583

/// The host's transactions and answered advices, with the ways in which messages name them.
struct TransactionBook: Sendable {
    /// Which advice a key is of: 0220 and 0420 may share a trace number.
    private struct AdviceKey: Hashable {
        let isReversal: Bool
        let key: TransactionKey
    }

    private struct TerminalTrace: Hashable {
        let terminal: String
        let trace: TraceNumber

        init(terminal: String, trace: TraceNumber) {
            self.terminal = terminal
            self.trace = trace
        }

        init(_ key: TransactionKey) {
            self.init(terminal: key.terminal, trace: key.trace)
        }
    }

    /// Transaction n stands at n − 1.
    private(set) var transactions: [AcquirerTransaction] = []
    private(set) var adviceCount = 0
    private var advices: [AdviceKey: AcquirerAdvice] = [:]
    /// Authorizations and sales only, as below: nothing is about a refund.
    private var idByKey: [TransactionKey: Int64] = [:]
    private var idsByReference: [String: [Int64]] = [:]
    private var idsByTrace: [TerminalTrace: [Int64]] = [:]

    init() {}

    /// The book that a journal holds; `transactions` ascend from 1 without a gap.
    init(transactions: [AcquirerTransaction], advices: [AcquirerAdvice]) {
        for transaction in transactions { append(transaction) }
        for advice in advices { append(advice) }
    }

    var nextTransactionID: Int64 { Int64(transactions.count) + 1 }
    var nextAdviceID: Int64 { Int64(adviceCount) + 1 }

    subscript(id: Int64) -> AcquirerTransaction { transactions[Int(id) - 1] }

    mutating func append(_ transaction: AcquirerTransaction) {
        precondition(
            transaction.id == nextTransactionID,
            "transaction \(transaction.id) follows \(transactions.count)")
        transactions.append(transaction)
        index(transaction)
    }

    /// Puts a changed transaction in the place of the one with its id.
    mutating func replace(_ transaction: AcquirerTransaction) {
        let previous = self[transaction.id]
        transactions[Int(transaction.id) - 1] = transaction
        // Only a tombstone changes its key, when its original brings the reference.
        if previous.key != transaction.key {
            idByKey[previous.key] = nil
            idsByReference[previous.key.reference]?.removeAll { $0 == transaction.id }
            idsByTrace[TerminalTrace(previous.key)]?.removeAll { $0 == transaction.id }
            index(transaction)
        }
    }

    mutating func append(_ advice: AcquirerAdvice) {
        precondition(advice.id == nextAdviceID, "advice \(advice.id) follows \(adviceCount)")
        adviceCount += 1
        let key = AdviceKey(isReversal: advice.kind == .reversal, key: advice.key)
        if advices[key] == nil { advices[key] = advice }
    }

    /// The advice that was answered under this key.
    func advice(_ key: TransactionKey, isReversal: Bool) -> AcquirerAdvice? {
        advices[AdviceKey(isReversal: isReversal, key: key)]
    }

    /// The authorization or sale with this key, or the tombstone that is set up for it.
    func request(_ key: TransactionKey) -> AcquirerTransaction? {
        if let id = idByKey[key] { return self[id] }
        let anyReference = TransactionKey(
            terminal: key.terminal, trace: key.trace, reference: "")
        guard let id = idByKey[anyReference], self[id].outcome == .tombstone else { return nil }
        return self[id]
    }

    /// What a reversal is about: one authorization or sale, named by DE 90 (DE 11 when there is no
    /// DE 90) and DE 37.
    ///
    /// With a reference in DE 37 the trace number alone is never enough, for it comes round again:
    /// an old transaction must not be taken for one that never arrived.
    func original(of reversal: Message, key: TransactionKey) -> AcquirerTransaction? {
        let elements = reversal.originalDataElements
        let trace = elements?.trace ?? key.trace
        let named = TransactionKey(
            terminal: key.terminal, trace: trace, reference: key.reference)
        if !key.reference.isEmpty {
            if let id = idByKey[named] { return self[id] }
            let ids = idsByReference[key.reference] ?? []
            // The terminal may have changed since.
            if let id = ids.last(where: { self[$0].key.trace == trace }) { return self[id] }
            if elements == nil, ids.count == 1 { return self[ids[0]] }
        }
        return byTrace(elements, trace, key)
    }

    /// What a capture or refund draws on: all authorizations and sales with the reference in DE 37,
    /// an increment being one of its own, or the one that DE 90 names. The one that DE 90 names
    /// comes first, the others follow in the order of arrival.
    func originals(of advice: Message, key: TransactionKey) -> [AcquirerTransaction] {
        let elements = advice.originalDataElements
        let ids = key.reference.isEmpty ? [] : idsByReference[key.reference] ?? []
        guard !ids.isEmpty else {
            return elements.flatMap { byTrace($0, $0.trace, key) }.map { [$0] } ?? []
        }
        let family = ids.map { self[$0] }
        let named = family.filter { $0.key.trace == elements?.trace }
        return named + family.filter { $0.key.trace != elements?.trace }
    }

    /// The approved parts of a hold that was raised, the first one first; nil when `original` is
    /// not the first of several.
    func holds(raisedFrom original: AcquirerTransaction) -> [AcquirerTransaction]? {
        let family = (idsByReference[original.key.reference] ?? []).map { self[$0] }
            .filter { $0.kind == .authorization && $0.approval != nil }
        guard !original.key.reference.isEmpty, family.count > 1, family[0].id == original.id
        else { return nil }
        return family
    }

    /// The latest with the terminal and the trace number. A message that has a reference of its own
    /// has to name the time too.
    private func byTrace(
        _ elements: OriginalDataElements?, _ trace: TraceNumber, _ key: TransactionKey
    ) -> AcquirerTransaction? {
        let ids = idsByTrace[TerminalTrace(terminal: key.terminal, trace: trace)] ?? []
        guard let time = elements?.transmissionTime?.description else {
            return key.reference.isEmpty ? ids.last.map { self[$0] } : nil
        }
        return ids.last { self[$0].transmissionTime == time }.map { self[$0] }
    }

    private mutating func index(_ transaction: AcquirerTransaction) {
        guard transaction.kind != .refund else { return }
        let (id, key) = (transaction.id, transaction.key)
        if idByKey[key] == nil { idByKey[key] = id }
        if !key.reference.isEmpty { idsByReference[key.reference, default: []].append(id) }
        idsByTrace[TerminalTrace(key), default: []].append(id)
    }
}
