public import Environment
public import Journal
public import Primitives
import Raft
public import StateStore

/// Who is told when a shard begins and ends to be served here. Called on the loop.
public protocol ShardObserver: AnyObject, Sendable {
    func shardBeganServing(_ group: GroupID, term: Term)
}

/// What became of a proposal.
public enum ProposalOutcome: Hashable, Sendable {
    /// Committed and applied at this index.
    case applied(LogIndex)
    /// Committed, and refused alike on every replica: a base version was not current.
    case stale(AggregateKey)
    /// Not taken: nothing of it is in the log.
    case refused(ProposalRefusal)
}

/// Why a proposal was not taken.
public enum ProposalRefusal: Hashable, Sendable {
    case notServing
    case staleTerm
    case overloaded
}

/// The shell of one shard's Raft instance: stores through the journal, applies what is committed,
/// and keeps the aggregates that are in memory.
///
/// Everything that serves a shard shares its loop, so that calls of its actors run inline.
public actor ShardHost<Machine: ShardMachine> {
    public nonisolated let group: GroupID
    private nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private var raft: Instance
    private let journal: Journal
    private let store: StateStore
    private let reader: any BlockingWorker
    private let halt: any NodeHalt
    private weak var observer: (any ShardObserver)?

    private var table: AggregateTable<Machine.Aggregate>
    /// Committed, and to be applied as soon as its aggregates are in memory.
    private var committedIndex: LogIndex
    private var appliedIndex: LogIndex
    private var appliedTerm: Term
    /// How far the journal was told to forget; a mark only rises.
    private var compactedIndex: LogIndex
    private var isApplying = false
    private var proposals: [LogIndex: Resumption<ProposalOutcome>] = [:]
    private var directives: [Directive] = []

    /// The shard as its disk remembers it: the journal's part, and the rows up to `stored`.
    ///
    /// The group has one voter, `member`; it becomes more than that where there is a cluster.
    /// - Parameter seed: chance that differs between starts.
    public init(
        group: GroupID, member: MemberID, loop: any NodeLoop, journal: Journal,
        log: RecoveredLog.Group?, store: StateStore, stored: AppliedState?,
        reader: any BlockingWorker, halt: any NodeHalt, seed: UInt64
    ) {
        self.group = group
        self.loop = loop
        self.journal = journal
        self.store = store
        self.reader = reader
        self.halt = halt
        appliedIndex = stored?.index ?? 0
        appliedTerm = stored?.term ?? 0
        committedIndex = appliedIndex
        compactedIndex = log?.compactedUpTo ?? 0
        raft = Instance(
            cluster: Self.cluster, group: group, member: member,
            start: Self.start(member, log, appliedIndex: appliedIndex), seed: seed)
        table = AggregateTable()
    }

    /// There is no other node yet to tell clusters apart.
    private static var cluster: ClusterID { ClusterID(0) }

    private static func start(
        _ member: MemberID, _ log: RecoveredLog.Group?, appliedIndex: LogIndex
    ) -> Instance.Start {
        let configuration: Configuration
        do {
            configuration = try Configuration(voters: [member])
        } catch {
            preconditionFailure("\(member) alone is no configuration: \(error)")
        }
        return Instance.Start(
            hardState: log?.hardState ?? HardState(),
            base: LogPosition(index: log?.compactedUpTo ?? 0, term: log?.compactedTerm ?? 0),
            configuration: configuration, entries: log?.entries ?? [], appliedIndex: appliedIndex)
    }

    /// Now, by a fresh look at the clock.
    private var moment: Moment { Moment(now: loop.now) }

    /// Stands for election; `observer` is told when the shard is served.
    public func start(observer: any ShardObserver) {
        self.observer = observer
        raft.onStart(moment, &directives)
        perform()
    }

    /// The term that is served here, or nil.
    public var servingTerm: Term? { raft.servingTerm }

    /// No more proposals are taken. Returns when those under way have ended.
    public func stop() async {
        raft.onStop(&directives)
        perform()
        while !proposals.isEmpty { await loop.sleep(for: .milliseconds(1)) }
    }

    // MARK: Proposing

    /// Commits and applies a payload that was decided in `expectedTerm`.
    ///
    /// Does not return while the outcome is open: when the disk fails, the process ends.
    public func propose(_ payload: [UInt8], expectedTerm: Term) async -> ProposalOutcome {
        let index: LogIndex
        do {
            index = try raft.propose(
                [payload], expectedTerm: expectedTerm, moment, &directives)
        } catch {
            switch error {
            case .notServing, .isTransferring: return .refused(.notServing)
            case .staleTerm: return .refused(.staleTerm)
            case .tooMuchUncommitted: return .refused(.overloaded)
            case .payloadSize:
                preconditionFailure("\(group): an entry of \(payload.count) bytes")
            }
        }
        return await loop.suspend { resumption in
            proposals[index] = resumption
            perform()
        }
    }

    private func perform() {
        // A directive's effect may add directives: the list is taken over before it is walked.
        while !directives.isEmpty {
            let batch = directives
            directives.removeAll(keepingCapacity: true)
            for directive in batch {
                switch directive {
                case .persist(let token, let hardState, let entries):
                    persist(token, hardState, entries)
                case .commit(let index):
                    committedIndex = max(committedIndex, index)
                    applyCommitted()
                case .beginServing(let term):
                    observer?.shardBeganServing(group, term: term)
                case .endServing, .leaderChanged, .configurationChanged:
                    // The only member of its group leads from its start to its end.
                    break
                case .send, .readReady, .readFailed, .transferAborted, .prepareSnapshot,
                    .readSnapshot, .storeSnapshot, .discardSnapshot, .installSnapshot:
                    preconditionFailure("\(group) has nobody to do this with: \(directive)")
                }
            }
        }
    }

    private func persist(_ token: UInt64, _ hardState: HardState?, _ entries: [LogEntry]) {
        journal.append(group, entries: entries, hardState: hardState) { [self] in
            assumeIsolated { $0.persisted(token) }
        }
    }

    private func persisted(_ token: UInt64) {
        raft.onPersisted(token: token, moment, &directives)
        perform()
    }

    // MARK: Applying

    /// How many entries one pass applies before it lets other work run.
    private static var batchCountMax: Int { 512 }

    private func applyCommitted() {
        guard !isApplying else { return }
        isApplying = true
        defer { isApplying = false }
        while appliedIndex < committedIndex {
            let last = min(committedIndex, appliedIndex + LogIndex(Self.batchCountMax))
            let batch = raft.entries(from: appliedIndex + 1, through: last)
            let missing = missingKeys(of: batch)
            guard missing.isEmpty else { return fetch(missing) }
            for entry in batch { apply(entry) }
            raft.onApplied(through: appliedIndex, moment, &directives)
        }
    }

    private func missingKeys(of batch: [LogEntry]) -> [AggregateKey] {
        var missing: [AggregateKey] = []
        for entry in batch where entry.kind == .command {
            for key in decoded(
                { () throws(Primitives.DecodingError) in
                    try Machine.keys(of: entry.payload, in: group)
                }, of: entry) where !table.knows(key)
            {
                missing.append(key)
            }
        }
        return missing
    }

    private func fetch(_ keys: [AggregateKey]) {
        let store = store
        reader.submit({ StoreResult { () throws(StateStoreError) in try store.load(keys) } }) {
            [self] rows in
            assumeIsolated {
                $0.admit(rows, for: keys)
                $0.applyCommitted()
                $0.perform()
            }
        }
    }

    private func apply(_ entry: LogEntry) {
        precondition(
            entry.index == appliedIndex + 1, "\(group) applies \(entry.index) after \(appliedIndex)"
        )
        appliedIndex = entry.index
        appliedTerm = entry.term
        var outcome = ProposalOutcome.applied(entry.index)
        if entry.kind == .command {
            let verdict = decoded(
                { () throws(Primitives.DecodingError) in
                    try Machine.apply(entry.payload, in: group, to: &table)
                }, of: entry)
            if case .stale(let key) = verdict { outcome = .stale(key) }
        }
        proposals.removeValue(forKey: entry.index)?.resume(returning: outcome)
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

    // MARK: Reading

    /// Brings aggregates into memory. What is there already costs nothing.
    public func load(_ keys: [AggregateKey]) async {
        let missing = keys.filter { !table.knows($0) }
        guard !missing.isEmpty else { return }
        let store = store
        let rows = await reader.run(on: loop) {
            StoreResult { () throws(StateStoreError) in try store.load(missing) }
        }
        admit(rows, for: missing)
    }

    /// Takes the caller's word that a key has no aggregate: its id was made a moment ago.
    public func admitAbsent(_ key: AggregateKey) {
        table.admit(key, nil)
    }

    /// The aggregate of a key that was loaded in this turn, or written here.
    public func aggregate(_ key: AggregateKey) -> Machine.Aggregate? {
        table.knows(key) ? table[key] : nil
    }

    /// Loads one aggregate and returns it.
    public func fetch(_ key: AggregateKey) async -> Machine.Aggregate? {
        // It may be evicted between the load and the look only if a bound's worth of others came
        // in.
        while true {
            if table.knows(key) {
                table.touch(key)
                return table[key]
            }
            await load([key])
        }
    }

    /// Every aggregate of a kind with unfinished work, in the order of their ids.
    public func openAggregates(_ kind: AggregateKind) async -> [Machine.Aggregate] {
        let unwritten = unwritten(kind, owner: nil)
        let store = store
        let group = group
        let rows = await reader.run(on: loop) {
            StoreResult { () throws(StateStoreError) in
                var rows: [AggregateRow] = []
                while true {
                    let page = try store.openRows(
                        group: group, kind: kind, after: rows.last?.key.id)
                    rows += page
                    if page.count < AggregateQuery.limitMax { return rows }
                }
            }
        }
        return merge(values(of: rows), unwritten) { _, row in row.isOpen }.map(\.aggregate)
    }

    /// Every aggregate of a kind, in the order of their ids: for reconciliation and checks, which
    /// have to see all. Memory grows with the shard.
    public func allAggregates(_ kind: AggregateKind) async -> [Machine.Aggregate] {
        let unwritten = unwritten(kind, owner: nil)
        let store = store
        let group = group
        let rows = await reader.run(on: loop) {
            StoreResult { () throws(StateStoreError) in
                var rows: [AggregateRow] = []
                while true {
                    let page = try store.scan(group: group, kind: kind, after: rows.last?.key.id)
                    rows += page
                    if page.count < AggregateQuery.limitMax { return rows }
                }
            }
        }
        return merge(values(of: rows), unwritten) { _, _ in true }.map(\.aggregate)
    }

    /// A page of an owner's aggregates, newest first.
    public func list(_ query: AggregateQuery) async -> [Machine.Aggregate] {
        // The memory first: what is written meanwhile is then in both, and counted once.
        let unwritten = unwritten(query.kind, owner: query.owner)
        let store = store
        let rows = await reader.run(on: loop) {
            StoreResult { () throws(StateStoreError) in try store.list(query) }
        }
        let merged = merge(values(of: rows), unwritten) { _, row in query.contains(row) }
            .sorted { $0.row.isNewer(than: $1.row) }
        switch query.cursor {
        case .before: return merged.suffix(query.limit).map(\.aggregate)
        case .after, nil: return merged.prefix(query.limit).map(\.aggregate)
        }
    }

    private typealias Stored = (aggregate: Machine.Aggregate, row: AggregateRow)

    private func unwritten(
        _ kind: AggregateKind, owner: String?
    ) -> [AggregateKey: Machine.Aggregate] {
        table.unwritten { key, aggregate in
            key.kind == kind && (owner == nil || aggregate.row(key: key).owner == owner)
        }
    }

    private func merge(
        _ rows: [AggregateRow], _ unwritten: [AggregateKey: Machine.Aggregate],
        where matches: (AggregateKey, AggregateRow) -> Bool
    ) -> [Stored] {
        var found: [Stored] = []
        for row in rows where unwritten[row.key] == nil {
            found.append((decode(row), row))
        }
        for (key, aggregate) in unwritten {
            let row = aggregate.row(key: key)
            if matches(key, row) { found.append((aggregate, row)) }
        }
        return found.sorted { $0.row.key.id < $1.row.key.id }
    }

    private func admit(_ result: StoreResult<[AggregateRow]>, for keys: [AggregateKey]) {
        for row in values(of: result) { table.admit(row.key, decode(row)) }
        // What the store did not return does not exist.
        for key in keys { table.admit(key, nil) }
    }

    private func decode(_ row: AggregateRow) -> Machine.Aggregate {
        do {
            return try Machine.Aggregate(row: row)
        } catch {
            preconditionFailure("\(group) cannot read the row of \(row.key.id): \(error)")
        }
    }

    /// The rows, or the end of the process: a state that cannot be read cannot be served.
    private func values(of result: StoreResult<[AggregateRow]>) -> [AggregateRow] {
        switch result {
        case .success(let rows): return rows
        case .failure(let error):
            halt.halt("state store: \(error)")
            return []
        }
    }

    // MARK: Writing back

    /// What changed since the last call, with the index that it is the state of; nil when nothing
    /// was applied since. `written` follows.
    func takeBatch(after written: LogIndex) -> StateBatch? {
        guard appliedIndex > written else {
            table.trim()
            return nil
        }
        return StateBatch(
            group: group, appliedIndex: appliedIndex, appliedTerm: appliedTerm,
            rows: table.takeDirty())
    }

    func written() {
        table.written()
    }

    func expired() -> [(kind: AggregateKind, createdBefore: Int64)] {
        Machine.expired(in: group, table)
    }

    /// The state through `index` is in the store and synced: the log lets go of what nobody needs
    /// of it, and the journal is told.
    func letGo(through index: LogIndex) {
        let base = raft.compact(through: index, moment)
        guard base.index > compactedIndex else { return }
        compactedIndex = base.index
        journal.compact(group, upTo: base.index, term: base.term)
    }

    /// The state's place in the log.
    public var applied: LogIndex { appliedIndex }
}

/// A store's answer, carried from the worker's thread to the loop.
typealias StoreResult<Value> = Result<Value, StateStoreError>

extension Result where Failure == StateStoreError {
    init(_ body: () throws(StateStoreError) -> Success) {
        do throws(StateStoreError) {
            self = .success(try body())
        } catch {
            self = .failure(error)
        }
    }
}

extension AggregateRow {
    fileprivate func isNewer(than other: AggregateRow) -> Bool {
        created != other.created ? created > other.created : key.id > other.key.id
    }
}

extension AggregateQuery {
    /// True when a row that is not in the store yet belongs to the page's range.
    fileprivate func contains(_ row: AggregateRow) -> Bool {
        if let createdFrom, row.created < createdFrom { return false }
        if let createdThrough, row.created > createdThrough { return false }
        let place = (row.created, row.key.id)
        switch cursor {
        case .after(let position): return place < (position.created, position.id)
        case .before(let position): return place > (position.created, position.id)
        case nil: return true
        }
    }
}
