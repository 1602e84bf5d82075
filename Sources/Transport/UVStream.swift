public import Environment

/// A TCP connection of a `UVLoop`. All calls on the loop.
///
/// What is written in one turn leaves in one system call at its end. Input is delivered in pieces
/// of up to 64 KiB. A graceful close waits for the peer to take what is queued, up to the network's
/// `closeTimeout`, then ends with `failed(.timedOut)`. When the peer ends its side, what is queued
/// is still sent to it. A stream that nobody starts stays open until it is closed.
public final class UVStream: ByteStream {
    private let core: ThreadBound<StreamCore>

    init(_ handle: TCPHandle, on loop: LoopCore, closeTimeout: Duration) {
        core = ThreadBound(
            StreamCore(handle, on: loop, closeTimeout: closeTimeout), to: loop.thread)
    }

    public func start(_ handler: any ByteStreamHandler) { core.object.start(handler) }
    public func write(_ bytes: [UInt8]) { core.object.write(bytes) }
    public var unsentByteCount: Int { core.object.unsentByteCount }
    public func pauseReading() { core.object.setPaused(true) }
    public func resumeReading() { core.object.setPaused(false) }
    public func close() { core.object.close() }
    public func abort() { core.object.abort() }
}
