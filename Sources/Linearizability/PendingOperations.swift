import Primitives

/// The operations that are not yet in order, by time, and which of them may come next.
struct PendingOperations {
    /// Answered operations in all, and those that are not yet in order.
    let answeredTotal: Int
    private(set) var answeredCount: Int

    private let isUnknown: [Bool]
    /// The place of each call and of each return among all of them by time.
    private let callRanks: [Int]
    private let returnRanks: [Int]

    /// Answered operations by their calls, and by their returns; unknown ones by their calls.
    private var calls: LinkedOrder
    private var returns: LinkedOrder
    private var unknowns: LinkedOrder

    init(_ spans: [(called: MonotonicInstant, returned: MonotonicInstant?)]) {
        var events: [(instant: MonotonicInstant, isReturn: Bool, operation: Int)] = []
        for (operation, span) in spans.enumerated() {
            events.append((span.called, false, operation))
            if let returned = span.returned { events.append((returned, true, operation)) }
        }
        // A call at the instant of a return comes first: who can say which one was earlier?
        events.sort { left, right in
            if left.instant != right.instant { return left.instant < right.instant }
            if left.isReturn != right.isReturn { return right.isReturn }
            return left.operation < right.operation
        }
        var callRanks = Array(repeating: 0, count: spans.count)
        var returnRanks = callRanks
        for (rank, event) in events.enumerated() {
            if event.isReturn {
                returnRanks[event.operation] = rank
            } else {
                callRanks[event.operation] = rank
            }
        }
        let isUnknown = spans.map { $0.returned == nil }
        let called = events.filter { !$0.isReturn }.map(\.operation)
        calls = LinkedOrder(called.filter { !isUnknown[$0] }, bound: spans.count)
        unknowns = LinkedOrder(called.filter { isUnknown[$0] }, bound: spans.count)
        returns = LinkedOrder(events.filter(\.isReturn).map(\.operation), bound: spans.count)
        answeredTotal = isUnknown.count { !$0 }
        answeredCount = answeredTotal
        self.isUnknown = isUnknown
        self.callRanks = callRanks
        self.returnRanks = returnRanks
    }

    /// The first of the operations that may come next; answered ones come before unknown ones, so
    /// that the latter are spent only where they have to be.
    var firstCandidate: Int? {
        open(calls.first) ?? open(unknowns.first)
    }

    /// The one after `operation`, which is among them.
    func candidate(after operation: Int) -> Int? {
        isUnknown[operation]
            ? open(unknowns.next(after: operation))
            : open(calls.next(after: operation)) ?? open(unknowns.first)
    }

    /// The operation, if it was called before the first return.
    private func open(_ operation: Int?) -> Int? {
        guard let operation, let first = returns.first else { return nil }
        return callRanks[operation] < returnRanks[first] ? operation : nil
    }

    mutating func remove(_ operation: Int) {
        if isUnknown[operation] {
            unknowns.remove(operation)
        } else {
            calls.remove(operation)
            returns.remove(operation)
            answeredCount -= 1
        }
    }

    /// Undoes the last `remove` that was not undone.
    mutating func restore(_ operation: Int) {
        if isUnknown[operation] {
            unknowns.restore(operation)
        } else {
            calls.restore(operation)
            returns.restore(operation)
            answeredCount += 1
        }
    }
}

/// Numbers in a fixed order, as a doubly linked list, so that one leaves and comes back to its
/// place in constant time. Node 0 stands before the first and after the last; number i is node
/// i + 1.
private struct LinkedOrder {
    private var following: [Int]
    private var preceding: [Int]

    /// The numbers, each below `bound`, in the order in which they stand.
    init(_ numbers: [Int], bound: Int) {
        following = Array(repeating: 0, count: bound + 1)
        preceding = following
        var last = 0
        for number in numbers {
            following[last] = number + 1
            preceding[number + 1] = last
            last = number + 1
        }
        following[last] = 0
        preceding[0] = last
    }

    var first: Int? { number(following[0]) }

    func next(after number: Int) -> Int? { self.number(following[number + 1]) }

    private func number(_ node: Int) -> Int? { node == 0 ? nil : node - 1 }

    mutating func remove(_ number: Int) {
        let (left, right) = (preceding[number + 1], following[number + 1])
        following[left] = right
        preceding[right] = left
    }

    /// Undoes the last `remove` that was not undone.
    mutating func restore(_ number: Int) {
        following[preceding[number + 1]] = number + 1
        preceding[following[number + 1]] = number + 1
    }
}
