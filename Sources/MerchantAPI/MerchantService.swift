public import Environment
public import Gateway
import Payments
public import Primitives

/// The merchants' API: takes requests, and answers each of them, whatever it holds.
///
/// Lives on the node's loop like the shards that it calls. It keeps nothing between requests but
/// its directory and its counters, and logs nothing.
public actor MerchantService {
    let loop: any NodeLoop
    let gateway: any MerchantGateway
    let tokenizer: any CardTokenizer
    let random: any RandomSource
    let limits: MerchantAPILimits
    let guide: (any JurisdictionGuide)?
    /// Whether some merchants' cards must not come to this node: asked from any thread, so that a
    /// request costs no hop where there is one jurisdiction.
    public nonisolated let hasForeignMerchants: Bool
    private(set) var directory: MerchantDirectory
    private var counters = RequestCounters()
    private var requestsInFlight = 0

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    public init(
        loop: any NodeLoop, gateway: any MerchantGateway, tokenizer: any CardTokenizer,
        directory: MerchantDirectory, guide: (any JurisdictionGuide)? = nil,
        random: any RandomSource, limits: MerchantAPILimits = MerchantAPILimits()
    ) {
        self.guide = guide
        hasForeignMerchants =
            guide.map { guide in
                directory.jurisdictions.contains { $0 != guide.jurisdiction }
            } ?? false
        self.loop = loop
        self.gateway = gateway
        self.tokenizer = tokenizer
        self.directory = directory
        self.random = random
        self.limits = limits
    }

    /// Requests from now on are authenticated by `directory`.
    public func use(_ directory: MerchantDirectory) {
        self.directory = directory
    }

    func count(_ route: Route, status: Int) {
        counters.count(route: route.template, status: status)
    }

    /// What was answered so far, sorted by route and status class.
    public var requestCounts: [RequestCount] { counters.all }

    /// Answers a request; never throws and never waits past the deadline for anything but the
    /// gateway, which is told it.
    public func respond(to request: APIRequest) async -> APIResponse {
        var exchange = Exchange(
            request: request, id: "req_" + Base62.random(14, from: random),
            deadline: request.receivedAt + limits.deadline)
        // At the latest: a request that is refused early never has its body read.
        defer { request.body.wipe() }
        let answer: Answer
        do throws(APIError) {
            guard requestsInFlight < limits.requestsInFlightMax else {
                throw APIError.overloaded
            }
            requestsInFlight += 1
            defer { requestsInFlight -= 1 }
            answer = try await serve(&exchange)
        } catch {
            answer = Answer(error)
        }
        counters.count(
            route: exchange.route?.template ?? Route.unrecognizedTemplate, status: answer.status)
        return exchange.response(answer)
    }

    private func serve(_ exchange: inout Exchange) async throws(APIError) -> Answer {
        let request = exchange.request
        try exchange.headers.read(request)
        let segments = try RequestPath.segments(request.path)
        // Known before anybody is authenticated, so that counts of refusals are told by route too.
        exchange.route = Route(method: request.method, segments: segments)
        let caller = try caller(of: request)
        guard let route = exchange.route else { throw RequestPath.unrecognized(request) }
        if let error = misdirection(of: route, by: caller, path: request.path) { throw error }
        var parameters = try exchange.parameters()
        try parameters.refuseCardNumbers()
        let expansion = try Expansion.read(&parameters, root: route.answer)
        let subject = RequestFingerprint.Subject(
            caller: caller, method: request.method, segments: segments)
        let context = ReadingContext(isLive: caller.isLive, now: loop.wallTime)
        if let draft = try route.command(&parameters, in: context) {
            parameters.wipeSecrets()
            return try await perform(draft, subject, parameters, expansion, exchange)
        }
        return try await answer(route, caller, &parameters, expansion, exchange.deadline)
    }
}

/// One request on its way through the service.
struct Exchange: Sendable {
    let request: APIRequest
    /// `req_` and fourteen characters.
    let id: String
    let deadline: MonotonicInstant
    var headers = RequestHeaders()
    /// Nil until it is known, and when there is none.
    var route: Route?

    init(request: APIRequest, id: String, deadline: MonotonicInstant) {
        self.request = request
        self.id = id
        self.deadline = deadline
    }

    /// Decodes the body of a POST, which is gone then, and the query of everything else.
    func parameters() throws(APIError) -> Parameters {
        guard request.method == "POST" else {
            guard request.body.isEmpty else {
                throw .invalid(
                    "The parameters of a \(request.shownMethod) request belong into the "
                        + "query, and its body must be empty.")
            }
            return try FormDecoder.decode(request.query.utf8)
        }
        guard request.query.isEmpty else {
            throw .invalid(
                "The parameters of a POST request belong into its body, and not into the URL.")
        }
        let type = request.header("content-type").map { type in
            type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        }
        guard request.body.isEmpty || type == nil || type == "application/x-www-form-urlencoded"
        else {
            throw .invalid(
                "Invalid request (check that your POST content type is "
                    + "application/x-www-form-urlencoded). This API takes form-encoded bodies, as "
                    + "in `amount=1099&currency=usd&metadata[order]=6735`; JSON is not accepted.")
        }
        defer { request.body.wipe() }
        return try request.body.read { (bytes) throws(APIError) in try FormDecoder.decode(bytes) }
    }

    /// Puts the headers around an answer that every answer has.
    func response(_ answer: Answer) -> APIResponse {
        var list: [(name: String, value: String)] = [
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-cache, no-store"),
            ("Request-Id", id),
            ("Stripe-Version", headers.version),
        ]
        if let key = headers.idempotencyKey { list.append(("Idempotency-Key", key)) }
        if let original = answer.replayOf {
            list.append(("Idempotent-Replayed", "true"))
            list.append(("Original-Request", original))
        }
        if let shouldRetry = answer.shouldRetry {
            list.append(("Stripe-Should-Retry", shouldRetry ? "true" : "false"))
        }
        if let location = answer.location { list.append(("Location", location)) }
        return APIResponse(status: answer.status, headers: list, body: answer.body)
    }
}

/// A status and a body, before the headers that every answer has.
struct Answer: Sendable {
    var status: Int
    var body: [UInt8]
    var shouldRetry: Bool?
    /// The id of the request that was answered first, when this answer repeats its.
    var replayOf: String?
    /// Where the request should have gone.
    var location: String?

    /// 200 with an object.
    init(_ body: (inout JSONWriter) -> Void) {
        status = 200
        self.body = JSONWriter.object(body)
    }

    init(_ error: APIError) {
        status = error.status
        shouldRetry = error.shouldRetry
        location = error.location
        body = JSONWriter.object { $0.error(error) }
    }
}
