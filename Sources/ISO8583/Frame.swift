/// Why bytes are no frames, or a message does not fit one.
public enum FrameError: Error, Hashable, Sendable {
    /// A frame longer than the format's maximum. The offset counts from the stream's first byte to
    /// the length; 0 when encoding.
    case tooLong(byteCount: Int, maximum: Int, offset: Int)
    /// A length that is not made of digits, at that offset from the stream's first byte.
    case malformedLength(offset: Int)
}

/// What a stream is cut into.
public enum Frame: Hashable, Sendable {
    /// The bytes of one message, at least one.
    case message(ArraySlice<UInt8>)
    /// A length of zero: a sign of life, which is answered with the same.
    case keepAlive

    /// The frame's bytes on the wire. Throws `tooLong` when the message exceeds the maximum.
    public func encode(_ format: FrameFormat) throws(FrameError) -> [UInt8] {
        switch self {
        case .message(let bytes): try Frame.encode(bytes, format)
        case .keepAlive: Frame.prefix(0, format.lengthStyle)
        }
    }

    /// A message with its length in front. Throws `tooLong` when it exceeds the maximum. No bytes
    /// at all are a keep-alive.
    public static func encode(
        _ message: some Collection<UInt8>, _ format: FrameFormat
    ) throws(FrameError) -> [UInt8] {
        let count = message.count
        guard count <= format.maximumByteCount else {
            throw .tooLong(byteCount: count, maximum: format.maximumByteCount, offset: 0)
        }
        var bytes = prefix(count, format.lengthStyle)
        bytes.reserveCapacity(bytes.count + count)
        bytes.append(contentsOf: message)
        return bytes
    }

    private static func prefix(_ count: Int, _ style: FrameFormat.LengthStyle) -> [UInt8] {
        let digits = [count / 1000, count / 100 % 10, count / 10 % 10, count % 10]
        switch style {
        case .binary2: return [UInt8(count >> 8), UInt8(count & 0xFF)]
        case .ascii4: return digits.map { 0x30 | UInt8($0) }
        case .bcd2:
            return [UInt8(digits[0] << 4 | digits[1]), UInt8(digits[2] << 4 | digits[3])]
        }
    }
}
