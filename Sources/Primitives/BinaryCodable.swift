/// A value with one compact binary form, written field after field in a fixed order.
///
/// The form is pinned by golden files: a change of it is a new version of the enclosing envelope.
public protocol BinaryCodable {
    func encode(to writer: inout ByteWriter)
    init(from reader: inout ByteReader) throws(DecodingError)
}

// What is generic here is inlinable: the rooms that call it get code for their own types, and no
// look-up of metadata for each value that is read.

extension BinaryCodable {
    /// The value's binary form on its own.
    @inlinable
    public var encoded: [UInt8] {
        var writer = ByteWriter()
        encode(to: &writer)
        return writer.bytes
    }

    /// Reads a value that fills `bytes` exactly.
    @inlinable
    public init(encoded bytes: [UInt8]) throws(DecodingError) {
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }
}

extension ByteWriter {
    @inlinable
    public mutating func write(_ value: some BinaryCodable) {
        value.encode(to: &self)
    }

    @inlinable
    public mutating func writeOptional(_ value: (some BinaryCodable)?) {
        write(value != nil)
        if let value { write(value) }
    }

    @inlinable
    public mutating func writeArray(_ values: [some BinaryCodable]) {
        writeVarint(UInt64(values.count))
        for value in values { write(value) }
    }

    @inlinable
    public mutating func writeOptional(_ value: String?) {
        write(value != nil)
        if let value { write(value) }
    }
}

extension ByteReader {
    @inlinable
    public mutating func read<Value: BinaryCodable>(
        _ type: Value.Type = Value.self
    ) throws(DecodingError) -> Value {
        try Value(from: &self)
    }

    @inlinable
    public mutating func readOptional<Value: BinaryCodable>(
        _ type: Value.Type = Value.self
    ) throws(DecodingError) -> Value? {
        try readBool() ? try Value(from: &self) : nil
    }

    @inlinable
    public mutating func readArray<Value: BinaryCodable>(
        _ type: Value.Type = Value.self
    ) throws(DecodingError) -> [Value] {
        try readArray { (reader: inout ByteReader) throws(DecodingError) -> Value in
            try Value(from: &reader)
        }
    }

    @inlinable
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
