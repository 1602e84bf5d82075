public import Environment

/// A listening TCP socket of a `UVLoop`.
public final class UVListener: StreamListener {
    public let address: SocketAddress
    private let core: ThreadBound<ListenerCore>

    init(address: SocketAddress, core: ThreadBound<ListenerCore>) {
        self.address = address
        self.core = core
    }

    /// Stops accepting. Loop only; a second call does nothing.
    public func close() { core.object.close() }
}

/// What a loop knows of a listening socket. Loop only.
final class ListenerCore: LoopResident {
    /// Connections that the system completes while the loop is busy; it cuts the number to its own
    /// limit (`net.core.somaxconn`), 4096 by default.
    private static let backlog: Int32 = 4096

    private let core: LoopCore
    private let handle: TCPHandle
    private let closeTimeout: Duration
    private let onAccept: @Sendable (any ByteStream) -> Void
    private var resident: UInt64?

    /// Listens at once.
    init(
        on address: ResolvedAddress, core: LoopCore, closeTimeout: Duration,
        onAccept: @escaping @Sendable (any ByteStream) -> Void
    ) throws(NetworkError) {
        self.core = core
        self.closeTimeout = closeTimeout
        self.onAccept = onAccept
        handle = try TCPHandle(on: core)
        handle.onConnection = { self.announced(status: $0) }
        let status = handle.listen(on: address, backlog: Self.backlog)
        guard status == 0 else {
            handle.close()
            throw .cannotListen(reason: describe(status: status))
        }
        resident = core.add(self)
        handle.onClosed = { self.closed() }
    }

    func boundAddress() throws(NetworkError) -> SocketAddress { try handle.boundAddress().get() }

    func close() {
        guard handle.onConnection != nil else { return }
        handle.onConnection = nil
        handle.close()
    }

    func loopWillStop() { close() }

    private func announced(status: Int32) {
        // Out of descriptors or memory: libuv has refused the peer and goes on listening.
        guard status == 0, let accepted = try? TCPHandle(on: core) else { return }
        // The peer may be gone already.
        guard accepted.accept(from: handle) == 0 else { return accepted.close() }
        onAccept(UVStream(accepted, on: core, closeTimeout: closeTimeout))
    }

    private func closed() {
        if let resident { core.remove(resident: resident) }
        resident = nil
    }
}
