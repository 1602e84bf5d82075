/// Where in a message something is wrong.
public enum MessagePart: Hashable, Sendable, CustomStringConvertible {
    case messageType
    case primaryBitmap
    case secondaryBitmap
    case field(FieldNumber)
    /// Behind the last data element.
    case end

    public var description: String {
        switch self {
        case .messageType: "MTI"
        case .primaryBitmap: "bitmap 1"
        case .secondaryBitmap: "bitmap 2"
        case .field(let number): "DE \(number)"
        case .end: "end"
        }
    }
}

/// Why bytes are not a message of the specification. Holds places and counts, never content.
public struct MessageError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        /// The bytes end before the part does; the offset is where the part's missing piece (its
        /// length prefix or its content) begins.
        case truncated
        /// The length prefix says more than the definition allows.
        case lengthOverMaximum(found: Int, maximum: Int)
        /// A bit of the bitmap for which the specification has no definition.
        case noDefinition
        /// A byte that the part's class does not have: a letter in digits, a nibble above nine in
        /// BCD, something else than hexadecimal digits in a bitmap.
        case wrongCharacter
        /// An odd count of hexadecimal digits where bytes should be, or a padding nibble that does
        /// not pad.
        case oddNibbles
        /// So many bytes are left over.
        case trailingBytes(count: Int)
    }

    public let reason: Reason
    public let part: MessagePart
    /// Bytes from the start of the message.
    public let offset: Int

    package init(_ reason: Reason, _ part: MessagePart, at offset: Int) {
        self.reason = reason
        self.part = part
        self.offset = offset
    }

    public var description: String { "\(part) at byte \(offset): \(reason)" }
}

/// Why a message cannot be written in a specification. Holds places and counts, never content.
public struct EncodingError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        /// A fixed element of another length, in the definition's units.
        case wrongLength(found: Int, expected: Int)
        /// Longer than the definition allows, in the definition's units.
        case lengthOverMaximum(found: Int, maximum: Int)
        /// The specification does not have the element.
        case noDefinition
        /// A byte that the element's class does not have, so far into the value.
        case wrongCharacter(offset: Int)
        /// A number with more digits than the element.
        case numberTooWide(width: Int)
    }

    public let reason: Reason
    public let field: FieldNumber

    package init(_ reason: Reason, _ field: FieldNumber) {
        self.reason = reason
        self.field = field
    }

    public var description: String { "DE \(field): \(reason)" }
}
