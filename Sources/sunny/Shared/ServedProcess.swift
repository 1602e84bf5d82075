import ArgumentParser
import CProcess
import Environment
import Glibc
import Logging
import Operations

/// What `node` and `acquirer` have in common: whoever starts them as part of something larger is
/// told their addresses, and takes them along when it ends.
struct SupervisionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where to write the addresses once they are bound, as JSON."))
    var portsFile: String?

    @Option(
        help: ArgumentHelp(
            "End when nobody holds the lock on this file any more.", visibility: .hidden))
    var supervisorLock: String?

    @Option(help: "How to log: text or json.")
    var log = LogFormat.text

    /// Tells the bound addresses to whoever waits for the file.
    func tell(_ addresses: [String: SocketAddress]) {
        guard let portsFile else { return }
        do throws(CommandFailure) {
            try Files.write(JSON.text(addresses.mapValues { "\($0)" }), to: portsFile)
        } catch {
            Console.complain("\(error)")
        }
    }

    /// Waits for the supervisor's end on a thread of its own. A supervisor that is killed cannot
    /// say so, but the system releases its lock.
    func followSupervisor(_ logger: Logger) {
        guard let supervisorLock else { return }
        let descriptor = open(supervisorLock, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        startThread {
            guard sunny_lock_file(descriptor, 0, 1) == 0 else { return }
            logger.info("the demo has ended, and this process with it")
            kill(getpid(), SIGTERM)
            // What has not ended in order by then does not any more.
            sleep(40)
            endProcess(1)
        }
    }
}

/// Runs `body` on a thread that is never joined.
private func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    let code = pthread_create(
        &thread, nil,
        { box in
            Unmanaged<Box>.fromOpaque(box!).takeRetainedValue().body()
            return nil
        }, box.toOpaque())
    if code == 0 { pthread_detach(thread) } else { box.release() }
}

/// Keeps card numbers and keys in this process's memory out of core files, and its files to their
/// owner.
func hardenProcess() throws(CommandFailure) {
    umask(0o077)
    let code = sunny_forbid_memory_dumps()
    guard code == 0 else {
        throw CommandFailure(
            .unavailable, "core dumps cannot be turned off: \(String(cString: strerror(code)))",
            remedy: "allow prctl(PR_SET_DUMPABLE): card numbers are in this process's memory")
    }
}
