import Environment
import Ingress
import Logging
import Operations
import Primitives
import SecureLink
import Signing
import Telemetry
import Transport

/// The signer on this machine.
struct SignerProcess: Sendable {
    private let service: SignerService
    private let loop: UVLoop
    private let address: SocketAddress
    private let adminAddress: SocketAddress
    private let authority: ClusterAuthority
    private let validity: ValidityArgument
    private let metrics = MetricRegistry()
    private let supervision: SupervisionOptions
    private let logger: Logger

    init(_ command: ClusterSignerCommand, logger: Logger) throws(CommandFailure) {
        supervision = command.supervision
        validity = command.validity
        self.logger = logger
        // Both were read before by `validate`.
        address = SocketAddress(command.listen)!
        adminAddress = SocketAddress(command.admin)!
        let worker: WorkerThread
        do throws(SystemError) {
            loop = try UVLoop(name: "signer")
            try loop.start()
            worker = try WorkerThread(name: "signatures", loop: loop)
        } catch {
            throw CommandFailure(
                .unavailable, "the system gives no thread: \(error)",
                remedy: "look at the limits of this process (ulimit -a)")
        }
        let folder = command.folder
        let log = SignerLog(logger, loop, metrics)
        do throws(LinkCredentialError) {
            authority = try ClusterAuthority(folder: folder)
            service = try SignerService(
                signer: CertificateSigner(
                    authority: authority, validity: command.validity.duration),
                loop: loop, network: UVNetwork(loop: loop), worker: worker,
                wallTime: { CivilClock.now },
                excluded: { () throws(LinkCredentialError) in
                    try ExcludedNodes.read(in: folder)
                }, onNews: { log.tell($0) })
        } catch {
            let (what, _) = NodeCertificate.explain(
                error,
                LinkCredentialFiles(
                    certificate: folder + "/authority.crt", key: folder + "/authority.key",
                    authorities: folder + "/authority.crt"))
            throw CommandFailure(
                .badConfiguration, what, at: folder,
                remedy: "name the folder authority that sunny cluster init made")
        }
    }

    /// Listens for nodes, then for the operator; or ends the process.
    func start() async {
        let bound: SocketAddress
        do {
            bound = try await listen()
        } catch {
            fail("\(error)", at: address)
        }
        logger.info("listening", metadata: ["for": "nodes", "at": "\(bound)"])
        do {
            try await serveOperator { admin in
                logger.info("listening", metadata: ["for": "admin", "at": "http://\(admin)"])
                supervision.tell(["address": bound, "admin": admin])
                logger.info("ready")
            }
        } catch {
            fail("\(error)", at: adminAddress)
        }
    }

    private func listen() async throws -> SocketAddress {
        try await withCheckedThrowingContinuation { continuation in
            loop.post {
                continuation.resume(with: Result { try service.listen(on: address) })
            }
        }
    }

    private func fail(_ reason: String, at address: SocketAddress) -> Never {
        let failure = CommandFailure(
            .unavailable, reason, at: "\(address)",
            remedy: "name another address, or end the process that has this one")
        Console.complain("\(failure)")
        endProcess(failure.status.rawValue)
    }

    private func serveOperator(
        _ onListening: @escaping @Sendable (SocketAddress) -> Void
    ) async throws {
        let endpoint = AdminEndpoint(
            metrics: metrics, supplement: { certificateText },
            lagNanoseconds: { [loop] in loop.lagNanoseconds }, isReady: { true },
            sections: ["cluster": .init(page: { Array((JSON.text(page) + "\n").utf8) })])
        try await IngressServer(
            options: IngressOptions(address: adminAddress), role: .administration(endpoint),
            logger: logger, onListening: onListening
        ).run()
    }

    /// `/admin/cluster` of a signer.
    private struct Page: Encodable {
        let cluster: String
        let signer: String
        /// Of the certificates that it makes.
        let validity: String
        /// When the authority ends, `2026-11-28 11:40:38 UTC`.
        let authorityEnd: String
    }

    private var authorityEnd: Timestamp {
        // It was read before.
        (try? CertificateFacts(pem: authority.certificate))?.notAfter ?? Timestamp(milliseconds: 0)
    }

    private var page: Page {
        Page(
            cluster: authority.cluster,
            signer: CertificateSigner.identity(ofCluster: authority.cluster)?.uri ?? "",
            validity: validity.description, authorityEnd: CivilText.text(authorityEnd))
    }

    private var certificateText: String {
        """
        # HELP sunny_authority_end_seconds When the cluster's authority ends, since 1970.
        # TYPE sunny_authority_end_seconds gauge
        sunny_authority_end_seconds \(authorityEnd.seconds)

        """
    }

    func stop() async {
        await service.stop()
        logger.info("ended")
    }
}
