public import Primitives

/// Requests of clients about payments, as they saw them, in the order in which they were recorded.
public struct PaymentHistory: Hashable, Sendable {
    public enum Question: Hashable, Sendable {
        /// `key` is the idempotency key.
        case command(PaymentModel.Command, key: String)
        case retrieve
        /// A page of payments, of which the answer is what it showed of this one.
        case list
    }

    public struct Request: Hashable, Sendable {
        public let client: Int
        public let payment: String
        public let question: Question
        public fileprivate(set) var answer: PaymentModel.Output?
        public let called: MonotonicInstant
        /// Nil while the outcome is unknown.
        public fileprivate(set) var returned: MonotonicInstant?

        public init(
            client: Int, payment: String, question: Question, answer: PaymentModel.Output?,
            called: MonotonicInstant, returned: MonotonicInstant?
        ) {
            self.client = client
            self.payment = payment
            self.question = question
            self.answer = answer
            self.called = called
            self.returned = returned
        }
    }

    public private(set) var requests: [Request]

    public init(_ requests: [Request] = []) {
        self.requests = requests
    }

    /// Notes a request, whose outcome is unknown until `end`.
    public mutating func begin(
        client: Int, payment: String, _ question: Question, at instant: MonotonicInstant
    ) -> Int {
        requests.append(
            Request(
                client: client, payment: payment, question: question, answer: nil,
                called: instant, returned: nil))
        return requests.count - 1
    }

    /// Notes the answer to a request that `begin` noted.
    ///
    /// - Precondition: the request has no answer yet.
    public mutating func end(
        _ index: Int, _ answer: PaymentModel.Output, at instant: MonotonicInstant
    ) {
        precondition(requests[index].returned == nil, "request \(index) was answered twice")
        requests[index].answer = answer
        requests[index].returned = instant
    }

    /// The operations that the requests are: what asks for something takes effect and is told. A
    /// look whose answer nobody saw is left out.
    public var operations: History<PaymentModel> {
        var operations: [History<PaymentModel>.Operation] = []
        func add(
            _ request: Request, _ input: PaymentModel.Input, _ output: PaymentModel.Output?
        ) {
            operations.append(
                History.Operation(
                    client: request.client, key: request.payment, input: input, output: output,
                    called: request.called, returned: request.returned))
        }
        for request in requests {
            switch request.question {
            case .command(let command, let key):
                add(request, .submit(command, request: key), .taken)
                if let answer = request.answer { add(request, .outcome(request: key), answer) }
            case .retrieve, .list:
                if let answer = request.answer { add(request, .retrieve, answer) }
            }
        }
        return History(operations)
    }

    /// Why no order of the requests explains what clients saw; nil when one does.
    public func violation() -> String? {
        let history = operations
        var checker = Checker(PaymentModel())
        return switch checker.check(history) {
        case .linearizable: nil
        case .undecided(let key): "no verdict on \(key) within the bound of steps"
        case .notLinearizable(let violation): history.explanation(of: violation)
        }
    }
}
