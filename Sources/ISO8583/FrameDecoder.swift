/// Cuts a stream into frames, however its bytes arrive.
///
/// Feed what was received, then take frames until there is none: the decoder then holds less than
/// one frame. After an error the stream has no frame boundaries any more: every further call throws
/// the same error, and the connection has to be closed.
public struct FrameDecoder: Sendable {
    private enum State {
        case reading
        case failed(FrameError)
    }

    private let format: FrameFormat
    private var state = State.reading
    private var buffer: [UInt8] = []
    /// Bytes of the buffer that were handed out.
    private var consumedCount = 0
    /// Bytes of the stream before the buffer.
    private var bufferOffset = 0
    /// The header of the message that `next` has given last; empty in a format without.
    public private(set) var header: [UInt8] = []

    public init(_ format: FrameFormat) {
        self.format = format
    }

    /// Bytes that wait for the rest of their frame.
    public var pendingByteCount: Int { buffer.count - consumedCount }

    /// Appends received bytes. They are dropped once the decoder has failed.
    public mutating func feed(_ bytes: some Collection<UInt8>) {
        guard case .reading = state else { return }
        if consumedCount > 0 {
            bufferOffset += consumedCount
            if consumedCount == buffer.count {
                // Frames that were handed out may still hold the old buffer: it is let go, for
                // emptying it in place would copy it first.
                buffer = []
            } else {
                buffer.removeSubrange(..<consumedCount)
            }
            consumedCount = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next complete frame: its bytes are a view into what was received. Nil when more bytes
    /// are needed. Throws as soon as a length is wrong, before the frame has arrived.
    public mutating func next() throws(FrameError) -> Frame? {
        switch state {
        case .reading:
            do throws(FrameError) {
                return try readFrame()
            } catch {
                state = .failed(error)
                buffer = []
                consumedCount = 0
                throw error
            }
        case .failed(let error): throw error
        }
    }

    private mutating func readFrame() throws(FrameError) -> Frame? {
        let style = format.lengthStyle
        guard pendingByteCount >= style.byteCount else { return nil }
        let start = consumedCount + style.byteCount
        let count = try readLength(buffer[consumedCount..<start])
        guard count <= format.maximumByteCount else {
            throw .tooLong(
                byteCount: count, maximum: format.maximumByteCount,
                offset: bufferOffset + consumedCount)
        }
        guard count == 0 || count > format.headerByteCount else {
            throw .shorterThanHeader(byteCount: count, offset: bufferOffset + consumedCount)
        }
        guard buffer.count - start >= count else { return nil }
        consumedCount = start + count
        guard count > 0 else { return .keepAlive }
        let message = start + format.headerByteCount
        if format.headerByteCount > 0 { header = Array(buffer[start..<message]) }
        return .message(buffer[message..<consumedCount])
    }

    private func readLength(_ prefix: ArraySlice<UInt8>) throws(FrameError) -> Int {
        var length = 0
        for (place, byte) in prefix.enumerated() {
            switch format.lengthStyle {
            case .binary2, .binary3: length = length << 8 | Int(byte)
            case .binary2AndZeros where place < 2: length = length << 8 | Int(byte)
            case .binary2AndZeros where byte == 0: break
            case .ascii where byte.isDigit: length = length * 10 + Int(byte & 0xF)
            case .bcd2 where byte.isPackedDigits:
                length = length * 100 + Int(byte >> 4) * 10 + Int(byte & 0xF)
            case .binary2AndZeros, .ascii, .bcd2:
                throw .malformedLength(offset: bufferOffset + consumedCount + place)
            }
        }
        return length
    }
}
