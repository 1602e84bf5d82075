import Environment
import Primitives
import Raft
import StateStore

// Committed entries, in order, once what they read and write is in memory.

extension ShardHost {
    /// How many entries one pass applies before it lets other work run.
    private static let batchCountMax = 512

    /// How many changed aggregates wait for a store without room, about 4 KiB each. Beyond it
    /// nothing is applied: the log stands on the disk, and the changes would stand in memory.
    private static let unwrittenCountMax = 16_384

    private var mayApply: Bool {
        hasStoreRoom || table.unwrittenCount < Self.unwrittenCountMax
    }

    func applyCommitted() {
        guard !isApplying, !isFetching, !snapshots.isInstalling else { return }
        isApplying = true
        defer { isApplying = false }
        while appliedIndex < committedIndex, mayApply {
            let last = min(committedIndex, appliedIndex + LogIndex(Self.batchCountMax))
            let batch = raft.entries(from: appliedIndex + 1, through: last)
            guard let payloads = opened(batch) else { return }
            let missing = missingKeys(of: batch, payloads)
            guard missing.isEmpty else { return fetch(missing) }
            for (entry, payload) in zip(batch, payloads) { apply(entry, payload) }
            raft.onApplied(through: appliedIndex, node.moment(), &directives)
            finishReads()
            noteChange()
            observer?.shardApplied(group)
        }
    }

    private func missingKeys(of batch: [LogEntry], _ payloads: [[UInt8]]) -> [AggregateKey] {
        var missing: [AggregateKey] = []
        for (entry, payload) in zip(batch, payloads) where entry.kind == .command {
            missing += decoded(
                { () throws(Primitives.DecodingError) in
                    try table.missingKeys(of: payload)
                }, of: entry)
        }
        return missing
    }

    private func fetch(_ keys: [AggregateKey]) {
        isFetching = true
        let store = store
        let generation = snapshots.generation
        reader.submit({ StoreResult { () throws(StateStoreError) in try store.load(keys) } }) {
            [self] rows in
            onLoop {
                $0.isFetching = false
                // Of the state before a snapshot was installed: it is read again.
                if generation == $0.snapshots.generation { $0.admit(rows, for: keys) }
                $0.applyCommitted()
                $0.perform()
            }
        }
    }

    /// - Parameter payload: the entry's, in clear.
    private func apply(_ entry: LogEntry, _ payload: [UInt8]) {
        precondition(
            entry.index == appliedIndex + 1, "\(group) applies \(entry.index) after \(appliedIndex)"
        )
        appliedIndex = entry.index
        appliedTerm = entry.term
        var outcome = ProposalOutcome.applied(entry.index)
        var verdict: ApplyVerdict?
        if entry.kind == .command {
            verdict = decoded(
                { () throws(Primitives.DecodingError) in
                    try table.apply(payload)
                }, of: entry)
            if case .stale(let key) = verdict { outcome = .stale(key) }
        }
        comparison.own.note(entry, verdict)
        if StateChecksums.isEnd(entry.index) {
            comparison.own.endWindow(at: entry.index, rows: table.takeWindow())
        }
        proposals.removeValue(forKey: entry.index)?.resumption.resume(returning: outcome)
    }

    /// A committed entry that cannot be read is a broken invariant: every replica has it.
    private func decoded<Value>(
        _ body: () throws(Primitives.DecodingError) -> Value, of entry: LogEntry
    ) -> Value {
        do {
            return try body()
        } catch {
            preconditionFailure("\(group) cannot read committed entry \(entry.index): \(error)")
        }
    }
}
