import Cluster
import Environment
import Logging
import Node
import Operations
import Primitives
import SecureLink
import Synchronization
import Transport

// How a node's process reaches its peers.

/// Logs why links are not there, each peer's once in a while.
final class LinkTroubleLog: Sendable {
    private let logger: Logger
    private let throttle = Mutex(NewsThrottle<MemberID?>(interval: .seconds(10)))

    init(_ logger: Logger) {
        self.logger = logger
    }

    /// A stream did not become a link, or a link ended.
    func tell(_ member: ClusterMember?, _ trouble: PeerLinks.Trouble, at now: MonotonicInstant) {
        guard let heldBack = throttle.withLock({ $0.admit(member?.id, at: now) }) else { return }
        logger.warning(
            "no link",
            metadata: [
                "peer": "\(member?.name ?? "unknown")", "reason": "\(trouble)",
                "not_logged": "\(heldBack)",
            ])
    }
}

extension NodeProcess {
    /// Makes the links of a node of a cluster; they do not listen yet.
    static func makeLinks(
        _ seat: Seat, _ channels: TLSChannels?, loop: any NodeLoop, network: any Network,
        random: any RandomSource, logger: Logger
    ) -> PeerLinks? {
        guard let channels else { return nil }
        let troubles = LinkTroubleLog(logger)
        return PeerLinks(
            members: ClusterMembers(seat), loop: loop, network: network, channels: channels,
            random: random
        ) { member, trouble in
            troubles.tell(member, trouble, at: loop.now)
        }
    }

    /// Listens for peers, and takes part.
    func start() async throws(CommandFailure) {
        if let links {
            let address = file.plan.own.address
            let problem = await withCheckedContinuation { continuation in
                loop.post { continuation.resume(returning: Self.listen(links, on: address)) }
            }
            if let problem {
                throw CommandFailure(
                    .unavailable, "peers cannot reach this node: \(problem)", at: "\(address)",
                    remedy: "end the process that has this address, or change it in cluster.nodes "
                        + "on every node")
            }
            logger.info("listening", metadata: ["for": "peers", "at": "\(address)"])
            warnOfCertificate()
        }
        await node.start()
    }

    private static func listen(
        _ links: PeerLinks, on address: SocketAddress
    ) -> NetworkError? {
        do throws(NetworkError) {
            try links.listen(on: address)
            return nil
        } catch {
            return error
        }
    }

    /// Reads the certificate anew, for the links that are made from now on. On a mistake the old
    /// one stays in use.
    func reloadCertificate() {
        guard let channels, let files = file.credentials?.files else {
            return logger.info("there is no certificate to read again")
        }
        do throws(LinkCredentialError) {
            try channels.reload()
            logger.info(
                "read the certificate again",
                metadata: ["valid_until": "\(CivilText.text(channels.validUntil))"])
            warnOfCertificate()
        } catch {
            let (what, remedy) = NodeCertificate.explain(error, files)
            logger.error(
                "the certificate is refused, and the old one stays in use",
                metadata: ["reason": "\(what)", "remedy": "\(remedy)"])
        }
    }

    /// Says when the certificate ends soon: without one this node has no links.
    func warnOfCertificate() {
        guard let channels else { return }
        let rest = channels.validUntil.milliseconds - CivilClock.now.milliseconds
        guard rest < NodeCertificate.warningMilliseconds else { return }
        // The signer's are short: what fails there is told by itself.
        guard file.credentials?.signer == nil else { return }
        logger.warning(
            "the certificate ends soon; put a new one in its place and send SIGHUP",
            metadata: ["valid_until": "\(CivilText.text(channels.validUntil))"])
    }
}
