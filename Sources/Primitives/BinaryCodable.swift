/// A value with one compact binary form, written field after field in a fixed order.
///
/// The form is pinned by golden files: a change of it is a new version of the enclosing envelope.
public protocol BinaryCodable {
    func encode(to writer: inout ByteWriter)
    init(from reader: inout ByteReader) throws(DecodingError)
}

extension BinaryCodable {
    /// The value's binary form on its own.
    public var encoded: [UInt8] {
        var writer = ByteWriter()
        encode(to: &writer)
        return writer.bytes
    }

    /// Reads a value that fills `bytes` exactly.
    public init(encoded bytes: [UInt8]) throws(DecodingError) {
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }
}

extension ByteWriter {
    public mutating func write(_ value: some BinaryCodable) {
        value.encode(to: &self)
    }

    public mutating func writeOptional(_ value: (some BinaryCodable)?) {
        write(value != nil)
        if let value { write(value) }
    }

    public mutating func writeArray(_ values: [some BinaryCodable]) {
        writeVarint(UInt64(values.count))
        for value in values { write(value) }
    }

    public mutating func writeOptional(_ value: String?) {
        write(value != nil)
        if let value { write(value) }
    }
}

extension ByteReader {
    public mutating func read<Value: BinaryCodable>(
        _ type: Value.Type = Value.self
    ) throws(DecodingError) -> Value {
        try Value(from: &self)
    }

    public mutating func readOptional<Value: BinaryCodable>(
        _ type: Value.Type = Value.self
    ) throws(DecodingError) -> Value? {
        try readBool() ? try Value(from: &self) : nil
    }

    public mutating func readArray<Value: BinaryCodable>(
        _ type: Value.Type = Value.self
    ) throws(DecodingError) -> [Value] {
        try readArray { (reader: inout ByteReader) throws(DecodingError) -> Value in
            try Value(from: &reader)
        }
    }

    public mutating func readOptionalString() throws(DecodingError) -> String? {
        try readBool() ? try readString() : nil
    }
}

extension Timestamp: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeSigned(milliseconds)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        self.init(milliseconds: try reader.readSigned())
    }
}
