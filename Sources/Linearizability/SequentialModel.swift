/// What an object does when its operations come one after the other.
///
/// A history is linearizable when its operations can be put in one order, each between its call and
/// its return, that this model accepts.
public protocol SequentialModel: Sendable {
    /// What the object remembers between two operations. Equal states behave alike for ever.
    associatedtype State: Hashable, Sendable
    associatedtype Input: Hashable, Sendable
    associatedtype Output: Hashable, Sendable

    /// The state of a key before its first operation.
    var initialState: State { get }

    /// The state after one operation, or nil when the object could not have answered like that.
    ///
    /// - Parameter output: what the client saw; nil when nobody saw it, which constrains nothing.
    func step(_ state: State, _ input: Input, _ output: Output?) -> State?

    /// True only when `step` leaves every state as it is in which it accepts the operation. Such
    /// operations make a search short; to say false is always right.
    func isReading(_ input: Input, _ output: Output?) -> Bool
}

extension SequentialModel {
    public func isReading(_ input: Input, _ output: Output?) -> Bool { false }
}

/// A register that can be read, written, and set if it holds what is expected.
public struct RegisterModel: SequentialModel {
    public enum Input: Hashable, Sendable {
        case read
        case write(Int64)
        /// `expected` is nil where the register should have no value yet.
        case compareAndSet(expected: Int64?, new: Int64)
    }

    public enum Output: Hashable, Sendable {
        /// What was read; nil where there was no value yet.
        case value(Int64?)
        case written
        /// Whether the register held what was expected, and was set.
        case swapped(Bool)
    }

    /// No register has a value at the start.
    public var initialState: Int64? { nil }

    public init() {}

    public func step(_ state: Int64?, _ input: Input, _ output: Output?) -> Int64?? {
        switch (input, output) {
        case (.read, nil): .some(state)
        case (.read, .value(let value)): value == state ? .some(state) : nil
        case (.write(let value), nil), (.write(let value), .written): .some(value)
        case (.compareAndSet(let expected, let new), nil):
            .some(state == expected ? new : state)
        case (.compareAndSet(let expected, let new), .swapped(true)):
            state == expected ? .some(new) : nil
        case (.compareAndSet(let expected, _), .swapped(false)):
            state != expected ? .some(state) : nil
        // An answer to another question.
        case (.read, .written), (.read, .swapped), (.write, .value), (.write, .swapped),
            (.compareAndSet, .value), (.compareAndSet, .written):
            nil
        }
    }

    public func isReading(_ input: Input, _ output: Output?) -> Bool {
        input == .read || output == .swapped(false)
    }
}
