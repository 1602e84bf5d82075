public import Primitives

// A secure channel turns bytes into bytes: it has no socket, no clock and no thread. Its owner
// carries what it gives to the peer and what the peer sends to it:
//
//     stream ── receive(ciphertext) ──▶ channel ──▶ events: established, received, closed, failed
//     stream ◀── takeOutgoing() ─────── channel ◀── send(plaintext), close()
//
// After every call the owner writes `takeOutgoing()` to the stream, also after a failure, as the
// peer is told why. The dialler's channel has its first bytes from the beginning. The owner bounds
// the time of a handshake; the channel bounds its bytes.

/// A peer whose certificate was verified.
public struct VerifiedPeer: Hashable, Sendable {
    public let identity: NodeIdentity
    /// When the peer's certificate, or the first of its issuers', ends. A link should not outlive
    /// it.
    public let validUntil: Timestamp

    public init(identity: NodeIdentity, validUntil: Timestamp) {
        self.identity = identity
        self.validUntil = validUntil
    }
}

/// Why there is no secure channel any more. Nothing in it is text of the peer's making.
public enum SecureChannelError: Error, Hashable, Sendable {
    /// The bytes are not those of the protocol or were changed on the way; `reason` is the
    /// library's word for it.
    case malformed(reason: String)
    /// The peer sent no certificate.
    case noCertificate
    /// The peer's certificate does not lead to an authority of the cluster; `reason` is the
    /// library's word for it.
    case untrusted(reason: String)
    /// The peer's certificate is not valid any more, or not yet, by this machine's civil time.
    case outsideValidity
    /// The certificate does not name exactly one node.
    case noIdentity
    /// The peer is a node of another cluster.
    case otherCluster(NodeIdentity)
    /// Somebody else answers at the address of the node that was dialled.
    case otherNode(dialled: String, found: NodeIdentity)
    /// The peer ended the channel with this alert (RFC 8446, 6.2): it refuses our certificate, our
    /// version, or what we sent.
    case refusedByPeer(alert: UInt8)
    /// The transport ended before the peer closed the channel, so that the last bytes may be
    /// missing.
    case truncated
    /// The library failed for a reason that is none of the peer's, such as memory.
    case library(reason: String)
}

/// What a channel tells its owner.
public enum SecureChannelEvent: Hashable, Sendable {
    /// The peer is verified; `send` works from now on. Comes once, before any `received`. The
    /// dialler is first: that the peer accepts it shows with the first bytes that are received.
    case established(VerifiedPeer)
    /// Plaintext, in order, at least one byte.
    case received([UInt8])
    /// The peer will send nothing more; nothing was lost. The last event.
    case closed
    /// The last event. The owner writes what is outgoing, then closes the stream.
    case failed(SecureChannelError)
}

/// Where a channel is in its life.
public enum SecureChannelState: Hashable, Sendable {
    case handshaking
    case open(VerifiedPeer)
    /// Closed by the peer in order, or by `close`.
    case closed
    case failed(SecureChannelError)
}

/// One end of a channel between two nodes that have verified each other. It has one owner, and is
/// not `Sendable`, so that the owner's actor keeps it.
public protocol SecureChannel: AnyObject {
    var state: SecureChannelState { get }

    /// Takes bytes that arrived, in any portions. After `closed` and `failed` they are ignored.
    ///
    /// - Returns: What came of them, in order. Plaintext is less than the ciphertext was: the
    ///   channel keeps nothing but one incomplete record.
    func receive(_ ciphertext: [UInt8]) -> [SecureChannelEvent]

    /// Says that no bytes will arrive any more.
    ///
    /// - Returns: `failed(.truncated)` unless the channel had ended before.
    func receiveEnd() -> [SecureChannelEvent]

    /// Turns bytes into outgoing ones.
    ///
    /// - Returns: False when nothing was taken: the channel is not open, or too many outgoing
    ///   bytes wait (`SecureChannelLimits.outgoingByteCountMax`).
    func send(_ plaintext: [UInt8]) -> Bool

    /// The bytes to write to the peer; they are taken from the channel.
    func takeOutgoing() -> [UInt8]

    /// Tells the peer, in the outgoing bytes, that nothing follows; the channel is closed. What
    /// the peer sent and was not received is lost.
    func close()
}

/// Makes the channels of one node.
public protocol SecureChannels: Sendable {
    /// This node, as its certificate names it.
    var identity: NodeIdentity { get }

    /// The dialler's end of a channel to the node called `name`, and nobody else.
    func client(to name: String) -> sending any SecureChannel

    /// The listener's end of a channel to any node of the cluster.
    func server() -> sending any SecureChannel
}

/// Bounds of a channel.
public enum SecureChannelLimits {
    /// Outgoing bytes that may wait in a channel: two of the largest frames with what encryption
    /// adds. An owner takes them after each call, so that more would be an owner who forgot.
    public static let outgoingByteCountMax = 9 << 20
}
