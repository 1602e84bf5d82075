import Environment
import Foundation
import Glibc
import Primitives
import Transport

/// Payments over HTTP against a demo of its own: one node, one acquirer, this machine's disk.
struct GatewayBench {
    struct Row {
        let name: String
        let perSecond: Double
        let p50Microseconds: Int64
        let p99Microseconds: Int64
        let failures: Int
    }

    /// Work that the node did for each payment.
    struct Work {
        let fsyncs: Double
        let statements: Double
        let journalBytes: Double
    }

    let directory: String
    let paymentCount: Int

    private struct Demo: Decodable {
        struct Node: Decodable {
            let http: String
            let admin: String
        }
        let api_key: String
        let nodes: [Node]
    }

    func run(_ cleanup: BenchCleanup) async throws -> (rows: [Row], work: Work) {
        cleanup.add { try? runSelf(["demo", "stop", "--dir", directory]) }
        try runSelf(
            [
                "demo", "--dir", directory, "--detach", "--nodes", "1", "--acquirers", "1",
            ])
        let data = try Data(contentsOf: URL(fileURLWithPath: directory + "/demo.json"))
        let demo = try JSONDecoder().decode(Demo.self, from: data)
        guard let node = demo.nodes.first, let http = Self.address(node.http),
            let admin = Self.address(node.admin)
        else { throw BenchError.noDemo }
        let loop = try UVLoop(name: "load")
        try loop.start()
        defer { loop.stop() }

        _ = await load(loop, http, demo.api_key, count: 200, connections: 8, rate: nil)
        let before = await metrics(loop, admin)
        var rows: [Row] = []
        for connections in [16, 64] {
            let peak = await load(
                loop, http, demo.api_key, count: paymentCount, connections: connections,
                rate: nil)
            rows.append(Self.row("\(connections) connections, as fast as they answer", peak))
            let rate = max(1, peak.perSecond / 2)
            let half = await load(
                loop, http, demo.api_key, count: paymentCount, connections: connections,
                rate: rate)
            rows.append(
                Self.row("\(connections) connections, open loop at \(Int(rate)) a second", half))
        }
        let after = await metrics(loop, admin)
        let payments = Double(paymentCount * 4)
        func each(_ name: String) -> Double {
            ((after[name] ?? 0) - (before[name] ?? 0)) / payments
        }
        let work = Work(
            fsyncs: each("sunny_journal_syncs_total"),
            statements: each("sunny_state_statements_total"),
            journalBytes: each("sunny_journal_bytes_total"))
        return (rows, work)
    }

    private func load(
        _ loop: UVLoop, _ address: SocketAddress, _ key: String, count: Int, connections: Int,
        rate: Double?
    ) async -> LoadGenerator.Result {
        // In base 36: twenty decimal digits may hold what looks like a card number, and is refused.
        let run = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let body = "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa"
        let generator = LoadGenerator(loop: loop, address: address) { number in
            Array(
                """
                POST /v1/payment_intents HTTP/1.1\r
                Host: \(address)\r
                Authorization: Bearer \(key)\r
                Content-Type: application/x-www-form-urlencoded\r
                Idempotency-Key: bench-\(run)-\(number)\r
                Content-Length: \(body.utf8.count)\r
                \r
                \(body)
                """.utf8)
        }
        return await generator.run(
            count: count, connectionCount: connections,
            interval: rate.map { .nanoseconds(Int64(1e9 / $0)) })
    }

    private func metrics(_ loop: UVLoop, _ address: SocketAddress) async -> [String: Double] {
        let generator = LoadGenerator(loop: loop, address: address) { _ in
            Array("GET /metrics HTTP/1.1\r\nHost: \(address)\r\n\r\n".utf8)
        }
        let result = await generator.run(count: 1, connectionCount: 1, interval: nil)
        var values: [String: Double] = [:]
        for line in String(decoding: result.lastAnswer, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: " ")
            if parts.count == 2, let value = Double(parts[1]) { values[String(parts[0])] = value }
        }
        return values
    }

    private static func row(_ name: String, _ result: LoadGenerator.Result) -> Row {
        Row(
            name: name, perSecond: result.perSecond, p50Microseconds: result.percentile(50),
            p99Microseconds: result.percentile(99), failures: result.failureCount)
    }

    private static func address(_ url: String) -> SocketAddress? {
        SocketAddress(url.replacingOccurrences(of: "http://", with: ""))
    }

    private func runSelf(_ arguments: [String]) throws {
        // Foundation's Process waits on a run loop, which a thread of the pool does not have.
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        var words: [UnsafeMutablePointer<CChar>?] = (["sunny"] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var child: pid_t = 0
        var status: Int32 = 0
        guard posix_spawn(&child, "/proc/self/exe", &actions, nil, words, environ) == 0,
            waitpid(child, &status, 0) == child, status == 0
        else { throw BenchError.noDemo }
    }
}

enum BenchError: Error, CustomStringConvertible {
    case noDemo

    var description: String {
        "the demo that the benchmark runs against did not start; try 'sunny demo' by itself"
    }
}
