/// How the messages of one link are written. Data, so that a host's peculiarities are a value.
public struct MessageSpecification: Hashable, Sendable {
    /// How the four digits of the message type are written.
    public enum TypeEncoding: Hashable, Sendable {
        /// Four ASCII digits.
        case ascii
        /// Two bytes of packed digits.
        case bcd
    }

    /// How a bitmap of 64 bits is written.
    public enum BitmapEncoding: Hashable, Sendable {
        /// 16 hexadecimal digits: written in capitals, read in either case.
        case hexadecimal
        /// Eight bytes.
        case binary
    }

    /// How many bitmaps a message may have.
    public enum BitmapCount: Hashable, Sendable {
        /// Data elements up to 64.
        case one
        /// Data elements up to 128; the second bitmap is there when one of them is above 64.
        case two
    }

    public var typeEncoding: TypeEncoding
    public var bitmapEncoding: BitmapEncoding
    public var bitmapCount: BitmapCount
    public var fields: FieldTable

    public init(
        typeEncoding: TypeEncoding, bitmapEncoding: BitmapEncoding, bitmapCount: BitmapCount = .two,
        fields: FieldTable
    ) {
        self.typeEncoding = typeEncoding
        self.bitmapEncoding = bitmapEncoding
        self.bitmapCount = bitmapCount
        self.fields = fields
    }
}
