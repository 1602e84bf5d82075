import Payments
import Primitives

/// A second payment engine, as naive as it can be: a handful of numbers and lists, no events, no
/// ledger, nothing shared with the first but the names of commands. It says what a caller would
/// see.
struct ReferenceModel {
    var status = "requires_payment_method"
    var isManual: Bool
    var amount: Int64
    var hasCard: Bool
    var now: Int64 = 0
    /// Each attempt: "pending", "yes", "no", "undoing", "undone", "void".
    var attempts: [String] = []
    var wasAuthenticated: [Bool] = []
    var challenge: (version: UInt64, until: Int64)?
    var held: Int64 = 0
    var holdUntil: Int64 = 0
    var captures: [(amount: Int64, state: String)] = []
    /// Increments of the attempt that holds money: amount and state.
    var increments: [(amount: Int64, state: String)] = []
    var refunds: [(amount: Int64, state: String)] = []
    /// The outbox: what it is, which number, and whether it is open.
    var outbox: [(kind: String, number: Int, isOpen: Bool)] = []
    var disputes: [(id: String, amount: Int64, state: String, covered: Int64)] = []
    var settled: [String] = []

    private let week: Int64 = 7 * 86_400_000

    init(amount: Int64, isManual: Bool, hasCard: Bool) {
        self.amount = amount
        self.isManual = isManual
        self.hasCard = hasCard
        if hasCard { status = "requires_confirmation" }
    }

    var taken: Int64 { captures.reduce(0) { $0 + $1.amount } }
    var good: Int64 { captures.reduce(0) { $1.state == "refused" ? $0 : $0 + $1.amount } }
    var posted: Int64 { captures.reduce(0) { $1.state == "posted" ? $0 + $1.amount : $0 } }
    var paidBack: Int64 {
        refunds.reduce(0) { ["failed", "canceled"].contains($1.state) ? $0 : $0 + $1.amount }
    }
    var disputed: Int64 {
        disputes.reduce(0) { ["open", "review", "lost"].contains($1.state) ? $0 + $1.covered : $0 }
    }
    var isRaising: Bool { increments.contains { $0.state == "pending" } }
    /// The hold, and half of it above.
    var limit: Int64 { held + held / 2 }
    var refundable: Int64 { max(0, good - paidBack - disputed) }
    var openMessages: Int { outbox.count { $0.isOpen } }

    /// Does what the command asks; false when it is refused. `version` numbers the state after it.
    mutating func run(_ command: PaymentCommand, version: UInt64) -> Bool {
        switch command {
        case .confirm(let method, let presence, let asks):
            guard status == "requires_payment_method" || status == "requires_confirmation",
                method != nil || hasCard
            else { return false }
            hasCard = true
            if asks && !presence.isOffSession {
                challenge = (version, now + 3_600_000)
                status = "requires_action"
            } else {
                attempts.append("pending")
                wasAuthenticated.append(presence.isOffSession)
                status = "processing"
            }
        case .authenticated(let number, let proof):
            guard status == "requires_action", let challenge, challenge.version == number,
                now < challenge.until
            else { return false }
            if proof == nil {
                fail()
            } else {
                attempts.append("pending")
                wasAuthenticated.append(true)
                status = "processing"
            }
        case .increment(let total):
            guard status == "requires_capture", total > held, total <= 99_999_999, !isRaising,
                increments.count < 10, taken <= held
            else { return false }
            increments.append((total - held, "pending"))
        case .capture(let wanted, let isFinal):
            return capture(wanted, isFinal)
        case .cancel:
            return cancel()
        case .expire:
            if status == "requires_action", let challenge, now >= challenge.until { fail() }
            if status == "requires_capture", now >= holdUntil, !isRaising { giveBack() }
        case .refund(let wanted, _, _):
            let amount = wanted ?? refundable
            guard status == "succeeded", amount > 0, amount <= refundable, refunds.count < 62,
                !disputes.contains(where: { ["open", "review"].contains($0.state) })
            else { return false }
            refunds.append((amount, "requested"))
            outbox.append(("refund", refunds.count - 1, true))
        case .cancelRefund(let number):
            let head = outbox.firstIndex { $0.isOpen }
            guard
                let own = outbox.firstIndex(where: {
                    $0.kind == "refund" && $0.number == number && $0.isOpen
                }), let head, head < own
            else { return false }
            outbox[own].isOpen = false
            refunds[number].state = "canceled"
        case .concludeRefund(let number, let word):
            guard refunds.indices.contains(number) else { return true }
            if word == .paid, refunds[number].state == "pending" {
                refunds[number].state = "succeeded"
            }
            if word == .returned, ["pending", "succeeded"].contains(refunds[number].state) {
                refunds[number].state = "failed"
            }
        case .answered, .notSent, .unanswered, .approvedLate:
            answer(command, version)
        case .effectAcknowledged(let number, let isDeferred):
            acknowledge(number, isDeferred)
        case .effectRefused(let number, _):
            refuse(number)
        case .openDispute, .escalateDispute, .answerDispute, .closeDispute:
            return dispute(command)
        case .settle(let item, let amount):
            return settle(item, amount.minorUnits)
        }
        return true
    }

    private mutating func fail() {
        status = "requires_payment_method"
        hasCard = false
    }

    private mutating func capture(_ wanted: Int64?, _ isFinal: Bool) -> Bool {
        let rest = max(0, held - taken)
        let amount = wanted ?? rest
        guard status == "requires_capture", !isRaising, amount > 0, amount <= limit - taken,
            captures.count < 50
        else { return false }
        captures.append((amount, "pending"))
        outbox.append(("capture", captures.count - 1, true))
        if isFinal {
            if amount < rest { outbox.append(("release", 0, true)) }
            status = "succeeded"
        }
        return true
    }

    private mutating func cancel() -> Bool {
        switch status {
        case "requires_payment_method", "requires_confirmation", "requires_action":
            status = "canceled"
        case "requires_capture":
            if isRaising { return false }
            giveBack()
        default:
            return false
        }
        return true
    }

    private mutating func giveBack() {
        if captures.isEmpty {
            status = "canceled"
            attempts[attempts.count - 1] = "void"
            outbox.append(("undo", attempts.count - 1, true))
            for index in increments.indices where increments[index].state == "yes" {
                outbox.append(("undo increment", index, true))
            }
        } else {
            status = "succeeded"
            outbox.append(("release", 0, true))
        }
    }

    private mutating func answer(_ command: PaymentCommand, _ version: UInt64) {
        switch command {
        case .answered(let request, let answer): hear(request, answer, version)
        case .notSent(let request): set(request, "no", where: "pending")
        case .unanswered(let request, _): lose(request)
        case .approvedLate(let request):
            if ["no", "undoing", "undone"].contains(state(of: request)) { undo(request) }
        default: break
        }
    }

    private func state(of request: ProcessorRequest) -> String {
        switch request {
        case .authorization(let attempt):
            return attempts.indices.contains(attempt) ? attempts[attempt] : ""
        case .increment(let attempt, let number):
            return attempt == attempts.count - 1 && increments.indices.contains(number)
                ? increments[number].state : ""
        }
    }

    private mutating func set(_ request: ProcessorRequest, _ word: String, where old: String) {
        guard state(of: request) == old else { return }
        switch request {
        case .authorization(let attempt):
            attempts[attempt] = word
            if word == "no" || word == "undone" { fail() }
        case .increment(_, let number):
            increments[number].state = word
        }
    }

    private mutating func undo(_ request: ProcessorRequest) {
        switch request {
        case .authorization(let attempt): outbox.append(("undo", attempt, true))
        case .increment(_, let number): outbox.append(("undo increment", number, true))
        }
    }

    private mutating func lose(_ request: ProcessorRequest) {
        guard state(of: request) == "pending" else { return }
        set(request, "undoing", where: "pending")
        undo(request)
    }

    private mutating func hear(
        _ request: ProcessorRequest, _ answer: ProcessorAnswer, _ version: UInt64
    ) {
        guard state(of: request) == "pending" else { return }
        switch (request, answer) {
        case (.authorization(let attempt), .approved(_, _, let partial)):
            let yes = partial ?? amount
            guard yes > 0, yes <= amount else { return lose(request) }
            attempts[attempt] = "yes"
            held = yes
            holdUntil = now + week
            status = isManual ? "requires_capture" : "succeeded"
            if !isManual { captures.append((yes, "posted")) }
        case (.increment(_, let number), .approved(_, _, let partial)):
            guard partial == nil else { return lose(request) }
            increments[number].state = "yes"
            held += increments[number].amount
        case (.authorization(let attempt), .declined(let decline)):
            set(request, "no", where: "pending")
            if decline.responseCode == "1A", !wasAuthenticated[attempt] {
                challenge = (version, now + 3_600_000)
                hasCard = true
                status = "requires_action"
            }
        case (.increment, .declined):
            set(request, "no", where: "pending")
        }
    }

    private mutating func acknowledge(_ number: Int, _ isDeferred: Bool) {
        guard outbox.indices.contains(number), outbox[number].isOpen else { return }
        outbox[number].isOpen = false
        let part = outbox[number].number
        switch outbox[number].kind {
        case "capture": captures[part].state = "posted"
        case "refund": refunds[part].state = isDeferred ? "pending" : "succeeded"
        case "undo": set(.authorization(attempt: part), "undone", where: "undoing")
        case "undo increment":
            set(
                .increment(attempt: attempts.count - 1, number: part), "undone", where: "undoing")
        default: break
        }
    }

    private mutating func refuse(_ number: Int) {
        guard outbox.indices.contains(number), outbox[number].isOpen else { return }
        switch outbox[number].kind {
        case "capture":
            outbox[number].isOpen = false
            captures[outbox[number].number].state = "refused"
            for index in outbox.indices where outbox[index].isOpen {
                guard outbox[index].kind == "refund" else { continue }
                outbox[index].isOpen = false
                refunds[outbox[index].number].state = "failed"
            }
        case "refund":
            outbox[number].isOpen = false
            refunds[outbox[number].number].state = "failed"
        default:
            acknowledge(number, false)
        }
    }

    private mutating func dispute(_ command: PaymentCommand) -> Bool {
        let free = max(0, posted - paidBack - disputed)
        switch command {
        case .openDispute(let opened):
            if disputes.contains(where: { $0.id == opened.caseNumber }) { return true }
            guard posted > 0 else { return false }
            let amount = opened.amount.minorUnits
            disputes.append(
                opened.isInquiry
                    ? (opened.caseNumber, amount, "asked", 0)
                    : (opened.caseNumber, amount, "open", min(amount, free)))
        case .escalateDispute(let number):
            guard disputes.indices.contains(number),
                ["asked", "answered", "closed"].contains(disputes[number].state)
            else { return false }
            disputes[number].covered = min(disputes[number].amount, free)
            disputes[number].state = "open"
        case .answerDispute(let number, _, let isSubmitted):
            guard disputes.indices.contains(number),
                ["asked", "open"].contains(disputes[number].state)
            else { return false }
            guard isSubmitted else { return true }
            disputes[number].state = disputes[number].state == "asked" ? "answered" : "review"
        case .closeDispute(let number, let word):
            guard disputes.indices.contains(number) else { return false }
            switch disputes[number].state {
            case "asked", "answered": disputes[number].state = "closed"
            case "open", "review": disputes[number].state = word == .lost ? "lost" : "won"
            default: return false
            }
        default: break
        }
        return true
    }

    private mutating func settle(_ item: SettlementItem, _ amount: Int64) -> Bool {
        var owed: Int64?
        switch item {
        case .capture(let attempt, let number):
            if attempt == attempts.count - 1, captures.indices.contains(number),
                captures[number].state == "posted"
            {
                owed = captures[number].amount
            }
        case .refund(let number):
            if refunds.indices.contains(number), refunds[number].state == "succeeded" {
                owed = -refunds[number].amount
            }
        case .dispute(let number):
            if disputes.indices.contains(number), disputes[number].state == "lost" {
                owed = -disputes[number].amount
            }
        }
        guard owed == amount, !settled.contains("\(item)") else { return false }
        settled.append("\(item)")
        return true
    }
}
