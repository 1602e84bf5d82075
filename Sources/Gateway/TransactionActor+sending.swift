import Environment
import ISO8583
import Payments
import Primitives
import Resilience

// What a payment sends, by way of the owner of its link: the request that a command began, and the
// outbox. Nothing here decides; what comes of a message is an input of the payment.

/// A request of this process that was written, or may have been.
struct WrittenRequest {
    /// In which session; nil where nobody knows whether it was written.
    let session: LinkSession?
    /// From then on it cannot be written any more.
    let silentFrom: MonotonicInstant
}

extension TransactionActor {
    /// Begins what a commit of this process made due. A request is begun by the command that
    /// committed it and by nothing else: one that is found pending may have been sent, and is never
    /// sent again.
    func startWork(
        _ payment: Payment, begun: (request: ProcessorRequest, sendBy: MonotonicInstant)? = nil
    ) {
        if let begun {
            isRequestRunning = true
            Task { await self.runRequest(payment, begun.request, sendBy: begun.sendBy) }
        }
        if payment.nextEffect != nil, !isOutboxRunning {
            isOutboxRunning = true
            Task { await self.runOutbox() }
        }
    }

    private func runRequest(
        _ payment: Payment, _ request: ProcessorRequest, sendBy: MonotonicInstant
    ) async {
        let command = await result(of: request, of: payment, sendBy: sendBy)
        isRequestRunning = false
        await advance(command)
        await shard.passivate(self)
    }

    /// Sends a request's message, not after `sendBy`, which counts from the decision.
    private func result(
        of request: ProcessorRequest, of payment: Payment, sendBy: MonotonicInstant
    ) async -> PaymentCommand {
        let attempt = payment.attempts[request.attempt]
        guard let links = shard.links, let method = await shard.method(attempt.method.id) else {
            return .notSent(request)
        }
        let increment = payment.increment(of: request)
        let built =
            if let increment {
                try? LinkMessages.increment(increment, of: attempt, in: payment)
            } else {
                try? LinkMessages.attempt(attempt, of: payment)
            }
        guard let message = built else { return .notSent(request) }
        var code = increment == nil ? await shard.verificationCode(method.id) : nil
        defer { code?.wipe() }
        let order = LinkOrder(
            link: attempt.trace.link, message: message, fence: shard.fence,
            kind: .request(
                LinkOrder.Request(
                    subject: LinkSubject(payment: id, request: request), card: SealedCard(method),
                    code: code, followsAuthorization: increment != nil)))
        let reply = await links.send(order, sendBy: sendBy) { [shard] in shard.mayAct }
        if case .notSent = reply { return .notSent(request) }
        if code != nil { await shard.dropVerificationCode(method.id) }
        return outcome(
            of: reply, request, payment, sendBy: sendBy, sentVerificationCode: code != nil)
    }

    private func outcome(
        of reply: LinkReply, _ request: ProcessorRequest, _ payment: Payment,
        sendBy: MonotonicInstant, sentVerificationCode: Bool
    ) -> PaymentCommand {
        switch reply {
        case .notSent:
            return .notSent(request)
        case .unanswered(let reason, let session):
            // Where nobody knows whether it was written, its owner may do so until `sendBy`.
            let silentFrom = session == nil ? sendBy + shard.options.sendWithin / 50 : loop.now
            written[request] = WrittenRequest(session: session, silentFrom: silentFrom)
            return .unanswered(request, reason)
        case .answered(let answer, let session):
            written[request] = WrittenRequest(session: session, silentFrom: loop.now)
            let reading = LinkMessages.read(
                answer, to: request, of: payment, sentVerificationCode: sentVerificationCode)
            switch reading {
            case .approved(let approvalCode, let check):
                return .answered(request, .approved(code: approvalCode, check))
            case .declined(let decline):
                return .answered(request, .declined(decline))
            case .mismatched:
                return .unanswered(request, .mismatchedAnswer)
            }
        }
    }

    private func runOutbox() async {
        // P3 promises a minute: the pauses stay far below it.
        var backoff = Backoff(base: .milliseconds(200), cap: shard.options.retryMax)!
        while !shard.hasEnded, let payment = await shard.payment(id),
            let effect = payment.nextEffect
        {
            if let command = await result(of: effect, of: payment) {
                backoff.reset()
                await advance(command)
            } else {
                await loop.sleep(for: backoff.next(chance: await shard.chance()))
            }
        }
        isOutboxRunning = false
        await shard.passivate(self)
    }

    /// What the processor said of an effect; nil when it has to be sent again.
    private func result(of effect: Effect, of payment: Payment) async -> PaymentCommand? {
        guard let links = shard.links, links.isUp(effect.trace.link),
            var message = try? LinkMessages.effect(effect, of: payment)
        else { return nil }
        if sentEffects.contains(effect.number), let repeated = message.repeated() {
            message = repeated
        }
        let reply = await send(message, of: effect, over: links)
        switch reply {
        case .notSent:
            return nil
        case .unanswered:
            sentEffects.insert(effect.number)
            return nil
        case .answered(let answer, _):
            switch LinkMessages.read(answer, to: effect) {
            case .acknowledged:
                return .effectAcknowledged(number: effect.number)
            case .refused(let code):
                return .effectRefused(number: effect.number, responseCode: code)
            case .repeatLater:
                sentEffects.insert(effect.number)
                return nil
            }
        }
    }

    /// Sends an effect's message; behind what it undoes, when it undoes something.
    ///
    /// In the session of that request it may go at once. Otherwise it waits until the request can
    /// be written by nobody, and a quiet period more.
    private func send(
        _ message: Message, of effect: Effect, over links: RegionLinks
    ) async -> LinkReply {
        let link = effect.trace.link
        guard let request = effect.undoneRequest else {
            return await send(message, undoing: nil, link, links)
        }
        let place =
            written[request]
            ?? WrittenRequest(session: nil, silentFrom: shard.predecessorSilentFrom)
        let quietAt = place.silentFrom + links.quietPeriod(of: link)
        if place.session == nil { await sleep(until: quietAt) }
        for _ in 0..<2 {
            let undone = LinkOrder.Undone(session: place.session, isQuiet: loop.now >= quietAt)
            let reply = await send(message, undoing: undone, link, links)
            guard case .notSent(.tooEarly(let rest)) = reply else { return reply }
            await sleep(until: max(quietAt, loop.now + rest))
        }
        return .notSent(.refused)
    }

    private func send(
        _ message: Message, undoing undone: LinkOrder.Undone?, _ link: String,
        _ links: RegionLinks
    ) async -> LinkReply {
        let order = LinkOrder(
            link: link, message: message, fence: shard.fence, kind: .advice(undoes: undone))
        return await links.send(order, sendBy: loop.now + shard.options.sendWithin) {
            [shard] in shard.mayAct
        }
    }

    private func sleep(until instant: MonotonicInstant) async {
        let rest = instant - loop.now
        if rest > .zero { await loop.sleep(for: rest) }
    }
}
