public import Primitives

// A frame between two nodes, little-endian:
//
//     offset  bytes
//          0      2  "SF"
//          2      1  version: 1
//          3      1  kind, of which this layer knows nothing
//          4      4  payload bytes
//          8      8  request id; 0 when nothing is asked or answered
//         16      4  group
//         20      4  budget in microseconds; all ones for none
//         24      4  CRC-32C of the payload
//         28      4  CRC-32C of the 28 bytes before
//         32         payload
//
// The header has a checksum of its own, so that no length is believed before it was checked. The
// checksums find mistakes of ours; against others there is the channel's encryption.

/// What stands in front of a payload.
public struct PeerFrameHeader: Hashable, Sendable {
    /// What the payload is. The values belong to who writes the payloads.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt8

        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }
    }

    public var kind: Kind
    /// Joins an answer to its request, in one connection; 0 when there is none.
    public var requestID: UInt64
    /// The group that the payload is for; 0 also for a batch, whose messages name their own.
    public var group: GroupID
    /// How long the sender will wait from now; nil when nobody waits. A duration, as the clocks of
    /// two nodes have nothing in common. Written in whole microseconds, rounded down, and no more
    /// than 71 minutes (4,294,967,294 µs); one that is over is 0.
    public var budget: Duration?

    public init(
        kind: Kind, requestID: UInt64 = 0, group: GroupID = GroupID(0), budget: Duration? = nil
    ) {
        self.kind = kind
        self.requestID = requestID
        self.group = group
        self.budget = budget
    }
}

/// A frame that was read.
public struct PeerFrame: Hashable, Sendable {
    public let header: PeerFrameHeader
    /// A view into what was received: who keeps it for long copies it.
    public let payload: ArraySlice<UInt8>

    public init(header: PeerFrameHeader, payload: ArraySlice<UInt8>) {
        self.header = header
        self.payload = payload
    }

    /// The one version that is written and read.
    public static let version: UInt8 = 1
    public static let headerByteCount = 32

    /// The largest payload: four times the largest log entry (1 MiB), so that an append of entries
    /// or a chunk of a snapshot fits in any case, and little enough that a heartbeat behind it
    /// waits for 34 ms on a link of 1 Gbit/s. It also bounds what a peer makes us buffer.
    public static let payloadByteCountMax = 4 << 20

    static let magic = (UInt8(ascii: "S"), UInt8(ascii: "F"))
    /// What the header's own checksum is of.
    static let checkedByteCount = headerByteCount - 4
    static let noBudget = UInt32.max
}

/// Why bytes are not frames. The connection has to be closed: nobody knows where the next frame
/// begins. Offsets count from the stream's first byte to the frame's first.
public enum PeerFrameError: Error, Hashable, Sendable {
    /// The bytes do not begin as frames do.
    case notAFrame(offset: Int)
    /// A version that this one cannot read.
    case unsupportedVersion(found: UInt8, offset: Int)
    /// The header is not what was written.
    case damagedHeader(offset: Int)
    /// A payload longer than the maximum.
    case tooLong(byteCount: Int, maximum: Int, offset: Int)
    /// The payload is not what was written.
    case damagedPayload(offset: Int)
}
