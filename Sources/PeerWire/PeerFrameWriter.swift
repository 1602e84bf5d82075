public import Primitives

/// Builds one frame in place: the payload, of one message or of many, is written behind the space
/// of the header, which is filled in at the end.
///
///     var frame = PeerFrameWriter()
///     for message in messages where frame.hasRoom(for: message.byteCount) {
///         message.encode(to: &frame.payload)
///     }
///     stream.write(try frame.finish(PeerFrameHeader(kind: .batch)))
public struct PeerFrameWriter: Sendable {
    /// What the payload is written to. It holds the header's space already: only append.
    public var payload: ByteWriter

    /// A frame with room for a payload of `capacity` bytes; it grows beyond it.
    public init(capacity: Int = 256) {
        payload = ByteWriter(capacity: PeerFrame.headerByteCount + capacity)
        payload.writeRaw(repeatElement(0, count: PeerFrame.headerByteCount))
    }

    /// Bytes of payload written so far.
    public var payloadByteCount: Int { payload.byteCount - PeerFrame.headerByteCount }

    /// Whether so many more bytes fit the largest payload.
    public func hasRoom(for byteCount: Int) -> Bool {
        byteCount <= PeerFrame.payloadByteCountMax - payloadByteCount
    }

    /// The frame's bytes.
    ///
    /// - Throws: `tooLong`, with an offset of 0.
    public consuming func finish(
        _ header: PeerFrameHeader
    ) throws(PeerFrameError) -> [UInt8] {
        let count = payloadByteCount
        guard count <= PeerFrame.payloadByteCountMax else {
            throw .tooLong(
                byteCount: count, maximum: PeerFrame.payloadByteCountMax, offset: 0)
        }
        var bytes = payload.takeBytes()
        var head = ByteWriter(capacity: PeerFrame.headerByteCount)
        head.writeRaw(PeerFrame.magic)
        head.write(PeerFrame.version)
        head.write(header.kind.rawValue)
        head.writeFixed(UInt32(count))
        head.writeFixed(header.requestID)
        head.writeFixed(header.group.rawValue)
        head.writeFixed(Self.microseconds(header.budget))
        head.writeFixed(CRC32C.checksum(bytes[PeerFrame.headerByteCount...]))
        head.writeFixed(CRC32C.checksum(head.bytes))
        for (index, byte) in head.bytes.enumerated() { bytes[index] = byte }
        return bytes
    }

    private static func microseconds(_ budget: Duration?) -> UInt32 {
        guard let budget else { return PeerFrame.noBudget }
        let microseconds = max(0, budget.wholeNanoseconds / 1000)
        return UInt32(min(microseconds, Int64(PeerFrame.noBudget - 1)))
    }
}

extension PeerFrame {
    /// The frame's bytes, the payload copied once.
    ///
    /// - Throws: `tooLong`, with an offset of 0.
    public func encoded() throws(PeerFrameError) -> [UInt8] {
        var writer = PeerFrameWriter(capacity: payload.count)
        writer.payload.writeRaw(payload)
        return try writer.finish(header)
    }
}
