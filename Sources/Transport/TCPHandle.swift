import CLibUV
import Environment
import Glibc

/// The owner of one libuv TCP handle and of the requests on it. Loop only.
///
/// libuv holds a reference from `init` until the close callback, so the memory is there for as long
/// as libuv may use it. The closures are dropped in that callback: until then they may keep
/// their owner alive. Each is called from libuv's callbacks, with no other Swift code on the stack.
@safe final class TCPHandle {
    enum Input {
        case bytes([UInt8])
        /// The peer will send nothing more.
        case end
        case failure(status: Int32)
    }

    /// What is copied for one asynchronous write. It happens only when the socket is full, so a
    /// larger one would not leave sooner.
    static let writeByteCount = 65_536

    var onConnection: ((_ status: Int32) -> Void)?
    var onConnected: ((_ status: Int32) -> Void)?
    var onInput: ((Input) -> Void)?
    var onWritten: ((_ status: Int32) -> Void)?
    var onShutDown: ((_ status: Int32) -> Void)?
    var onClosed: (() -> Void)?

    fileprivate let core: LoopCore
    private let tcp = UnsafeMutablePointer<clibuv_tcp>.allocate(capacity: 1)
    private var writeBuffer: UnsafeMutablePointer<CChar>?

    init(on core: LoopCore) throws(NetworkError) {
        self.core = core
        let status = unsafe uv_tcp_init(core.loop, clibuv_tcp_handle(tcp))
        guard status == 0 else { throw .unreachable(reason: describe(status: status)) }
        unsafe uv_handle_set_data(clibuv_tcp_base(tcp), Unmanaged.passRetained(self).toOpaque())
    }

    deinit {
        unsafe writeBuffer?.deallocate()
        unsafe tcp.deallocate()
    }

    // MARK: Opening

    /// Binds and listens; `onConnection` follows for each peer.
    func listen(on address: ResolvedAddress, backlog: Int32) -> Int32 {
        let status = unsafe address.withPointer { pointer in
            unsafe uv_tcp_bind(clibuv_tcp_handle(tcp), pointer, 0)
        }
        guard status == 0 else { return status }
        return unsafe uv_listen(clibuv_tcp_stream(tcp), backlog) { stream, status in
            unsafe TCPHandle.of(stream).onConnection?(status)
        }
    }

    /// The address that the handle is bound to.
    func boundAddress() -> Result<SocketAddress, NetworkError> {
        var port: UInt16 = 0
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            // INET6_ADDRSTRLEN is 46; on success the text is there and ends with a zero.
            let status = unsafe clibuv_bound_address(tcp, text.baseAddress, &port)
            guard status == 0, let start = text.baseAddress else {
                return .failure(.cannotListen(reason: describe(status: status)))
            }
            return .success(SocketAddress(host: unsafe String(cString: start), port: port))
        }
    }

    /// Takes the connection that `onConnection` announced into this fresh handle.
    func accept(from listener: TCPHandle) -> Int32 {
        unsafe uv_accept(clibuv_tcp_stream(listener.tcp), clibuv_tcp_stream(tcp))
    }

    /// Connects; `onConnected` follows if the status is 0.
    func connect(to address: ResolvedAddress) -> Int32 {
        unsafe address.withPointer { pointer in
            unsafe uv_tcp_connect(clibuv_tcp_connect(tcp), clibuv_tcp_handle(tcp), pointer) {
                request, status in
                guard let request = unsafe request else { return }
                unsafe TCPHandle.of(request.pointee.handle).onConnected?(status)
            }
        }
    }

    /// Sends small packets at once, and has the system probe a silent peer after so many seconds.
    /// A socket that refuses these works without them.
    func tune(keepAliveSeconds: UInt32) {
        unsafe uv_tcp_nodelay(clibuv_tcp_handle(tcp), 1)
        unsafe uv_tcp_keepalive(clibuv_tcp_handle(tcp), 1, keepAliveSeconds)
    }

    // MARK: Bytes

    func startReading() -> Int32 {
        unsafe uv_read_start(clibuv_tcp_stream(tcp), lendReadBuffer, inputArrived)
    }

    func stopReading() { unsafe uv_read_stop(clibuv_tcp_stream(tcp)) }

    /// Gives the system as many bytes as it takes now: their number, or a negative status, which is
    /// `UV_EAGAIN` when it takes none.
    func tryWrite(_ bytes: ArraySlice<UInt8>) -> Int {
        unsafe bytes.withUnsafeBytes { bytes in
            // libuv does not write to it. One call takes at most 2 GiB, as its length is 32 bits.
            let start = unsafe UnsafeMutablePointer(
                mutating: bytes.baseAddress?.assumingMemoryBound(to: CChar.self))
            let count = UInt32(min(bytes.count, Int(Int32.max)))
            var buffer = unsafe uv_buf_init(start, count)
            return Int(unsafe uv_try_write(clibuv_tcp_stream(tcp), &buffer, 1))
        }
    }

    /// Copies the first bytes and writes them when the system takes them; `onWritten` follows. One
    /// at a time. Returns the number of bytes copied, or a negative status.
    func write(_ bytes: ArraySlice<UInt8>) -> Int {
        let buffer =
            unsafe writeBuffer
            ?? UnsafeMutablePointer<CChar>.allocate(capacity: Self.writeByteCount)
        unsafe writeBuffer = unsafe buffer
        let count = min(bytes.count, Self.writeByteCount)
        unsafe bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(buffer).copyMemory(from: start, byteCount: count)
        }
        var part = unsafe uv_buf_init(buffer, UInt32(count))
        let status = unsafe uv_write(
            clibuv_tcp_write(tcp), clibuv_tcp_stream(tcp), &part, 1
        ) { request, status in
            guard let request = unsafe request else { return }
            let handle = unsafe TCPHandle.of(request.pointee.handle)
            unsafe handle.writeBuffer?.update(repeating: 0, count: TCPHandle.writeByteCount)
            handle.onWritten?(status)
        }
        return status == 0 ? count : Int(status)
    }

    /// What was given to `write` and is not yet with the system.
    var unwrittenByteCount: Int {
        unsafe uv_stream_get_write_queue_size(clibuv_tcp_stream(tcp))
    }

    // MARK: Closing

    /// Tells the peer that nothing follows; `onShutDown` follows if the status is 0.
    func shutDown() -> Int32 {
        unsafe uv_shutdown(clibuv_tcp_shutdown(tcp), clibuv_tcp_stream(tcp)) { request, status in
            guard let request = unsafe request else { return }
            unsafe TCPHandle.of(request.pointee.handle).onShutDown?(status)
        }
    }

    /// Closes; `onClosed` follows. Requests under way fail with `UV_ECANCELED` before it. Once.
    func close() { unsafe uv_close(clibuv_tcp_base(tcp), handleClosed) }

    /// Closes with a reset, where the socket is still in a state for it. Once.
    func closeReset() {
        let status = unsafe uv_tcp_close_reset(clibuv_tcp_handle(tcp), handleClosed)
        // libuv refuses after a shutdown, when the peer knows already that we are done.
        if status != 0 { close() }
    }

    fileprivate func closed() {
        let onClosed = onClosed
        onConnection = nil
        onConnected = nil
        onInput = nil
        onWritten = nil
        onShutDown = nil
        self.onClosed = nil
        onClosed?()
    }

    /// The owner of a handle, inside one of its callbacks: libuv holds a reference to it until the
    /// close callback, which is the last.
    fileprivate static func of(_ handle: UnsafeMutablePointer<uv_handle_t>?) -> TCPHandle {
        guard let handle = unsafe handle, let data = unsafe uv_handle_get_data(handle) else {
            preconditionFailure("a callback came without its handle")
        }
        let owner = unsafe Unmanaged<TCPHandle>.fromOpaque(data).takeUnretainedValue()
        owner.core.statistics.workBegan()
        return owner
    }

    fileprivate static func of(_ stream: UnsafeMutablePointer<uv_stream_t>?) -> TCPHandle {
        guard let stream = unsafe stream else {
            preconditionFailure("a callback came without its stream")
        }
        return unsafe of(clibuv_stream_base(stream))
    }
}

private func lendReadBuffer(
    _ handle: UnsafeMutablePointer<uv_handle_t>?, _ suggestedByteCount: Int,
    _ buffer: UnsafeMutablePointer<uv_buf_t>?
) {
    // libuv reads into the buffer and calls `inputArrived` before it lends it to another stream.
    let core = unsafe TCPHandle.of(handle).core
    unsafe buffer?.pointee = unsafe uv_buf_init(
        core.readBuffer, UInt32(LoopCore.readBufferByteCount))
}

private func inputArrived(
    _ stream: UnsafeMutablePointer<uv_stream_t>?, _ count: Int,
    _ buffer: UnsafePointer<uv_buf_t>?
) {
    let handle = unsafe TCPHandle.of(stream)
    // Zero is libuv's word for "try again".
    guard count != 0 else { return }
    guard count > 0 else {
        let status = Int32(count)
        handle.onInput?(status == UV_EOF.rawValue ? .end : .failure(status: status))
        return
    }
    guard let start = unsafe buffer?.pointee.base else {
        preconditionFailure("\(count) bytes came without a buffer")
    }
    // libuv wrote `count` bytes there; they are copied before anybody hears of them.
    let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    handle.onInput?(.bytes(bytes))
}

private func handleClosed(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
    guard let handle = unsafe handle, let data = unsafe uv_handle_get_data(handle) else {
        preconditionFailure("a handle closed without its owner")
    }
    // `TCPHandle.init` retained its object for libuv, which lets go of the handle here.
    unsafe Unmanaged<TCPHandle>.fromOpaque(data).takeRetainedValue().closed()
}
