/// Bytes that must not stay in memory: a buffer of its own, of which no copy is made unseen. It is
/// zeros once it is wiped, and at the latest when its last holder lets it go.
///
/// An array would be copied whole by a write while somebody else still holds it, and the wipe would
/// reach the copy.
//
// Proof of `Sendable`: it is filled by the one who makes it, before anybody else has it. After that
// it is only read, until its one owner, to whom it was handed on, wipes it. The end of its life is
// the end of every reference.
public final class SensitiveBytes: @unchecked Sendable, CustomStringConvertible {
    private var buffer: UnsafeMutableBufferPointer<UInt8>
    public private(set) var count = 0

    /// No bytes yet, and room for `capacity`.
    public init(capacity: Int = 0) {
        buffer = .allocate(capacity: capacity)
    }

    /// A copy of `bytes`, which the caller wipes if nobody else needs them.
    public convenience init(copying bytes: some Collection<UInt8>) {
        self.init(capacity: bytes.count)
        append(bytes)
    }

    deinit {
        wipe()
        buffer.deallocate()
    }

    public var isEmpty: Bool { count == 0 }

    /// Adds bytes at the end. Only for who has made the buffer and has not given it away.
    public func append(_ bytes: some Collection<UInt8>) {
        grow(to: count + bytes.count)
        // In one go where the bytes lie together, as those of arrays and buffers do.
        let isCopied: Void? = bytes.withContiguousStorageIfAvailable { bytes in
            for index in bytes.indices {
                buffer.initializeElement(at: count + index, to: bytes[index])
            }
            count += bytes.count
        }
        guard isCopied == nil else { return }
        for byte in bytes {
            buffer.initializeElement(at: count, to: byte)
            count += 1
        }
    }

    /// Hands the bytes to `body`; they are gone when it returns.
    public func read<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeBufferPointer(rebasing: UnsafeBufferPointer(buffer)[..<count]))
    }

    /// Overwrites the bytes with zeros. Only for their one owner.
    public func wipe() {
        overwrite(buffer, count)
    }

    /// True when there is nothing but zeros.
    public var isWiped: Bool { read { $0.allSatisfy { $0 == 0 } } }

    public var description: String { "***" }

    private func grow(to needed: Int) {
        guard needed > buffer.count else { return }
        let old = buffer
        buffer = .allocate(capacity: max(needed, 2 * old.count))
        for index in 0..<count { buffer.initializeElement(at: index, to: old[index]) }
        overwrite(old, count)
        old.deallocate()
    }
}

// Embedded Swift has no reflection that could look inside.
#if !hasFeature(Embedded)
extension SensitiveBytes: CustomReflectable {
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
#endif

/// Not inlined, so that nobody sees that the zeros are never read and leaves them out.
@inline(never)
private func overwrite(_ buffer: UnsafeMutableBufferPointer<UInt8>, _ count: Int) {
    for index in 0..<count { buffer[index] = 0 }
}
