import Environment
import Linearizability
import MerchantAPI
import Node
import Primitives

/// Something that stands between a client and the nodes and is wrong, so that a test sees how that
/// comes to light.
public enum PlantedFlaw: Hashable, Sendable {
    /// Looks are answered out of a cache that is half a minute old.
    case staleLooks
    /// Each try of a request has a key of its own.
    case freshKeys
}

/// Sends one request at a time, to any node, and again until it has a definite answer, as the
/// Stripe SDK does.
final class RequestSender {
    let name: String
    let recorder: ClientRecorder
    private let number: Int
    private let gateway: GatewayWorld
    private let flaw: PlantedFlaw?
    var random: SeededRandom
    private var world: World { gateway.world }

    private(set) var requestCount = 0
    private(set) var slowest = Duration.zero
    private var attempt: UInt64 = 0
    private var current: Sending?
    /// Nothing is sent before this moment.
    private var restsUntil = Duration.zero
    private var cache: [String: (at: Duration, response: APIResponse)] = [:]

    /// A request that has no answer yet.
    private struct Sending {
        let request: ClientRequest
        /// After so many tries the client goes on without an answer.
        let triesMax: Int
        /// The only node that is asked; nil for any.
        let node: Int?
        let completed: (APIResponse?) -> Void
        var tryCount = 0
        /// Where in the history it waits; nil until it was sent once.
        var places: [Int]?
    }

    init(
        name: String, number: Int, gateway: GatewayWorld, recorder: ClientRecorder, seed: UInt64,
        flaw: PlantedFlaw?
    ) {
        self.name = name
        self.number = number
        self.gateway = gateway
        self.recorder = recorder
        self.flaw = flaw
        random = SeededRandom(seed: seed)
    }

    /// Sends nothing for a while.
    func rest(for duration: Duration) {
        restsUntil = max(restsUntil, world.elapsed + duration)
    }

    /// Sends a request, and again until there is a definite answer; nil when it was given up.
    func send(
        _ request: ClientRequest, triesMax: Int = .max, to node: Int? = nil,
        _ completed: @escaping (APIResponse?) -> Void
    ) {
        current = Sending(
            request: request, triesMax: triesMax, node: node, completed: completed)
        send()
    }

    func schedule(_ delay: Duration, _ action: @escaping () -> Void) {
        world.schedule(after: delay, action)
    }

    private func send() {
        attempt += 1
        if restsUntil > world.elapsed {
            return schedule(restsUntil - world.elapsed) { [unowned self] in send() }
        }
        guard var sending = current else { return }
        guard sending.tryCount < sending.triesMax else { return complete(nil) }
        sending.tryCount += 1
        current = sending
        // Any node will do, and a retry may go to another.
        let place =
            sending.node
            ?? Int.random(
                in: 0..<(gateway.askedNodeCount ?? gateway.nodes.count), using: &random)
        let node = gateway.nodes[place]
        guard let running = node.running, let loop = node.process.incarnation?.loop else {
            return retry()
        }
        if sending.places == nil { current?.places = recorder.begin(sending.request, by: number) }
        let number = attempt
        let service = running.service
        let begun = world.elapsed
        let request = apiRequest(sending, receivedAt: loop.now)
        let box = SenderBox(self, asking: node)
        loop.start(service) { service in
            let response = await service.respond(to: request)
            box.sender.answered(number, response, begun, by: box.node)
        }
        requestCount += 1
        watch(number, node, node.startCount)
    }

    /// Notices that the node that was asked is gone, as a broken connection tells.
    private func watch(_ number: UInt64, _ node: SimulatedNode, _ incarnation: Int) {
        schedule(.milliseconds(250)) { [unowned self] in
            guard attempt == number else { return }
            let isSame = node.running != nil && node.startCount == incarnation
            if isSame { watch(number, node, incarnation) } else { retry() }
        }
    }

    private func apiRequest(
        _ sending: Sending, receivedAt: MonotonicInstant
    ) -> APIRequest {
        var headers = [
            (name: "authorization", value: "Bearer \(gateway.secretKey)"),
            (name: "content-type", value: "application/x-www-form-urlencoded"),
        ]
        guard let key = sending.request.key else {
            let isList = sending.request.question == .list
            return APIRequest(
                method: "GET", path: sending.request.path,
                query: isList ? "limit=100&expand[]=data.latest_charge" : "expand[]=latest_charge",
                headers: headers, receivedAt: receivedAt)
        }
        let suffix = flaw == .freshKeys && sending.tryCount > 1 ? "-\(sending.tryCount)" : ""
        headers.append((name: "idempotency-key", value: key + suffix))
        return APIRequest(
            method: "POST", path: sending.request.path, headers: headers,
            body: SensitiveBytes(copying: sending.request.body.utf8), receivedAt: receivedAt)
    }

    private func retry() {
        attempt += 1
        schedule(.milliseconds(Int64.random(in: 300...2500, using: &random))) { [unowned self] in
            send()
        }
    }

    fileprivate func answered(
        _ number: UInt64, _ response: APIResponse, _ begun: Duration, by node: SimulatedNode
    ) {
        slowest = max(slowest, world.elapsed - begun - node.pausedTime(since: begun))
        guard number == attempt, let sending = current else { return }
        attempt += 1
        switch response.status {
        case 409, 429, 503:
            schedule(.milliseconds(Int64.random(in: 300...2500, using: &random))) {
                [unowned self] in send()
            }
        default:
            let seen = flaw == .staleLooks ? cached(sending.request, response) : response
            let output = recorder.end(sending.places ?? [], sending.request, seen)
            guard output != nil else {
                return world.fail(
                    "\(sending.request.key ?? name): unexpected \(response.status) "
                        + String(decoding: response.body.prefix(400), as: UTF8.self))
            }
            complete(seen)
        }
    }

    private func complete(_ response: APIResponse?) {
        guard let sending = current else { return }
        attempt += 1
        current = nil
        sending.completed(response)
    }

    private func cached(_ request: ClientRequest, _ response: APIResponse) -> APIResponse {
        guard request.question == .retrieve else { return response }
        if let (at, old) = cache[request.path], world.elapsed - at < .seconds(30) { return old }
        cache[request.path] = (world.elapsed, response)
        return response
    }
}

/// Carries a sender into a task of the node's loop.
// Proof: a world and all its loops run on one thread, so the sender is only touched there.
private struct SenderBox: @unchecked Sendable {
    let sender: RequestSender
    let node: SimulatedNode

    init(_ sender: RequestSender, asking node: SimulatedNode) {
        self.sender = sender
        self.node = node
    }
}
