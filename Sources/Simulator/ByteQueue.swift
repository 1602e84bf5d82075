/// Bytes that come in at one end and go out at the other, in pieces.
struct ByteQueue {
    private var bytes: [UInt8] = []
    private var start = 0

    var count: Int { bytes.count - start }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ more: [UInt8]) {
        if isEmpty {
            bytes = more
            start = 0
        } else {
            bytes.append(contentsOf: more)
        }
    }

    /// Takes the first `length` bytes, which must be there.
    mutating func take(_ length: Int) -> [UInt8] {
        if start == 0, length == bytes.count {
            defer { bytes = [] }
            return bytes
        }
        let taken = Array(bytes[start..<start + length])
        start += length
        // Moving the rest costs less than the bytes that were taken since the last time.
        if start >= bytes.count - start {
            bytes.removeFirst(start)
            start = 0
        }
        return taken
    }

    mutating func removeAll() {
        bytes = []
        start = 0
    }
}
