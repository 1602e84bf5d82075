package import Cluster
public import Environment
public import Payments
public import Primitives
import Resilience

/// The shards of this node as the API sees them: routes by the merchant's slot and keeps deadlines.
public actor GatewayRouter: LoopActor, MerchantGateway {
    public nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let shards: [MerchantShard]
    package nonisolated let links: LinkDirectory

    /// How long past the caller's deadline an answer may still come from within: what is committed
    /// by then is told as it stands.
    private static let grace = Duration.milliseconds(500)

    /// The gateway over `replicas`, the shards in the order of their numbers.
    ///
    /// - Parameter links: The links to acquirers in the order in which they are preferred, as this
    ///   node reaches them while it owns those of a region.
    package init(
        replicas: [Replica<GatewayMachine>], node: ClusterNode, region: String,
        links: [LinkOptions], options: GatewayOptions, cards: any CardOpener,
        loop: any NodeLoop, network: any Network, random: any RandomSource,
        metrics: GatewayMetrics, home: @escaping @Sendable (GroupID) -> String?,
        onLinksOwned: @escaping @Sendable (_ region: String, _ term: Term?) -> Void
    ) {
        self.loop = loop
        let box = ShardBox()
        let directory = LinkDirectory(loop: loop, ownRegion: region, home: home) {
            LinkParts(
                options: links, cards: cards, loop: loop, network: network, random: random,
                metrics: metrics, onOwned: onLinksOwned,
                onLateApproval: { box.approvedLate($0) },
                onUnmatchedApproval: { box.approvedLate($0) })
        }
        self.links = directory
        shards = replicas.map { replica in
            MerchantShard(replica: replica, node: node, loop: loop) { term in
                ShardGateway(
                    replica: replica, term: term, links: directory, options: options,
                    loop: loop, random: random, metrics: metrics)
            }
        }
        box.shards = shards
    }

    /// Stands for the shards' elections. The links come with their shards (`LinkDirectory.add`).
    public func start() async {
        for shard in shards { await shard.start() }
    }

    /// Ends what this node owns of the links.
    public func stop() async {
        await links.stop()
    }

    /// True once every shard is led, and served where it is led here, and a link of this node's
    /// region is up: what `/readyz` says.
    public func isReady() async -> Bool {
        for shard in shards where !(await shard.isReady) { return false }
        return links.isUp
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
            payments += await shard.replica.allPayments()
        }
        return payments
    }

    /// What the books say of those of the shards that this node serves, as they stand now.
    package func servedBooks(of groups: Set<GroupID>) async -> [ShardBooks] {
        var books: [ShardBooks] = []
        for shard in shards where groups.contains(shard.group) && shard.host.servingTerm != nil {
            guard await shard.host.readBarrier() else { continue }
            books.append(
                ShardBooks(
                    group: shard.group, payments: await shard.replica.allPayments(),
                    totals: await shard.replica.booksTotals(),
                    inFlightKeyCount: await shard.replica.inFlightKeyCount()))
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

    fileprivate static func index(of slot: Slot, _ count: Int) -> Int {
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

/// The shards, for links that hear of their payments. Filled before any link is made.
//
// Proof of `Sendable`: it is filled where it is made, and after that only read.
private final class ShardBox: @unchecked Sendable {
    var shards: [MerchantShard] = []

    func approvedLate(_ subject: LinkSubject) {
        let place = GatewayRouter.index(of: subject.payment.stem.slot, shards.count)
        shards[place].approvedLate(.remembered(subject))
    }

    func approvedLate(_ approval: UnmatchedApproval) {
        shards.first { $0.group.rawValue == approval.shard }?.approvedLate(.unmatched(approval))
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
private actor Race<Reply: Sendable>: LoopActor {
    nonisolated let loop: any NodeLoop
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
                onLoop { $0.finish(late) }
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
