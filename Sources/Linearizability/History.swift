public import Primitives

/// What clients did to an object, as they saw it, in the order in which it was recorded.
public struct History<Model: SequentialModel>: Hashable, Sendable {
    /// One operation of one client on one key.
    public struct Operation: Hashable, Sendable {
        public let client: Int
        /// Operations of different keys do not touch each other, and are checked apart.
        public let key: String
        public let input: Model.Input
        /// What the client saw; nil when it saw nothing.
        public private(set) var output: Model.Output?
        public let called: MonotonicInstant
        /// Nil when the outcome is unknown: the operation may take effect at any time after its
        /// call, or never.
        public private(set) var returned: MonotonicInstant?

        /// An operation; the output of one that did not return is dropped, as nobody saw it.
        ///
        /// - Precondition: `returned` is not before `called`, both being of one clock.
        public init(
            client: Int, key: String, input: Model.Input, output: Model.Output?,
            called: MonotonicInstant, returned: MonotonicInstant?
        ) {
            self.client = client
            self.key = key
            self.input = input
            self.called = called
            if let returned { end(output, at: returned) }
        }

        fileprivate mutating func end(_ output: Model.Output?, at instant: MonotonicInstant) {
            precondition(
                instant >= called,
                "client \(client) was answered at \(instant) what it asked at \(called)")
            self.output = output
            returned = instant
        }
    }

    /// The place of an operation in `operations`.
    public typealias Index = Int

    public private(set) var operations: [Operation]

    public init(_ operations: [Operation] = []) {
        self.operations = operations
    }

    /// Notes a call, whose outcome is unknown until `end`.
    public mutating func begin(
        client: Int, key: String, input: Model.Input, at instant: MonotonicInstant
    ) -> Index {
        operations.append(
            Operation(
                client: client, key: key, input: input, output: nil, called: instant,
                returned: nil))
        return operations.count - 1
    }

    /// Notes the answer to a call that `begin` noted.
    ///
    /// - Precondition: the call has no answer yet, and was not made later.
    public mutating func end(
        _ index: Index, output: Model.Output?, at instant: MonotonicInstant
    ) {
        precondition(operations[index].returned == nil, "operation \(index) returned twice")
        operations[index].end(output, at: instant)
    }
}
