import HTTPTypes
import Hummingbird
import NIOCore
public import Telemetry

import struct Environment.SocketAddress

/// What the operator's listener tells. It has no authentication: it listens on the loopback only,
/// and tells no card data and no key.
public struct AdminEndpoint: Sendable {
    /// Counters that live elsewhere, as text in the registry's format.
    public typealias Supplement = @Sendable () async -> String
    /// All payments as they stand now, and how the one at an index reads as a line; nil when this
    /// node does not know them as they stand now.
    public typealias Dump =
        @Sendable () async throws -> (count: Int, line: @Sendable (Int) throws -> [UInt8])?

    /// Does what a POST to `/admin/cluster/NAME` or `/admin/links/NAME` asks for, with the
    /// parameters of its query; the status and the text that say what came of it.
    public typealias Change =
        @Sendable (_ name: String, _ parameters: [String: String]) async -> (
            status: Int, text: String
        )

    let metrics: MetricRegistry
    let supplement: Supplement
    let lagNanoseconds: @Sendable () -> Int64
    let isReady: @Sendable () async -> Bool
    let payments: Dump
    let cluster: @Sendable () async -> [UInt8]
    let change: Change
    let links: @Sendable () async -> [UInt8]
    let changeLink: Change

    /// - Parameters:
    ///   - supplement: More metrics.
    ///   - lagNanoseconds: How far the node's loop is behind, without asking the loop.
    ///   - isReady: Whether the node can take payments; asks the loop.
    ///   - payments: What `/admin/payments` answers.
    ///   - cluster: What `/admin/cluster` answers, in JSON; asks the loop.
    ///   - change: What a POST to a page below `/admin/cluster` does.
    ///   - links: What `/admin/links` answers, in JSON; asks the loop.
    ///   - changeLink: What a POST to a page below `/admin/links` does.
    public init(
        metrics: MetricRegistry, supplement: @escaping Supplement,
        lagNanoseconds: @escaping @Sendable () -> Int64,
        isReady: @escaping @Sendable () async -> Bool, payments: @escaping Dump,
        cluster: @escaping @Sendable () async -> [UInt8], change: @escaping Change,
        links: @escaping @Sendable () async -> [UInt8], changeLink: @escaping Change
    ) {
        self.metrics = metrics
        self.supplement = supplement
        self.lagNanoseconds = lagNanoseconds
        self.isReady = isReady
        self.payments = payments
        self.cluster = cluster
        self.change = change
        self.links = links
        self.changeLink = changeLink
    }
}

/// `/livez`, `/readyz`, `/metrics`, `/admin/payments`, `/admin/cluster`, `/admin/links`.
struct AdminResponder: HTTPResponder {
    let endpoint: AdminEndpoint

    /// A loop that has not turned for so long is stuck, and asking it would only wait too.
    private static let stuckNanoseconds: Int64 = 10_000_000_000

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let isStuck = endpoint.lagNanoseconds() > Self.stuckNanoseconds
        for (prefix, change) in [
            (Self.clusterPrefix, endpoint.change), (Self.linksPrefix, endpoint.changeLink),
        ] where request.uri.path.hasPrefix(prefix) {
            guard !isStuck else { return .text(.serviceUnavailable, "stuck\n") }
            return await perform(change, request, below: prefix)
        }
        guard request.method == .get || request.method == .head else {
            return .text(.methodNotAllowed, "only GET\n")
        }
        switch request.uri.path {
        case "/livez":
            return isStuck ? .text(.serviceUnavailable, "stuck\n") : .text(.ok, "live\n")
        case "/readyz":
            guard !isStuck, await endpoint.isReady() else {
                return .text(.serviceUnavailable, "not ready\n")
            }
            return .text(.ok, "ready\n")
        case "/metrics":
            let supplement = isStuck ? "" : await endpoint.supplement()
            return .text(
                .ok, endpoint.metrics.exposition() + supplement,
                type: "text/plain; version=0.0.4; charset=utf-8")
        case "/admin/payments":
            return try await payments()
        case "/admin/cluster":
            guard !isStuck else { return .text(.serviceUnavailable, "stuck\n") }
            return .json(await endpoint.cluster())
        case "/admin/links":
            guard !isStuck else { return .text(.serviceUnavailable, "stuck\n") }
            return .json(await endpoint.links())
        default:
            return .text(
                .notFound,
                "no such page: /livez, /readyz, /metrics, /admin/payments, /admin/cluster, "
                    + "/admin/links\n")
        }
    }

    private static let clusterPrefix = "/admin/cluster/"
    private static let linksPrefix = "/admin/links/"

    /// Such as `POST /admin/cluster/transfer?shard=0&to=eu-1`.
    private func perform(
        _ change: AdminEndpoint.Change, _ request: Request, below prefix: String
    ) async -> Response {
        guard request.method == .post else { return .text(.methodNotAllowed, "only POST\n") }
        guard !Self.mayBeABrowser(request) else {
            return .text(.forbidden, "not for browsers: send no Origin, and this machine as Host\n")
        }
        var parameters: [String: String] = [:]
        for (name, value) in request.uri.queryParameters {
            parameters[String(name)] = String(value)
        }
        let name = String(request.uri.path.dropFirst(prefix.count))
        let (status, text) = await change(name, parameters)
        return .text(HTTPResponse.Status(code: status), text)
    }

    /// The port asks nobody who they are, and a page that somebody looks at on this machine can
    /// reach it. Browsers say where a request comes from, and whom they take this for: the second
    /// tells a foreign name that was made to resolve to this machine.
    private static func mayBeABrowser(_ request: Request) -> Bool {
        let headers = request.headers
        if headers[.origin] != nil || headers[.secFetchSite] != nil { return true }
        guard let authority = request.head.authority else { return true }
        return SocketAddress(authority)?.isLoopback != true
    }

    private func payments() async throws -> Response {
        guard let (count, line) = try await endpoint.payments() else {
            return .text(.serviceUnavailable, "not up to date with its peers: ask again\n")
        }
        return Response(
            status: .ok, headers: [.contentType: "application/x-ndjson"],
            body: ResponseBody { writer in
                var buffer = ByteBuffer()
                // A write for each line would cost a system call each.
                for index in 0..<count {
                    buffer.writeBytes(try line(index))
                    buffer.writeInteger(UInt8(ascii: "\n"))
                    guard buffer.readableBytes >= 64 << 10 else { continue }
                    try await writer.write(buffer)
                    buffer.clear()
                }
                if buffer.readableBytes > 0 { try await writer.write(buffer) }
                try await writer.finish(nil)
            })
    }
}

extension HTTPField.Name {
    fileprivate static let secFetchSite = Self("Sec-Fetch-Site")!
}

extension Response {
    fileprivate static func json(_ bytes: [UInt8]) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    fileprivate static func text(
        _ status: HTTPResponse.Status, _ text: String, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
