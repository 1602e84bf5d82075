public import ISO8583
public import Primitives

/// A line of the host's append-only log of messages. It holds nothing of the card.
public struct MessageLogEntry: Hashable, Sendable {
    public enum Direction: String, Hashable, Sendable, CaseIterable {
        case received = "in"
        /// Decided, and sent after the commit unless the peer has gone. An answer that a fault
        /// suppresses has no line.
        case sent = "out"
    }

    public let direction: Direction
    public let messageType: MessageType
    /// DE 41; nil when the message has none.
    public let terminal: String?
    /// DE 11; nil when the message has none.
    public let trace: TraceNumber?
    /// DE 37; nil when the message has none.
    public let reference: String?
    /// DE 39; nil for requests and advices.
    public let responseCode: ResponseCode?
    public let at: Timestamp

    init(_ direction: Direction, _ message: Message, at: Timestamp) {
        self.direction = direction
        messageType = message.type
        terminal = message.trimmedText(.terminal)
        trace = message.trace
        reference = message.trimmedText(.retrievalReferenceNumber)
        responseCode = message.responseCode
        self.at = at
    }
}
