public import Environment
public import Primitives
public import StateStore

/// What a shard has changed, encoded where it is written and not on the loop.
struct TakenChanges: Sendable {
    let group: GroupID
    let appliedIndex: LogIndex
    let batch: @Sendable () -> StateBatch
}

/// A shard as the state writer sees it. Loop only.
protocol WrittenBack: Sendable {
    var group: GroupID { get }
    /// How many aggregates wait to be written.
    var changedCount: Int { get }
    func takeChanges(after written: LogIndex) -> TakenChanges?
    func changesWritten()
    /// The store has no room for what was taken.
    func changesNotWritten()
    /// Whether the store finds room, where that has changed.
    func storeHasRoom(_ hasRoom: Bool)
    func expiredRows() -> [(kind: AggregateKind, createdBefore: Int64)]
    func stateIsDurable(through index: LogIndex)
}

extension ShardHost: WrittenBack {
    nonisolated var changedCount: Int { assumeIsolated { $0.table.dirtyCount } }

    nonisolated func takeChanges(after written: LogIndex) -> TakenChanges? {
        assumeIsolated { $0.takeBatch(after: written) }
    }

    nonisolated func changesWritten() {
        assumeIsolated { $0.written() }
    }

    nonisolated func changesNotWritten() {
        assumeIsolated { $0.notWritten() }
    }

    nonisolated func storeHasRoom(_ hasRoom: Bool) {
        assumeIsolated { $0.hasStoreRoom = hasRoom }
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
///
/// A store that finds no room on its disk keeps what it has. The shards refuse what is new until a
/// write succeeds, which is tried twice a second: the journal has everything meanwhile.
public actor StateWriter {
    public struct Options: Sendable {
        /// How long a change may stay in memory only. The journal has it; this bounds the replay.
        /// A payment changes some eight times within a second, and is written once for that.
        public var interval: Duration = .seconds(1)
        /// As many changed aggregates are written before that: their keys are looked through by
        /// each list, and their rows, about 2 KiB each, are one transaction.
        public var changedCountMax = 8_192
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
    private var lastWrite: MonotonicInstant
    private var hasRoom = true
    private var roomObserver: (@Sendable (_ hasRoom: Bool) -> Void)?

    /// From one look at what has changed to the next: some ten thousand changes at most.
    private static let lookInterval = Duration.milliseconds(200)
    /// Between two tries of a store that finds no room.
    static let fullPause = Duration.milliseconds(500)

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
        lastWrite = loop.now
    }

    /// Adds a shard whose stored state is that of `written`.
    public func add<Machine>(_ shard: ShardHost<Machine>, written: LogIndex) {
        shards.append(shard)
        if !hasRoom { shard.storeHasRoom(false) }
        writtenIndexes[shard.group] = written
    }

    public func start() {
        scheduleTick()
    }

    /// Has it told when the store stops and begins to find room on its disk, on the loop. There is
    /// one observer.
    public func observeRoom(_ observer: @escaping @Sendable (_ hasRoom: Bool) -> Void) {
        roomObserver = observer
    }

    /// Writes everything back, syncs, and stops.
    public func stop() async {
        isStopped = true
        while isWriting { await loop.sleep(for: .milliseconds(1)) }
        await write()
        await checkpoint()
    }

    private func scheduleTick() {
        loop.schedule(after: hasRoom ? Self.lookInterval : Self.fullPause) { [self] in
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
        if isWriteDue { await write() }
        if store.mayHaveStaleRows { await removeStaleRows() }
        if loop.now - lastCheckpoint >= options.checkpointInterval { await checkpoint() }
        if !isStopped { scheduleTick() }
    }

    private var isWriteDue: Bool {
        !hasRoom || loop.now - lastWrite >= options.interval
            || shards.reduce(0) { $0 + $1.changedCount } >= options.changedCountMax
    }

    private func write() async {
        isWriting = true
        defer { isWriting = false }
        lastWrite = loop.now
        let taken = shards.compactMap { $0.takeChanges(after: writtenIndexes[$0.group] ?? 0) }
        // Where nothing has changed, the next write finds out.
        guard !taken.isEmpty else { return setRoom(true) }
        let store = store
        let result = await worker.run(on: loop) {
            StoreResult { () throws(StateStoreError) in try store.write(taken.map { $0.batch() }) }
        }
        let writers = shards.filter { shard in taken.contains { $0.group == shard.group } }
        switch result {
        case .success:
            for changes in taken { writtenIndexes[changes.group] = changes.appliedIndex }
            setRoom(true)
            for shard in writers { shard.changesWritten() }
        case .failure(.full):
            setRoom(false)
            for shard in writers { shard.changesNotWritten() }
        case .failure(let error):
            halt.halt("state store: \(error)")
        }
    }

    private func setRoom(_ hasRoom: Bool) {
        guard hasRoom != self.hasRoom else { return }
        self.hasRoom = hasRoom
        for shard in shards { shard.storeHasRoom(hasRoom) }
        roomObserver?(hasRoom)
    }

    /// How many rows of generations that do not count one turn removes: some ten milliseconds, a
    /// twentieth of the time between two turns.
    private static let staleCountMax = 1_000

    private func removeStaleRows() async {
        let store = store
        let result = await worker.run(on: loop) {
            StoreResult { () throws(StateStoreError) in
                try store.removeStaleRows(limit: Self.staleCountMax)
            }
        }
        switch result {
        case .success, .failure(.full): break
        case .failure(let error): halt.halt("state store: \(error)")
        }
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
        case .failure(.busy), .failure(.full):
            // A read that takes long, as that of a snapshot, is under way, or the disk is full: the
            // journal is kept, and the next checkpoint covers more.
            break
        case .failure(let error):
            halt.halt("state store: \(error)")
        }
    }
}
