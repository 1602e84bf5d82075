package import Primitives

// What the binary forms of this room share. Version 1: an enumeration is one byte and then its
// payload, in the order of the source; a number of a part is a varint; a list is its count and then
// its elements. A tag that this version does not have is refused, never skipped: an event that is
// not understood must not be taken for one that does nothing.

extension ByteWriter {
    mutating func write(_ tag: UInt8, _ number: Int) {
        write(tag)
        writeVarint(UInt64(number))
    }

    mutating func writeIndex(_ number: Int) {
        writeVarint(UInt64(number))
    }

    package mutating func writeOptionalSigned(_ value: Int64?) {
        write(value != nil)
        if let value { writeSigned(value) }
    }

    package mutating func writeOptionalEnum(_ value: (some RawRepresentable<UInt8>)?) {
        write(value != nil)
        if let value { write(value.rawValue) }
    }

    mutating func writeList<List: PartList>(_ list: List) where List.Element: BinaryCodable {
        writeVarint(UInt64(list.count))
        for element in list { write(element) }
    }
}

extension ByteReader {
    /// One byte that is the raw value of an enumeration.
    mutating func readEnum<Value: RawRepresentable<UInt8>>(
        _ type: Value.Type = Value.self
    ) throws(DecodingError) -> Value {
        let start = offset
        guard let value = Value(rawValue: try readByte()) else {
            throw .invalid(what: "enumeration", offset: start)
        }
        return value
    }

    package mutating func readOptionalEnum<Value: RawRepresentable<UInt8>>(
        _ type: Value.Type = Value.self
    ) throws(DecodingError) -> Value? {
        try readBool() ? try readEnum() : nil
    }

    package mutating func readOptionalSigned() throws(DecodingError) -> Int64? {
        try readBool() ? try readSigned() : nil
    }

    /// The number of a part: not negative, and as small as any list of a payment.
    mutating func readIndex() throws(DecodingError) -> Int {
        let start = offset
        let value = try readInteger(Int.self)
        guard value < 65_536 else { throw .invalid(what: "number of a part", offset: start) }
        return value
    }

    /// Minor units of one movement: not negative, and no more than one can be, so that no sum of a
    /// payment's amounts overflows.
    mutating func readAmount() throws(DecodingError) -> Int64 {
        let start = offset
        let amount = try readSigned()
        guard (0...Money.movementMaximum).contains(amount) else {
            throw .invalid(what: "amount", offset: start)
        }
        return amount
    }

    /// Metadata of no more than a decision lets through, so that what is shown of a payment has a
    /// bound.
    mutating func readMetadata() throws(DecodingError) -> Metadata {
        let start = offset
        let metadata = try readArray() as Metadata
        guard metadata.isWithinLimits else { throw .invalid(what: "metadata", offset: start) }
        return metadata
    }

    /// Evidence of no more than a decision lets through.
    mutating func readEvidence() throws(DecodingError) -> Metadata {
        let start = offset
        let evidence = try readArray() as Metadata
        guard evidence.isWithinEvidenceLimits else {
            throw .invalid(what: "evidence", offset: start)
        }
        return evidence
    }

    mutating func readList<List: PartList>(
        _ type: List.Type = List.self
    ) throws(DecodingError) -> List where List.Element: BinaryCodable {
        let start = offset
        let count = try readInteger(Int.self)
        guard count <= remainingCount else { throw .truncated(offset: start) }
        var list = List()
        for _ in 0..<count { list.append(try List.Element(from: &self)) }
        return list
    }
}
