public import Environment

extension PeerLinks {
    /// Why a stream did not become a link, or a link ended; counted, and logged once in a while.
    public enum Trouble: Hashable, Sendable, CustomStringConvertible {
        case network(NetworkError)
        case channel(SecureChannelError)
        /// Its certificate is good, and the cluster knows no such node, or not there.
        case stranger(NodeIdentity)
        /// Its certificate is good, and its disk is none of the cluster's.
        case refused(NodeIdentity, PeerRefusal)
        /// The peer takes this node for none of the cluster's.
        case refusedByPeer(PeerRefusal)
        /// Its certificate is good, and it is this node who dials that one.
        case wrongDirection(NodeIdentity)
        case frame
        case silent
        /// The certificate that the peer opened it with is over; it is opened anew.
        case certificateOver
        case replaced
        /// The peer is no member any more.
        case dropped
        case handshakeTimedOut
        case tooManyHandshakes

        /// What it is counted under: one of a few words.
        public var reason: String {
            switch self {
            case .network: "network"
            case .channel: "channel"
            case .stranger: "stranger"
            case .refused: "refused"
            case .refusedByPeer: "refused_by_peer"
            case .wrongDirection: "wrong_direction"
            case .frame: "frame"
            case .silent: "silent"
            case .certificateOver: "certificate_over"
            case .replaced: "replaced"
            case .dropped: "dropped"
            case .handshakeTimedOut: "handshake_timed_out"
            case .tooManyHandshakes: "too_many_handshakes"
            }
        }

        public var description: String {
            switch self {
            case .network(let error): "\(error)"
            case .channel(let error): "\(error)"
            case .stranger(let identity): "\(identity) is not in the cluster"
            case .refused(let identity, let refusal): "\(identity) was refused: \(refusal)"
            case .refusedByPeer(let refusal): "the peer refused this node: \(refusal)"
            case .wrongDirection(let identity): "\(identity) does not dial this node"
            case .frame: "what came was no frame of this protocol"
            case .silent: "nothing came for too long"
            case .certificateOver: "the certificate that it was opened with is over"
            case .replaced: "the peer has opened a new link"
            case .dropped: "the peer is no member any more"
            case .handshakeTimedOut: "the handshake took too long"
            case .tooManyHandshakes: "too many handshakes at a time"
            }
        }
    }
}
