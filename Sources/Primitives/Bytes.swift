/// Why bytes could not be read as what they should be.
public enum DecodingError: Error, Hashable, Sendable {
    /// The bytes ended before the value did.
    case truncated(offset: Int)
    /// A value that the format does not have.
    case invalid(what: StaticName, offset: Int)
    /// The bytes were written by a later version that this one cannot read.
    case unsupportedVersion(found: UInt64, offset: Int)
    /// Bytes are left over after the last value.
    case trailing(offset: Int)
}

/// A name that stands in the source, so that no input can smuggle text into a log through an error.
public struct StaticName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    private let text: String

    public init(stringLiteral value: StaticString) {
        text = value.description
    }

    public var description: String { text }
}

/// Appends values to bytes: integers little-endian or as LEB128 varints, text and bytes with their
/// length in front.
public struct ByteWriter: Sendable {
    @usableFromInline var storage: [UInt8] = []

    /// What has been written so far.
    public var bytes: [UInt8] { storage }

    /// An empty writer with room for `capacity` bytes.
    public init(capacity: Int = 64) {
        storage.reserveCapacity(capacity)
    }

    /// How many bytes have been written so far.
    public var byteCount: Int { storage.count }

    /// Gives away what has been written, without a copy; the writer is empty afterwards.
    public mutating func takeBytes() -> [UInt8] {
        let taken = storage
        storage = []
        return taken
    }

    public mutating func write(_ byte: UInt8) {
        storage.append(byte)
    }

    public mutating func write(_ flag: Bool) {
        storage.append(flag ? 1 : 0)
    }

    /// Little-endian, in as many bytes as the type has.
    @inlinable
    public mutating func writeFixed<Integer: FixedWidthInteger & UnsignedInteger>(
        _ value: Integer
    ) {
        var word = value
        for _ in 0..<(Integer.bitWidth / 8) {
            storage.append(UInt8(truncatingIfNeeded: word))
            word >>= 8
        }
    }

    /// An unsigned LEB128 varint, 1 to 10 bytes.
    public mutating func writeVarint(_ value: UInt64) {
        var word = value
        while word >= 0x80 {
            storage.append(UInt8(truncatingIfNeeded: word) | 0x80)
            word >>= 7
        }
        storage.append(UInt8(word))
    }

    /// A signed integer as a zigzag varint.
    public mutating func writeSigned(_ value: Int64) {
        writeVarint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// Bytes with their count in front as a varint.
    public mutating func write(_ value: [UInt8]) {
        writeVarint(UInt64(value.count))
        storage.append(contentsOf: value)
    }

    /// Text as UTF-8 with its byte count in front.
    public mutating func write(_ value: String) {
        writeVarint(UInt64(value.utf8.count))
        storage.append(contentsOf: value.utf8)
    }

    /// What `body` writes, with its byte count in front as a fixed 32-bit integer: it is put there
    /// afterwards, so that nothing is written twice.
    ///
    /// - Precondition: it is less than 4 GiB.
    @inlinable
    public mutating func writeCounted(_ body: (inout ByteWriter) -> Void) {
        let place = storage.count
        writeFixed(UInt32(0))
        body(&self)
        var count = UInt32(storage.count - place - 4)
        for offset in 0..<4 {
            storage[place + offset] = UInt8(truncatingIfNeeded: count)
            count >>= 8
        }
    }

    /// Bytes as they are, without a count.
    @inlinable
    public mutating func writeRaw(_ value: some Sequence<UInt8>) {
        storage.append(contentsOf: value)
    }

    /// A flag and, when there is one, the value.
    @inlinable
    public mutating func writeOptional<Value>(
        _ value: Value?, _ body: (inout ByteWriter, Value) -> Void
    ) {
        write(value != nil)
        if let value { body(&self, value) }
    }

    /// A count and then each element.
    @inlinable
    public mutating func writeArray<Element>(
        _ elements: [Element], _ body: (inout ByteWriter, Element) -> Void
    ) {
        writeVarint(UInt64(elements.count))
        for element in elements { body(&self, element) }
    }
}

/// Reads what a `ByteWriter` wrote. Every length is held against what is left before anything is
/// allocated, so that hostile bytes cost no more than their own size.
public struct ByteReader: Sendable {
    @usableFromInline let bytes: ArraySlice<UInt8>
    @usableFromInline var position: Int

    public init(_ bytes: [UInt8]) {
        self.init(bytes[...])
    }

    public init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    /// Bytes consumed so far.
    public var offset: Int { position - bytes.startIndex }

    /// Bytes not yet consumed.
    public var remainingCount: Int { bytes.endIndex - position }

    public mutating func readByte() throws(DecodingError) -> UInt8 {
        guard position < bytes.endIndex else { throw .truncated(offset: offset) }
        defer { position += 1 }
        return bytes[position]
    }

    public mutating func readBool() throws(DecodingError) -> Bool {
        switch try readByte() {
        case 0: return false
        case 1: return true
        default: throw .invalid(what: "flag", offset: offset - 1)
        }
    }

    @inlinable
    public mutating func readFixed<Integer: FixedWidthInteger & UnsignedInteger>(
        _ type: Integer.Type
    ) throws(DecodingError) -> Integer {
        let width = Integer.bitWidth / 8
        guard remainingCount >= width else { throw .truncated(offset: offset) }
        var word: Integer = 0
        for index in (0..<width).reversed() {
            word = (word << 8) | Integer(bytes[position + index])
        }
        position += width
        return word
    }

    public mutating func readVarint() throws(DecodingError) -> UInt64 {
        var word: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let byte = try readByte()
            let part = UInt64(byte & 0x7F)
            guard shift < 63 || part <= 1 else {
                throw .invalid(what: "varint", offset: offset - 1)
            }
            word |= part << shift
            if byte < 0x80 { return word }
        }
        throw .invalid(what: "varint", offset: offset)
    }

    public mutating func readSigned() throws(DecodingError) -> Int64 {
        let word = try readVarint()
        return Int64(bitPattern: word >> 1) ^ -Int64(word & 1)
    }

    /// A varint that has to fit `Integer`.
    @inlinable
    public mutating func readInteger<Integer: FixedWidthInteger>(
        _ type: Integer.Type
    ) throws(DecodingError) -> Integer {
        let start = offset
        guard let value = Integer(exactly: try readVarint()) else {
            throw .invalid(what: "integer", offset: start)
        }
        return value
    }

    public mutating func readSlice() throws(DecodingError) -> ArraySlice<UInt8> {
        let count = try readCount(elementByteCountMin: 1)
        return try readRaw(count)
    }

    /// What `writeCounted` wrote.
    public mutating func readCounted() throws(DecodingError) -> ArraySlice<UInt8> {
        try readRaw(Int(try readFixed(UInt32.self)))
    }

    public mutating func readBytes() throws(DecodingError) -> [UInt8] {
        Array(try readSlice())
    }

    public mutating func readString() throws(DecodingError) -> String {
        let start = offset
        let slice = try readSlice()
        // Nearly all text is ASCII, which is text whatever it is, and decoded fastest as such.
        if slice.allSatisfy({ $0 < 0x80 }) { return String(decoding: slice, as: UTF8.self) }
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw .invalid(what: "UTF-8", offset: start)
        }
        return text
    }

    /// Exactly `count` bytes.
    public mutating func readRaw(_ count: Int) throws(DecodingError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remainingCount else { throw .truncated(offset: offset) }
        defer { position += count }
        return bytes[position..<(position + count)]
    }

    @inlinable
    public mutating func readOptional<Value>(
        _ body: (inout ByteReader) throws(DecodingError) -> Value
    ) throws(DecodingError) -> Value? {
        try readBool() ? try body(&self) : nil
    }

    @inlinable
    public mutating func readArray<Element>(
        _ body: (inout ByteReader) throws(DecodingError) -> Element
    ) throws(DecodingError) -> [Element] {
        let count = try readCount(elementByteCountMin: 1)
        var elements: [Element] = []
        elements.reserveCapacity(min(count, 1024))
        for _ in 0..<count { elements.append(try body(&self)) }
        return elements
    }

    /// Throws unless everything was consumed.
    public func finish() throws(DecodingError) {
        guard remainingCount == 0 else { throw .trailing(offset: offset) }
    }

    @usableFromInline
    mutating func readCount(elementByteCountMin: Int) throws(DecodingError) -> Int {
        let start = offset
        guard let count = Int(exactly: try readVarint()),
            count <= remainingCount / elementByteCountMin
        else { throw .truncated(offset: start) }
        return count
    }
}
