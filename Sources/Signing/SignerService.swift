public import Environment
import PeerWire
public import Primitives
public import Renewal
public import SecureLink

// The signer, as nodes reach it: a stream for each request.
//
//     accepted ── handshake, a node of the cluster ──▶ asked ── worker ──▶ answered, closed
//         └─────── refused, too long, silent: closed ────┘

/// The signer's process: listens, and answers each node's request with a certificate of that node.
public actor SignerService: LoopActor {
    /// What is worth a line in the log.
    public enum News: Sendable {
        case issued(IssuedCertificate)
        case refused(NodeIdentity, SignerRefusal)
        /// The authority or the list of the excluded cannot be used.
        case failed(NodeIdentity, LinkCredentialError)
        /// A stream that brought no request.
        case unheard(Unheard)
    }

    /// Why a stream brought no request.
    public enum Unheard: Hashable, Sendable, CustomStringConvertible {
        case channel(SecureChannelError)
        case tooManyAtOnce
        case silent
        case frame(NodeIdentity)
        /// The signer's own certificate cannot be made.
        case noCredentials(LinkCredentialError)

        public var description: String {
            switch self {
            case .channel(let error): "\(error)"
            case .tooManyAtOnce: "too many connections at a time"
            case .silent: "no request in time"
            case .frame(let identity): "\(identity) sent something else"
            case .noCredentials(let error): "no certificate for the signer itself: \(error)"
            }
        }

        /// One word for metrics.
        public var label: String {
            switch self {
            case .channel(let error): error.label
            case .tooManyAtOnce: "too_many"
            case .silent: "silent"
            case .frame: "not_a_request"
            case .noCredentials: "no_credentials"
            }
        }
    }

    public nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let signer: CertificateSigner
    private let readExcluded: @Sendable () throws(LinkCredentialError) -> Set<String>
    private let network: any Network
    private let channels: TLSChannels
    private let worker: any BlockingWorker
    private let elapsedTime: @Sendable () -> MonotonicInstant
    private let onNews: @Sendable (News) -> Void
    private var rules = SigningRules()
    private var connections: [ObjectIdentifier: SignerConnection] = [:]
    private var listener: (any StreamListener)?

    /// Each holds a few kilobytes and, for a moment, a core.
    private static let connectionCountMax = 64
    /// From the stream's beginning to its end.
    private static let connectionTimeout = Duration.seconds(10)

    /// Makes the signer's own certificate. Blocks for that.
    ///
    /// - Parameters:
    ///   - elapsedTime: what the minutes of requests are told by; the loop's clock where it is nil.
    ///   - excluded: reads the names of nodes that get no certificates; called on the worker for
    ///     each request, so that a change counts at once.
    ///   - onNews: called on the loop.
    /// - Throws: `LinkCredentialError`, when the authority cannot sign now.
    public init(
        signer: CertificateSigner, loop: any NodeLoop, network: any Network,
        worker: any BlockingWorker, wallTime: @escaping @Sendable () -> Timestamp,
        elapsedTime: (@Sendable () -> MonotonicInstant)? = nil,
        excluded: @escaping @Sendable () throws(LinkCredentialError) -> Set<String>,
        onNews: @escaping @Sendable (News) -> Void
    ) throws(LinkCredentialError) {
        self.signer = signer
        self.loop = loop
        self.network = network
        self.worker = worker
        readExcluded = excluded
        self.elapsedTime = elapsedTime ?? { loop.now }
        self.onNews = onNews
        channels = try TLSChannels(
            try signer.ownCredentials(now: wallTime()), wallTime: wallTime)
    }

    /// Listens, and gives the address that is bound. Loop only.
    public nonisolated func listen(
        on address: SocketAddress
    ) throws(NetworkError) -> SocketAddress {
        let result = onLoop { service -> Result<SocketAddress, NetworkError> in
            do throws(NetworkError) {
                let listener = try service.network.listen(on: address) { [self] stream in
                    onLoop { $0.accept(stream) }
                }
                service.listener = listener
                return .success(listener.address)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Stops listening, and ends what is under way.
    public func stop() {
        listener?.close()
        listener = nil
        for connection in connections.values { connection.abort() }
    }

    private func accept(_ stream: any ByteStream) {
        guard connections.count < Self.connectionCountMax else {
            onNews(.unheard(.tooManyAtOnce))
            return stream.abort()
        }
        renewOwnCredentials()
        let connection = SignerConnection(
            loop: loop, stream: stream, channel: channels.server(), service: self)
        connections[ObjectIdentifier(connection)] = connection
        connection.start(within: Self.connectionTimeout)
    }

    /// A key and a signature once in a day: not worth a thread.
    private func renewOwnCredentials() {
        guard channels.now >= channels.life.due else { return }
        do throws(LinkCredentialError) {
            try channels.replaceCredentials(with: signer.ownCredentials(now: channels.now))
        } catch {
            onNews(.unheard(.noCredentials(error)))
        }
    }

    // MARK: What connections say

    /// Answers a request; the answer is a frame.
    func answer(_ request: [UInt8], of peer: VerifiedPeer) async -> [UInt8] {
        let outcome = await outcome(of: request, of: peer)
        return frame(for: outcome, of: peer.identity)
    }

    private func outcome(
        of request: [UInt8], of peer: VerifiedPeer
    ) async -> SigningOutcome {
        let asking = SigningPeer(peer)
        if let refusal = rules.admit(asking, at: elapsedTime()) { return .refused(refusal) }
        let (signer, readExcluded) = (signer, readExcluded)
        let read = await worker.run(on: loop) { () -> Result<ReadRequest, LinkCredentialError> in
            do throws(LinkCredentialError) {
                return .success(
                    ReadRequest(
                        request: CertificateSigner.read(request), excluded: try readExcluded()))
            } catch {
                return .failure(error)
            }
        }
        let now = channels.now
        switch read {
        case .failure(let error): return .failed(error)
        case .success(let read):
            let refusal = rules.judge(
                read.request, of: asking, excluded: read.excluded, at: now)
            if let refusal { return .refused(refusal) }
            return await worker.run(on: loop) { signer.sign(request, of: peer, now: now) }
        }
    }

    private struct ReadRequest: Sendable {
        let request: SigningRequest?
        let excluded: Set<String>
    }

    private func frame(for outcome: SigningOutcome, of identity: NodeIdentity) -> [UInt8] {
        switch outcome {
        case .issued(let issued):
            onNews(.issued(issued))
            return SignerWire.frame(.certificate, issued.certificate)
        case .refused(let refusal):
            onNews(.refused(identity, refusal))
            return SignerWire.frame(.certificateRefusal, [refusal.rawValue])
        case .failed(let error):
            onNews(.failed(identity, error))
            return SignerWire.frame(.certificateRefusal, [SignerRefusal.failed.rawValue])
        }
    }

    /// A request that is not looked at.
    func refuse(_ refusal: SignerRefusal, _ identity: NodeIdentity) -> [UInt8] {
        frame(for: .refused(refusal), of: identity)
    }

    /// A stream is over. Called once for each; nil when it was answered.
    func ended(_ connection: SignerConnection, _ reason: Unheard?) {
        connections[ObjectIdentifier(connection)] = nil
        if let reason { onNews(.unheard(reason)) }
    }
}

extension SecureChannelError {
    /// One word for metrics.
    var label: String {
        switch self {
        case .malformed: "malformed_channel"
        case .noCertificate: "no_certificate"
        case .untrusted: "untrusted"
        case .outsideValidity: "outside_validity"
        case .noIdentity: "no_identity"
        case .otherCluster: "other_cluster"
        case .otherNode: "other_node"
        case .refusedByPeer: "refused_by_peer"
        case .truncated: "truncated"
        case .library: "library"
        }
    }
}
