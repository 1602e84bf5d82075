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
