import Environment
import Foundation
import Glibc
import Operations
import Primitives
import SecureLink
import Transport

/// etcd as a cluster of three on this machine, if it is installed: values of the same size, peers
/// with mutual TLS as ours.
///
/// It is asked through the JSON gateway of its own process, one request at a time on each
/// connection: a hop, a translation and HTTP that our members' load, in the leader's process, does
/// not have.
struct EtcdBench {
    let directory: String
    let cleanup: BenchCleanup
    let tell: (String) -> Void

    private static let memberCount = 3
    private static let connectionCount = 256
    private static let requestCount = 20_000

    /// Where `etcd` is; nil when it is not on PATH.
    static var program: String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .map { "\($0)/etcd" }.first { access($0, X_OK) == 0 }
    }

    func run() async throws {
        guard let program = Self.program else {
            return tell("etcd: not on PATH (Debian's etcd-server has it); left out")
        }
        tell(
            "etcd: three processes, mutual TLS between them, values of "
                + "\(BenchEntry.byteCount) bytes, through its JSON gateway,")
        tell("  a hop, HTTP and JSON that our load does not have")
        let addresses = try start(program)
        let loop = try UVLoop(name: "load")
        try loop.start()
        defer { loop.stop() }
        let leader = try await leader(of: addresses, loop)
        _ = await load(loop, leader, count: 2000, perSecond: nil)
        let before = await syncs(of: addresses, loop)
        let peak = await load(loop, leader, count: Self.requestCount, perSecond: nil)
        tell(row("\(Self.connectionCount) connections, as fast as they answer", peak))
        let after = await syncs(of: addresses, loop)
        let rate = max(1, peak.perSecond / 2)
        let half = await load(loop, leader, count: Self.requestCount / 2, perSecond: rate)
        tell(row("open loop at \(Int(rate)) a second", half))
        let each = (after - before) / Double(Self.requestCount)
        tell(
            BenchText.row(
                "  all members, for each entry at saturation",
                "\(BenchText.format(each, 4)) fsyncs of the log"))
    }

    private func row(_ name: String, _ result: LoadGenerator.Result) -> String {
        BenchText.row(
            name,
            "\(BenchText.format(result.perSecond)) entries/s, p50 \(result.percentile(50)) µs, "
                + "p99 \(result.percentile(99)) µs, \(result.failureCount) failed")
    }

    // MARK: The processes

    /// Starts the members; returns where each takes clients.
    private func start(_ program: String) throws -> [SocketAddress] {
        guard let ports = LocalSocket.freePorts(2 * Self.memberCount) else { throw failure }
        let now = CivilClock.now
        let authority = try ClusterAuthority.make(cluster: "etcd", now: now)
        let members = (0..<Self.memberCount).map { "m\($0)=https://127.0.0.1:\(ports[$0])" }
        for number in 0..<Self.memberCount {
            let folder = "\(directory)/m\(number)"
            try Files.makeFolder(folder + "/data")
            guard let identity = NodeIdentity(cluster: "etcd", region: "eu", name: "m\(number)")
            else { preconditionFailure("a name that is none") }
            let files = LinkCredentialFiles(folder: folder)
            try authority.issue(to: identity, addresses: ["127.0.0.1"], now: now)
                .write(to: files)
            let peer = "https://127.0.0.1:\(ports[number])"
            let client = "http://127.0.0.1:\(ports[Self.memberCount + number])"
            let process = try BenchProcess(
                program,
                [
                    "etcd", "--name", "m\(number)", "--data-dir", folder + "/data",
                    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                    "--listen-client-urls", client, "--advertise-client-urls", client,
                    "--initial-cluster", members.joined(separator: ","),
                    "--peer-client-cert-auth", "--peer-cert-file", files.certificate,
                    "--peer-key-file", files.key, "--peer-trusted-ca-file", files.authorities,
                    "--logger", "zap", "--log-outputs", "stderr",
                ], log: folder + "/log")
            cleanup.add { process.kill() }
        }
        return ports[Self.memberCount...].map { SocketAddress(host: "127.0.0.1", port: $0) }
    }

    private struct Status: Decodable {
        struct Header: Decodable {
            let memberId: String?
        }
        let header: Header?
        let leader: String?
    }

    /// Looks until one of them leads, for half a minute.
    private func leader(
        of addresses: [SocketAddress], _ loop: UVLoop
    ) async throws -> SocketAddress {
        for _ in 0..<300 {
            for address in addresses {
                let answer = await ask(loop, address, "POST /v3/maintenance/status", body: "{}")
                let status = JSON.decode(Status.self, Array(answer.utf8))
                if let leader = status?.leader, leader == status?.header?.memberId {
                    return address
                }
            }
            usleep(100_000)
        }
        throw failure
    }

    private var failure: CommandFailure {
        CommandFailure(
            .unavailable, "etcd does not start", at: directory,
            remedy: "take it off PATH, or run with --dir and look at its log in m0, m1, m2")
    }

    // MARK: Requests

    private func load(
        _ loop: UVLoop, _ address: SocketAddress, count: Int, perSecond: Double?
    ) async -> LoadGenerator.Result {
        let value = Data(repeating: 0x5A, count: BenchEntry.byteCount).base64EncodedString()
        let generator = LoadGenerator(loop: loop, address: address) { number in
            let name = "aggregate-\(UInt64(number) % BenchEntry.aggregateCount)"
            let key = Data(name.utf8).base64EncodedString()
            return Self.request(
                "POST /v3/kv/put", address, body: "{\"key\":\"\(key)\",\"value\":\"\(value)\"}")
        }
        return await generator.run(
            count: count, connectionCount: Self.connectionCount,
            interval: perSecond.map { .nanoseconds(Int64(1e9 / $0)) })
    }

    private static func request(
        _ line: String, _ address: SocketAddress, body: String
    ) -> [UInt8] {
        Array(
            """
            \(line) HTTP/1.1\r
            Host: \(address)\r
            Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """.utf8)
    }

    /// The body of one answer; empty when none comes.
    private func ask(
        _ loop: UVLoop, _ address: SocketAddress, _ line: String, body: String = ""
    ) async -> String {
        let generator = LoadGenerator(loop: loop, address: address) { _ in
            Self.request(line, address, body: body)
        }
        let result = await generator.run(count: 1, connectionCount: 1, interval: nil)
        let text = String(decoding: result.lastAnswer, as: UTF8.self)
        return text.range(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
    }

    /// Syncs of the write-ahead log so far, of all members.
    private func syncs(of addresses: [SocketAddress], _ loop: UVLoop) async -> Double {
        var sum = 0.0
        for address in addresses {
            let name = "etcd_disk_wal_fsync_duration_seconds_count "
            let text = await ask(loop, address, "GET /metrics")
            let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
            sum += line.flatMap { Double($0.dropFirst(name.count)) } ?? 0
        }
        return sum
    }
}
