import Primitives

// What is proven about the rate of a peer's clock, as seen from this node's.
//
// An answer holds the peer's time, read at some moment between the sending of the heartbeat and the
// receipt of the answer. Two answers therefore bound the time that passed here between the peer's
// two readings:
//
//   second.sentAt - first.receivedAt  ≤  passed here  ≤  second.receivedAt - first.sentAt
//
// and so its rate. The bounds narrow as the two answers move apart.
//
//   from        event                                    to          function
//   ----------  ---------------------------------------  ----------  --------------
//   unmeasured  first answer                             measuring   take
//   measuring   both bounds within the margin            trusted     judge
//   measuring   a bound proves a rate beyond the margin  measuring   judge (begins anew)
//   trusted     both bounds within the margin            trusted     judge (for longer)
//   trusted     a bound proves a rate beyond the margin  measuring   judge (begins anew)
//   trusted     no proof for four windows                measuring   age
//   any         an answer of another life of the peer    measuring   take (begins anew)
//   any         own clock ran backwards                  unmeasured  Liveness.observe
//
// Two anchors bound the memory: answers are held against the older one, which is between one and
// two windows old, and against the newer one, which shows a change of the rate sooner.

/// One question and its answer.
struct ClockExchange: Hashable, Sendable {
    /// On this node's clock.
    let sentAt: MonotonicInstant
    let receivedAt: MonotonicInstant
    /// On the peer's clock.
    let peerTime: MonotonicInstant

    var roundTripNanoseconds: Int128 {
        Int128(receivedAt.nanoseconds) - Int128(sentAt.nanoseconds)
    }
}

enum PeerClock: Hashable, Sendable {
    case unmeasured
    case measuring(Measurement)
    case trusted(Measurement, until: MonotonicInstant)

    struct Measurement: Hashable, Sendable {
        /// The epoch that the peer started under: with a start, its clock may start anew.
        var life: SupportEpoch
        var older: ClockExchange
        var newer: ClockExchange?
    }

    private enum Verdict {
        case good, bad, open
    }

    var isTrusted: Bool {
        switch self {
        case .unmeasured, .measuring: false
        case .trusted: true
        }
    }

    mutating func take(_ exchange: ClockExchange, life: SupportEpoch, _ options: Liveness.Options) {
        switch self {
        case .unmeasured:
            self = .measuring(Measurement(life: life, older: exchange))
        case .measuring(let measurement):
            take(exchange, life: life, measurement, trustedUntil: nil, options)
        case .trusted(let measurement, let until):
            take(exchange, life: life, measurement, trustedUntil: until, options)
        }
    }

    /// An old proof does not last.
    mutating func age(at now: MonotonicInstant) {
        switch self {
        case .unmeasured, .measuring: return
        case .trusted(let measurement, let until):
            if now >= until { self = .measuring(measurement) }
        }
    }

    private mutating func take(
        _ exchange: ClockExchange, life: SupportEpoch, _ measurement: Measurement,
        trustedUntil: MonotonicInstant?, _ options: Liveness.Options
    ) {
        // Epochs rise with each start: a lower one is an answer from before it.
        guard life >= measurement.life else { return }
        guard life == measurement.life else {
            self = .measuring(Measurement(life: life, older: exchange))
            return
        }
        // The two anchors' answers and this one have to follow one another to say anything.
        guard exchange.sentAt > (measurement.newer ?? measurement.older).receivedAt else { return }
        let verdict = Self.judge(from: measurement.older, to: exchange, options)
        let recent = measurement.newer.map { Self.judge(from: $0, to: exchange, options) }
        guard verdict != .bad, recent != .bad else {
            self = .measuring(Measurement(life: life, older: exchange))
            return
        }
        let anchored = Self.anchor(measurement, exchange, options)
        if verdict == .good {
            let until = exchange.receivedAt.advanced(byNanoseconds: options.clockTrustNanoseconds)
            self = .trusted(anchored, until: until)
        } else if let trustedUntil {
            self = .trusted(anchored, until: trustedUntil)
        } else {
            self = .measuring(anchored)
        }
    }

    /// 128 bits hold every product here, whatever times a peer claims.
    private static func judge(
        from first: ClockExchange, to second: ClockExchange, _ options: Liveness.Options
    ) -> Verdict {
        let million: Int128 = 1_000_000
        let margin = Int128(options.clockRateMarginPartsPerMillion)
        let passedThere =
            (Int128(second.peerTime.nanoseconds) - Int128(first.peerTime.nanoseconds)) * million
        let passedMin = Int128(second.sentAt.nanoseconds) - Int128(first.receivedAt.nanoseconds)
        let passedMax = Int128(second.receivedAt.nanoseconds) - Int128(first.sentAt.nanoseconds)
        if passedThere < (million - margin) * passedMin { return .bad }
        if passedThere > (million + margin) * passedMax { return .bad }
        let isWithin =
            passedThere >= (million - margin) * passedMax
            && passedThere <= (million + margin) * passedMin
        return isWithin && passedMin >= Int128(options.clockWindowMinNanoseconds) ? .good : .open
    }

    private static func anchor(
        _ measurement: Measurement, _ exchange: ClockExchange, _ options: Liveness.Options
    ) -> Measurement {
        var anchored = measurement
        let newest = measurement.newer ?? measurement.older
        let age = Int128(exchange.sentAt.nanoseconds) - Int128(newest.receivedAt.nanoseconds)
        if age >= Int128(options.clockWindowNanoseconds) {
            if let newer = measurement.newer { anchored.older = newer }
            anchored.newer = exchange
        } else if age < Int128(options.clockWindowMinNanoseconds),
            exchange.roundTripNanoseconds < newest.roundTripNanoseconds / 2
        {
            // A young anchor gives way to a much quicker answer, which measures better. As it has
            // to be twice as quick, that comes to an end.
            if measurement.newer == nil {
                anchored.older = exchange
            } else {
                anchored.newer = exchange
            }
        }
        return anchored
    }
}
