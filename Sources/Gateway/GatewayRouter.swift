public import Cluster
public import Environment
public import Payments
public import Primitives
import Resilience

/// The shards of this node as the API sees them: routes by the merchant's slot and keeps deadlines.
public actor GatewayRouter: MerchantGateway {
    private nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let shards: [MerchantShard]
    private let links: [ShardGateway.Link]

    /// How long past the caller's deadline an answer may still come from within: what is committed
    /// by then is told as it stands.
    private static let grace = Duration.milliseconds(500)

    /// The gateway over `hosts`, the shards in the order of their numbers, and the links to
    /// acquirers in the order in which they are preferred.
    public init(
        hosts: [ShardHost<GatewayMachine>], node: ClusterNode, links: [LinkOptions],
        options: GatewayOptions,
        cards: any CardOpener, loop: any NodeLoop, network: any Network,
        random: any RandomSource, metrics: GatewayMetrics
    ) {
        self.loop = loop
        let links = links.map { link in
            let breaker = BreakerActor(
                link: link.name, loop: loop, random: random, metrics: metrics,
                breaker: CircuitBreaker(policy: .link, at: loop.now))
            let actor = ProcessorLinkActor(
                options: link, loop: loop, network: network, random: random, breaker: breaker,
                metrics: metrics)
            return ShardGateway.Link(actor: actor, breaker: breaker)
        }
        self.links = links
        shards = hosts.map { host in
            MerchantShard(host: host, node: node, loop: loop) { term in
                ShardGateway(
                    host: host, term: term, links: links, options: options, cards: cards,
                    loop: loop, random: random, metrics: metrics)
            }
        }
    }

    /// Connects the links and stands for the shards' elections.
    public func start() async {
        let shards = shards
        for link in links {
            await link.actor.start(
                onLateApproval: { subject in
                    shards[Self.index(of: subject.payment.stem.slot, shards.count)]
                        .approvedLate(.remembered(subject))
                },
                onUnmatchedApproval: { approval in
                    let shard = shards.first { $0.group.rawValue == approval.shard }
                    shard?.approvedLate(.unmatched(approval))
                })
        }
        for shard in shards { await shard.start() }
    }

    /// Signs the links off.
    public func stop() async {
        for link in links { await link.actor.stop() }
    }

    /// True once every shard is led, and served where it is led here, and a link is up: what
    /// `/readyz` says.
    public func isReady() async -> Bool {
        for shard in shards where !(await shard.isReady) { return false }
        for link in links where await link.actor.isUp { return true }
        return false
    }

    /// Returns true once this node's replicas hold everything that was committed before the call;
    /// false when that could not be had.
    public func catchUp() async -> Bool {
        for shard in shards where shard.host.isReplica {
            guard await shard.host.readBarrier() else { return false }
        }
        return true
    }

    /// Every payment of this node's shards, in the order of their ids: for reconciliation.
    public func allPayments() async -> [Payment] {
        var payments: [Payment] = []
        for shard in shards where shard.host.isReplica {
            payments += await shard.host.allPayments()
        }
        return payments
    }

    /// What the books of the shards say that this node serves, as they stand now.
    package func servedBooks() async -> [ShardBooks] {
        var books: [ShardBooks] = []
        for shard in shards where shard.host.servingTerm != nil {
            guard await shard.host.readBarrier() else { continue }
            books.append(
                ShardBooks(
                    group: shard.group, payments: await shard.host.allPayments(),
                    totals: await shard.host.booksTotals(),
                    inFlightKeyCount: await shard.host.inFlightKeyCount()))
        }
        return books
    }

    public func perform(_ request: MerchantRequest) async -> CommandReply {
        let shard = shard(of: request.merchant)
        return await within(request.deadline + Self.grace, else: .failure(.unavailable)) {
            await shard.perform(request)
        }
    }

    public func answer(
        _ query: MerchantQuery, merchant: MerchantID, isLive: Bool, deadline: MonotonicInstant
    ) async -> QueryReply {
        let shard = shard(of: merchant)
        return await within(deadline, else: .failure(.unavailable)) {
            await shard.answer(query, merchant: merchant, isLive: isLive, deadline: deadline)
        }
    }

    private func shard(of merchant: MerchantID) -> MerchantShard {
        shards[Self.index(of: merchant.stem.slot, shards.count)]
    }

    private static func index(of slot: Slot, _ count: Int) -> Int {
        slot.shard(of: count)
    }

    // MARK: Deadlines

    /// The result of `work`, or `late` once the deadline has passed; the work then goes on alone.
    private func within<Reply: Sendable>(
        _ deadline: MonotonicInstant, else late: Reply,
        _ work: @escaping @Sendable () async -> Reply
    ) async -> Reply {
        let race = Race<Reply>(loop: loop)
        return await race.run(until: deadline, else: late, work)
    }
}

/// A shard's books at one moment.
package struct ShardBooks: Sendable {
    package let group: GroupID
    package let payments: [Payment]
    /// Debits minus credits over all books, by currency: each must be zero.
    package let totals: [Int64]
    /// Keys whose commands have no outcome yet.
    package let inFlightKeyCount: Int
}

/// One answer out of two that may come: the work's or the clock's.
private actor Race<Reply: Sendable> {
    private nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private var waiting: Resumption<Reply>?

    init(loop: any NodeLoop) {
        self.loop = loop
    }

    func run(
        until deadline: MonotonicInstant, else late: Reply,
        _ work: @escaping @Sendable () async -> Reply
    ) async -> Reply {
        await loop.suspend { resumption in
            waiting = resumption
            let timer = loop.schedule(after: max(.zero, deadline - loop.now)) { [self] in
                assumeIsolated { $0.finish(late) }
            }
            Task {
                let reply = await work()
                timer.cancel()
                self.finish(reply)
            }
        }
    }

    private func finish(_ reply: Reply) {
        waiting?.resume(returning: reply)
        waiting = nil
    }
}
