/// Decides whether a history is linearizable: a depth-first search for an order (Wing and Gong,
/// "Testing and Verifying Concurrent Objects", 1993), that remembers which sets of operations have
/// led to which states (Lowe, "Testing for linearizability", 2017), key by key.
public struct Checker<Model: SequentialModel> {
    public let model: Model
    /// Calls of the model after which a search gives up. The problem is NP-complete (Gibbons and
    /// Korach, 1997), so that a search needs an end; five million steps take under a second and
    /// under a gigabyte at worst, where a thousand operations commonly take tens of thousands.
    public let stepsMax: Int
    /// Calls of the model in the last check.
    public private(set) var steps = 0

    public init(_ model: Model, stepsMax: Int = 5_000_000) {
        self.model = model
        self.stepsMax = stepsMax
    }

    /// The verdict on a history; the first key that has no order is the one that is reported.
    @specialized(where Model == RegisterModel)
    @specialized(where Model == PaymentModel)
    public mutating func check(_ history: History<Model>) -> Verdict {
        steps = 0
        var undecided: String?
        for part in Self.parts(of: history) {
            var search = Search(
                model: model, operations: part.places.map { history.operations[$0] },
                stepsMax: stepsMax - steps)
            let outcome = search.run()
            steps += search.steps
            switch outcome {
            case .found: break
            case .exhausted: undecided = undecided ?? part.key
            case .none(let deadEnd):
                return .notLinearizable(
                    Violation(
                        key: part.key, prefix: deadEnd.order.map { part.places[$0] },
                        stuck: deadEnd.stuck.map { part.places[$0] },
                        state: "\(deadEnd.state)"))
            }
        }
        return undecided.map { .undecided(key: $0) } ?? .linearizable
    }

    /// The places of each key's operations; keys in the order of their first operation.
    private static func parts(
        of history: History<Model>
    ) -> [(key: String, places: [Int])] {
        var parts: [(key: String, places: [Int])] = []
        var numbers: [String: Int] = [:]
        for (place, operation) in history.operations.enumerated() {
            if let number = numbers[operation.key] {
                parts[number].places.append(place)
            } else {
                numbers[operation.key] = parts.count
                parts.append((operation.key, [place]))
            }
        }
        return parts
    }
}
