/// How the length of a frame stands in front of it. Data, for hosts differ; a length counts what
/// follows it: the header, if the format has one, and the message. A length of zero has neither.
public struct FrameFormat: Hashable, Sendable {
    /// How the length is written.
    public enum LengthStyle: Hashable, Sendable {
        /// Two bytes, big-endian: up to 65,535. Postilion, and NAC with a header of five bytes.
        case binary2
        /// Three bytes, big-endian: up to 16,777,215. The common message format of jPOS.
        case binary3
        /// Two bytes, big-endian, and two of zeros: up to 65,535. VAP, where a length of zero is a
        /// poll.
        case binary2AndZeros
        /// One to five ASCII digits.
        case ascii(digitCount: Int)
        /// Two bytes of packed digits: up to 9,999. NCC with a header of five bytes.
        case bcd2

        /// Four ASCII digits: up to 9,999.
        public static let ascii4 = LengthStyle.ascii(digitCount: 4)

        /// What the length itself takes.
        public var byteCount: Int {
            switch self {
            case .binary2, .bcd2: 2
            case .binary3: 3
            case .binary2AndZeros: 4
            case .ascii(let digitCount): digitCount
            }
        }

        /// The greatest length that can be said.
        public var largest: Int {
            switch self {
            case .binary2, .binary2AndZeros: 65_535
            case .binary3: 16_777_215
            case .ascii(let digitCount):
                (0..<digitCount).reduce(0) { largest, _ in largest * 10 + 9 }
            case .bcd2: 9_999
            }
        }
    }

    public let lengthStyle: LengthStyle
    /// What stands between length and message, such as the five bytes of a TPDU.
    public let headerByteCount: Int
    /// The longest frame that is read or written, its header counted and its length not.
    public let maximumByteCount: Int

    /// A format. The default maximum holds any message that card hosts exchange in practice (the
    /// longest known ones are under 4 KiB) and bounds what a broken peer makes us buffer.
    public init(
        _ lengthStyle: LengthStyle, headerByteCount: Int = 0, maximumByteCount: Int = 8192
    ) {
        if case .ascii(let digitCount) = lengthStyle {
            precondition(1...5 ~= digitCount, "a length of \(digitCount) digits")
        }
        let maximum = min(maximumByteCount, lengthStyle.largest)
        precondition(0..<maximum ~= headerByteCount, "a format without room for a message")
        self.lengthStyle = lengthStyle
        self.headerByteCount = headerByteCount
        self.maximumByteCount = maximum
    }

    /// The format of our links: two bytes of big-endian length.
    public static let link = FrameFormat(.binary2)
}
