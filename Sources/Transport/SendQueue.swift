/// The bytes of a stream on their way out: what is being sent, and what is gathered meanwhile.
///
/// A small write is copied behind the ones before it, so that a turn's writes leave in one system
/// call; a large one that finds the queue empty is taken as it is.
package struct SendQueue {
    /// From here on, copying costs more than a system call of its own.
    private static let takenByteCount = 16_384
    /// Buffers up to here are kept for the next writes; larger ones were a burst.
    private static let keptByteCount = 65_536

    /// Bytes in one piece. What the queue has copied may hold a card number, and is overwritten
    /// when it is gone; what it has taken as it is may be somebody else's too.
    private struct Piece {
        var bytes: [UInt8] = []
        var isTaken = false

        mutating func append(_ more: [UInt8]) {
            let needed = bytes.count + more.count
            // By hand: an array that grows by itself leaves its bytes behind in freed memory.
            if isTaken || needed > bytes.capacity {
                var larger: [UInt8] = []
                larger.reserveCapacity(max(needed, 2 * bytes.count))
                larger += bytes
                removeAll()
                bytes = larger
            }
            bytes += more
        }

        mutating func removeAll() {
            if !isTaken { for index in bytes.indices { bytes[index] = 0 } }
            bytes.removeAll(keepingCapacity: !isTaken && bytes.capacity <= keptByteCount)
            isTaken = false
        }
    }

    private var sending = Piece()
    private var sentByteCount = 0
    private var gathering = Piece()

    package init() {}

    package var byteCount: Int { sending.bytes.count - sentByteCount + gathering.bytes.count }
    package var isEmpty: Bool { byteCount == 0 }

    package mutating func append(_ bytes: [UInt8]) {
        if gathering.bytes.isEmpty, bytes.count >= Self.takenByteCount {
            gathering = Piece(bytes: bytes, isTaken: true)
        } else {
            gathering.append(bytes)
        }
    }

    /// Gives the bytes that are to be sent first, and removes as many as `send` returns.
    package mutating func send(_ send: (ArraySlice<UInt8>) -> Int) {
        if sending.bytes.isEmpty { swap(&sending, &gathering) }
        let count = send(sending.bytes[sentByteCount...])
        precondition(
            (0...sending.bytes.count - sentByteCount).contains(count),
            "\(count) bytes cannot be sent")
        sentByteCount += count
        guard sentByteCount == sending.bytes.count else { return }
        sentByteCount = 0
        sending.removeAll()
    }

    package mutating func removeAll() {
        sending.removeAll()
        gathering.removeAll()
        sentByteCount = 0
    }
}
