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

    private static let space = [UInt8](repeating: 0, count: PeerFrame.headerByteCount)

    /// A frame with room for a payload of `capacity` bytes; it grows beyond it.
    public init(capacity: Int = 256) {
        payload = ByteWriter(capacity: PeerFrame.headerByteCount + capacity)
        payload.writeRaw(Self.space)
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
        let checksum = CRC32C.checksum(bytes[PeerFrame.headerByteCount...])
        bytes[0] = PeerFrame.magic.0
        bytes[1] = PeerFrame.magic.1
        bytes[2] = PeerFrame.version
        bytes[3] = header.kind.rawValue
        Self.put(UInt64(count), byteCount: 4, in: &bytes, at: 4)
        Self.put(header.requestID, byteCount: 8, in: &bytes, at: 8)
        Self.put(UInt64(header.group.rawValue), byteCount: 4, in: &bytes, at: 16)
        Self.put(UInt64(Self.microseconds(header.budget)), byteCount: 4, in: &bytes, at: 20)
        Self.put(UInt64(checksum), byteCount: 4, in: &bytes, at: 24)
        let headerChecksum = CRC32C.checksum(bytes[..<PeerFrame.checkedByteCount])
        Self.put(
            UInt64(headerChecksum), byteCount: 4, in: &bytes, at: PeerFrame.checkedByteCount)
        return bytes
    }

    private static func put(
        _ value: UInt64, byteCount: Int, in bytes: inout [UInt8], at place: Int
    ) {
        for index in 0..<byteCount {
            bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
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
