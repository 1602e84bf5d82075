import Primitives

/// Whether a history is linearizable.
public enum Verdict: Hashable, Sendable {
    case linearizable
    case notLinearizable(Violation)
    /// The steps ran out before a violation or an order of this key was found.
    case undecided(key: String)
}

/// Where the search for an order got stuck, in the key that has none.
///
/// No order takes more answered operations than `prefix` does: whatever the clients saw, one of
/// the operations in `stuck` has to come next, and the model refuses each.
public struct Violation: Hashable, Sendable {
    public let key: String
    /// A longest order that the model accepts, as places in the history.
    public let prefix: [Int]
    /// The answered operations that had been called when the first of them returned, as places in
    /// the history.
    public let stuck: [Int]
    /// The state after `prefix`, for people.
    public let state: String

    public init(key: String, prefix: [Int], stuck: [Int], state: String) {
        self.key = key
        self.prefix = prefix
        self.stuck = stuck
        self.state = state
    }
}

extension History {
    /// A violation in words: the end of the prefix, the state, and what cannot follow.
    ///
    /// - Parameter tailCount: so many operations of the prefix's end are shown.
    public func explanation(of violation: Violation, tailCount: Int = 8) -> String {
        var lines = ["key \(violation.key): \(violation.prefix.count) operations have an order"]
        let tail = violation.prefix.suffix(tailCount)
        if tail.count < violation.prefix.count { lines.append("  …") }
        lines += tail.map { "  \(line($0))" }
        lines.append("after them the state is \(violation.state), and none of these can follow:")
        lines += violation.stuck.map { "  \(line($0))" }
        return lines.joined(separator: "\n")
    }

    private func line(_ index: Index) -> String {
        let operation = operations[index]
        let output = operation.output.map { "\($0)" } ?? "?"
        let end = operation.returned.map { "\($0.nanoseconds)" } ?? "?"
        return "#\(index) client \(operation.client): \(operation.input) -> \(output)"
            + " [\(operation.called.nanoseconds), \(end)] ns"
    }
}
