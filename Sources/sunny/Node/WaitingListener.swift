import Environment
import Ingress
import Logging
import Operations
import ServiceLifecycle
import Synchronization
import Telemetry
import Transport

import func Glibc.usleep

/// Answers at the admin address that the process lives and is not ready, while its node waits for a
/// seat in the cluster: whoever looks after it has no reason to start it again.
final class WaitingListener: Sendable {
    private let group: ServiceGroup
    private let hasEnded = Mutex(false)

    /// Nil where the system is to choose the port, as it would choose another one afterwards.
    init?(_ file: NodeFile, loop: UVLoop, logger: Logger) {
        guard file.adminAddress.port != 0 else { return nil }
        let endpoint = AdminEndpoint(
            metrics: MetricRegistry(), supplement: { "" },
            lagNanoseconds: { loop.lagNanoseconds }, isReady: { false }, sections: [:])
        do {
            let server = try IngressServer(
                options: IngressOptions(address: file.adminAddress),
                role: .administration(endpoint), logger: logger
            ) { address in
                logger.info(
                    "listening", metadata: ["for": "admin", "at": "http://\(address)"])
            }
            var quiet = logger
            quiet.logLevel = .critical
            group = ServiceGroup(
                configuration: ServiceGroupConfiguration(services: [server], logger: quiet))
        } catch {
            // The node itself will say so, once it gets there.
            return nil
        }
        Task { [self] in
            try? await group.run()
            hasEnded.withLock { $0 = true }
        }
    }

    /// Blocks until the address is free for the node.
    func stop() {
        Task { [group] in await group.triggerGracefulShutdown() }
        while !hasEnded.withLock({ $0 }) { usleep(10_000) }
    }
}
