import Environment
import Ingress
import Logging
import MerchantAPI
import Node
import Operations
import Primitives
import ServiceLifecycle
import Synchronization
import Transport

/// A node that serves: its two listeners in front of it, from the first address to the last answer.
final class NodeService: Sendable {
    private let process: NodeProcess
    private let group: ServiceGroup
    private let logger: Logger

    /// How long requests under way may take to finish: longer than the longest deadline.
    private static let drainLimit = Duration.seconds(30)

    init(
        _ process: NodeProcess, supervision: SupervisionOptions, logger: Logger
    ) throws(CommandFailure) {
        self.process = process
        self.logger = logger
        let addresses = BoundAddresses(names: ["http", "admin"]) { bound in
            for (name, address) in bound.sorted(by: { $0.key > $1.key }) {
                logger.info("listening", metadata: ["for": "\(name)", "at": "http://\(address)"])
            }
            supervision.tell(bound)
        }
        do throws(IngressError) {
            let merchants = try IngressServer(
                options: IngressOptions(address: process.file.httpAddress),
                role: .merchants(Self.merchantEndpoint(process)),
                allowsInsecure: process.file.allowsInsecure, logger: logger
            ) { addresses.add("http", $0) }
            let administration = try IngressServer(
                options: IngressOptions(address: process.file.adminAddress),
                role: .administration(Self.adminEndpoint(process)), logger: logger
            ) { addresses.add("admin", $0) }
            // Shut down from the last to the first.
            var configuration = ServiceGroupConfiguration(
                services: [administration, merchants], logger: Self.quiet(logger))
            configuration.maximumGracefulShutdownDuration = Self.drainLimit
            group = ServiceGroup(configuration: configuration)
        } catch {
            throw Self.failure(error)
        }
    }

    /// Serves until `shutDown`, or until a listener fails.
    func run() async -> ExitStatus {
        let starting = Task<ExitStatus, Never> { [process, logger, group] in
            do throws(CommandFailure) {
                try await process.start()
            } catch {
                Console.complain("\(error)")
                await group.triggerGracefulShutdown()
                return error.status
            }
            while !Task.isCancelled, !(await process.node.isReady()) {
                try? await Task.sleep(for: .milliseconds(10))
            }
            if !Task.isCancelled { logger.info("ready") }
            return .success
        }
        let watching = Task { [process] in await RecoveryLog.watch(process) }
        // For as long as the loop runs.
        Task { [process] in await process.renewCertificates() }
        defer { watching.cancel() }
        var status = ExitStatus.success
        do {
            try await group.run()
        } catch let error as IngressError {
            let failure = Self.failure(error)
            Console.complain("\(failure)")
            status = failure.status
        } catch let error as ServiceGroupError {
            // A shutdown that came before the start was through.
            logger.debug("\(error)")
        } catch {
            logger.error("a listener ended", metadata: ["reason": "\(error)"])
            status = .failed
        }
        starting.cancel()
        let started = await starting.value
        if status == .success { status = started }
        await process.stop()
        logger.info("ended")
        return status
    }

    /// Stops accepting; `run` returns once what is under way has been answered.
    func shutDown() {
        Task { [group] in await group.triggerGracefulShutdown() }
    }

    private static func merchantEndpoint(_ process: NodeProcess) -> MerchantEndpoint {
        MerchantEndpoint(
            service: process.node.service, now: { [loop = process.loop] in loop.now },
            metrics: process.metrics)
    }

    private static func adminEndpoint(_ process: NodeProcess) -> AdminEndpoint {
        AdminEndpoint(
            metrics: process.metrics,
            supplement: { await NodeMetricsText.text(process) },
            lagNanoseconds: { [loop = process.loop] in loop.lagNanoseconds },
            isReady: { [node = process.node] in await node.isReady() },
            payments: { [node = process.node] in
                guard await node.catchUp() else { return nil }
                let payments = await node.allPayments()
                return (payments.count, { JSON.line(PaymentRecord(payments[$0])) })
            },
            sections: [
                "cluster": .init(
                    page: { Array((JSON.text(await ClusterPage(process)) + "\n").utf8) },
                    change: { [node = process.node] name, parameters in
                        await ClusterChange(name, parameters)?.perform(on: node) ?? noSuchChange
                    }),
                "links": .init(
                    page: { [node = process.node] in
                        Array((JSON.text(await LinksPage(node)) + "\n").utf8)
                    },
                    change: { [node = process.node] name, parameters in
                        await LinkRequest(name, parameters)?.perform(on: node) ?? noSuchChange
                    }),
            ])
    }

    private static let noSuchChange = (400, "no such change, or a parameter is missing\n")

    /// The lifecycle library tells each step; what matters is logged here.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = .error
        return logger
    }

    private static func failure(_ error: IngressError) -> CommandFailure {
        switch error {
        case .addressNotLoopback:
            CommandFailure(
                .badConfiguration, "\(error)",
                remedy: "listen on 127.0.0.1, or set insecure_listen: true")
        case .cannotListen:
            CommandFailure(
                .unavailable, "\(error)",
                remedy: "name another address under listen, or end the process that has this one")
        }
    }
}

/// Gathers the addresses of listeners until it has all of them.
private final class BoundAddresses: Sendable {
    private let bound = Mutex<[String: SocketAddress]>([:])
    private let names: Set<String>
    private let onComplete: @Sendable ([String: SocketAddress]) -> Void

    init(names: Set<String>, onComplete: @escaping @Sendable ([String: SocketAddress]) -> Void) {
        self.names = names
        self.onComplete = onComplete
    }

    func add(_ name: String, _ address: SocketAddress) {
        let all = bound.withLock { bound in
            bound[name] = address
            return bound
        }
        if Set(all.keys) == names { onComplete(all) }
    }
}
