import Environment
import Logging
import Operations
import Primitives
import Renewal
import SecureLink
import Signing
import Synchronization
import Telemetry
import Transport

// How a node's certificate is renewed while it runs.

extension NodeProcess {
    /// Asks the signer that the file names whenever it is time. Does nothing when it names none.
    func renewCertificates() async {
        guard let channels, let credentials = file.credentials, let signer = credentials.signer,
            let worker = certificateWorker
        else { return }
        let log = RenewalLog(logger, loop, credentials.files, metrics)
        await CertificateRenewer(
            channels: channels, signer: signer, loop: loop, network: UVNetwork(loop: loop),
            worker: worker, random: SystemRandom(), onNews: { log.tell($0) }
        ).run()
    }
}

/// Logs and counts what becomes of a node's certificate; what fails is logged once in a minute.
private final class RenewalLog: Sendable {
    private let logger: Logger
    private let loop: UVLoop
    private let files: LinkCredentialFiles
    private let throttle = Mutex(NewsThrottle<String>(interval: .seconds(60)))
    private let renewals: MetricRegistry.Counter
    private let failures: MetricRegistry.Counter

    init(
        _ logger: Logger, _ loop: UVLoop, _ files: LinkCredentialFiles, _ metrics: MetricRegistry
    ) {
        self.logger = logger
        self.loop = loop
        self.files = files
        renewals = metrics.counter(
            "sunny_certificate_renewals_total", "Certificates that the signer gave to this node.")
        failures = metrics.counter(
            "sunny_certificate_renewal_failures_total",
            "Tries to renew this node's certificate that failed.", labels: "reason")
        renewals.add(0)
    }

    func tell(_ news: CertificateRenewer.News) {
        switch news {
        case .renewed(let life):
            renewals.add()
            logger.info(
                "the certificate is renewed",
                metadata: [
                    "serial": "\(life.serial)", "valid_until": "\(CivilText.text(life.end))",
                ])
        case .failed(let trouble, let end):
            failures.add(1, trouble.label)
            warn(trouble, end)
        case .endsSoon(let end):
            logger.warning(
                "the certificate ends soon, and was not renewed so far",
                metadata: ["valid_until": "\(CivilText.text(end))"])
        case .over(let end):
            logger.error(
                """
                the certificate is over, and the signer gives none without it: make one with sunny \
                cluster renew, and send SIGHUP
                """,
                metadata: ["valid_until": "\(CivilText.text(end))"])
        }
    }

    private func warn(_ trouble: RenewalTrouble, _ end: Timestamp) {
        let heldBack = throttle.withLock { $0.admit(trouble.label, at: loop.now) }
        guard let heldBack else { return }
        let reason =
            switch trouble {
            case .credentials(let error): NodeCertificate.explain(error, files).what
            case .network, .channel, .silent, .unreadable, .refused: "\(trouble)"
            }
        logger.warning(
            "the certificate is not renewed, and the old one stays in use",
            metadata: [
                "reason": "\(reason)", "valid_until": "\(CivilText.text(end))",
                "not_logged": "\(heldBack)",
            ])
    }
}
