/// Why bytes are no frames, or a message does not fit one.
public enum FrameError: Error, Hashable, Sendable {
    /// A frame longer than the format's maximum. The offset counts from the stream's first byte to
    /// the length; 0 when encoding.
    case tooLong(byteCount: Int, maximum: Int, offset: Int)
    /// A frame whose length, at that offset from the stream's first byte, leaves no byte for a
    /// message behind the format's header.
    case shorterThanHeader(byteCount: Int, offset: Int)
    /// A length that is not written as the format says, at that offset from the stream's first
    /// byte.
    case malformedLength(offset: Int)
}

/// What a stream is cut into.
public enum Frame: Hashable, Sendable {
    /// The bytes of one message, at least one.
    case message(ArraySlice<UInt8>)
    /// A length of zero: a sign of life, which is answered with the same.
    case keepAlive

    /// The frame's bytes on the wire. Throws `tooLong` when the message exceeds the maximum. A
    /// message has a header of zeros if the format has one.
    public func encode(_ format: FrameFormat) throws(FrameError) -> [UInt8] {
        switch self {
        case .message(let bytes): try Frame.encode(bytes, format)
        case .keepAlive: Frame.prefix(0, format.lengthStyle)
        }
    }

    /// A message with its length in front. Throws `tooLong` when it exceeds the maximum. No bytes
    /// at all are a keep-alive.
    ///
    /// - Parameter header: What stands in front of the message: as many bytes as the format says,
    ///   or nil for zeros.
    public static func encode(
        _ message: some Collection<UInt8>, _ format: FrameFormat, header: [UInt8]? = nil
    ) throws(FrameError) -> [UInt8] {
        precondition(
            header == nil || header?.count == format.headerByteCount, "a header of another length")
        guard !message.isEmpty else { return prefix(0, format.lengthStyle) }
        let count = format.headerByteCount + message.count
        guard count <= format.maximumByteCount else {
            throw .tooLong(byteCount: count, maximum: format.maximumByteCount, offset: 0)
        }
        var bytes = prefix(count, format.lengthStyle)
        bytes.reserveCapacity(bytes.count + count)
        bytes += header ?? [UInt8](repeating: 0, count: format.headerByteCount)
        bytes.append(contentsOf: message)
        return bytes
    }

    private static func prefix(_ count: Int, _ style: FrameFormat.LengthStyle) -> [UInt8] {
        switch style {
        case .binary2: return [UInt8(count >> 8), UInt8(count & 0xFF)]
        case .binary3: return [UInt8(count >> 16), UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF)]
        case .binary2AndZeros: return [UInt8(count >> 8), UInt8(count & 0xFF), 0, 0]
        case .ascii(let digitCount):
            guard let digits = Digits.text(UInt64(count), width: digitCount) else {
                preconditionFailure("a maximum that the style cannot say")
            }
            return digits
        case .bcd2:
            let digits = [count / 1000, count / 100 % 10, count / 10 % 10, count % 10]
            return [UInt8(digits[0] << 4 | digits[1]), UInt8(digits[2] << 4 | digits[3])]
        }
    }
}
