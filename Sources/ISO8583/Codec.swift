/// Turns messages into bytes and bytes into messages, as a specification says.
public enum Codec {
    /// The bytes of `message`. Throws when an element does not fit its definition.
    public static func encode(
        _ message: Message, specification: MessageSpecification
    ) throws(EncodingError) -> [UInt8] {
        let capacity = MessageWriter.byteCountMaximum(of: message)
        return try [UInt8](capacity: capacity) { output throws(EncodingError) in
            try MessageWriter(specification: specification).write(message, to: &output)
        }
    }

    /// The message that `bytes` are: all of them, or an error that names the part and the byte.
    /// Work and memory are bounded by the specification, whatever the bytes say; none of the bytes
    /// is copied.
    public static func decode(
        _ bytes: ArraySlice<UInt8>, specification: MessageSpecification
    ) throws(MessageError) -> Message {
        Message(try layout(of: bytes.span, specification: specification), in: bytes)
    }

    /// The message that `bytes` are: all of them, or an error that names the part and the byte.
    public static func decode(
        _ bytes: [UInt8], specification: MessageSpecification
    ) throws(MessageError) -> Message {
        try decode(bytes[...], specification: specification)
    }

    /// Where the elements of a message lie in `bytes`, all of which have been checked: for bytes
    /// that nobody keeps.
    public static func layout(
        of bytes: Span<UInt8>, specification: MessageSpecification
    ) throws(MessageError) -> MessageLayout {
        var reader = MessageReader()
        return try reader.read(bytes, specification)
    }
}
