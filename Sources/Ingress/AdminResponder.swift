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

    /// What `GET /admin/NAME` answers, and what `POST /admin/NAME/CHANGE` does.
    public struct Section: Sendable {
        /// Does what a request asks for, with the parameters of its query; the status and the text
        /// that say what came of it.
        public typealias Change =
            @Sendable (_ name: String, _ parameters: [String: String]) async -> (
                status: Int, text: String
            )

        let page: @Sendable () async -> [UInt8]
        let change: Change?

        /// - Parameters:
        ///   - page: In JSON; asks the loop.
        ///   - change: Nil where there is nothing to change.
        public init(page: @escaping @Sendable () async -> [UInt8], change: Change? = nil) {
            self.page = page
            self.change = change
        }
    }

    let metrics: MetricRegistry
    let supplement: Supplement
    let lagNanoseconds: @Sendable () -> Int64
    let isReady: @Sendable () async -> Bool
    let payments: Dump?
    let sections: [String: Section]

    /// - Parameters:
    ///   - supplement: More metrics.
    ///   - lagNanoseconds: How far the loop is behind, without asking the loop.
    ///   - isReady: Whether the process can do what it is for; asks the loop.
    ///   - payments: What `/admin/payments` answers; nil for a process that has none.
    ///   - sections: By their names in the path.
    public init(
        metrics: MetricRegistry, supplement: @escaping Supplement,
        lagNanoseconds: @escaping @Sendable () -> Int64,
        isReady: @escaping @Sendable () async -> Bool, payments: Dump? = nil,
        sections: [String: Section]
    ) {
        self.metrics = metrics
        self.supplement = supplement
        self.lagNanoseconds = lagNanoseconds
        self.isReady = isReady
        self.payments = payments
        self.sections = sections
    }

    /// What can be asked for, for whoever asked for something else.
    var paths: [String] {
        ["/livez", "/readyz", "/metrics"] + (payments == nil ? [] : ["/admin/payments"])
            + sections.keys.sorted().map { "/admin/\($0)" }
    }
}

/// `/livez`, `/readyz`, `/metrics`, `/admin/payments`, and the sections below `/admin`.
struct AdminResponder: HTTPResponder {
    let endpoint: AdminEndpoint

    /// A loop that has not turned for so long is stuck, and asking it would only wait too.
    private static let stuckNanoseconds: Int64 = 10_000_000_000

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let isStuck = endpoint.lagNanoseconds() > Self.stuckNanoseconds
        let path = request.uri.path.split(separator: "/", omittingEmptySubsequences: false)
            .map { String($0) }
        let section = path.count > 2 && path[1] == "admin" ? endpoint.sections[path[2]] : nil
        if let change = section?.change, path.count == 4 {
            guard !isStuck else { return .text(.serviceUnavailable, "stuck\n") }
            return await perform(change, named: path[3], request)
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
        default:
            guard let section, path.count == 3 else { return try await payments(request.uri.path) }
            guard !isStuck else { return .text(.serviceUnavailable, "stuck\n") }
            return .json(await section.page())
        }
    }

    /// Such as `POST /admin/cluster/transfer?shard=0&to=eu-1`.
    private func perform(
        _ change: AdminEndpoint.Section.Change, named name: String, _ request: Request
    ) async -> Response {
        guard request.method == .post else { return .text(.methodNotAllowed, "only POST\n") }
        guard !Self.mayBeABrowser(request) else {
            return .text(.forbidden, "not for browsers: send no Origin, and this machine as Host\n")
        }
        var parameters: [String: String] = [:]
        for (name, value) in request.uri.queryParameters {
            parameters[String(name)] = String(value)
        }
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

    private func payments(_ path: String) async throws -> Response {
        guard path == "/admin/payments", let payments = endpoint.payments else {
            let paths = endpoint.paths.joined(separator: ", ")
            return .text(.notFound, "no such page: \(paths)\n")
        }
        guard let (count, line) = try await payments() else {
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
