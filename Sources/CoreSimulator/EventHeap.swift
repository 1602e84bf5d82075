/// What is to come, ordered by time and then by when it was planned.
///
/// The heap holds small keys; the events stay where they are, so that moving a key costs no
/// reference counting.
struct EventHeap<Event> {
    private struct Key {
        let time: Int64
        let sequence: UInt64
        let slot: Int32

        func isBefore(_ other: Key) -> Bool {
            time != other.time ? time < other.time : sequence < other.sequence
        }
    }

    private var keys: [Key] = []
    private var slots: [Event?] = []
    private var free: [Int32] = []
    private var sequence: UInt64 = 0

    var count: Int { keys.count }
    var nextTime: Int64? { keys.first?.time }

    mutating func insert(_ event: Event, at time: Int64) {
        sequence += 1
        let slot: Int32
        if let reused = free.popLast() {
            slot = reused
            slots[Int(slot)] = event
        } else {
            slot = Int32(slots.count)
            slots.append(event)
        }
        keys.append(Key(time: time, sequence: sequence, slot: slot))
        rise(keys.count - 1)
    }

    mutating func removeNext() -> (time: Int64, event: Event)? {
        guard let first = keys.first, let event = slots[Int(first.slot)] else { return nil }
        slots[Int(first.slot)] = nil
        free.append(first.slot)
        let last = keys.removeLast()
        if !keys.isEmpty {
            keys[0] = last
            sink()
        }
        return (first.time, event)
    }

    private mutating func rise(_ start: Int) {
        var child = start
        let key = keys[child]
        while child > 0 {
            let parent = (child - 1) / 2
            guard key.isBefore(keys[parent]) else { break }
            keys[child] = keys[parent]
            child = parent
        }
        keys[child] = key
    }

    private mutating func sink() {
        var parent = 0
        let key = keys[0]
        while true {
            var child = 2 * parent + 1
            guard child < keys.count else { break }
            if child + 1 < keys.count, keys[child + 1].isBefore(keys[child]) { child += 1 }
            guard keys[child].isBefore(key) else { break }
            keys[parent] = keys[child]
            parent = child
        }
        keys[parent] = key
    }
}
