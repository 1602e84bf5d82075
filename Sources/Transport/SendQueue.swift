/// The bytes of a stream on their way out: what is being sent, and what is gathered meanwhile.
///
/// A small write is copied behind the ones before it, so that a turn's writes leave in one system
/// call; a large one that finds the queue empty is taken as it is.
package struct SendQueue {
    /// From here on, copying costs more than a system call of its own.
    private static let adoptedByteCount = 16_384
    /// Buffers up to here are kept for the next writes; larger ones were a burst.
    private static let keptByteCount = 65_536

    private var sending: [UInt8] = []
    private var sentByteCount = 0
    private var gathering: [UInt8] = []

    package init() {}

    package var byteCount: Int { sending.count - sentByteCount + gathering.count }
    package var isEmpty: Bool { byteCount == 0 }

    package mutating func append(_ bytes: [UInt8]) {
        if gathering.isEmpty, bytes.count >= Self.adoptedByteCount {
            gathering = bytes
        } else {
            gathering += bytes
        }
    }

    /// Gives the bytes that are to be sent first, and removes as many as `send` returns.
    package mutating func send(_ send: (ArraySlice<UInt8>) -> Int) {
        if sending.isEmpty { swap(&sending, &gathering) }
        let count = send(sending[sentByteCount...])
        precondition(
            (0...sending.count - sentByteCount).contains(count), "\(count) bytes cannot be sent")
        sentByteCount += count
        guard sentByteCount == sending.count else { return }
        sentByteCount = 0
        sending.removeAll(keepingCapacity: sending.capacity <= Self.keptByteCount)
    }

    package mutating func removeAll() { self = SendQueue() }
}
