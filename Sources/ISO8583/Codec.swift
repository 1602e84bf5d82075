/// Turns messages into bytes and bytes into messages, as a specification says.
public enum Codec {
    /// The bytes of `message`. Throws when an element does not fit its definition.
    public static func encode(
        _ message: Message, specification: MessageSpecification
    ) throws(EncodingError) -> [UInt8] {
        var writer = MessageWriter(specification: specification)
        try writer.write(message)
        return writer.bytes
    }

    /// The message that `bytes` are: all of them, or an error that names the part and the byte.
    /// Work and memory are bounded by the specification, whatever the bytes say.
    public static func decode(
        _ bytes: ArraySlice<UInt8>, specification: MessageSpecification
    ) throws(MessageError) -> Message {
        var reader = MessageReader()
        return try reader.read(bytes, specification: specification)
    }

    /// The message that `bytes` are: all of them, or an error that names the part and the byte.
    public static func decode(
        _ bytes: [UInt8], specification: MessageSpecification
    ) throws(MessageError) -> Message {
        try decode(bytes[...], specification: specification)
    }
}
