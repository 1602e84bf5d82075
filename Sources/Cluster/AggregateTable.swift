import Primitives
public import StateStore

// The aggregates of one shard that are in memory.
//
//   unknown ── admit (a row was read, or none is there) ──▶ clean
//   clean   ── set ──▶ dirty ── takeDirty ──▶ writing ── written ──▶ clean ── evict ──▶ unknown
//                        ▲                       │ set, notWritten
//                        └───────────────────────┘  (dirty again; the write under way is older)
//
// What is dirty or being written never leaves memory, so a reader that asks the table first and the
// store second always sees the newest state. Nor does what was changed in the window under way,
// whose checksum is taken at its end: that is bounded by what a window's entries change.

/// An aggregate that the store does not have yet in this state.
public struct ChangedAggregate<Aggregate: ShardAggregate>: Sendable {
    public let key: AggregateKey
    public let aggregate: Aggregate

    public var row: AggregateRow { aggregate.row(key: key) }
}

/// Aggregates in memory, with what of them the store does not have yet. A value without I/O.
public struct AggregateTable<Aggregate: ShardAggregate>: Sendable {
    private struct Slot {
        /// Nil for a key that is known to have no aggregate.
        var aggregate: Aggregate?
        var isDirty = false
        /// Changed since the last `takeWindow`.
        var isInWindow = false
        /// When the slot was last used, in the table's own counting.
        var usedAt: UInt64 = 0

        /// Returns what was marked before.
        mutating func change(
            to aggregate: Aggregate, at use: UInt64
        ) -> (isDirty: Bool, isInWindow: Bool) {
            defer {
                self.aggregate = aggregate
                usedAt = use
                isDirty = true
                isInWindow = true
            }
            return (isDirty, isInWindow)
        }
    }

    private var slots: [AggregateKey: Slot] = [:]
    private var dirtyKeys: [AggregateKey] = []
    private var windowKeys: [AggregateKey] = []
    private var writingKeys: Set<AggregateKey> = []
    private var useCount: UInt64 = 0

    /// How many clean aggregates stay in memory: about 4 KiB each. Half as many more may gather.
    public let cleanCountMax: Int

    public init(cleanCountMax: Int) {
        self.cleanCountMax = cleanCountMax
    }

    public var count: Int { slots.count }
    public var dirtyCount: Int { dirtyKeys.count }
    /// Those that the store may not have, at most: what is being written may have changed again.
    public var unwrittenCount: Int { dirtyKeys.count + writingKeys.count }

    /// True when the table can tell, present or not.
    public func knows(_ key: AggregateKey) -> Bool {
        slots[key] != nil
    }

    /// The aggregate of a key that the table knows; nil when there is none.
    public subscript(key: AggregateKey) -> Aggregate? {
        guard let slot = slots[key] else {
            preconditionFailure("\(key) was read before it was loaded")
        }
        return slot.aggregate
    }

    /// Takes what the store has, or has not, for a key that is unknown so far.
    public mutating func admit(_ key: AggregateKey, _ aggregate: Aggregate?) {
        guard slots[key] == nil else { return }
        useCount += 1
        slots[key] = Slot(aggregate: aggregate, usedAt: useCount)
    }

    /// Changes an aggregate, or makes one.
    public mutating func set(_ key: AggregateKey, _ aggregate: Aggregate) {
        useCount += 1
        let before = slots[key, default: Slot()].change(to: aggregate, at: useCount)
        if !before.isDirty { dirtyKeys.append(key) }
        if !before.isInWindow { windowKeys.append(key) }
    }

    /// Every changed aggregate, to be encoded by whoever writes it. They stay in memory until
    /// `written`.
    public mutating func takeDirty() -> [ChangedAggregate<Aggregate>] {
        precondition(writingKeys.isEmpty, "a second write began before the first had ended")
        var taken: [ChangedAggregate<Aggregate>] = []
        taken.reserveCapacity(dirtyKeys.count)
        for key in dirtyKeys {
            guard let aggregate = slots[key]?.aggregate else { continue }
            slots[key]!.isDirty = false
            writingKeys.insert(key)
            taken.append(ChangedAggregate(key: key, aggregate: aggregate))
        }
        dirtyKeys.removeAll(keepingCapacity: true)
        return taken
    }

    /// The rows of the last `takeDirty` are in the store.
    public mutating func written() {
        writingKeys.removeAll(keepingCapacity: true)
        evict()
    }

    /// The rows of the last `takeDirty` are not in the store: the next one has them again.
    public mutating func notWritten() {
        // In an order, so that what is written next does not depend on how keys are hashed.
        let keys = writingKeys.sorted { ($0.kind.rawValue, $0.id) < ($1.kind.rawValue, $1.id) }
        for key in keys where !slots[key]!.isDirty {
            slots[key]!.isDirty = true
            dirtyKeys.append(key)
        }
        writingKeys.removeAll(keepingCapacity: true)
    }

    /// Aggregates that the store may not have yet in their newest state, in no particular order.
    public func unwritten(
        where matches: (AggregateKey, Aggregate) -> Bool
    ) -> [AggregateKey: Aggregate] {
        var found: [AggregateKey: Aggregate] = [:]
        for key in dirtyKeys {
            if let aggregate = slots[key]?.aggregate, matches(key, aggregate) {
                found[key] = aggregate
            }
        }
        for key in writingKeys {
            if let aggregate = slots[key]?.aggregate, matches(key, aggregate) {
                found[key] = aggregate
            }
        }
        return found
    }

    /// A checksum for each aggregate that was changed since the last call, in its newest state.
    package mutating func takeWindow() -> [UInt32] {
        var checksums: [UInt32] = []
        checksums.reserveCapacity(windowKeys.count)
        for key in windowKeys {
            slots[key]!.isInWindow = false
            guard let aggregate = slots[key]!.aggregate else { continue }
            checksums.append(aggregate.row(key: key).checksum)
        }
        windowKeys.removeAll(keepingCapacity: true)
        return checksums
    }

    /// Says that an aggregate was read: the least recently used go first.
    public mutating func touch(_ key: AggregateKey) {
        useCount += 1
        slots[key]?.usedAt = useCount
    }

    /// Keeps to the bound where nothing was written for a while.
    public mutating func trim() {
        evict()
    }

    /// Lets go of the clean aggregates that were not used for longest, down to the bound.
    private mutating func evict() {
        // Half as much again may gather first, so that the work of choosing is shared by many.
        guard slots.count > cleanCountMax + cleanCountMax / 2 else { return }
        // Keys and ages are sorted, not the aggregates: moving those took seconds of the loop.
        var candidates: [(key: AggregateKey, usedAt: UInt64)] = []
        candidates.reserveCapacity(slots.count)
        for (key, slot) in slots
        where !slot.isDirty && !slot.isInWindow && !writingKeys.contains(key) {
            candidates.append((key, slot.usedAt))
        }
        candidates.sort { $0.usedAt < $1.usedAt }
        for (key, _) in candidates.prefix(slots.count - cleanCountMax) { slots[key] = nil }
    }
}
