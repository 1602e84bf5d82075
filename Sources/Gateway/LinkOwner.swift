import Cluster
import Environment
import ISO8583
import Primitives
import Resilience
import Vault

// The owner of a region's links, for one term of the link shard: made when this node begins to
// serve the term, ended with it. It has the one session to each acquirer and each link's breaker,
// for all nodes of the region.
//
//   order ─▶ fence, drained?, breaker ─▶ card opened ─▶ link: in time? still the owner? ─▶ socket
//
// The last look is at a fresh clock: a leader that may have been followed by another one, because
// its lease is over, writes nothing.

/// Writes what the region's shards ask for.
actor LinkOwner: LoopActor {
    struct Link: Sendable {
        let actor: ProcessorLinkActor
        let breaker: BreakerActor
        var name: String { actor.options.name }
    }

    nonisolated let term: Term
    nonisolated let group: GroupID
    nonisolated let region: String
    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private nonisolated let links: [Link]
    private let cards: any CardOpener
    private let metrics: GatewayMetrics
    private let sealing: OwnerSealing
    private let lease: LinkLease
    /// Told when nothing is in flight any more on a link that is draining since an epoch.
    private let onEmptied: @Sendable (String, UInt64) -> Void
    private let onOwned: @Sendable (String, Term?) -> Void
    private var hasBegun = false
    private var isOver = false
    private var register = LinkRegister()
    /// Requests without an outcome, by link.
    private var requestCounts: [String: Int] = [:]
    /// The newest term of each shard that has sent something.
    private var fences: [GroupID: Term] = [:]

    /// As many shards as a cluster has.
    private static let fenceCountMax = 1024

    init(
        _ parts: LinkParts, host: ShardHost, term: Term, region: String,
        onEmptied: @escaping @Sendable (String, UInt64) -> Void
    ) {
        self.term = term
        group = host.group
        self.region = region
        loop = parts.loop
        cards = parts.cards
        metrics = parts.metrics
        sealing = OwnerSealing(random: parts.random)
        self.onEmptied = onEmptied
        onOwned = parts.onOwned
        let lease = LinkLease(host: host, term: term)
        self.lease = lease
        let fence = LinkFence(group: host.group, term: term)
        links = parts.options.map { options in
            Link(
                actor: ProcessorLinkActor(
                    options: options, station: region, owner: fence, loop: parts.loop,
                    network: parts.network, random: parts.random, metrics: parts.metrics,
                    mayWrite: { lease.isHeld }),
                breaker: BreakerActor(
                    link: options.name, loop: parts.loop, random: parts.random,
                    metrics: parts.metrics,
                    breaker: CircuitBreaker(policy: .link, at: parts.loop.now)))
        }
    }

    // MARK: The term

    /// Connects the links.
    func begin(_ register: LinkRegister, _ parts: LinkParts) async {
        take(register)
        hasBegun = true
        metrics.ownsLinks(of: region, true)
        parts.onOwned(region, term)
        for link in links where !isOver {
            await link.actor.start(
                onLateApproval: parts.onLateApproval,
                onUnmatchedApproval: parts.onUnmatchedApproval)
        }
    }

    /// The term is over: nothing is written any more. What is in flight is unanswered.
    nonisolated func end() {
        onLoop { owner in
            guard !owner.isOver else { return }
            owner.isOver = true
            owner.lease.end()
            if owner.hasBegun {
                owner.metrics.ownsLinks(of: owner.region, false)
                owner.onOwned(owner.region, nil)
            }
            for link in owner.links { link.actor.onLoop { $0.stop() } }
        }
    }

    /// Messages without an answer, on all links. Loop only.
    nonisolated var inFlightCount: Int {
        links.reduce(0) { sum, link in sum + link.actor.onLoop { $0.inFlightCount } }
    }

    // MARK: What operators decided

    /// Takes what the shard's log has decided of the links.
    func take(_ register: LinkRegister) {
        self.register = register
        for link in links { noteIfEmpty(link.name) }
    }

    private func noteIfEmpty(_ name: String) {
        let record = register[name]
        guard record.standing == .draining, requestCounts[name, default: 0] == 0 else { return }
        onEmptied(name, record.epoch)
    }

    nonisolated func hasLink(_ name: String) -> Bool { links.contains { $0.name == name } }

    // MARK: What is told

    /// How the links are at this moment. Loop only.
    nonisolated var statuses: [LinkStatus] { onLoop { $0.currentStatuses } }

    private var currentStatuses: [LinkStatus] {
        links.map { link in
            let record = register[link.name]
            return LinkStatus(
                name: link.name, isLive: link.actor.options.isLive,
                session: link.actor.onLoop { $0.sessionState },
                breaker: link.breaker.onLoop { $0.stateName },
                mayAdmit: link.breaker.onLoop { $0.mayAdmit }, standing: record.standing,
                epoch: record.epoch, inFlightCount: link.actor.onLoop { $0.inFlightCount })
        }
    }

    var report: LinkReport {
        LinkReport(
            term: term, clock: loop.now, publicKey: sealing.publicKey, links: currentStatuses)
    }

    // MARK: Orders

    /// Does what a node asks that has sealed a code to this owner.
    func send(_ frame: LinkOrderFrame) async -> LinkReply {
        guard frame.term == term else { return .notSent(.elsewhere) }
        guard let message = try? Codec.decode(frame.message, specification: .sunny1987) else {
            return .notSent(.refused)
        }
        var code: Secret<[UInt8]>?
        defer { code?.wipe() }
        let kind: LinkOrder.Kind
        switch frame.kind {
        case .advice(let undone):
            kind = .advice(undoes: undone)
        case .request(let subject, let card, let sealedCode, let followsAuthorization):
            if let sealedCode {
                code = sealing.open(sealedCode, for: frame.message)
                guard code != nil else { return .notSent(.refused) }
            }
            kind = .request(
                LinkOrder.Request(
                    subject: subject, card: card, code: code,
                    followsAuthorization: followsAuthorization))
        }
        let order = LinkOrder(link: frame.link, message: message, fence: frame.fence, kind: kind)
        return await send(order, sendBy: frame.sendBy)
    }

    /// Writes an order's message, not after `sendBy`, and waits for the answer.
    func send(_ order: LinkOrder, sendBy: MonotonicInstant) async -> LinkReply {
        guard lease.isHeld else { return .notSent(.elsewhere) }
        guard admits(order.fence), let link = links.first(where: { $0.name == order.link }) else {
            return .notSent(.refused)
        }
        switch order.kind {
        case .request(let request):
            requestCounts[link.name, default: 0] += 1
            let reply = await ask(request, order.message, link, sendBy: sendBy)
            requestCounts[link.name, default: 1] -= 1
            noteIfEmpty(link.name)
            return reply
        case .advice(let undone):
            if let undone, let rest = await link.actor.timeToWait(behind: undone) {
                return .notSent(.tooEarly(rest))
            }
            return await link.actor.request(order.message, subject: nil, sendBy: sendBy)
        }
    }

    /// A shard's older leader is refused, once the newer one was heard.
    private func admits(_ fence: LinkFence) -> Bool {
        let newest = fences[fence.group]
        guard newest != nil || fences.count < Self.fenceCountMax else { return false }
        if let newest, fence.term < newest { return false }
        fences[fence.group] = fence.term
        return true
    }

    private func ask(
        _ request: LinkOrder.Request, _ bare: Message, _ link: Link, sendBy: MonotonicInstant
    ) async -> LinkReply {
        let takesAttempts = register[link.name].standing == .open
        guard takesAttempts || request.followsAuthorization,
            await link.actor.sessionState == .up
        else { return .notSent(.refused) }
        let permit = await link.breaker.admit()
        guard permit.isAllowed else { return .notSent(.refused) }
        let reply = await write(request, bare, link, sendBy: sendBy)
        await link.breaker.record(permit, reply)
        return reply
    }

    private func write(
        _ request: LinkOrder.Request, _ bare: Message, _ link: Link, sendBy: MonotonicInstant
    ) async -> LinkReply {
        guard var number = cards.open(request.card) else { return .notSent(.refused) }
        var message = bare
        LinkMessages.put(number: number, verificationCode: request.code, into: &message)
        number.wipe()
        defer { message.wipe() }
        return await link.actor.request(message, subject: request.subject, sendBy: sendBy)
    }
}

/// Whether a term of a link shard may still write; asked before each write. Loop only.
//
// Proof of `Sendable`: it is made, asked and ended on the loop of its node alone.
final class LinkLease: @unchecked Sendable {
    private let host: ShardHost
    private let term: Term
    private var isOver = false

    init(host: ShardHost, term: Term) {
        self.host = host
        self.term = term
    }

    /// By a fresh look at the clock: nobody else can own the links at this moment.
    var isHeld: Bool { !isOver && host.servingTerm == term && host.holdsLeaseByDeclaredRates }

    func end() { isOver = true }
}

/// What the owners of links are made of.
struct LinkParts: Sendable {
    /// In the order in which they are preferred.
    let options: [LinkOptions]
    let cards: any CardOpener
    let loop: any NodeLoop
    let network: any Network
    let random: any RandomSource
    let metrics: GatewayMetrics
    /// Told when the links are owned here, with the term, and when they are not any more.
    let onOwned: @Sendable (_ region: String, _ term: Term?) -> Void
    let onLateApproval: @Sendable (LinkSubject) -> Void
    let onUnmatchedApproval: @Sendable (UnmatchedApproval) -> Void
}
