import Cluster
import Environment
import Payments
import Primitives
import StateStore

// What ends by time: holds that nobody captured, challenges that nobody answered.
//
//   committed events ─▶ GatewayMachine keeps a line {payment, when it is due}, or takes it away
//   every 30 s at least ─▶ a page of what is due by the shard's stamp, oldest first
//              ─▶ each payment's actor decides `expire` on its newest state ─▶ committed ─▶ outbox
//
// The lines are replicated and stored with the payments, so that a new leader, and a node that was
// down for a week, finds what is overdue.

extension ShardGateway {
    /// How late an end may be noticed: it is a matter of days, unless somebody wants to see holds
    /// end.
    nonisolated var expiryInterval: Duration {
        .seconds(min(30, Int64(options.testHoldSeconds)))
    }
    /// How many payments are looked at together: their commits share a few syncs.
    static let duePageCount = 100
    /// How many pages one pass has: 33 payments a second, each with a message to a processor, leave
    /// room for those whose callers wait. The rest is due in the next pass.
    static let duePageCountMax = 10

    /// Before the first look of a term: terms may be shorter than the interval, and what ran out in
    /// the last one must not wait for a long one.
    static let firstExpiryDelay = Duration.seconds(1)

    /// Looks for what ran out, again and again while the term lasts.
    func scheduleExpiry(after delay: Duration = ShardGateway.firstExpiryDelay) {
        loop.schedule(after: delay) { [self] in
            onLoop { shard in
                guard !shard.hasEnded else { return }
                shard.expireVerificationCodes()
                shard.scheduleExpiry(after: shard.expiryInterval)
                _ = Task { await shard.expireDue() }
            }
        }
    }

    /// One pass over what is due. What cannot end at this moment, because its hold is just being
    /// raised, is due in the next pass too.
    private func expireDue() async {
        guard !isExpiring else { return }
        isExpiring = true
        defer { isExpiring = false }
        var place = ListPosition(created: AggregateKey.notDue, id: "")
        for _ in 0..<Self.duePageCountMax {
            let query = AggregateQuery(
                group: host.group, kind: .due, owner: "", cursor: .before(place),
                createdFrom: AggregateKey.notDue + 1, createdThrough: nextStamp().milliseconds,
                limit: Self.duePageCount)
            let page = await replica.list(query)
            await expireTogether(
                page.reversed().compactMap { line in
                    if case .due(let id, _) = line { id } else { nil }
                })
            guard !hasEnded, page.count == Self.duePageCount,
                case .due(let id, let time?)? = page.first
            else { return }
            place = ListPosition(created: time.milliseconds, id: id.stem.text)
        }
    }

    /// Returns once each of the payments has been looked at; side by side, as their commits share
    /// syncs. Counted, as waiting for a task would leave the loop.
    private func expireTogether(_ payments: [PaymentID]) async {
        guard !payments.isEmpty else { return }
        expiringCount = payments.count
        await loop.suspend { resumption in
            for id in payments {
                Task {
                    await self.expire(id)
                    expiringCount -= 1
                    if expiringCount == 0 { resumption.resume() }
                }
            }
        }
    }

    private func expire(_ id: PaymentID) async {
        guard !hasEnded else { return }
        let actor = transaction(id)
        await actor.expire()
        passivate(actor)
    }
}
