import StateStore

/// Where each key of a table of aggregates has its place, and what is under way with it.
///
/// A place is given again once its key was removed. What is dirty, being written, or changed in
/// the window under way keeps its key and its place.
struct PlaceTable: Sendable {
    private struct Mark {
        /// Nil at a place that waits to be given.
        var key: AggregateKey?
        var isDirty = false
        var isWriting = false
        /// Changed since the last `takeWindow`.
        var isInWindow = false
        /// When it was last used, in the table's own counting.
        var usedAt: UInt64

        var mayGo: Bool { key != nil && !isDirty && !isWriting && !isInWindow }
    }

    private var places: [AggregateKey: Int] = [:]
    private var marks: [Mark] = []
    private var free: [Int] = []
    private var window: [Int] = []
    private var useCount: UInt64 = 0
    /// Changed, and not being written in that state; in the order in which they changed.
    private(set) var dirty: [Int] = []
    private(set) var writing: [Int] = []

    var count: Int { places.count }

    subscript(key: AggregateKey) -> Int? { places[key] }

    func key(at place: Int) -> AggregateKey {
        guard let key = marks[place].key else { preconditionFailure("no key at place \(place)") }
        return key
    }

    /// Gives a place to a key that has none: a free one, or the next.
    mutating func add(_ key: AggregateKey) -> Int {
        useCount += 1
        let mark = Mark(key: key, usedAt: useCount)
        let place = free.popLast() ?? marks.count
        if place == marks.count { marks.append(mark) } else { marks[place] = mark }
        places[key] = place
        return place
    }

    mutating func noteUse(of place: Int) {
        useCount += 1
        marks[place].usedAt = useCount
    }

    mutating func noteChange(at place: Int) {
        noteUse(of: place)
        if !marks[place].isDirty {
            marks[place].isDirty = true
            dirty.append(place)
        }
        if !marks[place].isInWindow {
            marks[place].isInWindow = true
            window.append(place)
        }
    }

    /// What is dirty is being written from now on.
    mutating func takeDirty() -> [Int] {
        precondition(writing.isEmpty, "a second write began before the first had ended")
        for place in dirty {
            marks[place].isDirty = false
            marks[place].isWriting = true
        }
        writing = dirty
        dirty = []
        return writing
    }

    mutating func written() {
        for place in writing { marks[place].isWriting = false }
        writing = []
    }

    mutating func notWritten() {
        for place in writing {
            marks[place].isWriting = false
            guard !marks[place].isDirty else { continue }
            marks[place].isDirty = true
            dirty.append(place)
        }
        writing = []
    }

    /// What was changed since the last call.
    mutating func takeWindow() -> [Int] {
        for place in window { marks[place].isInWindow = false }
        defer { window.removeAll(keepingCapacity: true) }
        return window
    }

    /// Takes the keys away that were not used for longest and may go, until so many are left.
    mutating func removeOldest(downTo countMax: Int) -> ArraySlice<Int> {
        let excess = count - countMax
        guard excess > 0 else { return [] }
        let oldest = marks.indices.filter { marks[$0].mayGo }
            .sorted { marks[$0].usedAt < marks[$1].usedAt }
            .prefix(excess)
        for place in oldest {
            places[key(at: place)] = nil
            marks[place].key = nil
            free.append(place)
        }
        return oldest
    }
}
