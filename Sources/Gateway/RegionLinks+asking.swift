package import Cluster
import Environment
import ISO8583
import Payments
package import Primitives
import Resilience
import Vault

// Sending by way of the owner, and what operators ask of it.

extension RegionLinks {
    /// How old the reading of the owner's clock may be: two clocks of which one is a hundredth
    /// slower differ by fifty milliseconds then, which `LinkTiming.silence` allows for.
    private static let clockAgeMax = Duration.seconds(5)
    /// What the way back of a reply may take beyond the link's own time.
    private static let replySlack = Duration.seconds(2)
    /// How long the owner may take to say how the links are.
    private static let reportTimeout = Duration.seconds(2)

    /// Has the owner write an order's message, once and not after `sendBy`, and waits for what
    /// comes of it.
    ///
    /// - Parameter maySend: whether the sender still acts for its shard; asked before each try.
    func send(
        _ order: LinkOrder, sendBy: MonotonicInstant, maySend: @Sendable () -> Bool
    ) async -> LinkReply {
        while loop.now < sendBy {
            guard maySend() else { return .notSent(.refused) }
            if let owner = await current() {
                if !isMoving {
                    let reply = await owner.send(order, sendBy: sendBy)
                    guard case .notSent(.elsewhere) = reply else { return reply }
                }
            } else if let reply = await ask(order, sendBy: sendBy) {
                return reply
            }
            await loop.sleep(for: Self.pause)
        }
        return .notSent(.refused)
    }

    /// Nil when provably nothing was written, and somebody else may write it.
    private func ask(_ order: LinkOrder, sendBy: MonotonicInstant) async -> LinkReply? {
        if !hasFreshClock { await refresh() }
        guard let known, hasFreshClock else { return nil }
        guard let frame = frame(order, sendBy: sendBy, to: known) else {
            return .notSent(.refused)
        }
        let deadline = sendBy + answerTimeoutMax + Self.replySlack
        let outcome = await node.ask(
            known.owner, of: group, LinkAsk.order(frame).encoded(), deadline: deadline)
        leaderGuess.learn(from: outcome, of: known.owner)
        switch outcome {
        case .answer(let bytes):
            guard case .reply(let reply, let term, let clock)? = try? LinkAnswer(encoded: bytes)
            else {
                // What cannot be read is no answer: it may have been written.
                parts.metrics.linkAsked(region, "lost")
                return .unanswered(.connectionLost, session: nil)
            }
            note(clock, term: term, of: known.owner)
            if case .notSent(.elsewhere) = reply {
                parts.metrics.linkAsked(region, "elsewhere")
                self.known = nil
                return nil
            }
            parts.metrics.linkAsked(region, "done")
            return reply
        case .moved, .unreachable:
            parts.metrics.linkAsked(region, "elsewhere")
            self.known = nil
            return nil
        case .overloaded:
            parts.metrics.linkAsked(region, "overloaded")
            return .notSent(.refused)
        case .lost:
            parts.metrics.linkAsked(region, "lost")
            self.known = nil
            return .unanswered(.connectionLost, session: nil)
        }
    }

    private var hasFreshClock: Bool {
        known.map { loop.now - $0.clockHeardAt <= Self.clockAgeMax } ?? false
    }

    /// The owner's clock had come to `clock` by now.
    private func note(_ clock: MonotonicInstant, term: Term, of owner: MemberID) {
        guard known?.owner == owner, known?.report.term == term else { return }
        known?.clock = clock
        known?.clockHeardAt = loop.now
    }

    private func frame(
        _ order: LinkOrder, sendBy: MonotonicInstant, to known: Known
    ) -> LinkOrderFrame? {
        guard let message = try? Codec.encode(order.message, specification: .sunny1987) else {
            return nil
        }
        let kind: LinkOrderFrame.Kind
        switch order.kind {
        case .advice(let undone):
            kind = .advice(undoes: undone)
        case .request(let request):
            var sealedCode: [UInt8]?
            if let code = request.code {
                sealedCode = OwnerSealing.seal(
                    code, to: known.report.publicKey, for: message, random: parts.random)
                guard sealedCode != nil else { return nil }
            }
            kind = .request(
                request.subject, request.card, sealedCode: sealedCode,
                followsAuthorization: request.followsAuthorization)
        }
        let ahead: Duration = sendBy - known.clockHeardAt
        let onItsClock = known.clock + (ahead - ahead / 100)
        return LinkOrderFrame(
            term: known.report.term, sendBy: onItsClock, fence: order.fence, link: order.link,
            kind: kind, message: message)
    }

    /// Asks the owner how the links are; callers at a time share one ask.
    func refresh() async {
        guard !isRefreshing else {
            await loop.suspend { refreshWaiters.append($0) }
            return
        }
        isRefreshing = true
        defer {
            isRefreshing = false
            let waiters = refreshWaiters
            refreshWaiters.removeAll()
            for waiter in waiters { waiter.resume() }
        }
        guard let leader = leaderGuess.memberToAsk(of: host, node) else { return }
        let outcome = await node.ask(
            leader, of: group, LinkAsk.status.encoded(), deadline: loop.now + Self.reportTimeout)
        leaderGuess.learn(from: outcome, of: leader)
        guard case .answer(let bytes) = outcome,
            case .report(let report)? = try? LinkAnswer(encoded: bytes)
        else {
            if known?.owner == leader { known = nil }
            return
        }
        known = Known(
            owner: leader, report: report, heardAt: loop.now, clock: report.clock,
            clockHeardAt: loop.now)
    }

    // MARK: Answering

    package nonisolated func answer(
        _ payload: [UInt8], from asker: MemberID, deadline: MonotonicInstant
    ) async -> AskAnswer {
        await answerAsk(payload, deadline: deadline)
    }

    private func answerAsk(_ payload: [UInt8], deadline: MonotonicInstant) async -> AskAnswer {
        guard let ask = try? LinkAsk(encoded: payload), let owner = await current() else {
            return .moved(to: host.leaderToTell)
        }
        switch ask {
        case .status:
            return .answer(LinkAnswer.report(await owner.report).encoded())
        case .order(let frame):
            let reply = isMoving ? .notSent(.elsewhere) : await owner.send(frame)
            return .answer(
                LinkAnswer.reply(reply, term: owner.term, clock: loop.now).encoded())
        case .change(let command):
            guard let result = await decide(command, owner) else { return .moved(to: nil) }
            return .answer(LinkAnswer.changed(result).encoded())
        }
    }

    // MARK: Operators

    /// How the links are, by their owner.
    func status(deadline: MonotonicInstant) async -> RegionLinkStatus {
        if let owner = await current() {
            return RegionLinkStatus(
                region: region, owner: node.members.own, links: owner.statuses)
        }
        while loop.now < deadline {
            await refresh()
            if let known {
                return RegionLinkStatus(
                    region: region, owner: known.owner, links: known.report.links)
            }
            await loop.sleep(for: Self.pause)
        }
        return RegionLinkStatus(region: region, owner: host.leaderToTell, links: nil)
    }

    /// Changes what stands of a link, wherever that is decided.
    func change(
        _ command: LinkCommand, deadline: MonotonicInstant
    ) async -> LinkChangeOutcome {
        while loop.now < deadline {
            if let owner = await current() {
                if let refusal = await decide(command, owner) { return LinkChangeOutcome(refusal) }
            } else if let leader = leaderGuess.memberToAsk(of: host, node) {
                let outcome = await node.ask(
                    leader, of: group, LinkAsk.change(command).encoded(), deadline: deadline)
                leaderGuess.learn(from: outcome, of: leader)
                if case .answer(let bytes) = outcome,
                    case .changed(let refusal)? = try? LinkAnswer(encoded: bytes)
                {
                    return LinkChangeOutcome(refusal)
                }
            }
            await loop.sleep(for: Self.pause)
        }
        return .unavailable
    }

    /// Decides and commits a command; nil when this node does not lead any more. Inner nil: done.
    private func decide(_ command: LinkCommand, _ owner: LinkOwner) async -> LinkRefusal?? {
        switch command {
        case .drain(let name), .undrain(let name):
            guard owner.hasLink(name) else { return .some(.noSuchLink) }
        case .emptied: break
        }
        while host.servingTerm == owner.term {
            // A member that serves has applied everything that was committed before its term.
            guard await host.readBarrier() else { return nil }
            let register =
                await replica.fetch(LinkMachine.key(in: group))?.register ?? LinkRegister()
            switch register.decide(command) {
            case .failure(let refusal): return .some(refusal)
            case .success(nil): return .some(nil)
            case .success(let event?):
                let change = LinkChange(base: register.epoch, event: event)
                switch await host.propose(change.encoded, expectedTerm: owner.term) {
                case .applied: return .some(nil)
                case .stale: continue
                case .refused, .lost: return nil
                }
            }
        }
        return nil
    }

    /// Nothing is in flight on a link that is draining: says so in the log.
    func emptied(_ name: String, _ epoch: UInt64, _ term: Term) {
        _ = Task {
            guard let owner = await self.current(), owner.term == term else { return }
            _ = await self.decide(.emptied(name, epoch: epoch), owner)
        }
    }
}

extension LinkChangeOutcome {
    fileprivate init(_ refusal: LinkRefusal?) {
        self = refusal.map { .refused($0) } ?? .done
    }
}

/// How long what was begun may still be written.
enum LinkTiming {
    /// From a decision on: a message is written within `sendWithin` of it, by the clock of whoever
    /// decided. A hundredth for a clock that is slower than ours, and one for the way from that
    /// clock to the owner's.
    static func silence(_ sendWithin: Duration) -> Duration { sendWithin + sendWithin / 50 }
}
