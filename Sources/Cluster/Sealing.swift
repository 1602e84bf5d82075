package import Environment
package import Primitives
import Raft
package import StateStore

// What a shard's host seals, and opens again. A leader seals what it proposes, and every member
// opens what it applies, but for what it has proposed itself. Each node seals the rows that it
// writes; a snapshot has them as they are stored, and so under the keys of the lives that wrote
// them.

/// A proposal that is in the log, by its index.
struct OpenProposal {
    /// In clear, beside the sealed one in the log until it is applied.
    let payload: [UInt8]
    let term: Term
    let keyID: UInt32
    let resumption: Resumption<ProposalOutcome>
}

/// The keys of one group's entries. A value; it remembers the key that was used last, as one
/// leadership follows the other in the log.
struct EntrySealing {
    private let group: GroupID
    private let sealer: any Sealer
    private let seed: UInt64
    private var last: (use: SealingUse, key: any SealingKey)?

    /// - Parameter seed: chance that differs between starts.
    init(_ group: GroupID, _ sealer: any Sealer, seed: UInt64) {
        self.group = group
        self.sealer = sealer
        self.seed = seed
    }

    /// Under which id this life of the node seals the entries of a term that it leads.
    func keyID(of term: Term) -> UInt32 {
        var random = SeededRandom(seed: seed ^ term)
        return UInt32.random(in: 1...UInt32.max, using: &random)
    }

    mutating func key(of term: Term, _ keyID: UInt32) -> any SealingKey {
        let use = SealingUse.entries(group, term: term, keyID: keyID)
        if let last, last.use == use { return last.key }
        let key = sealer.key(for: use)
        last = (use, key)
        return key
    }
}

extension ShardHost {
    /// Payloads as they go into the log from its end on, and the key's id. The instance takes them:
    /// of two for one place, nobody may see more than one.
    func sealed(
        _ payloads: [[UInt8]], in term: Term
    ) -> (payloads: [[UInt8]], keyID: UInt32) {
        guard let keyID = sealing?.keyID(of: term), let key = sealing?.key(of: term, keyID) else {
            return (payloads, 0)
        }
        let first = raft.nextIndex
        let sealed = payloads.enumerated().map { place, payload in
            key.seal(payload, number: first + LogIndex(place), beside: [])
        }
        return (sealed, keyID)
    }

    /// What committed entries say; nil, and the node ends, where its key is another than that of
    /// the leader who sealed them.
    func opened(_ entries: [LogEntry]) -> [[UInt8]]? {
        var payloads: [[UInt8]] = []
        payloads.reserveCapacity(entries.count)
        for entry in entries {
            guard let payload = opened(entry) else {
                halt.halt(
                    "\(group): entry \(entry.index) of term \(entry.term) does not open; "
                        + Seal.remedy)
                return nil
            }
            payloads.append(payload)
        }
        return payloads
    }

    private func opened(_ entry: LogEntry) -> [UInt8]? {
        guard entry.keyID != 0 else {
            // Where commands are sealed, one in clear is nobody's.
            return sealing == nil || entry.kind != .command ? entry.payload : nil
        }
        if let own = proposals[entry.index], own.term == entry.term, own.keyID == entry.keyID {
            return own.payload
        }
        return sealing?.key(of: entry.term, entry.keyID)
            .open(entry.payload[...], number: entry.index, beside: [])
    }
}

/// The rows of one group. A value; it counts those that this life of the node has sealed, and
/// remembers some keys.
///
/// A stored payload is `life u64 ‖ number u64 ‖ sealed`, little-endian; the columns are beside it.
package struct RowSealing: Sendable {
    private let group: GroupID
    private let sealer: any Sealer
    private let life: UInt64
    private var nextNumber: UInt64 = 0
    private var keys: [UInt64: any SealingKey] = [:]

    /// Lives whose rows are read in turn: one more start or snapshot adds one.
    private static let keyCountMax = 64
    private static let headerByteCount = 16

    /// - Parameter life: chance that differs between starts.
    package init(_ group: GroupID, _ sealer: any Sealer, life: UInt64) {
        self.group = group
        self.sealer = sealer
        self.life = life
    }

    /// What seals so many rows, in their order. On any thread.
    package mutating func seal(
        ofRows count: Int
    ) -> @Sendable ([AggregateRow]) -> [AggregateRow] {
        let (first, life, key) = (nextNumber, life, key(of: life))
        nextNumber += UInt64(count)
        return { rows in
            precondition(rows.count <= count, "\(rows.count) rows instead of \(count)")
            return rows.enumerated().map { place, row in
                row.sealed(key, life: life, number: first + UInt64(place))
            }
        }
    }

    /// The row in clear; nil for one that was not sealed under a key of this sealer, or stood
    /// elsewhere.
    package mutating func open(_ row: AggregateRow) -> AggregateRow? {
        var reader = ByteReader(row.payload)
        guard let life = try? reader.readFixed(UInt64.self),
            let number = try? reader.readFixed(UInt64.self)
        else { return nil }
        let payload = key(of: life).open(
            row.payload.dropFirst(Self.headerByteCount), number: number, beside: row.columns)
        return payload.map { row.with(payload: $0) }
    }

    private mutating func key(of life: UInt64) -> any SealingKey {
        if let key = keys[life] { return key }
        if keys.count >= Self.keyCountMax { keys.removeAll() }
        let key = sealer.key(for: .rows(group, life: life))
        keys[life] = key
        return key
    }
}

extension AggregateRow {
    fileprivate func sealed(
        _ key: any SealingKey, life: UInt64, number: UInt64
    ) -> AggregateRow {
        var writer = ByteWriter(capacity: payload.count + 32)
        writer.writeFixed(life)
        writer.writeFixed(number)
        writer.writeRaw(key.seal(payload, number: number, beside: columns))
        return with(payload: writer.takeBytes())
    }

    /// What stands beside the payload in clear, as bytes: checksums and seals have them.
    var columns: [UInt8] {
        var writer = ByteWriter(capacity: 96)
        writer.write(key.kind.rawValue)
        writer.write(key.id)
        writer.write(owner)
        writer.writeSigned(created)
        writer.writeVarint(version)
        writer.write(isOpen)
        return writer.takeBytes()
    }

    fileprivate func with(payload: [UInt8]) -> AggregateRow {
        AggregateRow(
            key: key, owner: owner, created: created, version: version, isOpen: isOpen,
            payload: payload)
    }
}

extension Seal {
    /// What to do about what does not open.
    package static let remedy =
        "the vault's master key is not the one that this was sealed under; the nodes of a "
        + "jurisdiction have one key: copy the file that vault.software.key_file names from "
        + "another of them"
}
