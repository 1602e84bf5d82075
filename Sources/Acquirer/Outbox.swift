import Primitives

/// What a connection still has to send, in the order in which it was asked.
///
/// An item leaves once its journal batch is committed, its time has come, and everything before it
/// has left. Bounded by the bytes of the messages that the items answer: the host stops reading a
/// connection whose `chargedByteCount` has reached its limit.
struct Outbox {
    enum Action: Equatable {
        case write([UInt8])
        /// Nothing is sent; the message counts until it is committed.
        case keepQuiet
        case close
    }

    struct Item {
        let action: Action
        /// The journal batch that has to be committed before.
        let batch: UInt64
        let dueAt: MonotonicInstant
        /// The size of the message that is answered.
        let chargedByteCount: Int
    }

    private var items: [Item] = []
    private(set) var chargedByteCount = 0

    mutating func append(_ item: Item) {
        items.append(item)
        chargedByteCount += item.chargedByteCount
    }

    /// Removes and returns what may leave now, in order.
    mutating func takeReady(committed batch: UInt64, at now: MonotonicInstant) -> [Action] {
        let count = items.prefix { $0.batch <= batch && $0.dueAt <= now }.count
        let ready = items[..<count]
        chargedByteCount -= ready.reduce(0) { $0 + $1.chargedByteCount }
        let actions = ready.map(\.action)
        items.removeFirst(count)
        return actions
    }

    /// When the first item may leave, if it only waits for its time.
    func dueAt(committed batch: UInt64) -> MonotonicInstant? {
        items.first.flatMap { $0.batch <= batch ? $0.dueAt : nil }
    }
}
