import Environment
import Foundation
import Glibc
import Operations
import Primitives
import SecureLink

/// The processes of a cluster bench. Used by one thread.
final class BenchCluster {
    private let folder: String
    private let machine: BenchMachineKind
    private let ports: [UInt16]
    private let cleanup: BenchCleanup
    private var processes: [BenchProcess]

    static let memberCount = 3
    /// An election takes a second or two; a machine with much else to do takes longer.
    private static let patienceSeconds = 30.0

    /// Starts the processes, and waits until one of them serves, with a lease.
    init(folder: String, machine: BenchMachineKind, cleanup: BenchCleanup) throws {
        self.folder = folder
        self.machine = machine
        self.cleanup = cleanup
        guard let ports = LocalSocket.freePorts(Self.memberCount) else {
            throw Self.failure("no three ports of the loopback are free", at: folder)
        }
        self.ports = ports
        processes = []
        try Self.makeCertificates(folder)
        for number in 0..<Self.memberCount { processes.append(try start(number)) }
        for number in 0..<Self.memberCount { _ = try answer(number) }
        _ = try leader()
    }

    private static func memberFolder(_ folder: String, _ number: Int) -> String {
        "\(folder)/\(BenchMemberSettings.name(UInt64(number + 1)))"
    }

    private static func makeCertificates(_ folder: String) throws {
        let now = CivilClock.now
        let authority = try ClusterAuthority.make(cluster: BenchMemberSettings.cluster, now: now)
        for number in 0..<memberCount {
            guard
                let identity = NodeIdentity(
                    cluster: BenchMemberSettings.cluster, region: BenchMemberSettings.region,
                    name: BenchMemberSettings.name(UInt64(number + 1)))
            else { preconditionFailure("a name that is none") }
            let path = memberFolder(folder, number)
            try Files.makeFolder(path)
            let credentials = try authority.issue(
                to: identity, addresses: ["127.0.0.1"], now: now)
            try credentials.write(to: LinkCredentialFiles(folder: path))
        }
    }

    private func start(_ number: Int) throws -> BenchProcess {
        let path = Self.memberFolder(folder, number)
        let process = try BenchProcess(
            "/proc/self/exe",
            [
                "sunny", "bench", "member", "--folder", path, "--number", "\(number + 1)",
                "--ports", ports.map(String.init).joined(separator: ","),
                "--machine", machine.rawValue,
            ])
        cleanup.add { process.kill() }
        return process
    }

    // MARK: Orders

    func order(_ number: Int, _ order: BenchOrder) throws -> BenchAnswer {
        processes[number].writeLine(JSON.line(order))
        return try answer(number)
    }

    private func answer(_ number: Int) throws -> BenchAnswer {
        guard let line = processes[number].readLine(),
            let answer = JSON.decode(BenchAnswer.self, line)
        else { throw Self.failure("member \(number + 1) has ended", at: folder) }
        if case .failed(let reason) = answer { throw Self.failure(reason, at: folder) }
        return answer
    }

    func load(_ number: Int, _ order: BenchOrder) throws -> BenchLoadReport {
        guard case .load(let report) = try self.order(number, order) else {
            throw Self.failure("an answer to another order", at: folder)
        }
        return report
    }

    func look(_ number: Int) throws -> BenchLook {
        guard case .look(let look) = try order(number, .look) else {
            throw Self.failure("an answer to another order", at: folder)
        }
        return look
    }

    func looks() throws -> [BenchLook] { try (0..<Self.memberCount).map(look) }

    /// Who serves with a lease: looked for until there is one.
    func leader(among members: [Int] = Array(0..<memberCount)) throws -> Int {
        try wait(for: "nobody leads") {
            try members.first {
                let look = try self.look($0)
                return look.isServing && look.holdsLease
            }
        }
    }

    /// Looks every few milliseconds until there is something.
    func wait<Value>(for problem: String, _ found: () throws -> Value?) throws -> Value {
        let begun = ContinuousClock.now
        while ContinuousClock.now - begun < .seconds(Self.patienceSeconds) {
            if let value = try found() { return value }
            usleep(5000)
        }
        throw Self.failure(problem, at: folder)
    }

    // MARK: Breaking it

    /// Kills a member's process, and returns when that was, by the boot-time clock.
    func kill(_ number: Int) -> MonotonicInstant {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        processes[number].kill()
        return MonotonicInstant(
            nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Starts a member again on its data, and waits until it has caught up.
    func restart(_ number: Int) throws {
        processes[number] = try start(number)
        _ = try answer(number)
        let goal = try looks().map(\.appliedIndex).max() ?? 0
        try wait(for: "member \(number + 1) does not catch up") {
            try self.look(number).appliedIndex >= goal ? () : nil
        }
    }

    func stop() {
        for process in processes { process.kill() }
    }

    private static func failure(_ what: String, at folder: String) -> CommandFailure {
        CommandFailure(
            .unavailable, "the cluster bench: \(what)", at: folder,
            remedy: "run it again with --cluster-only on a machine with less to do")
    }
}
