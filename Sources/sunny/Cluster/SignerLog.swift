import Environment
import Logging
import Operations
import Renewal
import SecureLink
import Signing
import Synchronization
import Telemetry
import Transport

/// Logs and counts what the signer gives and what it refuses: each certificate, and what else a
/// node does once in a while.
final class SignerLog: Sendable {
    private let logger: Logger
    private let loop: UVLoop
    /// By node; whoever has shown no certificate is one key for each reason, and these are few.
    private let throttle = Mutex(NewsThrottle<String>(interval: .seconds(10)))
    private let issued: MetricRegistry.Counter
    private let refused: MetricRegistry.Counter
    private let unheard: MetricRegistry.Counter

    init(_ logger: Logger, _ loop: UVLoop, _ metrics: MetricRegistry) {
        self.logger = logger
        self.loop = loop
        issued = metrics.counter(
            "sunny_signer_certificates_total", "Certificates that the signer made.",
            labels: "node")
        refused = metrics.counter(
            "sunny_signer_refusals_total", "Requests of nodes that the signer refused.",
            labels: "reason")
        unheard = metrics.counter(
            "sunny_signer_unheard_total", "Connections that brought no request.",
            labels: "reason")
    }

    func tell(_ news: SignerService.News) {
        switch news {
        case .issued(let certificate):
            issued.add(1, certificate.identity.name)
            logger.info(
                "issued",
                metadata: [
                    "to": "\(certificate.identity)", "serial": "\(certificate.serial)",
                    "valid_until": "\(CivilText.text(certificate.validUntil))",
                ])
        case .refused(let identity, let refusal):
            refused.add(1, refusal.label)
            warn("refused", identity.uri, ["node": "\(identity)", "reason": "\(refusal)"])
        case .failed(let identity, let error):
            refused.add(1, SignerRefusal.failed.label)
            warn("failed", identity.uri, ["node": "\(identity)", "reason": "\(error)"])
        case .unheard(let reason):
            unheard.add(1, reason.label)
            warn("no request", reason.label, ["reason": "\(reason)"])
        }
    }

    private func warn(_ message: String, _ key: String, _ metadata: Logger.Metadata) {
        let heldBack = throttle.withLock { $0.admit("\(message) \(key)", at: loop.now) }
        guard let heldBack else { return }
        var metadata = metadata
        metadata["not_logged"] = "\(heldBack)"
        logger.warning("\(message)", metadata: metadata)
    }
}
