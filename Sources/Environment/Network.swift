/// Where a stream goes to or comes from.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name or a numeric IPv4 or IPv6 address.
    public let host: String
    /// 0 when listening lets the system choose.
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Reads `host:port` or `[host]:port`.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port)
    }

    /// Whether the host is, numerically or by its usual name, this machine's loopback.
    public var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

/// Why a stream could not be had, or ended.
public enum NetworkError: Error, Hashable, Sendable {
    /// Nobody listens there.
    case refused
    /// No answer within the time given.
    case timedOut
    /// The name does not resolve or the address cannot be reached.
    case unreachable(reason: String)
    /// The address is in use, or may not be bound.
    case cannotListen(reason: String)
    /// The connection broke.
    case reset(reason: String)
}

/// How a stream ended.
public enum StreamEnd: Hashable, Sendable {
    /// The peer closed its side in order.
    case closedByPeer
    /// This side called `close`.
    case closedHere
    /// The connection broke.
    case failed(NetworkError)
}

/// Byte streams between processes: TCP, or the simulated network. All calls and callbacks are on
/// the loop that the network belongs to.
public protocol Network: Sendable {
    /// Accepts streams at `address` until the listener is closed.
    func listen(
        on address: SocketAddress, onAccept: @escaping @Sendable (any ByteStream) -> Void
    ) throws(NetworkError) -> any StreamListener

    /// Opens a stream to `address`, giving up after `timeout`; `completion` is called exactly once.
    func connect(
        to address: SocketAddress, timeout: Duration,
        completion: @escaping @Sendable (Result<any ByteStream, NetworkError>) -> Void)
}

/// A listening socket.
public protocol StreamListener: Sendable {
    /// The address that is bound, with the port that the system chose.
    var address: SocketAddress { get }
    /// Stops accepting; streams already accepted go on.
    func close()
}

/// One byte stream. Loop only.
public protocol ByteStream: AnyObject, Sendable {
    /// Begins reading; `handler` is held strongly until the stream has ended. Call once.
    func start(_ handler: any ByteStreamHandler)

    /// Queues bytes for writing. Calls of one turn are sent together. After the end it is ignored.
    func write(_ bytes: [UInt8])

    /// Bytes queued and not yet taken by the operating system. The writer bounds it.
    var unsentByteCount: Int { get }

    /// Stops and resumes reading, so that a peer feels our pace.
    func pauseReading()
    func resumeReading()

    /// Sends what is queued, then closes. `streamEnded(.closedHere)` follows.
    func close()

    /// Closes at once, with a reset where the transport has one.
    func abort()
}

/// Who is told what happens to a stream. Called on the loop.
public protocol ByteStreamHandler: AnyObject, Sendable {
    func streamReceived(_ bytes: [UInt8])
    /// The queue of unsent bytes has become empty.
    func streamDrained()
    /// Nothing follows. Called exactly once.
    func streamEnded(_ end: StreamEnd)
}
