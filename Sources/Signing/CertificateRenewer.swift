public import Environment
import PeerWire
public import Primitives
public import Renewal
public import SecureLink

/// Why a certificate was not renewed. The old one stays in use.
public enum RenewalTrouble: Error, Hashable, Sendable, CustomStringConvertible {
    case network(NetworkError)
    case channel(SecureChannelError)
    case silent
    /// What came is no answer of the signer's.
    case unreadable
    case refused(SignerRefusal)
    /// The new certificate is of no use, or could not be written.
    case credentials(LinkCredentialError)

    public var description: String {
        switch self {
        case .network(let error): "\(error)"
        case .channel(let error): "\(error)"
        case .silent: "the signer did not answer in time"
        case .unreadable: "what came is no answer of a signer of this version"
        case .refused(let refusal): "refused: \(refusal)"
        case .credentials(let error): "\(error)"
        }
    }

    /// One word for metrics.
    public var label: String {
        switch self {
        case .network: "network"
        case .channel(let error): error.label
        case .silent: "silent"
        case .unreadable: "unreadable"
        case .refused(let refusal): refusal.label
        case .credentials: "credentials"
        }
    }
}

/// Renews a node's certificate while it is valid: does what `RenewalInstance` says.
public actor CertificateRenewer {
    public enum News: Sendable {
        case renewed(CertificateLife)
        /// It is tried again.
        case failed(RenewalTrouble, until: Timestamp)
        /// It ends soon, and was not renewed so far.
        case endsSoon(until: Timestamp)
        /// The certificate is over, and cannot be renewed like this any more.
        case over(since: Timestamp)
    }

    private nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let channels: TLSChannels
    private let signer: SocketAddress
    private let network: any Network
    private let worker: any BlockingWorker
    private let random: any RandomSource
    private let onNews: @Sendable (News) -> Void
    private var instance: RenewalInstance

    private static let connectTimeout = Duration.seconds(5)
    private static let answerTimeout = Duration.seconds(10)

    /// - Parameters:
    ///   - channels: of credentials that are in files.
    ///   - worker: for keys and files.
    ///   - onNews: called on the loop.
    public init(
        channels: TLSChannels, signer: SocketAddress, loop: any NodeLoop, network: any Network,
        worker: any BlockingWorker, random: any RandomSource,
        onNews: @escaping @Sendable (News) -> Void
    ) {
        self.channels = channels
        self.signer = signer
        self.loop = loop
        self.network = network
        self.worker = worker
        self.random = random
        self.onNews = onNews
        instance = RenewalInstance(channels.life, chance: random.next())
    }

    /// Looks after the certificate for as long as the loop runs.
    public func run() async {
        while true { await loop.sleep(for: await step()) }
    }

    /// Does what is due.
    ///
    /// - Returns: How long to wait before the next step.
    package func step() async -> Duration {
        var directives = instance.onTurn(channels.life, at: channels.now, chance: random.next())
        var next = 0
        while next < directives.count {
            switch directives[next] {
            case .ask: directives += await renew()
            case .warn(let end): onNews(.endsSoon(until: end))
            case .sayOver(let end): onNews(.over(since: end))
            case .wait(let pause):
                // At least a moment, so that a clock that stands does not make this spin.
                return max(pause, .milliseconds(1))
            }
            next += 1
        }
        return .milliseconds(1)
    }

    /// Tries once, and says what follows.
    private func renew() async -> [RenewalInstance.Directive] {
        do throws(RenewalTrouble) {
            try await getCertificate()
            let life = channels.life
            onNews(.renewed(life))
            return instance.onRenewed(life, at: channels.now, chance: random.next())
        } catch {
            onNews(.failed(error, until: channels.validUntil))
            return instance.onFailed(at: channels.now, chance: random.next())
        }
    }

    /// Gets a certificate for a new key, and puts both to use.
    private func getCertificate() async throws(RenewalTrouble) {
        let prepared = await worker.run(on: loop) {
            () -> Result<PreparedRequest, LinkCredentialError> in
            do throws(LinkCredentialError) {
                return .success(try PreparedRequest())
            } catch {
                return .failure(error)
            }
        }
        let request: PreparedRequest
        switch prepared {
        case .success(let made): request = made
        case .failure(let error): throw .credentials(error)
        }
        let certificate: [UInt8]
        switch await ask(SignerWire.frame(.certificateRequest, request.request)) {
        case .certificate(let made): certificate = made
        case .refused(let refusal): throw .refused(refusal)
        case .failed(let trouble): throw trouble
        }
        let channels = channels
        let problem = await worker.run(on: loop) { () -> LinkCredentialError? in
            do throws(LinkCredentialError) {
                try channels.install(certificate, key: request.key)
                return nil
            } catch {
                return error
            }
        }
        if let problem { throw .credentials(problem) }
    }

    private func ask(_ request: [UInt8]) async -> SignerAnswer {
        guard let identity = CertificateSigner.identity(ofCluster: channels.identity.cluster)
        else { return .failed(.unreadable) }
        let connected = await loop.suspend { resumption in
            network.connect(to: signer, timeout: Self.connectTimeout) { result in
                resumption.resume(returning: result)
            }
        }
        switch connected {
        case .failure(let error): return .failed(.network(error))
        case .success(let stream):
            let inquiry = SignerInquiry(
                loop: loop, stream: stream, channel: channels.client(to: identity.name),
                signer: identity, request: request)
            return await inquiry.answer(within: Self.answerTimeout)
        }
    }
}
