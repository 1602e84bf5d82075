/// The last outcomes of a link, a ring of a fixed size, with their counts kept along.
struct OutcomeWindow: Sendable {
    private var outcomes: [CallOutcome] = []
    private let capacity: Int
    private var next = 0
    private(set) var failureCount = 0
    private(set) var unknownCount = 0
    /// How many of the latest outcomes in a row were no success.
    private(set) var consecutiveCount = 0

    init(capacity: Int) {
        self.capacity = capacity
    }

    var count: Int { outcomes.count }

    mutating func append(_ outcome: CallOutcome) {
        if outcomes.count < capacity {
            outcomes.append(outcome)
        } else {
            count(outcomes[next], by: -1)
            outcomes[next] = outcome
            next = (next + 1) % capacity
        }
        count(outcome, by: 1)
        switch outcome {
        case .success: consecutiveCount = 0
        case .failure, .unknown: consecutiveCount += 1
        }
    }

    private mutating func count(_ outcome: CallOutcome, by delta: Int) {
        switch outcome {
        case .success: break
        case .failure: failureCount += delta
        case .unknown: unknownCount += delta
        }
    }
}
