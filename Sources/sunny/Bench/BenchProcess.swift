import Glibc
import Operations
import Synchronization

/// A process that a bench has started, with pipes to its standard input and from its standard
/// output. It is killed at the end: what it has written is thrown away.
final class BenchProcess: Sendable {
    let pid: pid_t
    private let input: Int32
    private let output: Int32
    /// What came behind the last line.
    private let rest = Mutex<[UInt8]>([])
    private let isGone = Mutex(false)

    /// - Parameter program: a path; `arguments` begin with the program's name.
    init(
        _ program: String, _ arguments: [String], log: String? = nil
    ) throws(CommandFailure) {
        guard let toChild = Self.makePipe(), let fromChild = Self.makePipe() else {
            throw Self.failure(program, errno)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild.read, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromChild.write, STDOUT_FILENO)
        if let log {
            let flags = O_WRONLY | O_CREAT | O_APPEND
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, flags, 0o600)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The signals that are blocked here are not for the child to inherit.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var pid: pid_t = 0
        let code = withCStrings(arguments) { arguments in
            posix_spawn(&pid, program, &actions, &attributes, arguments, environ)
        }
        close(toChild.read)
        close(fromChild.write)
        input = toChild.write
        output = fromChild.read
        self.pid = pid
        guard code == 0 else { throw Self.failure(program, code) }
    }

    deinit {
        close(input)
        close(output)
    }

    func writeLine(_ line: [UInt8]) { Console.write(line + [10], to: input) }

    /// The next line of its standard output; nil when it has ended.
    func readLine() -> [UInt8]? {
        rest.withLock { rest in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                if let end = rest.firstIndex(of: 10) {
                    defer { rest.removeSubrange(...end) }
                    return Array(rest[..<end])
                }
                let count = read(output, &buffer, buffer.count)
                guard count > 0 || errno == EINTR && count < 0 else { return nil }
                rest += buffer[..<max(0, count)]
            }
        }
    }

    /// Ends it where it stands. The number is this process's child until it was waited for.
    func kill() {
        isGone.withLock { isGone in
            guard !isGone, pid > 1 else { return }
            Glibc.kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
            isGone = true
        }
    }

    /// Ends that no other child inherits.
    private static func makePipe() -> (read: Int32, write: Int32)? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func failure(_ program: String, _ code: Int32) -> CommandFailure {
        CommandFailure(
            .unavailable, "it cannot be started: \(String(cString: strerror(code)))", at: program,
            remedy: "look at the limits of this user (ulimit -a)")
    }
}
