// A payment as its merchant sees it, one request after the other.
//
// A request is two operations of the history: it takes effect (`submit`), and its outcome is told
// (`outcome`), both between its call and its answer. In between others may see the effect: a
// capture shows before the processor has acknowledged it. What the merchant does not do happens by
// itself, at any time: a processor says yes or no, a hold runs out (`PaymentPossibility.movedOn`).
// So the state is the set of all that can be, and each answer leaves what agrees with it.
//
// The model knows nothing of how the gateway works, and shares no code with it.

/// Checks what clients saw of one payment: a key of the history is a payment.
public struct PaymentModel: SequentialModel {
    /// Where a payment can stand, in the API's words.
    public enum Status: String, Hashable, Sendable {
        case requiresConfirmation = "requires_confirmation"
        case processing
        case requiresPaymentMethod = "requires_payment_method"
        case requiresCapture = "requires_capture"
        case succeeded, canceled
    }

    /// What a request asks for. Amounts are in minor units.
    public enum Command: Hashable, Sendable {
        /// `isFlexible`: the hold may be raised, captured in parts, and 15 % beyond its amount.
        case create(amount: Int64, isManual: Bool, isFlexible: Bool, confirms: Bool)
        case confirm
        case increment(total: Int64)
        case capture(amount: Int64, isFinal: Bool)
        case cancel
        case refund(amount: Int64)
    }

    public enum Input: Hashable, Sendable {
        /// A request takes effect, or is refused. `request` is its idempotency key.
        case submit(Command, request: String)
        case outcome(request: String)
        case retrieve
    }

    /// What an answer showed of the payment.
    public struct Snapshot: Hashable, Sendable {
        public let id: String
        public let status: Status
        /// The hold, once there is one.
        public let amount: Int64
        public let capturable: Int64
        public let received: Int64
        /// Nil where the answer does not tell, or tells something else by it.
        public let refunded: Int64?

        public init(
            id: String, status: Status, amount: Int64, capturable: Int64, received: Int64,
            refunded: Int64?
        ) {
            self.id = id
            self.status = status
            self.amount = amount
            self.capturable = capturable
            self.received = received
            self.refunded = refunded
        }
    }

    public enum Output: Hashable, Sendable {
        /// The request took effect; nothing else is known of it.
        case taken
        case shown(Snapshot)
        case declined(Snapshot)
        /// The refund's number within its payment, from 0 on.
        case refund(number: Int, amount: Int64)
        /// The code of the error.
        case refused(String, Snapshot?)
        /// There is no such payment.
        case absent
    }

    /// All that can be, closed under what happens by itself.
    public struct State: Hashable, Sendable, CustomStringConvertible {
        fileprivate var all: Set<PaymentPossibility>

        /// One line for all, in the order of the texts.
        public var description: String {
            Set(all.map(\.description)).sorted().joined(separator: " | ")
        }
    }

    public var initialState: State { State(all: [PaymentPossibility()]) }

    public init() {}

    public func step(_ state: State, _ input: Input, _ output: Output?) -> State? {
        let next: [PaymentPossibility]
        switch input {
        case .submit(let command, let request):
            next = state.all.compactMap { $0.submitting(command, request) }
        case .outcome(let request):
            guard let output else { return state }
            next = state.all.compactMap { $0.telling(output, of: request) }
        case .retrieve:
            guard let output else { return state }
            next = state.all.compactMap { $0.showing(output) }
        }
        return next.isEmpty ? nil : Self.closed(next)
    }

    /// Adds all that can come of these by itself.
    private static func closed(_ given: [PaymentPossibility]) -> State {
        var found = Set(given)
        var open = Array(found)
        while let next = open.popLast() {
            for other in next.movedOn where found.insert(other).inserted { open.append(other) }
        }
        return State(all: found)
    }
}
