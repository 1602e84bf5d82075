import DequeModule
import Environment

/// Lets one command at a time work on an entity, in the order of their coming.
///
/// An actor alone does not: another call runs whenever one awaits. It belongs to its actor, which
/// takes and gives it back on the loop.
struct Mailbox {
    /// How many commands may wait: with a commit each, the last waits about a tenth of a second.
    static let waiterCountMax = 128

    private var isTaken = false
    private var waiters: Deque<Resumption<Void>> = []

    enum Entry {
        case entered
        case mustWait
        case full
    }

    /// True when nobody works and nobody waits.
    var isIdle: Bool { !isTaken && waiters.isEmpty }

    mutating func tryEnter() -> Entry {
        guard isTaken else {
            isTaken = true
            return .entered
        }
        return waiters.count < Self.waiterCountMax ? .mustWait : .full
    }

    /// Resumed once it is the caller's turn; the mailbox is then the caller's.
    mutating func wait(_ resumption: Resumption<Void>) {
        waiters.append(resumption)
    }

    mutating func leave() {
        if let next = waiters.popFirst() {
            next.resume()
        } else {
            isTaken = false
        }
    }
}
