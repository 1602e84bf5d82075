import CLibUV
import Glibc
import Synchronization

/// A named thread of our own, joined once.
///
/// Signals stay with the threads that do not belong to us, except those of a crash; a write to a
/// closed socket gives an error here instead of `SIGPIPE`.
final class SystemThread: Sendable {
    private let identifier: Mutex<pthread_t?>

    /// Starts the thread. Of `name`, the 15 bytes are kept that Linux has room for.
    init(name: String, body: @escaping @Sendable () -> Void) throws(SystemError) {
        let start = ThreadStart(name: name, body: body)
        var identifier = pthread_t()
        // The thread takes the reference over as its first act; without a thread it is given back.
        let context = unsafe Unmanaged.passRetained(start)
        let status = unsafe pthread_create(&identifier, nil, runThread, context.toOpaque())
        guard status == 0 else {
            unsafe context.release()
            throw SystemError(operation: "pthread_create", status: -status)
        }
        self.identifier = Mutex(identifier)
    }

    /// Waits until the thread has ended. A second call waits for the first.
    func join() {
        identifier.withLock { identifier in
            guard let joined = identifier else { return }
            let status = pthread_join(joined, nil)
            precondition(status == 0, "pthread_join failed: errno \(status)")
            identifier = nil
        }
    }
}

private final class ThreadStart: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = String(name.prefix { $0.isASCII }.prefix(15))
        self.body = body
    }
}

private func runThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else {
        preconditionFailure("a thread was started without its context")
    }
    // `SystemThread.init` retained exactly this object for this thread.
    let start = unsafe Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue()
    blockSignals()
    unsafe clibuv_name_thread(start.name)
    start.body()
    return nil
}

private func blockSignals() {
    var signals = sigset_t()
    unsafe sigfillset(&signals)
    // A crash must reach its handler on the thread where it happens.
    for crash in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] {
        unsafe sigdelset(&signals, crash)
    }
    unsafe pthread_sigmask(SIG_SETMASK, &signals, nil)
}
