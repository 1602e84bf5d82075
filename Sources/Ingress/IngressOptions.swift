public import Environment

/// The bounds and addresses of one HTTP listener.
public struct IngressOptions: Sendable {
    public var address: SocketAddress
    /// The longest body in bytes. The longest request that the API takes, with 50 metadata pairs of
    /// 540 characters, each percent-encoded, has about 80 per cent of it.
    public var bodyByteCountMax = 64 << 10
    /// The longest path with its query, in bytes: eight times the longest that the API documents.
    public var targetByteCountMax = 8 << 10
    /// The longest header field, in bytes: an idempotency key has 255, an authorization about 50.
    /// The server library holds the path against it too, so it is above the path's own bound.
    public var headerFieldByteCountMax = 10 << 10
    /// All header fields together, in bytes.
    public var headerListByteCountMax = 16 << 10
    public var headerFieldCountMax = 64
    /// Connections at a time; a further one waits in the system's queue until one ends. Each costs
    /// two descriptors' worth of memory and no thread.
    public var connectionCountMax = 4096
    /// How long a connection may stay silent: between two requests, and within one until the next
    /// part of it. Longer than the minute after which client libraries drop an idle connection, so
    /// that the client closes first and never writes into a closing connection.
    public var idleTimeout = Duration.seconds(75)
    /// How long the whole body may take to come.
    public var bodyTimeout = Duration.seconds(20)

    public init(address: SocketAddress) {
        self.address = address
    }
}

/// Why a listener could not be had, in the words of the system.
public enum IngressError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no TLS yet, so what is not the machine's own loopback needs to be asked for.
    case addressNotLoopback(SocketAddress)
    case cannotListen(SocketAddress, reason: String)

    public var description: String {
        switch self {
        case .addressNotLoopback(let address):
            "\(address) is not a loopback address, and requests would cross the network in clear"
        case .cannotListen(let address, let reason):
            "cannot listen on \(address): \(reason)"
        }
    }
}
