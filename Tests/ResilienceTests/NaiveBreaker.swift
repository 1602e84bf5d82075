import Primitives
import Resilience

/// What a breaker should do, written as plainly as can be: it keeps every outcome, every call and
/// every probe for ever, and looks at all of them each time. Instants are nanoseconds.
struct NaiveBreaker {
    typealias State = CircuitBreaker.StateName
    typealias Cause = CircuitBreaker.Cause

    struct Call {
        let epoch: Int
        let admitted: Int64
        let isProbe: Bool
        /// Its outcome was told.
        var isSpent = false
        var isCancelled = false
    }

    struct Outcome {
        let outcome: CallOutcome
        let isSlow: Bool
        let at: Int64
    }

    struct Move: Equatable {
        let from: State
        let to: State
        let cause: Cause
    }

    enum Answer: Equatable {
        case call(Int)
        case rejected(CircuitBreaker.Rejection)
    }

    let policy: BreakerPolicy
    var mode = State.closed
    var epoch = 0
    var epochStart: Int64
    var isRecovering = false
    var openUntil: Int64 = 0
    var order: CircuitBreaker.Order?
    var leasePlaces = 0
    var leaseUntil = Int64.min
    var leaseNumber: UInt64 = 0
    /// Leases up to this number were given back.
    var givenBack: UInt64 = 0
    var openings = 0
    var outcomes: [Outcome] = []
    var run = 0
    var calls: [Call] = []
    var probeSuccesses = 0

    init(policy: BreakerPolicy, at now: Int64) {
        self.policy = policy
        epochStart = now
    }

    // MARK: Time

    /// What time alone brings about.
    mutating func pass(_ now: Int64, _ chance: UInt64) -> Move? {
        if mode == .open && now >= openUntil { return enter(.halfOpen, .openTimeOver, now) }
        if mode == .halfOpen, let first = firstProbe,
            now >= first + policy.halfOpenDurationMax.wholeNanoseconds
        {
            return open(.halfOpenTimeOver, now, chance)
        }
        if let order, let until = order.until, now >= until.nanoseconds {
            return endOrder(.orderExpired(order), now)
        }
        return nil
    }

    /// When the first probe of the stretch began, if something came or may come of one.
    var firstProbe: Int64? { stretchStart }
    private var stretchStart: Int64?

    private mutating func enter(_ next: State, _ cause: Cause, _ now: Int64) -> Move {
        let move = Move(from: mode, to: next, cause: cause)
        isRecovering = next == .closed && (mode == .halfOpen || mode == .forcedOpen)
        mode = next
        epoch += 1
        epochStart = now
        outcomes = []
        run = 0
        probeSuccesses = 0
        stretchStart = nil
        order = nil
        return move
    }

    private mutating func open(_ cause: Cause, _ now: Int64, _ chance: UInt64) -> Move {
        var whole = policy.openDurationMin.wholeNanoseconds
        let most = policy.openDurationMax.wholeNanoseconds
        for _ in 0..<openings { whole = min(whole * 2, most) }
        let half = whole / 2
        let spread = UInt128(chance) * UInt128(whole - half + 1) / (UInt128(1) << 64)
        openUntil = now + half + Int64(spread)
        openings += 1
        return enter(.open, cause, now)
    }

    // MARK: Calls

    mutating func admit(_ now: Int64, _ chance: UInt64) -> (Answer, Move?) {
        let move = pass(now, chance)
        return (decide(now, chance), move)
    }

    private mutating func decide(_ now: Int64, _ chance: UInt64) -> Answer {
        switch mode {
        case .closed:
            let draw = UInt128(chance) * 1000 / (UInt128(1) << 64)
            guard draw < UInt128(share(now)) else { return .rejected(.slowStart) }
        case .open:
            return .rejected(.open(retryAfter: .nanoseconds(openUntil - now)))
        case .forcedOpen:
            let wait = order?.until.map { Duration.nanoseconds($0.nanoseconds - now) }
            return .rejected(.forcedOpen(retryAfter: wait))
        case .halfOpen:
            if let reason = rejectsProbe(now) { return .rejected(reason) }
            if stretchStart == nil { stretchStart = now }
        case .forcedClosed, .metricsOnly, .disabled:
            break
        }
        calls.append(Call(epoch: epoch, admitted: now, isProbe: mode == .halfOpen))
        return .call(calls.count - 1)
    }

    private func rejectsProbe(_ now: Int64) -> CircuitBreaker.Rejection? {
        let lifetime = policy.probeLifetime.wholeNanoseconds
        var places = policy.probeCountMax
        if policy.probePlaces == .cluster {
            guard leaseUntil >= now + lifetime else { return .probeLeaseNeeded }
            places = min(places, leasePlaces)
        }
        // Also those of earlier stretches: they are still on the link.
        let waits = calls.filter { $0.isProbe && !$0.isSpent }
            .map { $0.admitted + lifetime - now }.filter { $0 > 0 }
        if waits.count >= places {
            return .probesUnderWay(retryAfter: .nanoseconds(waits.min()!))
        }
        return nil
    }

    mutating func overrule(_ now: Int64) -> Int? {
        guard mode == .open || mode == .halfOpen else { return nil }
        calls.append(Call(epoch: epoch, admitted: now, isProbe: false))
        return calls.count - 1
    }

    private func hasPlace(_ number: Int, _ now: Int64) -> Bool {
        let call = calls[number]
        return call.isProbe && !call.isSpent
            && now < call.admitted + policy.probeLifetime.wholeNanoseconds
    }

    mutating func cancel(_ number: Int, _ now: Int64) {
        if hasPlace(number, now) { calls[number].isCancelled = true }
        calls[number].isSpent = true
        let isAnyMade = calls.contains { $0.epoch == epoch && $0.isProbe && !$0.isCancelled }
        if !isAnyMade { stretchStart = nil }
    }

    mutating func record(
        _ number: Int, _ outcome: CallOutcome, _ now: Int64, _ chance: UInt64
    ) -> Move? {
        let hadPlace = hasPlace(number, now)
        calls[number].isSpent = true
        if let move = pass(now, chance) { return move }
        guard calls[number].epoch == epoch else { return nil }
        let elapsed = now - calls[number].admitted
        let isSlow = elapsed >= policy.slowCallDuration.wholeNanoseconds
        switch mode {
        case .halfOpen:
            if !hadPlace { return nil }
            if outcome != .success { return open(.probeFailed(outcome), now, chance) }
            if isSlow { return open(.probeSlow(.nanoseconds(elapsed)), now, chance) }
            probeSuccesses += 1
            guard probeSuccesses == policy.probeSuccessCount else { return nil }
            return enter(.closed, .probesSucceeded, now)
        case .closed:
            append(outcome, isSlow, now)
            guard let trip = trip(now) else { return nil }
            let recovered = (now - epochStart) / policy.decayInterval.wholeNanoseconds
            openings = max(0, openings - Int(recovered))
            return open(.tripped(trip), now, chance)
        case .metricsOnly:
            append(outcome, isSlow, now)
            guard let trip = trip(now) else { return nil }
            outcomes = []
            run = 0
            return Move(from: .metricsOnly, to: .metricsOnly, cause: .wouldTrip(trip))
        case .open, .forcedOpen, .forcedClosed, .disabled:
            return nil
        }
    }

    private mutating func append(_ outcome: CallOutcome, _ isSlow: Bool, _ now: Int64) {
        outcomes.append(Outcome(outcome: outcome, isSlow: isSlow, at: now))
        run = outcome == .success ? 0 : run + 1
    }

    private func trip(_ now: Int64) -> CircuitBreaker.Trip? {
        if run >= policy.consecutiveFailureCount { return .consecutiveFailures(count: run) }
        let seen: [Outcome]
        switch policy.window {
        case .calls(let count):
            seen = outcomes.suffix(count)
        case .time(let count, let width):
            let bucket = { (instant: Int64) in
                (Double(instant) / Double(width.wholeNanoseconds)).rounded(.down)
            }
            seen = outcomes.filter { bucket(now) - bucket($0.at) < Double(count) }
        }
        guard seen.count >= policy.callCountMin else { return nil }
        func percent(_ isCounted: (Outcome) -> Bool) -> Double {
            Double(seen.count(where: isCounted)) / Double(seen.count) * 100 + 1e-9
        }
        let bad = percent { $0.outcome != .success }
        if bad >= Double(policy.failurePercent) { return .failureRate(percent: Int(bad)) }
        let unknown = percent { $0.outcome == .unknown }
        if unknown >= Double(policy.unknownPercent) { return .unknownRate(percent: Int(unknown)) }
        let slow = percent { $0.isSlow }
        if slow >= Double(policy.slowPercent) { return .slowRate(percent: Int(slow)) }
        return nil
    }

    /// How many of a thousand calls are admitted.
    func share(_ now: Int64) -> Int {
        switch mode {
        case .open, .halfOpen, .forcedOpen: return 0
        case .forcedClosed, .metricsOnly, .disabled: return 1000
        case .closed:
            guard isRecovering, let slowStart = policy.slowStart else { return 1000 }
            let span = slowStart.duration.wholeNanoseconds
            guard now - epochStart < span else { return 1000 }
            let missing = 1000 - slowStart.percentMin * 10
            return slowStart.percentMin * 10 + missing * Int(now - epochStart) / Int(span)
        }
    }

    // MARK: Orders

    mutating func hold(_ order: CircuitBreaker.Order, _ now: Int64) -> Move {
        let next: State =
            switch order.mode {
            case .open: .forcedOpen
            case .closed: .forcedClosed
            case .metricsOnly: .metricsOnly
            case .disabled: .disabled
            }
        let move = enter(next, .ordered(order), now)
        self.order = order
        return move
    }

    mutating func release(_ name: OperatorName, _ now: Int64) -> Move? {
        guard let order else { return nil }
        return endOrder(.released(order, by: name), now)
    }

    private mutating func endOrder(_ cause: Cause, _ now: Int64) -> Move {
        openings = 0
        return enter(.closed, cause, now)
    }

    mutating func accept(places: Int, until: Int64, number: UInt64) {
        guard number > max(leaseNumber, givenBack) else { return }
        leasePlaces = places
        leaseUntil = until
        leaseNumber = number
    }

    mutating func giveBackLease(_ now: Int64) -> UInt64? {
        let lifetime = policy.probeLifetime.wholeNanoseconds
        let isProbing = calls.contains {
            $0.isProbe && !$0.isSpent && $0.admitted + lifetime > now
        }
        guard leaseNumber > 0, mode != .halfOpen, !isProbing else { return nil }
        defer { (leaseNumber, leasePlaces, leaseUntil) = (0, 0, .min) }
        givenBack = leaseNumber
        return leaseNumber
    }
}
