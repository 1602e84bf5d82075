import HTTPTypes
import Hummingbird
import NIOCore
public import Telemetry

/// What the operator's listener tells. It has no authentication: it listens on the loopback only,
/// and tells no card data and no key.
public struct AdminEndpoint: Sendable {
    /// Counters that live elsewhere, as text in the registry's format.
    public typealias Supplement = @Sendable () async -> String
    /// All payments as they stand now, and how the one at an index reads as a line; nil when this
    /// node does not know them as they stand now.
    public typealias Dump =
        @Sendable () async throws -> (count: Int, line: @Sendable (Int) throws -> [UInt8])?

    let metrics: MetricRegistry
    let supplement: Supplement
    let lagNanoseconds: @Sendable () -> Int64
    let isReady: @Sendable () async -> Bool
    let payments: Dump

    /// - Parameters:
    ///   - supplement: More metrics.
    ///   - lagNanoseconds: How far the node's loop is behind, without asking the loop.
    ///   - isReady: Whether the node can take payments; asks the loop.
    ///   - payments: What `/admin/payments` answers.
    public init(
        metrics: MetricRegistry, supplement: @escaping Supplement,
        lagNanoseconds: @escaping @Sendable () -> Int64,
        isReady: @escaping @Sendable () async -> Bool, payments: @escaping Dump
    ) {
        self.metrics = metrics
        self.supplement = supplement
        self.lagNanoseconds = lagNanoseconds
        self.isReady = isReady
        self.payments = payments
    }
}

/// `/livez`, `/readyz`, `/metrics`, `/admin/payments`.
struct AdminResponder: HTTPResponder {
    let endpoint: AdminEndpoint

    /// A loop that has not turned for so long is stuck, and asking it would only wait too.
    private static let stuckNanoseconds: Int64 = 10_000_000_000

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        guard request.method == .get || request.method == .head else {
            return .text(.methodNotAllowed, "only GET\n")
        }
        let isStuck = endpoint.lagNanoseconds() > Self.stuckNanoseconds
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
        default:
            return .text(
                .notFound, "no such page: /livez, /readyz, /metrics, /admin/payments\n")
        }
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

extension Response {
    fileprivate static func text(
        _ status: HTTPResponse.Status, _ text: String, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
