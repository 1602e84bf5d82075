import Primitives

/// Cuts a stream into frames, however its bytes arrive.
///
/// Feed what was received, then take frames until there is none: the decoder then holds less than
/// one frame. After an error every further call throws the same error, and the connection has to be
/// closed. No bytes end the process.
public struct PeerFrameDecoder: Sendable {
    private enum State {
        case reading
        case failed(PeerFrameError)
    }

    private var state = State.reading
    private var buffer: [UInt8] = []
    /// Bytes of the buffer that were handed out.
    private var consumedCount = 0
    /// Bytes of the stream before the buffer.
    private var bufferOffset = 0
    /// The header of the frame that waits for the rest of its payload, checked once.
    private var waiting: (header: PeerFrameHeader, byteCount: Int, checksum: UInt32)?

    public init() {}

    /// Bytes that wait for the rest of their frame.
    public var pendingByteCount: Int { buffer.count - consumedCount }

    /// Appends received bytes. They are dropped once the decoder has failed.
    public mutating func feed(_ bytes: [UInt8]) {
        guard case .reading = state, !bytes.isEmpty else { return }
        if consumedCount == buffer.count {
            // What was received becomes the buffer, without a copy.
            bufferOffset += consumedCount
            buffer = bytes
            consumedCount = 0
        } else if consumedCount > 0 {
            // Frames that were handed out may still hold the old buffer: the rest, which is less
            // than a frame, moves to a new one, and what follows is appended there in place.
            var rest: [UInt8] = []
            rest.reserveCapacity(pendingByteCount + bytes.count)
            rest += buffer[consumedCount...]
            rest += bytes
            bufferOffset += consumedCount
            buffer = rest
            consumedCount = 0
        } else {
            buffer += bytes
        }
    }

    /// The next complete frame; nil when more bytes are needed. Throws as soon as something is
    /// wrong, before the frame has arrived.
    public mutating func next() throws(PeerFrameError) -> PeerFrame? {
        switch state {
        case .reading:
            do throws(PeerFrameError) {
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

    private mutating func readFrame() throws(PeerFrameError) -> PeerFrame? {
        if waiting == nil { waiting = try readHeader() }
        guard let (header, byteCount, checksum) = waiting else { return nil }
        let start = consumedCount + PeerFrame.headerByteCount
        guard buffer.count - start >= byteCount else { return nil }
        let payload = buffer[start..<(start + byteCount)]
        guard CRC32C.checksum(payload) == checksum else {
            throw .damagedPayload(offset: bufferOffset + consumedCount)
        }
        waiting = nil
        consumedCount = start + byteCount
        return PeerFrame(header: header, payload: payload)
    }

    private func readHeader() throws(PeerFrameError) -> (PeerFrameHeader, Int, UInt32)? {
        let offset = bufferOffset + consumedCount
        let arrived = pendingByteCount
        guard arrived < 1 || buffer[consumedCount] == PeerFrame.magic.0,
            arrived < 2 || buffer[consumedCount + 1] == PeerFrame.magic.1
        else { throw .notAFrame(offset: offset) }
        if arrived > 2, buffer[consumedCount + 2] != PeerFrame.version {
            throw .unsupportedVersion(found: buffer[consumedCount + 2], offset: offset)
        }
        guard arrived >= PeerFrame.headerByteCount else { return nil }
        let end = consumedCount + PeerFrame.checkedByteCount
        guard integer(at: 28, byteCount: 4) == UInt64(CRC32C.checksum(buffer[consumedCount..<end]))
        else { throw .damagedHeader(offset: offset) }
        let byteCount = Int(truncatingIfNeeded: integer(at: 4, byteCount: 4))
        guard byteCount <= PeerFrame.payloadByteCountMax else {
            throw .tooLong(
                byteCount: byteCount, maximum: PeerFrame.payloadByteCountMax, offset: offset)
        }
        let budget = integer(at: 20, byteCount: 4)
        let header = PeerFrameHeader(
            kind: PeerFrameHeader.Kind(rawValue: buffer[consumedCount + 3]),
            requestID: integer(at: 8, byteCount: 8),
            group: GroupID(UInt32(truncatingIfNeeded: integer(at: 16, byteCount: 4))),
            budget: budget == UInt64(PeerFrame.noBudget) ? nil : .microseconds(Int64(budget)))
        let checksum = UInt32(truncatingIfNeeded: integer(at: 24, byteCount: 4))
        return (header, byteCount, checksum)
    }

    /// A little-endian integer of the header that is at the beginning of what was not handed out.
    private func integer(at place: Int, byteCount: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (0..<byteCount).reversed() {
            value = value << 8 | UInt64(buffer[consumedCount + place + index])
        }
        return value
    }
}
