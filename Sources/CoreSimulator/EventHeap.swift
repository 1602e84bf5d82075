/// What is to come, ordered by time and then by when it was planned.
///
/// Most of what a world plans for long is to be at a fixed distance, and most of it is void when it
/// comes: such events stand in a lane of their own, in the order in which they came, so that the
/// heap stays small.
struct EventHeap<Event> {
    private struct Entry {
        let time: Int64
        let sequence: UInt64
        let event: Event

        func isBefore(_ other: Entry) -> Bool {
            time != other.time ? time < other.time : sequence < other.sequence
        }
    }

    private var entries: [Entry] = []
    /// By rising time; what stands before `laneStart` was taken.
    private var lane: [Entry] = []
    private var laneStart = 0
    private var sequence: UInt64 = 0

    var count: Int { entries.count + lane.count - laneStart }

    var nextTime: Int64? {
        guard laneStart < lane.count else { return entries.first?.time }
        let laneTime = lane[laneStart].time
        return entries.isEmpty ? laneTime : min(entries[0].time, laneTime)
    }

    mutating func insert(_ event: Event, at time: Int64) {
        sequence += 1
        entries.append(Entry(time: time, sequence: sequence, event: event))
        rise(entries.count - 1)
    }

    /// Plans an event that comes after all that were planned by this function.
    mutating func append(_ event: Event, at time: Int64) {
        precondition(lane.isEmpty || lane[lane.count - 1].time <= time, "\(time) is not the last")
        sequence += 1
        lane.append(Entry(time: time, sequence: sequence, event: event))
    }

    /// Takes the event at `nextTime`: there must be one.
    mutating func removeNext() -> Event {
        if laneStart < lane.count, entries.isEmpty || lane[laneStart].isBefore(entries[0]) {
            let event = lane[laneStart].event
            laneStart += 1
            // Moved over once half is gone, so that each is moved once on average.
            if laneStart > lane.count / 2, laneStart > 64 {
                lane.removeSubrange(..<laneStart)
                laneStart = 0
            }
            return event
        }
        let event = entries[0].event
        let last = entries.removeLast()
        if !entries.isEmpty {
            entries[0] = last
            sink()
        }
        return event
    }

    private mutating func rise(_ start: Int) {
        var child = start
        let entry = entries[child]
        while child > 0 {
            let parent = (child - 1) / 2
            guard entry.isBefore(entries[parent]) else { break }
            entries[child] = entries[parent]
            child = parent
        }
        entries[child] = entry
    }

    private mutating func sink() {
        var parent = 0
        let entry = entries[0]
        while true {
            var child = 2 * parent + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].isBefore(entries[child]) { child += 1 }
            guard entries[child].isBefore(entry) else { break }
            entries[parent] = entries[child]
            parent = child
        }
        entries[parent] = entry
    }
}
