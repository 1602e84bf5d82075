import ArgumentParser
import Environment
import Glibc
import Logging
import Operations
import SecureLink

struct ClusterSignerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signer", abstract: "Renew the nodes' certificates while the cluster runs.",
        discussion: """
            EXAMPLE:
              sunny cluster signer --folder ./shop/authority --listen 10.0.8.1:7100

            On a machine of its own: whoever has the authority's key can join the cluster. A node \
            whose file has cluster.tls.signer gets a certificate for a new key, for the name in \
            the certificate that it shows and no other. Names of nodes in the file excluded of the \
            folder, one a line, get none; it is read for each request.
            """)

    @Option(help: "The authority's folder, which `sunny cluster init` made.")
    var folder: String

    @Option(help: "Where nodes reach it; port 0 lets the system choose.")
    var listen: String

    @Option(help: "Where /metrics and /livez are, on the loopback; port 0 lets the system choose.")
    var admin = "127.0.0.1:7101"

    @Option(help: "How long the certificates are valid that it makes, from 10s to 90d.")
    var validity = ValidityArgument.ofSigner

    @OptionGroup var supervision: SupervisionOptions

    func validate() throws {
        guard SocketAddress(listen) != nil else {
            throw ValidationError("\(listen) must be a host and a port, such as 10.0.8.1:7100")
        }
        guard SocketAddress(admin)?.isLoopback == true else {
            throw ValidationError(
                "\(admin) must be a loopback address with a port, such as 127.0.0.1:7101: the "
                    + "pages ask nobody who they are")
        }
        guard validity.duration <= ClusterAuthority.nodeValidity else {
            throw ValidationError(
                "--validity takes up to \(ValidityArgument.ofNodes): a certificate that is renewed "
                    + "by itself ends by itself, too")
        }
    }

    func run() throws {
        let signals = Signals(SIGTERM, SIGINT)
        try hardenProcess()
        let logger = LineLog.logger(CertificateSigner.name, supervision.log)
        let process = try SignerProcess(self, logger: logger)
        supervision.followSupervisor(logger)
        Task { await process.start() }
        logger.info("ending", metadata: ["signal": "\(signals.next())"])
        Task {
            await process.stop()
            endProcess(ExitStatus.success.rawValue)
        }
        endProcess(Signals.status(of: signals.next()))
    }
}
