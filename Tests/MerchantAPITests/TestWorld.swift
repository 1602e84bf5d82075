import Environment
import Gateway
import MerchantAPI
import Payments
import Primitives
import Synchronization

/// A loop without a thread: whoever enqueues runs what is queued, one piece at a time.
final class TestLoop: NodeLoop {
    private struct State {
        var jobs: [UnownedJob] = []
        var isDraining = false
        var now = MonotonicInstant(nanoseconds: 0)
    }

    private let state = Mutex(State())

    var now: MonotonicInstant { state.withLock { $0.now } }
    /// 2026-11-23T12:00:00Z.
    var wallTime: Timestamp { Timestamp(milliseconds: 1_795_435_200_000) }

    func advance(by duration: Duration) {
        state.withLock { $0.now = $0.now + duration }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let drains = state.withLock { state in
            state.jobs.append(job)
            defer { state.isDraining = true }
            return !state.isDraining
        }
        guard drains else { return }
        // A job may let go of the last reference to the loop that runs it.
        let keeper = Unmanaged.passRetained(self)
        defer { keeper.release() }
        while let next = nextJob() { next.runSynchronously(on: asUnownedSerialExecutor()) }
    }

    private func nextJob() -> UnownedJob? {
        state.withLock { state in
            guard !state.jobs.isEmpty else {
                state.isDraining = false
                return nil
            }
            return state.jobs.removeFirst()
        }
    }

    private struct NoTimer: LoopTimer {
        func cancel() {}
    }

    func schedule(
        after delay: Duration, _ action: @escaping @Sendable () -> Void
    ) -> any LoopTimer { NoTimer() }
    func post(_ action: @escaping @Sendable () -> Void) { action() }
    func atEndOfTurn(_ action: @escaping @Sendable () -> Void) { action() }
}

/// Remembers what it was asked and gives prepared replies.
final class ScriptedGateway: MerchantGateway {
    private struct State {
        var requests: [MerchantRequest] = []
        var queries: [MerchantQuery] = []
        var commandReply = CommandReply.failure(.unavailable)
        var queryReply = QueryReply.failure(.unavailable)
    }

    private let state = Mutex(State())

    var requests: [MerchantRequest] { state.withLock { $0.requests } }
    var queries: [MerchantQuery] { state.withLock { $0.queries } }

    func reply(_ reply: CommandReply) { state.withLock { $0.commandReply = reply } }
    func reply(_ reply: QueryReply) { state.withLock { $0.queryReply = reply } }

    func perform(_ request: MerchantRequest) async -> CommandReply {
        state.withLock {
            $0.requests.append(request)
            return $0.commandReply
        }
    }

    func answer(
        _ query: MerchantQuery, merchant: MerchantID, isLive: Bool, deadline: MonotonicInstant
    ) async -> QueryReply {
        state.withLock {
            $0.queries.append(query)
            return $0.queryReply
        }
    }
}

/// Seals differently every time, and digests by a mixing function that is enough to tell texts
/// apart.
final class TestTokenizer: CardTokenizer {
    private let sealCount = Mutex(UInt8(0))
    private let isAvailable = Mutex(true)

    func fail() { isAvailable.withLock { $0 = false } }

    func tokenize(
        number: CardNumber, expiry: CardExpiry, as id: PaymentMethodID, of merchant: MerchantID,
        isLive: Bool
    ) async throws(TokenizationError) -> TokenizedCard {
        guard isAvailable.withLock({ $0 }) else { throw .unavailable }
        let count = sealCount.withLock { count in
            count += 1
            return count
        }
        let digest = keyedDigest(of: number.asciiDigits)
        let fingerprint = digest.prefix(16).map { Base62.alphabet[Int($0) % 62] }
        return TokenizedCard(
            sealedCard: [count, 1, 2, 3], fingerprint: String(decoding: fingerprint, as: UTF8.self))
    }

    func keyedDigest(of message: [UInt8]) -> [UInt8] { Self.digest(message, seed: 1) }
    func sha256(of message: [UInt8]) -> [UInt8] { Self.digest(message, seed: 2) }

    static func digest(_ message: [UInt8], seed: UInt64) -> [UInt8] {
        var digest: [UInt8] = []
        for part in 0..<UInt64(4) {
            // FNV-1a, started differently for each part, with a final mix.
            var word = 0xCBF2_9CE4_8422_2325 &+ (seed &* 4 &+ part) &* 0x9E37_79B9_7F4A_7C15
            for byte in message { word = (word ^ UInt64(byte)) &* 0x100_0000_01B3 }
            var random = SeededRandom(seed: word)
            let mixed = random.next()
            digest += (0..<8).map { UInt8(truncatingIfNeeded: mixed >> ($0 * 8)) }
        }
        return digest
    }
}

/// Chance from a seed.
final class TestRandom: RandomSource {
    private let generator = Mutex(SeededRandom(seed: 7))
    func next() -> UInt64 { generator.withLock { $0.next() } }
}

/// A service with everything around it, and requests in short form.
struct TestWorld {
    static let testKey = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
    static let liveKey = "sk_live_9aB38GpKxiVCzqisS0ycq6eb"

    let loop = TestLoop()
    let gateway = ScriptedGateway()
    let tokenizer = TestTokenizer()
    let service: MerchantService

    init(limits: MerchantAPILimits = MerchantAPILimits()) {
        let directory = MerchantDirectory(
            [(Self.testKey, false), (Self.liveKey, true)].map { key, isLive in
                MerchantDirectory.Entry(
                    keyDigest: TestTokenizer.digest(Array(key.utf8), seed: 2),
                    merchant: Samples.merchant, isLive: isLive)
            })
        service = MerchantService(
            loop: loop, gateway: gateway, tokenizer: tokenizer, directory: directory,
            random: TestRandom(), limits: limits)
    }

    func send(
        _ method: String, _ path: String, body: String = "", query: String = "",
        key: String? = testKey, headers: [(name: String, value: String)] = []
    ) async -> APIResponse {
        var all = headers
        if let key { all.append(("authorization", "Bearer \(key)")) }
        return await service.respond(
            to: APIRequest(
                method: method, path: path, query: query, headers: all,
                body: SensitiveBytes(copying: body.utf8),
                receivedAt: MonotonicInstant(nanoseconds: 0)))
    }

    func post(
        _ path: String, _ body: String, key: String? = testKey,
        headers: [(name: String, value: String)] = []
    ) async -> APIResponse {
        await send("POST", path, body: body, key: key, headers: headers)
    }

    func get(_ path: String, _ query: String = "") async -> APIResponse {
        await send("GET", path, query: query)
    }
}

extension APIResponse {
    var text: String { String(decoding: body, as: UTF8.self) }

    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The text of the first member of that name, at whatever depth.
    func member(_ name: String) -> String? {
        member(name, isTop: false)
    }

    /// The text of a member of the root.
    func topMember(_ name: String) -> String? {
        member(name, isTop: true)
    }

    private func member(_ name: String, isTop: Bool) -> String? {
        let start = "\"\(name)\": "
        for line in text.split(separator: "\n") {
            let trimmed = line.drop { $0 == " " }
            guard !isTop || line.count - trimmed.count == 2 else { continue }
            guard trimmed.hasPrefix(start) else { continue }
            var value = trimmed.dropFirst(start.count)
            if value.last == "," { value.removeLast() }
            if value.first == "\"", value.last == "\"" { value = value.dropFirst().dropLast() }
            return String(value)
        }
        return nil
    }

    /// Status, code, parameter and message in one line, as the tables of the tests have them.
    var errorLine: String {
        "\(status) \(member("code") ?? "-") \(member("param") ?? "-") \(member("message") ?? "-")"
    }
}
