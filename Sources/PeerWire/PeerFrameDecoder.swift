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
        let arrived = buffer[consumedCount...].prefix(PeerFrame.headerByteCount)
        guard zip(arrived, PeerFrame.magic).allSatisfy({ $0 == $1 }) else {
            throw .notAFrame(offset: offset)
        }
        let versionPlace = consumedCount + PeerFrame.magic.count
        if versionPlace < arrived.endIndex, arrived[versionPlace] != PeerFrame.version {
            throw .unsupportedVersion(found: arrived[versionPlace], offset: offset)
        }
        guard arrived.count == PeerFrame.headerByteCount else { return nil }
        var reader = ByteReader(arrived)
        guard let fields = try? Fields(from: &reader),
            fields.headerChecksum == CRC32C.checksum(arrived.dropLast(4))
        else { throw .damagedHeader(offset: offset) }
        guard fields.byteCount <= PeerFrame.payloadByteCountMax else {
            throw .tooLong(
                byteCount: Int(fields.byteCount), maximum: PeerFrame.payloadByteCountMax,
                offset: offset)
        }
        return (fields.header, Int(fields.byteCount), fields.payloadChecksum)
    }
}

/// The fields of a header behind magic and version.
private struct Fields {
    let header: PeerFrameHeader
    let byteCount: UInt32
    let payloadChecksum: UInt32
    let headerChecksum: UInt32

    init(from reader: inout ByteReader) throws(DecodingError) {
        _ = try reader.readRaw(PeerFrame.magic.count + 1)
        let kind = try reader.readByte()
        byteCount = try reader.readFixed(UInt32.self)
        let requestID = try reader.readFixed(UInt64.self)
        let group = try reader.readFixed(UInt32.self)
        let budget = try reader.readFixed(UInt32.self)
        header = PeerFrameHeader(
            kind: PeerFrameHeader.Kind(rawValue: kind), requestID: requestID,
            group: GroupID(group),
            budget: budget == PeerFrame.noBudget ? nil : .microseconds(Int64(budget)))
        payloadChecksum = try reader.readFixed(UInt32.self)
        headerChecksum = try reader.readFixed(UInt32.self)
    }
}
