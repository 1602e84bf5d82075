import HTTPTypes
import Hummingbird
public import MerchantAPI
import NIOCore
public import Primitives
public import Telemetry

/// The merchants' API as a listener sees it.
public struct MerchantEndpoint: Sendable {
    let service: MerchantService
    let now: @Sendable () -> MonotonicInstant
    let duration: MetricRegistry.Histogram
    let refusals: MetricRegistry.Counter

    /// - Parameters:
    ///   - now: The boot-time clock of the node's loop, from any thread.
    ///   - metrics: Gets `sunny_http_request_seconds` and `sunny_http_refused_total`.
    public init(
        service: MerchantService, now: @escaping @Sendable () -> MonotonicInstant,
        metrics: MetricRegistry
    ) {
        self.service = service
        self.now = now
        duration = metrics.histogram(
            "sunny_http_request_seconds", "From a request's head to its answer.",
            labels: "status_class")
        refusals = metrics.counter(
            "sunny_http_refused_total", "Requests that were refused before the API saw them.",
            labels: "status")
    }

    func refused(_ refusal: RequestRefusal) {
        refusals.add(1, "\(refusal.status.code)")
    }
}

/// Turns a request of the server library into one of ours, and the answer back.
///
/// The way in and the way out are one hop each between the server's thread and the node's loop. The
/// body is read here, so that a slow sender holds nothing of the node.
struct MerchantResponder: HTTPResponder {
    let endpoint: MerchantEndpoint
    let options: IngressOptions

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let receivedAt = endpoint.now()
        let response: Response
        if let refusal = refusal(ofHeadOf: request) {
            response = refuse(refusal, unread: request.body, on: context.channel)
        } else if let answer = await misdirection(of: request, receivedAt, context.channel) {
            response = turnAway(
                Response(answer, to: request.method), ByteBuffer(bytes: answer.body),
                unread: request.body, on: context.channel)
        } else {
            do {
                let body = try await body(of: request, since: receivedAt)
                let answer = await endpoint.service.respond(
                    to: APIRequest(
                        request.head, body: body, receivedAt: receivedAt, channel: context.channel))
                response = Response(answer, to: request.method)
            } catch let refusal as RequestRefusal {
                response = refuse(refusal, unread: nil, on: context.channel)
            }
        }
        let elapsed = endpoint.now() - receivedAt
        endpoint.duration.observe(
            microseconds: elapsed.wholeNanoseconds / 1000, "\(response.status.code / 100)xx")
        return response
    }

    /// The answer to a request whose body must not be read here. The loop is asked only where some
    /// merchant's cards have to stay elsewhere.
    private func misdirection(
        of request: Request, _ receivedAt: MonotonicInstant, _ channel: any Channel
    ) async -> APIResponse? {
        guard endpoint.service.hasForeignMerchants, request.method == .post else { return nil }
        return await endpoint.service.misdirection(
            of: APIRequest(
                request.head, body: SensitiveBytes(), receivedAt: receivedAt, channel: channel))
    }

    /// Why a request is refused before its body is read; nil when it is not.
    private func refusal(ofHeadOf request: Request) -> RequestRefusal? {
        guard (request.head.path ?? "").utf8.count <= options.targetByteCountMax else {
            return .targetTooLong
        }
        return announcedByteCount(request) <= options.bodyByteCountMax ? nil : .bodyTooLarge
    }

    private func announcedByteCount(_ request: Request) -> Int {
        max(0, request.headers[.contentLength].flatMap { Int($0) } ?? 0)
    }

    /// All of the body, within its bounds of size and time. Each part is wiped where the server
    /// library has it; what comes after a refusal in the middle of a body is not.
    private func body(
        of request: Request, since start: MonotonicInstant
    ) async throws -> SensitiveBytes {
        let bytes = SensitiveBytes(capacity: announcedByteCount(request))
        for try await part in request.body {
            defer { part.wipe() }
            guard bytes.count + part.readableBytes <= options.bodyByteCountMax else {
                throw RequestRefusal.bodyTooLarge
            }
            // A body that stops coming is ended by the idle timeout, one that trickles here.
            guard endpoint.now() - start < options.bodyTimeout else {
                throw RequestRefusal.bodyTooSlow
            }
            bytes.append(part.readableBytesView)
        }
        return bytes
    }

    /// Answers, and closes the connection a moment later. A body that nobody has read is wiped as
    /// it comes until then, for a card number may be in it.
    private func refuse(
        _ refusal: RequestRefusal, unread: RequestBody?, on channel: any Channel
    ) -> Response {
        endpoint.refused(refusal)
        let response = Response(
            status: refusal.status, headers: [.contentType: "application/json"])
        return turnAway(response, ByteBuffer(string: refusal.body), unread: unread, on: channel)
    }

    private func turnAway(
        _ response: Response, _ answer: ByteBuffer, unread: RequestBody?,
        on channel: any Channel
    ) -> Response {
        RequestRefusal.closeSoon(channel)
        var response = response
        response.headers[.connection] = "close"
        response.body = ResponseBody(contentLength: answer.readableBytes) { writer in
            try await writer.write(answer)
            try await writer.finish(nil)
            guard let unread else { return }
            for try await part in unread { part.wipe() }
        }
        return response
    }
}

/// What is refused before the API sees it, in the form of the API's errors.
enum RequestRefusal: Error {
    case bodyTooLarge
    case bodyTooSlow
    case targetTooLong
    case methodUnknown
    case headTooLong
    case headMalformed

    var status: HTTPResponse.Status {
        switch self {
        case .bodyTooLarge: .contentTooLarge
        case .bodyTooSlow: .requestTimeout
        case .targetTooLong: .uriTooLong
        case .methodUnknown, .headMalformed: .badRequest
        case .headTooLong: .requestHeaderFieldsTooLarge
        }
    }

    var body: String {
        let message =
            switch self {
            case .bodyTooLarge: "The request body is too large."
            case .bodyTooSlow: "The request body took too long to arrive."
            case .targetTooLong: "The URL is too long."
            case .methodUnknown:
                "The request's method is none that this API knows: use GET or POST."
            case .headTooLong: "The URL or the headers of the request are too long."
            case .headMalformed: "The request is not well-formed HTTP/1.1."
            }
        return #"{"error":{"message":"\#(message)","type":"invalid_request_error"}}"#
    }

    /// Closes a moment after the answer: the rest of the request is not wanted, and the client has
    /// to have the answer before the end.
    static func closeSoon(_ channel: any Channel) {
        channel.eventLoop.scheduleTask(in: .seconds(2)) { channel.close(promise: nil) }
    }
}

extension ByteBuffer {
    /// Overwrites the readable bytes in the storage that all copies of the buffer share: an array
    /// of zeros written by `setBytes` would go to a copy.
    //
    // Proof: the storage is on the heap and made for writing. Besides us two hold it: the HTTP
    // decoder, which has moved its reader index past these bytes and reads on from there, and the
    // pool of the socket's read buffers, which takes a buffer back only for its next write.
    fileprivate func wipe() {
        withUnsafeReadableBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            UnsafeMutableRawPointer(mutating: start)
                .initializeMemory(as: UInt8.self, repeating: 0, count: bytes.count)
        }
    }
}

extension APIRequest {
    fileprivate init(
        _ head: HTTPRequest, body: SensitiveBytes, receivedAt: MonotonicInstant,
        channel: any Channel
    ) {
        let target = head.path ?? "/"
        let path = target.prefix { $0 != "?" }
        self.init(
            method: head.method.rawValue, path: String(path),
            query: String(target.dropFirst(path.count + 1)),
            headers: head.headerFields.map { ($0.name.canonicalName, $0.value) }, body: body,
            receivedAt: receivedAt, remoteAddress: channel.remoteAddress?.ipAddress)
    }
}

extension Response {
    fileprivate init(_ answer: APIResponse, to method: HTTPRequest.Method) {
        var fields = HTTPFields()
        for (name, value) in answer.headers {
            // Ours are constants and idempotency keys, which the API has checked.
            guard let name = HTTPField.Name(name) else { continue }
            fields.append(HTTPField(name: name, value: value))
        }
        self.init(
            status: HTTPResponse.Status(code: answer.status), headers: fields,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
        // The length stays: it is that of the answer to a GET.
        if method == .head { body = ResponseBody() }
    }
}
