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
///
/// Each has a place, found by its key once; what is said of it, but the aggregate itself, is of no
/// generic type, so that nothing is looked up by way of types that are known at run time only.
public struct AggregateTable<Aggregate: ShardAggregate>: Sendable {
    private var places = PlaceTable()
    /// By place. Nil for a key that is known to have no aggregate, and at a place without a key.
    private var aggregates: [Aggregate?] = []

    /// How many clean aggregates stay in memory: about 4 KiB each. Half as many more may gather.
    public let cleanCountMax: Int

    public init(cleanCountMax: Int) {
        self.cleanCountMax = cleanCountMax
    }

    public var count: Int { places.count }
    public var dirtyCount: Int { places.dirty.count }
    /// Those that the store may not have, at most: what is being written may have changed again.
    public var unwrittenCount: Int { places.dirty.count + places.writing.count }

    /// True when the table can tell, present or not.
    public func knows(_ key: AggregateKey) -> Bool { places[key] != nil }

    /// The aggregate of a key that the table knows; nil when there is none.
    public subscript(key: AggregateKey) -> Aggregate? {
        guard let place = places[key] else {
            preconditionFailure("\(key) was read before it was loaded")
        }
        return aggregates[place]
    }

    /// Takes what the store has, or has not, for a key that is unknown so far.
    public mutating func admit(_ key: AggregateKey, _ aggregate: Aggregate?) {
        guard places[key] == nil else { return }
        put(aggregate, at: places.add(key))
    }

    /// Changes an aggregate, or makes one.
    public mutating func set(_ key: AggregateKey, _ aggregate: Aggregate) {
        let place = places[key] ?? places.add(key)
        put(aggregate, at: place)
        places.noteChange(at: place)
    }

    private mutating func put(_ aggregate: Aggregate?, at place: Int) {
        if place == aggregates.count {
            aggregates.append(aggregate)
        } else {
            aggregates[place] = aggregate
        }
    }

    /// Every changed aggregate, to be encoded by whoever writes it. They stay in memory until
    /// `written`.
    public mutating func takeDirty() -> [ChangedAggregate<Aggregate>] {
        let taken = places.takeDirty()
        var changed: [ChangedAggregate<Aggregate>] = []
        changed.reserveCapacity(taken.count)
        for place in taken {
            guard let aggregate = aggregates[place] else { continue }
            changed.append(ChangedAggregate(key: places.key(at: place), aggregate: aggregate))
        }
        return changed
    }

    /// The rows of the last `takeDirty` are in the store.
    public mutating func written() {
        places.written()
        evict()
    }

    /// The rows of the last `takeDirty` are not in the store: the next one has them again.
    public mutating func notWritten() {
        places.notWritten()
    }

    /// Aggregates that the store may not have yet in their newest state, in no particular order.
    public func unwritten(
        where matches: (AggregateKey, Aggregate) -> Bool
    ) -> [AggregateKey: Aggregate] {
        var found: [AggregateKey: Aggregate] = [:]
        for list in [places.dirty, places.writing] {
            for place in list {
                let key = places.key(at: place)
                if let aggregate = aggregates[place], matches(key, aggregate) {
                    found[key] = aggregate
                }
            }
        }
        return found
    }

    /// A checksum for each aggregate that was changed since the last call, in its newest state.
    package mutating func takeWindow() -> [UInt32] {
        let window = places.takeWindow()
        var checksums: [UInt32] = []
        checksums.reserveCapacity(window.count)
        for place in window {
            guard let aggregate = aggregates[place] else { continue }
            checksums.append(aggregate.row(key: places.key(at: place)).checksum)
        }
        return checksums
    }

    /// Says that an aggregate was read: the least recently used go first.
    public mutating func touch(_ key: AggregateKey) {
        if let place = places[key] { places.noteUse(of: place) }
    }

    /// Keeps to the bound where nothing was written for a while.
    public mutating func trim() {
        evict()
    }

    /// Lets go of the clean aggregates that were not used for longest, down to the bound.
    private mutating func evict() {
        // Half as much again may gather first, so that the work of choosing is shared by many.
        guard places.count > cleanCountMax + cleanCountMax / 2 else { return }
        for place in places.removeOldest(downTo: cleanCountMax) { aggregates[place] = nil }
    }
}
