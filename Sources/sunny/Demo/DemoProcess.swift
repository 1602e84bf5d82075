import FoundationEssentials
import Glibc
import Operations

/// A process of a demo, which may or may not be a child of this one.
struct DemoProcess: Sendable {
    let id: String
    let pid: pid_t
    /// An argument that only this process has: the path of its configuration, its journal, or the
    /// authority's folder.
    let mark: String

    /// Starts this program again, with other arguments, in a session of its own, so that Ctrl-C in
    /// the terminal reaches this process only. Output goes to the end of `log`.
    static func start(
        _ id: String, _ arguments: [String], mark: String, log: String
    ) throws(CommandFailure) -> DemoProcess {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        let flags = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, flags, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The signals that are blocked here are not for the child to inherit.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes, Int16(newSession | POSIX_SPAWN_SETSIGMASK))
        // The link of the child itself: it works even after the file has been replaced by a build.
        let program = "/proc/self/exe"
        let name = Files.absolute(program)
        let environment = ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
        var pid: pid_t = 0
        let code = withCStrings([name] + arguments) { arguments in
            withCStrings(environment) { environment in
                posix_spawn(&pid, program, &actions, &attributes, arguments, environment)
            }
        }
        guard code == 0 else {
            throw CommandFailure(
                .unavailable, "\(id) cannot be started: \(String(cString: strerror(code)))",
                remedy: "look at the limits of this user (ulimit -a) and at the folder of \(log)")
        }
        return DemoProcess(id: id, pid: pid, mark: mark)
    }

    /// Whether it runs. A number that was given to another process since does not count, and no
    /// signal is ever sent to one.
    var isRunning: Bool {
        guard pid > 1, let bytes = Files.read("/proc/\(pid)/cmdline") else { return false }
        let arguments = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return arguments.contains(mark) && arguments.dropFirst().first.map(Self.names) == true
    }

    private static func names(_ command: String) -> Bool {
        command == "node" || command == "acquirer" || command == "cluster"
    }

    func signal(_ number: Int32) {
        if isRunning { kill(pid, number) }
    }

    /// Waits for its end, at most so long.
    func waitForEnd(seconds: Int) -> Bool {
        for _ in 0..<(seconds * 100) {
            // Takes it off the system's list when it is a child; fails otherwise, which is right.
            waitpid(pid, nil, WNOHANG)
            if !isRunning { return true }
            usleep(10_000)
        }
        return !isRunning
    }

    /// Ends it in order, or by force when it takes longer than its requests may.
    func end() {
        signal(SIGTERM)
        if !waitForEnd(seconds: 35) {
            signal(SIGKILL)
            _ = waitForEnd(seconds: 5)
        }
    }
}

/// `POSIX_SPAWN_SETSID` of glibc's `spawn.h`, which it shows to GNU sources only.
private let newSession: Int32 = 0x80

/// Lends `texts` as a C array that ends with a null pointer.
func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
}
