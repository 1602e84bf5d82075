import Cluster
import Environment
import Gateway
import Node
import Payments
import Primitives
import Simulator
import StateStore
import Synchronization
import Testing
import Vault

/// What a request without an idempotency key has instead: an id that the ingress mints, under which
/// a node may ask the shard again.
@Suite struct MintedKeyTests {
    /// Replies in the order in which they came, and how many payments there were in the end.
    private final class Replies: Sendable {
        private let list = Mutex<[CommandReply]>([])
        private let count = Mutex(0)

        func add(_ reply: CommandReply) { list.withLock { $0.append(reply) } }

        var paymentCount: Int {
            get { count.withLock { $0 } }
            set { count.withLock { $0 = newValue } }
        }

        /// `unavailable` and the like, or the id of the payment.
        var texts: [String] {
            list.withLock { list in
                list.map { reply in
                    switch reply {
                    case .outcome(.payment(let payment), let replayOf):
                        replayOf == nil ? "\(payment.id)" : "a replay"
                    case .outcome: "another outcome"
                    case .failure(let failure): "\(failure)"
                    }
                }
            }
        }
    }

    private static func request(
        _ claim: IdempotencyClaim, id: String, at now: MonotonicInstant
    ) -> MerchantRequest {
        MerchantRequest(
            merchant: Samples.merchant, isLive: false, requestID: id, claim: claim,
            command: .createPayment(
                NewPayment(
                    terms: Samples.creation(Samples.payment(1)).terms, method: nil, confirm: false)
            ),
            deadline: now + .seconds(25))
    }

    private static func boot(_ incarnation: Incarnation, _ store: StateStore) throws -> Node {
        let vault = try SoftwareKeyVault(
            environment: .development,
            masterKey: Secret([UInt8](repeating: 7, count: 32)), random: incarnation.random)
        var configuration = NodeConfiguration(
            plan: .alone(name: "node", region: "eu", jurisdiction: "eu"),
            dataDirectory: "/data", shardCount: 1,
            links: [], merchants: [], segmentByteCount: 512 << 10)
        configuration.writing.checkpointInterval = .seconds(3)
        guard let seat = configuration.plan.foundingSeat(shardCount: 1, token: 1) else {
            preconditionFailure("a node that is alone joins nobody")
        }
        return try Node(
            configuration, seat,
            in: NodeEnvironment(
                loop: incarnation.loop, network: incarnation.network,
                links: nil, fileSystem: incarnation.files, journalWorker: incarnation.makeWorker(),
                writeWorker: incarnation.makeWorker(), readWorker: incarnation.makeWorker(),
                random: incarnation.random, vault: vault, sealer: try ShardSealer(vault: vault),
                store: store, halt: incarnation.halt))
    }

    /// Asks under one claim twice at once and twice later, under another, and much later.
    private static func ask(
        _ node: isolated Node, _ loop: any NodeLoop, _ replies: Replies
    ) async {
        let claim = IdempotencyClaim.minted(from: Samples.Chance(seed: 3))
        let first = request(claim, id: "req_1", at: loop.now)
        Task { replies.add(await node.gateway.perform(first)) }
        replies.add(await node.gateway.perform(first))
        for pause in [1, 20] {
            await loop.sleep(for: .seconds(pause))
            replies.add(await node.gateway.perform(first))
        }
        for (seed, pause) in [(4, 0), (5, 200)] as [(UInt64, Int)] {
            await loop.sleep(for: .seconds(pause))
            let other = IdempotencyClaim.minted(from: Samples.Chance(seed: seed))
            replies.add(
                await node.gateway.perform(request(other, id: "req_\(seed)", at: loop.now)))
        }
        replies.paymentCount = await node.allPayments().count
    }

    /// How many records of minted keys the store has.
    private static func recordCount(_ store: StateStore) throws -> Int {
        let kind = AggregateKind(rawValue: 6)
        return try store.scan(group: GroupID(0), kind: kind).count
    }

    @Test("whoever asks again under a minted key, at once or later, gets what was done once")
    func askedAgain() throws {
        let replies = Replies()
        let recordCounts = try World.simulate(seed: 11) { world in
            let store = try StateStore.openInMemory()
            let process = world.addProcess("node")
            process.disk.prepareDirectory("/data")
            process.start { incarnation in
                guard let node = try? Self.boot(incarnation, store) else {
                    return world.fail("the node did not start")
                }
                let loop = incarnation.loop
                loop.start(node) { node in
                    await node.start()
                    await Self.ask(node, loop, replies)
                }
            }
            try world.run(until: .seconds(30))
            let early = try Self.recordCount(store)
            try world.run(until: .seconds(300))
            return [early, try Self.recordCount(store)]
        }
        let texts = replies.texts
        #expect(texts.count == 6)
        #expect(texts.count { $0 == "unavailable" } == 1)
        let payments = texts.filter { $0.hasPrefix("pi_") }
        #expect(payments.count == 5 && Set(payments).count == 3)
        #expect(replies.paymentCount == 3)
        // The minute of the first two is over, and that of the last is not.
        #expect(recordCounts == [2, 1])
    }
}
