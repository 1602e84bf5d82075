public import Primitives

/// Why money is paid back.
public enum RefundReason: UInt8, Sendable, CaseIterable {
    case duplicate = 0
    case fraudulent, requestedByCustomer

    public var name: String {
        switch self {
        case .duplicate: "duplicate"
        case .fraudulent: "fraudulent"
        case .requestedByCustomer: "requested_by_customer"
        }
    }
}

/// Money on its way back.
///
///     requested ──▶ pending ──▶ succeeded
///         │  │         │            │      the bank may send money back later
///         │  └─────────┴─▶ failed ◀─┘
///         └─▶ canceled                     while its message waits behind another
public struct Refund: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        /// Committed here; the processor has not acknowledged it yet.
        case requested
        /// The processor took note, and the bank has not said yet.
        case pending(at: Timestamp)
        case succeeded(at: Timestamp)
        case failed(RefundFailure, at: Timestamp)
        case canceled(at: Timestamp)
    }

    public let number: Int
    public let amount: Int64
    public let reason: RefundReason?
    public let metadata: Metadata
    public let created: Timestamp
    public let trace: ProcessorTrace
    public package(set) var state: State

    public init(
        number: Int, amount: Int64, reason: RefundReason?, metadata: Metadata,
        created: Timestamp, trace: ProcessorTrace, state: State
    ) {
        self.number = number
        self.amount = amount
        self.reason = reason
        self.metadata = metadata
        self.created = created
        self.trace = trace
        self.state = state
    }

    /// The amount, unless the money stays or came back.
    var amountThatCounts: Int64 { counts ? amount : 0 }

    /// True unless the money stays, or came back.
    public var counts: Bool {
        switch state {
        case .requested, .pending, .succeeded: true
        case .failed, .canceled: false
        }
    }
}

/// Why a refund did not reach the cardholder.
public enum RefundFailure: Hashable, Sendable {
    /// The processor refused the message.
    case refused(responseCode: String)
    /// The bank sent the money back.
    case returned
}

/// What the bank says of a refund that the processor took note of.
public enum RefundConclusion: UInt8, Sendable {
    case paid = 0
    case returned
}
