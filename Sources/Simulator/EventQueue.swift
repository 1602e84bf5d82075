import HeapModule

/// Something that is to happen at an instant of the world, until it is cancelled.
final class Event {
    let kind: StepKind
    /// The process whose code it runs, or nil for the scenario's own and the network's.
    let isOfProcess: Bool
    let subject: Int
    private var action: (() -> Void)?

    init(kind: StepKind, subject: Int, isOfProcess: Bool, action: @escaping () -> Void) {
        self.kind = kind
        self.subject = subject
        self.isOfProcess = isOfProcess
        self.action = action
    }

    var isCancelled: Bool { action == nil }

    func cancel() { action = nil }

    func take() -> (() -> Void)? {
        defer { action = nil }
        return action
    }
}

/// The world's future. Events of one subject at one instant keep their order; those of different
/// subjects come in an order that the seed gives.
struct EventQueue {
    private struct Entry: Comparable {
        let timeNanoseconds: Int64
        let tie: UInt64
        let sequence: UInt64
        let event: Event

        static func < (left: Entry, right: Entry) -> Bool {
            if left.timeNanoseconds != right.timeNanoseconds {
                return left.timeNanoseconds < right.timeNanoseconds
            }
            return left.tie != right.tie ? left.tie < right.tie : left.sequence < right.sequence
        }

        static func == (left: Entry, right: Entry) -> Bool { left.sequence == right.sequence }
    }

    private let seed: UInt64
    private var heap = Heap<Entry>()
    private var sequence: UInt64 = 0

    init(seed: UInt64) {
        self.seed = seed
    }

    mutating func insert(_ event: Event, at timeNanoseconds: Int64) {
        sequence += 1
        var tie = TraceHash()
        tie.mix(seed ^ UInt64(bitPattern: timeNanoseconds))
        tie.mix(UInt64(event.subject))
        heap.insert(
            Entry(
                timeNanoseconds: timeNanoseconds, tie: tie.value, sequence: sequence,
                event: event))
    }

    /// When the next event is due; forgets cancelled ones before it.
    mutating func nextTime() -> Int64? {
        while let entry = heap.min {
            guard entry.event.isCancelled else { return entry.timeNanoseconds }
            heap.removeMin()
        }
        return nil
    }

    mutating func removeNext() -> Event? { heap.popMin()?.event }

    mutating func removeAll() -> [Event] {
        defer { heap = Heap() }
        return heap.unordered.map(\.event)
    }
}
