public import Primitives

/// A message that must reach the processor however long it takes: the outbox of a payment.
///
/// The open effects of a payment are sent one at a time, in the order of their numbers, each
/// repeated until it is answered. An effect behind an open one was provably never sent.
public struct Effect: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// 0420: give back all that the request may hold.
        case reversal(ProcessorRequest)
        /// 0420 with DE 95: give back what was not captured; `captured` stays.
        case partialReversal(attempt: Int, captured: Int64)
        /// 0220: take the amount of the attempt's capture `number`.
        case capture(attempt: Int, number: Int, amount: Int64)
        /// 0220 with the refund's processing code: pay back.
        case refund(number: Int)
    }

    public enum State: Hashable, Sendable {
        /// Must still be sent, or sent again.
        case open
        case acknowledged(at: Timestamp)
        /// The processor refused an advice that it must not refuse: a break for people to look at.
        case refused(responseCode: String, at: Timestamp)
        /// Withdrawn before it could be sent.
        case withdrawn(at: Timestamp)
    }

    public let number: Int
    public let kind: Kind
    public let trace: ProcessorTrace
    public package(set) var state: State

    /// True while the message must still be sent, or sent again.
    public var isOpen: Bool {
        if case .open = state { true } else { false }
    }

    public init(number: Int, kind: Kind, trace: ProcessorTrace, state: State = .open) {
        self.number = number
        self.kind = kind
        self.trace = trace
        self.state = state
    }
}
