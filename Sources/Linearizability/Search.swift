import Primitives

/// The search for an order of one key's operations.
///
/// The calls and returns that are not yet ordered stand in a list by time. Whatever was called
/// before the first return in it may come next; an operation that does is taken out of the list,
/// call and return. At a return the search is stuck and goes back.
///
/// Four cuts keep it short; none loses an order.
/// 1. A set of operations that has led to a state before is not tried again.
/// 2. An answered operation that leaves the state as it is comes next without an alternative, as
///    any order that has it later can have it now.
/// 3. An operation of unknown outcome that leaves the state as it is does not come next: an order
///    can do without it.
/// 4. Nor does an operation follow one of unknown outcome that made no difference to it: the order
///    without the unknown one is tried too, and leaves it for later.
struct Search<Model: SequentialModel> {
    enum Outcome {
        case found
        case none(DeadEnd)
        case exhausted
    }

    /// Where the search got stuck with the most answered operations in order.
    struct DeadEnd {
        var answeredCount = -1
        var order: [Int] = []
        var stuck: [Int] = []
        var state: Model.State
    }

    private struct Frame {
        let operation: Int
        let before: Model.State
        /// True where no alternative needs to be tried.
        let isForced: Bool
    }

    private let model: Model
    private let operations: [History<Model>.Operation]
    private let stepsMax: Int
    private(set) var steps = 0

    private var list: EventList
    private var state: Model.State
    private var frames: [Frame] = []
    private var answeredCount = 0
    private var seen: SeenSet<Model.State>
    private var deadEnd: DeadEnd

    init(model: Model, operations: [History<Model>.Operation], stepsMax: Int) {
        self.model = model
        self.operations = operations
        self.stepsMax = stepsMax
        list = EventList(operations.map { ($0.called, $0.returned) })
        state = model.initialState
        seen = SeenSet(operationCount: operations.count)
        deadEnd = DeadEnd(state: model.initialState)
        frames.reserveCapacity(operations.count)
    }

    mutating func run() -> Outcome {
        let answered = operations.count { $0.returned != nil }
        var node = list.first
        // An answered operation that is not in order has its return in the list, so that the list
        // does not end before this loop does.
        while answeredCount < answered {
            guard steps < stepsMax else { return .exhausted }
            var isStuck = list.isReturn(node)
            if isStuck {
                noteDeadEnd(at: node)
            } else {
                let operation = list.operation(of: node)
                switch choice(operation) {
                case .refused: node = list.next(after: node)
                case .settled: isStuck = true
                case .next(let after, let isForced):
                    push(operation, after, isForced: isForced)
                    node = list.first
                }
            }
            if isStuck {
                guard let alternative = pop() else { return .none(deadEnd) }
                node = alternative
            }
        }
        return .found
    }

    private enum Choice {
        /// The operation cannot come next, or need not.
        case refused
        /// It comes next without an alternative, and what follows has been tried.
        case settled
        case next(Model.State, isForced: Bool)
    }

    private mutating func choice(_ index: Int) -> Choice {
        let operation = operations[index]
        guard let after = step(state, operation) else { return .refused }
        let isUnknown = operation.returned == nil
        if isUnknown && after == state { return .refused }
        if let last = frames.last, operations[last.operation].returned == nil,
            step(last.before, operation) == after
        {
            return .refused
        }
        let isForced = !isUnknown && after == state
        guard seen.insert(index, after) else { return isForced ? .settled : .refused }
        return .next(after, isForced: isForced)
    }

    private mutating func step(
        _ state: Model.State, _ operation: History<Model>.Operation
    ) -> Model.State? {
        steps += 1
        return model.step(state, operation.input, operation.output)
    }

    private mutating func push(_ operation: Int, _ after: Model.State, isForced: Bool) {
        frames.append(Frame(operation: operation, before: state, isForced: isForced))
        state = after
        if operations[operation].returned != nil { answeredCount += 1 }
        list.remove(operation)
    }

    /// Takes back the last choice that had an alternative, and gives the place where the next one
    /// stands; nil when there is none left.
    private mutating func pop() -> Int? {
        while let frame = frames.popLast() {
            list.restore(frame.operation)
            seen.remove(frame.operation)
            if operations[frame.operation].returned != nil { answeredCount -= 1 }
            state = frame.before
            if !frame.isForced { return list.next(after: list.call(of: frame.operation)) }
        }
        return nil
    }

    private mutating func noteDeadEnd(at node: Int) {
        guard answeredCount > deadEnd.answeredCount else { return }
        deadEnd.answeredCount = answeredCount
        deadEnd.order = frames.map(\.operation)
        deadEnd.state = state
        deadEnd.stuck = []
        var place = list.first
        while place != node {
            let operation = list.operation(of: place)
            if operations[operation].returned != nil { deadEnd.stuck.append(operation) }
            place = list.next(after: place)
        }
    }
}

/// Calls and returns by time, as a doubly linked list, so that an operation leaves and comes back
/// to its place in constant time.
///
/// Node 0 stands before the first and after the last; operation i has its call at 2i + 1 and its
/// return at 2i + 2.
private struct EventList {
    private var following: [Int]
    private var preceding: [Int]

    init(_ spans: [(called: MonotonicInstant, returned: MonotonicInstant?)]) {
        var events: [(instant: MonotonicInstant, isReturn: Bool, node: Int)] = []
        for (index, span) in spans.enumerated() {
            events.append((span.called, false, 2 * index + 1))
            if let returned = span.returned { events.append((returned, true, 2 * index + 2)) }
        }
        // A call at the instant of a return comes first: who can say which one was earlier?
        events.sort { left, right in
            if left.instant != right.instant { return left.instant < right.instant }
            if left.isReturn != right.isReturn { return right.isReturn }
            return left.node < right.node
        }
        // A node that points at itself is not in the list, and taking it out changes nothing.
        following = Array(0...(2 * spans.count))
        preceding = following
        var last = 0
        for event in events {
            link(last, event.node)
            last = event.node
        }
        link(last, 0)
    }

    var first: Int { following[0] }

    func next(after node: Int) -> Int { following[node] }
    func isReturn(_ node: Int) -> Bool { node % 2 == 0 }
    func operation(of node: Int) -> Int { (node - 1) / 2 }
    func call(of operation: Int) -> Int { 2 * operation + 1 }

    mutating func remove(_ operation: Int) {
        for node in [2 * operation + 1, 2 * operation + 2] {
            link(preceding[node], following[node])
        }
    }

    /// Undoes the last `remove` that was not undone.
    mutating func restore(_ operation: Int) {
        for node in [2 * operation + 2, 2 * operation + 1] {
            following[preceding[node]] = node
            preceding[following[node]] = node
        }
    }

    private mutating func link(_ left: Int, _ right: Int) {
        following[left] = right
        preceding[right] = left
    }
}

/// The operations in order as a set of bits, and every pair of such a set and a state that was
/// seen. The pairs lie one after the other in two arrays, so that one more costs no allocation of
/// its own.
private struct SeenSet<State: Hashable> {
    private let wordCount: Int
    private var current: [UInt64]
    /// Changes with each operation by a number of that operation's own, so that hashing the set
    /// does not read it.
    private var currentHash: UInt64 = 0

    private var words: [UInt64] = []
    private var states: [State] = []
    /// Per hash the pair that came last, and per pair the one of the same hash before it; -1 ends.
    private var newest: [UInt64: Int] = [:]
    private var older: [Int] = []

    init(operationCount: Int) {
        wordCount = (operationCount + 63) / 64
        current = Array(repeating: 0, count: wordCount)
    }

    /// Adds an operation to the current set; false, and nothing is changed, when that set was seen
    /// with this state before.
    mutating func insert(_ operation: Int, _ state: State) -> Bool {
        flip(operation)
        var hasher = Hasher()
        hasher.combine(currentHash)
        hasher.combine(state)
        let hash = UInt64(bitPattern: Int64(hasher.finalize()))
        var pair = newest[hash] ?? -1
        while pair >= 0 {
            if states[pair] == state && isCurrent(pair) {
                flip(operation)
                return false
            }
            pair = older[pair]
        }
        older.append(newest[hash] ?? -1)
        newest[hash] = states.count
        states.append(state)
        words.append(contentsOf: current)
        return true
    }

    /// Takes an operation out of the current set.
    mutating func remove(_ operation: Int) {
        flip(operation)
    }

    private func isCurrent(_ pair: Int) -> Bool {
        let start = pair * wordCount
        return (0..<wordCount).allSatisfy { words[start + $0] == current[$0] }
    }

    private mutating func flip(_ operation: Int) {
        current[operation / 64] ^= 1 << UInt64(operation % 64)
        // SplitMix64's finisher: the sum of few such numbers is as good as random.
        var word = (UInt64(operation) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        currentHash ^= word ^ (word >> 31)
    }
}
