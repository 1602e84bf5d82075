public import ISO8583

/// What a request is known by on the link: terminal (DE 41), trace number (DE 11) and retrieval
/// reference (DE 37). A request that comes again with the same key is the same request.
public struct TransactionKey: Hashable, Sendable {
    /// DE 41 without the blanks that fill it up, up to 8 characters.
    public let terminal: String
    /// DE 11.
    public let trace: TraceNumber
    /// DE 37 without the blanks that fill it up, up to 12 characters; empty only for what a
    /// reversal without DE 37 is about.
    public let reference: String

    public init(terminal: String, trace: TraceNumber, reference: String) {
        self.terminal = terminal
        self.trace = trace
        self.reference = reference
    }

    /// The key of a message; nil when it has no terminal or no trace number.
    init?(_ message: Message) {
        guard let terminal = message.trimmedText(.terminal), !terminal.isEmpty,
            let trace = message.trace
        else { return nil }
        self.terminal = terminal
        self.trace = trace
        reference = message.trimmedText(.retrievalReferenceNumber) ?? ""
    }
}
