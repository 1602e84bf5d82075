public import Environment

/// TCP on a `UVLoop`. All calls on the loop.
public struct UVNetwork: Network {
    private let loop: UVLoop

    private let closeTimeout: Duration

    /// TCP on `loop`. A stream that is closed in order waits for `closeTimeout` at most: for the
    /// peer to take what is queued, and then for its own end. Ten seconds are longer than a
    /// congested link between continents needs for a full socket buffer.
    public init(loop: UVLoop, closeTimeout: Duration = .seconds(10)) {
        self.loop = loop
        self.closeTimeout = closeTimeout
    }

    /// Accepts streams at `address`. A name, unlike a numeric address, is resolved while the loop
    /// waits: nodes listen when they start.
    ///
    /// - Throws: `cannotListen`, with the system's reason.
    public func listen(
        on address: SocketAddress, onAccept: @escaping @Sendable (any ByteStream) -> Void
    ) throws(NetworkError) -> any StreamListener {
        let core = loop.onLoop
        guard !core.isStopping else { throw .cannotListen(reason: "the loop has stopped") }
        let candidates: [ResolvedAddress]
        if let numeric = ResolvedAddress(numeric: address) {
            candidates = [numeric]
        } else {
            candidates = try NameLookup.wait(for: address, on: core).get()
        }
        guard let first = candidates.first else {
            throw .cannotListen(reason: "\(address.host) has no address")
        }
        let listener = try ListenerCore(
            on: first, core: core, closeTimeout: closeTimeout, onAccept: onAccept)
        do throws(NetworkError) {
            return UVListener(
                address: try listener.boundAddress(),
                core: ThreadBound(listener, to: core.thread))
        } catch {
            listener.close()
            throw error
        }
    }

    /// Opens a stream to `address`, trying all addresses of a name within the one `timeout`.
    public func connect(
        to address: SocketAddress, timeout: Duration,
        completion: @escaping @Sendable (Result<any ByteStream, NetworkError>) -> Void
    ) {
        let core = loop.onLoop
        // Later, as the caller does not expect to be called back from within its call.
        core.soon { [closeTimeout] in
            guard !core.isStopping else {
                return completion(.failure(.unreachable(reason: "the loop has stopped")))
            }
            ConnectAttempt(on: core, closeTimeout: closeTimeout, completion: completion)
                .start(address, timeout: timeout)
        }
    }
}
