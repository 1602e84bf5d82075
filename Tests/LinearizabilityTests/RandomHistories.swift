import Linearizability
import Primitives

typealias RegisterHistory = History<RegisterModel>

func instant(_ nanoseconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: nanoseconds)
}

/// Makes histories out of chance.
struct RandomHistories {
    /// How the histories of one kind look.
    struct Shape {
        var operationCount: Int
        var clientCount: Int
        var keys = ["a"]
        /// Of 100 operations so many have an unknown outcome.
        var unknownPercent: UInt64 = 0
        /// Writes come from `0..<valueCount`, or count upwards without end when it is nil.
        var valueCount: Int64?
    }

    var random: SeededRandom
    private var lastValue: Int64 = 0

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    private mutating func integer(_ range: Range<Int64>) -> Int64 {
        Int64.random(in: range, using: &random)
    }

    private mutating func value(_ shape: Shape) -> Int64 {
        if let count = shape.valueCount { return integer(0..<count) }
        lastValue += 1
        return lastValue
    }

    private mutating func input(_ shape: Shape, seen: Int64?) -> RegisterModel.Input {
        switch integer(0..<4) {
        case 0, 1: .read
        case 2: .write(value(shape))
        default:
            .compareAndSet(
                expected: random.chance(1, in: 8) ? nil : seen ?? value(shape),
                new: value(shape))
        }
    }

    /// The history of a register that does each operation at one instant between its call and its
    /// return, each client one operation after the other; linearizable by its making.
    mutating func atomic(_ shape: Shape) -> RegisterHistory {
        struct Plan {
            let client: Int
            let key: String
            let called: Int64
            let effect: Int64
            let returned: Int64?
        }
        var plans: [Plan] = []
        var free = [Int64](repeating: 0, count: shape.clientCount)
        for number in 0..<shape.operationCount {
            let client = number % shape.clientCount
            let called = free[client] + integer(0..<100)
            let effect = called + integer(0..<100)
            let returned = effect + integer(0..<100)
            free[client] = returned
            let key = shape.keys[Int(integer(0..<Int64(shape.keys.count)))]
            let isUnknown = random.chance(shape.unknownPercent, in: 100)
            // What is unknown surfaces late, or after the end, which is never.
            plans.append(
                Plan(
                    client: client, key: key, called: called,
                    effect: isUnknown ? called + integer(0..<10_000) : effect,
                    returned: isUnknown ? nil : returned))
        }
        var states: [String: Int64] = [:]
        var operations: [RegisterHistory.Operation] = []
        for plan in plans.sorted(by: { ($0.effect, $0.client) < ($1.effect, $1.client) }) {
            let input = input(shape, seen: states[plan.key])
            let output: RegisterModel.Output
            switch input {
            case .read: output = .value(states[plan.key])
            case .write(let value):
                output = .written
                states[plan.key] = value
            case .compareAndSet(let expected, let new):
                let isSwapped = states[plan.key] == expected
                output = .swapped(isSwapped)
                if isSwapped { states[plan.key] = new }
            }
            operations.append(
                RegisterHistory.Operation(
                    client: plan.client, key: plan.key, input: input, output: output,
                    called: instant(plan.called), returned: plan.returned.map(instant)))
        }
        return RegisterHistory(operations.shuffled(using: &random))
    }

    /// The same history with another answer to one operation; nil when none was answered.
    mutating func crooked(_ history: RegisterHistory, _ shape: Shape) -> RegisterHistory? {
        var operations = history.operations
        let answered = operations.indices.filter { operations[$0].output != nil }
        guard let index = answered.randomElement(using: &random) else { return nil }
        let old = operations[index]
        let output: RegisterModel.Output
        switch old.output! {
        case .value(let value): output = .value(random.chance(1, in: 4) ? nil : (value ?? 0) + 1)
        case .written: output = .written
        case .swapped(let isSwapped): output = .swapped(!isSwapped)
        }
        operations[index] = RegisterHistory.Operation(
            client: old.client, key: old.key, input: old.input, output: output,
            called: old.called, returned: old.returned)
        return RegisterHistory(operations)
    }

    /// A history with any answers at all and instants that often coincide.
    mutating func wild(_ shape: Shape) -> RegisterHistory {
        var history = RegisterHistory()
        for number in 0..<shape.operationCount {
            let input = input(shape, seen: value(shape))
            let called = integer(0..<12)
            let key = shape.keys[Int(integer(0..<Int64(shape.keys.count)))]
            let index = history.begin(
                client: number, key: key, input: input, at: instant(called))
            guard !random.chance(shape.unknownPercent, in: 100) else { continue }
            var output: RegisterModel.Output?
            switch input {
            case .read: output = .value(random.chance(1, in: 6) ? nil : value(shape))
            case .write: output = .written
            case .compareAndSet: output = .swapped(random.chance(1, in: 2))
            }
            if random.chance(1, in: 10) { output = nil }
            history.end(index, output: output, at: instant(called + integer(0..<10)))
        }
        return history
    }
}
