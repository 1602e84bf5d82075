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
    /// Has it told of the first change after each `takeChanges`, and of those that there are.
    func observeChanges(_ observer: @escaping @Sendable () -> Void)
    /// Whether something was applied that was not taken.
    var hasChanges: Bool { get }
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
    nonisolated func observeChanges(_ observer: @escaping @Sendable () -> Void) {
        onLoop { host in
            host.changeObserver = observer
            host.noteChange()
        }
    }

    nonisolated var hasChanges: Bool { onLoop { $0.isChangeNoted } }

    nonisolated var changedCount: Int { onLoop { $0.table.dirtyCount } }

    nonisolated func takeChanges(after written: LogIndex) -> TakenChanges? {
        onLoop { $0.takeBatch(after: written) }
    }

    nonisolated func changesWritten() {
        onLoop { $0.written() }
    }

    nonisolated func changesNotWritten() {
        onLoop { $0.notWritten() }
    }

    nonisolated func storeHasRoom(_ hasRoom: Bool) {
        onLoop { $0.hasStoreRoom = hasRoom }
    }

    nonisolated func expiredRows() -> [(kind: AggregateKind, createdBefore: Int64)] {
        onLoop { $0.expired() }
    }

    nonisolated func stateIsDurable(through index: LogIndex) {
        onLoop { $0.letGo(through: index) }
    }
}

/// Writes what the shards changed to the state store, many changes in one transaction, and lets the
/// journal forget what a synced checkpoint covers.
///
/// A store that finds no room on its disk keeps what it has. The shards refuse what is new until a
/// write succeeds, which is tried twice a second: the journal has everything meanwhile.
public actor StateWriter: LoopActor {
    public struct Options: Sendable {
        /// How long a change may stay in memory only. The journal has it; this bounds the replay.
        /// A payment changes some eight times within a second, and is written once for that.
        public var interval: Duration = .seconds(1)
        /// As many changed aggregates are written before that: their keys are looked through by
        /// each list, and their rows, about 2 KiB each, are one transaction, half of what SQLite's
        /// log holds. Earlier than need be, fewer changes of an aggregate share its row.
        public var changedCountMax = 16_384
        /// How often the store is synced and the journal compacted.
        public var checkpointInterval: Duration = .seconds(10)
        /// Told what each checkpoint covers before the journal forgets it. Loop only.
        public var checkpointed: (@Sendable ([GroupID: LogIndex]) -> Void)?

        public init() {}
    }

    public nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let store: StateStore
    private let worker: any BlockingWorker
    private let halt: any NodeHalt
    private let options: Options
    private var shards: [any WrittenBack] = []
    /// Places in `shards` of those that have changed, in the order in which they did.
    private var changed: [Int] = []
    /// When the oldest change came that is not being written.
    private var changedSince: MonotonicInstant
    private var writtenIndexes: [GroupID: LogIndex] = [:]
    /// Places of those in which rows may have expired since they were looked through.
    private var expiring: Set<Int> = []
    private var isWriting = false
    private var isStopped = false
    private var timer: (any LoopTimer)?
    /// There is nothing to do before the next checkpoint.
    private var isResting = false
    private var lastCheckpoint: MonotonicInstant
    private var hasRoom = true
    private var roomObserver: (@Sendable (_ hasRoom: Bool) -> Void)?

    /// From one look at how much has changed to the next: some ten thousand changes at most.
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
        changedSince = loop.now
    }

    /// Adds a shard whose stored state is that of `written`.
    public func add(_ shard: ShardHost, written: LogIndex) {
        let place = shards.count
        shards.append(shard)
        if !hasRoom { shard.storeHasRoom(false) }
        writtenIndexes[shard.group] = written
        expiring.insert(place)
        shard.observeChanges { [weak self] in self?.onLoop { $0.noteChange(place) } }
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
        timer?.cancel()
        while isWriting { await loop.sleep(for: .milliseconds(1)) }
        await write()
        await checkpoint()
    }

    private func noteChange(_ place: Int) {
        if changed.isEmpty { changedSince = loop.now }
        changed.append(place)
        guard isResting, !isStopped else { return }
        timer?.cancel()
        scheduleTick()
    }

    private func scheduleTick() {
        isResting = hasRoom && changed.isEmpty && !store.mayHaveStaleRows
        let pause =
            if isResting {
                max(.zero, lastCheckpoint + options.checkpointInterval - loop.now)
            } else {
                hasRoom ? Self.lookInterval : Self.fullPause
            }
        timer = loop.schedule(after: pause) { [self] in onLoop { $0.tick() } }
    }

    private func tick() {
        isResting = false
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
        guard hasRoom else { return true }
        guard !changed.isEmpty else { return false }
        return loop.now - changedSince >= options.interval
            || changed.reduce(0) { $0 + shards[$1].changedCount } >= options.changedCountMax
    }

    private func write() async {
        isWriting = true
        defer { isWriting = false }
        let places = changed.sorted()
        let writers = places.map { shards[$0] }
        changedSince = loop.now
        let taken = writers.compactMap { $0.takeChanges(after: writtenIndexes[$0.group] ?? 0) }
        // One that a snapshot is being installed in has not been taken from.
        changed.removeAll { !shards[$0].hasChanges }
        // Where nothing has changed, the next write finds out.
        guard !taken.isEmpty else { return setRoom(true) }
        let store = store
        let result = await worker.run(on: loop) {
            StoreResult { () throws(StateStoreError) in
                try store.write(taken.map { $0.batch() })
                try store.writeBack()
            }
        }
        let takenGroups = Set(taken.map(\.group))
        let written = writers.filter { takenGroups.contains($0.group) }
        switch result {
        case .success:
            for changes in taken { writtenIndexes[changes.group] = changes.appliedIndex }
            expiring.formUnion(places.filter { takenGroups.contains(shards[$0].group) })
            setRoom(true)
            for shard in written { shard.changesWritten() }
        case .failure(.full):
            setRoom(false)
            for shard in written { shard.changesNotWritten() }
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
        // Where nothing was written, the time by which rows expire stands still.
        let places = expiring.sorted()
        expiring = []
        let expired = places.flatMap { place in
            let group = shards[place].group
            return shards[place].expiredRows().map {
                ExpiredRows(group: group, kind: $0.kind, createdBefore: $0.createdBefore)
            }
        }
        let result = await worker.run(on: loop) {
            StoreResult { () throws(StateStoreError) in
                let removed = try store.removeExpired(expired, limit: Self.expiredCountMax)
                return (removed, try store.checkpoint())
            }
        }
        switch result {
        case .success(let (removed, covered)):
            let unfinished = Set(
                zip(expired, removed).filter { $1 == Self.expiredCountMax }.map(\.0.group))
            expiring.formUnion(places.filter { unfinished.contains(shards[$0].group) })
            options.checkpointed?(covered)
            for shard in shards {
                if let index = covered[shard.group] { shard.stateIsDurable(through: index) }
            }
        case .failure(.busy), .failure(.full):
            // A read that takes long, as that of a snapshot, is under way, or the disk is full: the
            // journal is kept, and the next checkpoint covers more.
            expiring.formUnion(places)
        case .failure(let error):
            halt.halt("state store: \(error)")
        }
    }
}
