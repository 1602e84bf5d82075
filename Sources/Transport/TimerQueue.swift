import HeapModule
package import Primitives

/// The timers of a loop: due ones come out by deadline, then in the order of their scheduling.
///
/// Cancelling takes a timer out of the table of actions at once and leaves its heap entry behind;
/// entries without an action are skipped, and swept when they outnumber the live ones, so that
/// cancelled timeouts take no more memory than those that wait.
package struct TimerQueue {
    /// Names one timer of this queue, never reused.
    package typealias Identifier = UInt64

    private struct Entry: Comparable {
        let deadline: MonotonicInstant
        let identifier: Identifier

        static func < (left: Entry, right: Entry) -> Bool {
            (left.deadline, left.identifier) < (right.deadline, right.identifier)
        }
    }

    /// Below this many entries, sweeping is not worth its pass over the heap.
    private static let smallestSweep = 64

    private var entries = Heap<Entry>()
    private var actions: [Identifier: () -> Void] = [:]

    package init() {}

    /// The identifier that the next timer gets: all timers scheduled so far have smaller ones.
    package private(set) var nextIdentifier: Identifier = 0

    /// How many timers wait.
    package var count: Int { actions.count }
    /// How many heap entries there are, those of cancelled timers among them.
    package var entryCount: Int { entries.count }

    package mutating func schedule(
        at deadline: MonotonicInstant, _ action: @escaping () -> Void
    ) -> Identifier {
        let identifier = nextIdentifier
        nextIdentifier += 1
        entries.insert(Entry(deadline: deadline, identifier: identifier))
        actions[identifier] = action
        return identifier
    }

    /// Forgets a timer; nothing happens when it has fired or was cancelled.
    package mutating func cancel(_ identifier: Identifier) {
        guard actions.removeValue(forKey: identifier) != nil else { return }
        guard entries.count > Self.smallestSweep, entries.count > 2 * actions.count else { return }
        entries = Heap(entries.unordered.filter { actions[$0.identifier] != nil })
    }

    package mutating func removeAll() {
        entries = Heap()
        actions.removeAll()
    }

    /// The earliest deadline of a timer that waits.
    package mutating func nextDeadline() -> MonotonicInstant? {
        while let first = entries.min {
            if actions[first.identifier] != nil { return first.deadline }
            entries.removeMin()
        }
        return nil
    }

    /// Takes out the first timer that is due at `now`, if it is older than the identifier
    /// `limit`: a pass that takes its limit before its first timer ends even when every action
    /// schedules another timer that is due at once.
    package mutating func popDue(
        at now: MonotonicInstant, before limit: Identifier
    ) -> (deadline: MonotonicInstant, action: () -> Void)? {
        while let first = entries.min, first.deadline <= now, first.identifier < limit {
            entries.removeMin()
            if let action = actions.removeValue(forKey: first.identifier) {
                return (first.deadline, action)
            }
        }
        return nil
    }
}
