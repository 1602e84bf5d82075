// The coding of records and batch headers, of which there are hundreds of thousands in a second.
// The shared byte writer and reader stand in another module, where their generic methods
// are not specialised: encoding a batch through them took ten times as long.

extension [UInt8] {
    /// Appends a value, lowest byte first.
    mutating func appendFixed<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    /// Whether there is nothing but zeros from `start` on; true where the array has ended.
    func isZero(from start: Int) -> Bool {
        withUnsafeBytes { bytes in
            var place = start
            while place + 8 <= bytes.count {
                if bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self) != 0 { return false }
                place += 8
            }
            while place < bytes.count {
                if bytes[place] != 0 { return false }
                place += 1
            }
            return true
        }
    }
}

extension ArraySlice<UInt8> {
    /// The value that begins `offset` bytes behind the slice's start. It has to lie within.
    func fixed<Value: FixedWidthInteger & UnsignedInteger>(
        _ type: Value.Type, at offset: Int
    ) -> Value {
        withUnsafeBytes { bytes in
            precondition(offset >= 0 && offset + Value.bitWidth / 8 <= bytes.count)
            return Value(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
        }
    }
}
