import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
public import ServiceLifecycle

public import struct Environment.SocketAddress

/// What answers the requests of a listener.
public enum IngressRole: Sendable {
    /// The merchants' API.
    case merchants(MerchantEndpoint)
    /// The operator's pages.
    case administration(AdminEndpoint)
}

/// One HTTP/1.1 listener over Hummingbird. A graceful shutdown stops accepting, lets requests that
/// have begun be answered, closes their connections and the idle ones, and returns.
public struct IngressServer: Service {
    private let options: IngressOptions
    private let role: IngressRole
    private let logger: Logger
    private let onListening: @Sendable (SocketAddress) -> Void

    /// A listener that does nothing yet.
    ///
    /// - Parameters:
    ///   - allowsInsecure: Whether it may listen elsewhere than on the loopback.
    ///   - logger: For failures of the listener itself; no request is ever logged.
    ///   - onListening: Told the address that is bound, with the port that the system chose.
    /// - Throws: `addressNotLoopback`.
    public init(
        options: IngressOptions, role: IngressRole, allowsInsecure: Bool = false, logger: Logger,
        onListening: @escaping @Sendable (SocketAddress) -> Void
    ) throws(IngressError) {
        guard allowsInsecure || options.address.isLoopback else {
            throw .addressNotLoopback(options.address)
        }
        self.options = options
        self.role = role
        self.logger = logger
        self.onListening = onListening
    }

    /// Listens until the task's graceful shutdown.
    ///
    /// - Throws: `IngressError.cannotListen`.
    public func run() async throws {
        switch role {
        case .merchants(let endpoint):
            let configuration = HTTP1Channel.Configuration(
                additionalChannelHandlers: [HeadRefusalHandler(onRefusal: endpoint.refused)],
                idleTimeout: TimeAmount(options.idleTimeout),
                httpDecoderConfiguration: decoderConfiguration)
            try await run(
                MerchantResponder(endpoint: endpoint, options: options), configuration)
        case .administration(let endpoint):
            let configuration = HTTP1Channel.Configuration(
                idleTimeout: TimeAmount(options.idleTimeout),
                httpDecoderConfiguration: decoderConfiguration)
            try await run(AdminResponder(endpoint: endpoint), configuration)
        }
    }

    private func run(
        _ responder: some HTTPResponder<ConnectionContext>,
        _ configuration: HTTP1Channel.Configuration
    ) async throws {
        let (address, onListening) = (options.address, onListening)
        let application = Application(
            responder: responder,
            server: .http1(configuration: configuration),
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: Int(address.port)),
                availableConnectionsDelegate: .maximum(
                    options.connectionCountMax, logger: quietLogger)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port.flatMap(UInt16.init(exactly:))
                onListening(SocketAddress(host: address.host, port: port ?? address.port))
            },
            logger: quietLogger)
        do {
            try await application.run()
        } catch let error as IOError {
            throw IngressError.cannotListen(address, reason: error.shortReason)
        }
    }

    private var decoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration {
        HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: options.headerFieldByteCountMax,
            maxHeaderListSize: options.headerListByteCountMax,
            maxHeaderFieldCount: options.headerFieldCountMax)
    }

    /// The server library tells what it does; the node says where it listens itself.
    private var quietLogger: Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .error)
        return logger
    }
}

/// What a responder knows of the connection.
struct ConnectionContext: InitializableFromSource {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        channel = source.channel
    }
}

extension IOError {
    /// The system's words without the call.
    fileprivate var shortReason: String {
        switch errnoCode {
        case 98: "the address is in use"
        case 99: "this machine has no such address"
        case 13: "not permitted"
        default: "\(self)"
        }
    }
}
