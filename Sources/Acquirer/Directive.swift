public import ISO8583

/// A connection from a gateway, for as long as it lasts.
public struct SessionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public static func < (left: SessionID, right: SessionID) -> Bool {
        left.rawValue < right.rawValue
    }

    public var description: String { "s\(rawValue)" }
}

/// What the shell has to do, in this order. What is to be saved and logged is committed before
/// anything of the same message is sent.
public enum Directive: Hashable, Sendable {
    /// Insert the transaction, or update the one with its id.
    case saveTransaction(AcquirerTransaction)
    case saveAdvice(AcquirerAdvice)
    case log(MessageLogEntry)
    case answer(Message, to: SessionID, Delivery)
    /// Close the connection once what was answered before on it is sent.
    case close(SessionID)
    /// Close another connection at once.
    case end(SessionID)
    /// Close every connection at once.
    case closeAll

    /// When and how often an answer is sent, once it is committed.
    public struct Delivery: Hashable, Sendable {
        /// Whether what follows on the connection waits behind this answer.
        public let keepsOrder: Bool
        /// From now.
        public let afterMilliseconds: Int64
        /// 1, or 2 for a duplicate.
        public let copyCount: Int

        public init(keepsOrder: Bool = true, afterMilliseconds: Int64 = 0, copyCount: Int = 1) {
            self.keepsOrder = keepsOrder
            self.afterMilliseconds = afterMilliseconds
            self.copyCount = copyCount
        }
    }
}
