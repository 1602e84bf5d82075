/// One way in which a payment can stand after what its merchant saw.
public struct PaymentPossibility: Hashable, Sendable {
    typealias Command = PaymentModel.Command
    typealias Output = PaymentModel.Output
    typealias Status = PaymentModel.Status
    typealias Snapshot = PaymentModel.Snapshot

    /// What is remembered of a request, by its idempotency key.
    private struct Claim: Hashable, Sendable {
        let request: String
        let command: Command
        var progress: Progress
    }

    private enum Progress: Hashable, Sendable {
        case waiting
        /// Its increment will not count; that is told later.
        case lost
        case told(Told)
    }

    /// An outcome, without the id.
    private enum Told: Hashable, Sendable {
        case shown(Facts)
        case declined(Facts)
        case refund(number: Int, amount: Int64)
        case refused(String, Facts?)
    }

    private struct Facts: Hashable, Sendable {
        let status: Status
        let amount: Int64
        let capturable: Int64
        let received: Int64
        let refunded: Int64
    }

    /// Nil while there is no payment.
    private var status: Status?
    /// Known once an answer has told it.
    private var id: String?
    private var isManual = false
    private var isFlexible = false
    private var amount: Int64 = 0
    private var received: Int64 = 0
    private var refunded: Int64 = 0
    private var refundCount = 0
    /// The total that the issuer is being asked for.
    private var pendingTotal: Int64?
    /// By request.
    private var claims: [Claim] = []

    init() {}

    private var facts: Facts? {
        guard let status else { return nil }
        let isHeld = status == .requiresCapture
        return Facts(
            status: status, amount: amount, capturable: isHeld ? max(0, amount - received) : 0,
            received: received, refunded: refunded)
    }
}

// MARK: Requests

extension PaymentPossibility {
    /// After a request took effect; nil when it cannot at this moment. One whose key is known does
    /// nothing.
    func submitting(_ command: Command, _ request: String) -> PaymentPossibility? {
        if let claim = claims.first(where: { $0.request == request }) {
            return claim.command == command ? self : nil
        }
        var next = self
        guard let progress = next.act(command) else { return nil }
        let place = claims.firstIndex { $0.request > request } ?? claims.count
        next.claims.insert(
            Claim(request: request, command: command, progress: progress), at: place)
        return next
    }

    private mutating func act(_ command: Command) -> Progress? {
        switch command {
        case .create(let amount, let isManual, let isFlexible, let confirms):
            guard status == nil else { return nil }
            self.amount = amount
            self.isManual = isManual
            self.isFlexible = isFlexible
            status = confirms ? .processing : .requiresConfirmation
            return confirms ? .waiting : shown
        case .confirm:
            switch status {
            case nil: return nil
            case .requiresConfirmation, .requiresPaymentMethod: break
            case .processing, .requiresCapture, .succeeded, .canceled: return unexpected
            }
            status = .processing
            return .waiting
        case .increment(let total): return increment(to: total)
        case .capture(let part, let isFinal): return capture(part, isFinal)
        case .cancel: return cancel()
        case .refund(let part): return refund(part)
        }
    }

    private var shown: Progress? { facts.map { .told(.shown($0)) } }

    /// Refused because of where the payment stands, which the answer shows.
    private var unexpected: Progress { .told(.refused("payment_intent_unexpected_state", facts)) }

    private mutating func increment(to total: Int64) -> Progress? {
        guard let status else { return nil }
        guard status == .requiresCapture, isFlexible else { return unexpected }
        guard pendingTotal == nil else { return nil }
        guard received <= amount else { return unexpected }
        guard total > amount else { return .told(.refused("amount_too_small", nil)) }
        pendingTotal = total
        return .waiting
    }

    private mutating func capture(_ part: Int64, _ isFinal: Bool) -> Progress? {
        guard let status else { return nil }
        guard status == .requiresCapture else { return unexpected }
        guard pendingTotal == nil, isFinal || isFlexible else { return nil }
        let most = isFlexible ? amount + amount * 15 / 100 : amount
        guard part <= max(0, most - received) else {
            return .told(.refused("amount_too_large", nil))
        }
        received += part
        if isFinal { self.status = .succeeded }
        return .waiting
    }

    private mutating func cancel() -> Progress? {
        switch status {
        case nil: return nil
        case .processing, .succeeded, .canceled: return unexpected
        case .requiresConfirmation, .requiresPaymentMethod: status = .canceled
        case .requiresCapture:
            guard pendingTotal == nil else { return nil }
            status = received > 0 ? .succeeded : .canceled
        }
        return shown
    }

    private mutating func refund(_ part: Int64) -> Progress? {
        guard let status else { return nil }
        guard status == .succeeded else { return unexpected }
        guard refunded < received else { return .told(.refused("charge_already_refunded", nil)) }
        guard part <= received - refunded else { return .told(.refused("amount_too_large", nil)) }
        refunded += part
        refundCount += 1
        return .told(.refund(number: refundCount - 1, amount: part))
    }
}

// MARK: What happens by itself

extension PaymentPossibility {
    /// What can come next without the merchant.
    var movedOn: [PaymentPossibility] {
        var next: [PaymentPossibility] = []
        switch status {
        case .processing: next += answered()
        case .requiresCapture where pendingTotal != nil: next += incrementAnswered()
        case .requiresCapture: next.append(expired)
        case nil, .requiresConfirmation, .requiresPaymentMethod, .succeeded, .canceled: break
        }
        for place in claims.indices { next += told(place) }
        return next
    }

    /// The issuer said yes, or no, or it came to the same.
    private func answered() -> [PaymentPossibility] {
        var approved = self
        approved.status = isManual ? .requiresCapture : .succeeded
        if !isManual { approved.received = amount }
        var failed = self
        failed.status = .requiresPaymentMethod
        // Whoever waits for the answer is told with it.
        for place in claims.indices where claims[place].progress == .waiting {
            guard let yes = approved.facts, let no = failed.facts else { continue }
            approved.claims[place].progress = .told(.shown(yes))
            failed.claims[place].progress = .told(.declined(no))
        }
        return [approved, failed]
    }

    private func incrementAnswered() -> [PaymentPossibility] {
        var approved = self
        approved.amount = pendingTotal ?? amount
        approved.pendingTotal = nil
        var lost = self
        lost.pendingTotal = nil
        for place in claims.indices where claims[place].progress == .waiting {
            guard case .increment = claims[place].command, let yes = approved.facts else {
                continue
            }
            approved.claims[place].progress = .told(.shown(yes))
            lost.claims[place].progress = .lost
        }
        return [approved, lost]
    }

    /// Nobody captured the hold, or what was left of it, in time.
    private var expired: PaymentPossibility {
        var expired = self
        expired.status = received > 0 ? .succeeded : .canceled
        return expired
    }

    /// A request that waits is told how the payment stands, when it has waited for long enough.
    private func told(_ place: Int) -> [PaymentPossibility] {
        guard let facts else { return [] }
        var outcomes: [Told] = []
        switch claims[place].progress {
        case .waiting: outcomes = [.shown(facts)]
        case .lost: outcomes = [.shown(facts), .declined(facts)]
        case .told: break
        }
        return outcomes.map { outcome in
            var next = self
            next.claims[place].progress = .told(outcome)
            return next
        }
    }
}

// MARK: Answers

extension PaymentPossibility {
    /// After an answer to a request; nil when this is not what it could show.
    func telling(_ output: Output, of request: String) -> PaymentPossibility? {
        guard let claim = claims.first(where: { $0.request == request }),
            case .told(let told) = claim.progress
        else { return nil }
        switch (told, output) {
        case (.shown(let facts), .shown(let snapshot)),
            (.declined(let facts), .declined(let snapshot)):
            return matching(facts, snapshot)
        case (.refund(let number, let amount), .refund(let toldNumber, let toldAmount)):
            return number == toldNumber && amount == toldAmount ? self : nil
        case (.refused(let code, let facts), .refused(let toldCode, let snapshot)):
            guard code == toldCode else { return nil }
            guard let facts, let snapshot else { return self }
            return matching(facts, snapshot)
        case (.shown, _), (.declined, _), (.refund, _), (.refused, _):
            return nil
        }
    }

    /// After a look at the payment; nil when this is not what it could show.
    func showing(_ output: Output) -> PaymentPossibility? {
        switch output {
        case .absent: status == nil ? self : nil
        case .shown(let snapshot): facts.flatMap { matching($0, snapshot) }
        case .taken, .declined, .refund, .refused: nil
        }
    }

    private func matching(_ facts: Facts, _ snapshot: Snapshot) -> PaymentPossibility? {
        guard facts.status == snapshot.status, facts.amount == snapshot.amount,
            facts.capturable == snapshot.capturable, facts.received == snapshot.received,
            snapshot.refunded == nil || snapshot.refunded == facts.refunded,
            id == nil || id == snapshot.id
        else { return nil }
        var next = self
        next.id = snapshot.id
        return next
    }
}

extension PaymentPossibility: CustomStringConvertible {
    public var description: String {
        guard let status else { return "none" }
        let open = claims.filter { claim in
            if case .told = claim.progress { false } else { true }
        }
        return "\(status.rawValue) \(amount), received \(received), refunded \(refunded)"
            + (pendingTotal.map { ", asking for \($0)" } ?? "")
            + (open.isEmpty ? "" : ", waiting \(open.map(\.request))")
    }
}
