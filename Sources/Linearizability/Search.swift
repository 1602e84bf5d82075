import Primitives

/// The search for an order of one key's operations.
///
/// Whatever was called before the first return of an operation that is not yet in order may come
/// next. The search tries each in turn, answered ones first, and goes back when none is left.
///
/// Four cuts keep it short. "Can do without" means: the order without an operation of unknown
/// outcome is tried too, takes whatever the other order takes, and has that one still to spare.
/// 1. A set of answered operations that has led to a state before is not tried again, unless it
///    now took other unknown ones: an order can do without more of them.
/// 2. An answered operation that only reads comes next without an alternative, as any order that
///    has it later can have it now. To leave this one state as it is does not suffice: a write of
///    the value that stands there may be needed after another write.
/// 3. An unknown operation that leaves the state as it is does not come next: an order can do
///    without it.
/// 4. Nor does an operation follow an unknown one that made no difference to it: the order can do
///    without the unknown one.
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

    /// What the search reads of an operation, again and again.
    private struct Move {
        let input: Model.Input
        let output: Model.Output?
        let isUnknown: Bool
        let isReading: Bool
    }

    private struct Frame {
        let operation: Int
        let before: Model.State
        /// True where no alternative needs to be tried.
        let isForced: Bool
    }

    private let model: Model
    private let moves: [Move]
    private let stepsMax: Int
    private(set) var steps = 0

    private var pending: PendingOperations
    private var state: Model.State
    private var frames: [Frame] = []
    private var seen: SeenSet<Model.State>
    private var deadEnd: DeadEnd

    init(model: Model, operations: [History<Model>.Operation], stepsMax: Int) {
        self.model = model
        moves = operations.map {
            Move(
                input: $0.input, output: $0.output, isUnknown: $0.returned == nil,
                isReading: model.isReading($0.input, $0.output))
        }
        self.stepsMax = stepsMax
        pending = PendingOperations(operations.map { ($0.called, $0.returned) })
        state = model.initialState
        seen = SeenSet(isUnknown: moves.map(\.isUnknown))
        deadEnd = DeadEnd(state: model.initialState)
        frames.reserveCapacity(operations.count)
    }

    mutating func run() -> Outcome {
        var candidate = pending.firstCandidate
        while pending.answeredCount > 0 {
            guard steps < stepsMax else { return .exhausted }
            if let operation = candidate {
                switch choice(operation) {
                case .refused:
                    candidate = pending.candidate(after: operation)
                    continue
                case .settled: break
                case .next(let after, let isForced):
                    push(operation, after, isForced: isForced)
                    candidate = pending.firstCandidate
                    continue
                }
            } else {
                noteDeadEnd()
            }
            guard let last = pop() else { return .none(deadEnd) }
            candidate = pending.candidate(after: last)
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

    private mutating func choice(_ operation: Int) -> Choice {
        guard let after = step(state, operation) else { return .refused }
        let isUnknown = moves[operation].isUnknown
        if isUnknown && after == state { return .refused }
        if let last = frames.last, moves[last.operation].isUnknown,
            step(last.before, operation) == after
        {
            return .refused
        }
        let isForced = !isUnknown && moves[operation].isReading
        guard seen.insert(operation, after) else { return isForced ? .settled : .refused }
        return .next(after, isForced: isForced)
    }

    private mutating func step(_ state: Model.State, _ operation: Int) -> Model.State? {
        steps += 1
        return model.step(state, moves[operation].input, moves[operation].output)
    }

    private mutating func push(_ operation: Int, _ after: Model.State, isForced: Bool) {
        frames.append(Frame(operation: operation, before: state, isForced: isForced))
        state = after
        pending.remove(operation)
    }

    /// Takes back the last choice that had an alternative; nil when there is none left.
    private mutating func pop() -> Int? {
        while let frame = frames.popLast() {
            pending.restore(frame.operation)
            seen.remove(frame.operation)
            state = frame.before
            if !frame.isForced { return frame.operation }
        }
        return nil
    }

    private mutating func noteDeadEnd() {
        let answeredCount = pending.answeredTotal - pending.answeredCount
        guard answeredCount > deadEnd.answeredCount else { return }
        deadEnd.answeredCount = answeredCount
        deadEnd.order = frames.map(\.operation)
        deadEnd.state = state
        deadEnd.stuck = []
        var candidate = pending.firstCandidate
        while let operation = candidate, !moves[operation].isUnknown {
            deadEnd.stuck.append(operation)
            candidate = pending.candidate(after: operation)
        }
    }
}
