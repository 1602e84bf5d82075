/// How the length of a frame stands in front of it. Data, for hosts differ; a length counts what
/// follows it.
public struct FrameFormat: Hashable, Sendable {
    /// How the length is written.
    public enum LengthStyle: Hashable, Sendable {
        /// Two bytes, big-endian: up to 65,535.
        case binary2
        /// Four ASCII digits: up to 9,999.
        case ascii4
        /// Two bytes of packed digits: up to 9,999.
        case bcd2

        /// What the length itself takes.
        public var byteCount: Int {
            switch self {
            case .binary2, .bcd2: 2
            case .ascii4: 4
            }
        }

        /// The greatest length that can be said.
        public var largest: Int {
            switch self {
            case .binary2: 65_535
            case .ascii4, .bcd2: 9_999
            }
        }
    }

    public let lengthStyle: LengthStyle
    /// The longest frame that is read or written, its length not counted.
    public let maximumByteCount: Int

    /// A format. The default maximum holds any message that card hosts exchange in practice (the
    /// longest known ones are under 4 KiB) and bounds what a broken peer makes us buffer.
    public init(_ lengthStyle: LengthStyle, maximumByteCount: Int = 8192) {
        precondition(maximumByteCount > 0, "a format without frames")
        self.lengthStyle = lengthStyle
        self.maximumByteCount = min(maximumByteCount, lengthStyle.largest)
    }

    /// The format of our links: two bytes of big-endian length.
    public static let link = FrameFormat(.binary2)
}

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
