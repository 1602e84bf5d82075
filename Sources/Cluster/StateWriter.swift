public import Environment
public import Primitives
public import StateStore

/// A shard as the state writer sees it. Loop only.
protocol WrittenBack: Sendable {
    var group: GroupID { get }
    func takeChanges(after written: LogIndex) -> StateBatch?
    func changesWritten()
    func expiredRows() -> [(kind: AggregateKind, createdBefore: Int64)]
    func stateIsDurable(through index: LogIndex)
}

extension ShardHost: WrittenBack {
    nonisolated func takeChanges(after written: LogIndex) -> StateBatch? {
        assumeIsolated { $0.takeBatch(after: written) }
    }

    nonisolated func changesWritten() {
        assumeIsolated { $0.written() }
    }

    nonisolated func expiredRows() -> [(kind: AggregateKind, createdBefore: Int64)] {
        assumeIsolated { $0.expired() }
    }

    nonisolated func stateIsDurable(through index: LogIndex) {
        assumeIsolated { $0.letGo(through: index) }
    }
}

/// Writes what the shards changed to the state store, many changes in one transaction, and lets the
/// journal forget what a synced checkpoint covers.
public actor StateWriter {
    public struct Options: Sendable {
        /// How long a change may stay in memory only. The journal has it; this bounds the replay.
        public var interval: Duration = .milliseconds(50)
        /// How often the store is synced and the journal compacted.
        public var checkpointInterval: Duration = .seconds(10)
        /// Told what each checkpoint covers before the journal forgets it. Loop only.
        public var checkpointed: (@Sendable ([GroupID: LogIndex]) -> Void)?

        public init() {}
    }

    private nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let store: StateStore
    private let worker: any BlockingWorker
    private let halt: any NodeHalt
    private let options: Options
    private var shards: [any WrittenBack] = []
    private var writtenIndexes: [GroupID: LogIndex] = [:]
    private var isWriting = false
    private var isStopped = false
    private var lastCheckpoint: MonotonicInstant

    public init(
        loop: any NodeLoop, store: StateStore, worker: any BlockingWorker, halt: any NodeHalt,
        options: Options = Options()
    ) {
        self.loop = loop
        self.store = store
        self.worker = worker
        self.halt = halt
        self.options = options
        lastCheckpoint = loop.now
    }

    /// Adds a shard whose stored state is that of `written`.
    public func add<Machine>(_ shard: ShardHost<Machine>, written: LogIndex) {
        shards.append(shard)
        writtenIndexes[shard.group] = written
    }

    public func start() {
        scheduleTick()
    }

    /// Writes everything back, syncs, and stops.
    public func stop() async {
        isStopped = true
        while isWriting { await loop.sleep(for: .milliseconds(1)) }
        await write()
        await checkpoint()
    }

    private func scheduleTick() {
        loop.schedule(after: options.interval) { [self] in
            assumeIsolated { $0.tick() }
        }
    }

    private func tick() {
        guard !isStopped else { return }
        Task { await self.turn() }
    }

    private func turn() async {
        // Whoever stops the writer writes what is left; two writes at once there must not be.
        guard !isStopped, !isWriting else { return }
        await write()
        if store.mayHaveStaleRows { await removeStaleRows() }
        if loop.now - lastCheckpoint >= options.checkpointInterval { await checkpoint() }
        if !isStopped { scheduleTick() }
    }

    private func write() async {
        isWriting = true
        defer { isWriting = false }
        let batches = shards.compactMap { $0.takeChanges(after: writtenIndexes[$0.group] ?? 0) }
        guard !batches.isEmpty else { return }
        let store = store
        let result = await worker.run(on: loop) {
            StoreResult { () throws(StateStoreError) in try store.write(batches) }
        }
        switch result {
        case .success:
            for batch in batches { writtenIndexes[batch.group] = batch.appliedIndex }
            for shard in shards where batches.contains(where: { $0.group == shard.group }) {
                shard.changesWritten()
            }
        case .failure(let error):
            halt.halt("state store: \(error)")
        }
    }

    /// How many rows of generations that do not count one turn removes: some ten milliseconds, a
    /// fifth of the time between two turns.
    private static let staleCountMax = 1_000

    private func removeStaleRows() async {
        let store = store
        let result = await worker.run(on: loop) {
            StoreResult { () throws(StateStoreError) in
                try store.removeStaleRows(limit: Self.staleCountMax)
            }
        }
        if case .failure(let error) = result { halt.halt("state store: \(error)") }
    }

    /// How many expired rows one checkpoint removes of a kind: some ten milliseconds, and as many
    /// as expire between two checkpoints at a thousand keys a second.
    private static let expiredCountMax = 10_000

    private func checkpoint() async {
        lastCheckpoint = loop.now
        let store = store
        let expired = shards.flatMap { shard in
            shard.expiredRows().map { (shard.group, $0.kind, $0.createdBefore) }
        }
        let result = await worker.run(on: loop) {
            StoreResult { () throws(StateStoreError) in
                for (group, kind, createdBefore) in expired {
                    _ = try store.removeExpired(
                        group: group, kind: kind, createdBefore: createdBefore,
                        limit: Self.expiredCountMax)
                }
                return try store.checkpoint()
            }
        }
        switch result {
        case .success(let covered):
            options.checkpointed?(covered)
            for shard in shards {
                if let index = covered[shard.group] { shard.stateIsDurable(through: index) }
            }
        case .failure(.busy):
            // A read that takes long, as that of a snapshot, is under way: the journal is kept, and
            // the next checkpoint covers more.
            break
        case .failure(let error):
            halt.halt("state store: \(error)")
        }
    }
}
