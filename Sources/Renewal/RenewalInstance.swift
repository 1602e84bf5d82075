public import Primitives

// When a node has its certificate renewed, by the civil time that it is told.
//
//     resting ── two thirds are over ──▶ asking ── a certificate ──▶ resting
//        ▲                                 │ failed
//        └────────────── a pause ──────────┘
//     resting ── the end ──▶ over ── another certificate, or the clock went back ──▶ resting
//
// Nobody is asked for one that is over, as nobody would answer: the channel to the signer shows it.
// Whoever brings a certificate meanwhile, `resting` begins anew with that one.

/// The part of a certificate that its renewal goes by.
public struct CertificateLife: Hashable, Sendable {
    /// The number that its authority gave it, in lower-case hexadecimal digits.
    public let serial: String
    public let begin: Timestamp
    public let end: Timestamp

    public init(serial: String, begin: Timestamp, end: Timestamp) {
        self.serial = serial
        self.begin = begin
        self.end = end
    }

    /// Between its begin and its end, in milliseconds; nothing for one that ends before.
    var milliseconds: Int64 {
        let (length, overflow) = end.milliseconds.subtractingReportingOverflow(begin.milliseconds)
        return overflow ? 0 : max(0, length)
    }

    /// When two thirds of it are over: the last third is for tries that fail.
    public var due: Timestamp { begin.advanced(byMilliseconds: milliseconds / 3 * 2) }
}

/// A node's part in the renewal of its certificate.
public struct RenewalInstance: Sendable {
    /// What the owner does, in order.
    public enum Directive: Hashable, Sendable {
        /// Ask the signer, and say what came of it: `onRenewed`, `onFailed`.
        case ask
        /// Take the next turn after so long.
        case wait(Duration)
        /// The certificate ends soon, and was not renewed so far.
        case warn(until: Timestamp)
        /// The certificate is over, and the signer gives no other.
        case sayOver(since: Timestamp)
    }

    private enum State: Hashable {
        case resting(until: Timestamp)
        case asking
        case over
    }

    /// How long nobody looks: the clock may jump, and the operator may bring a certificate.
    static let lookMilliseconds: Int64 = 60_000
    /// The bounds of a pause after a failure. A signer that is started again has everybody within
    /// five minutes.
    static let pauseMilliseconds: ClosedRange<Int64> = 1_000...300_000
    /// What is left of the certificate is enough for so many tries, however short it is.
    static let triesInWhatIsLeft: Int64 = 8
    /// Where a new certificate is due at once, because clocks differ or the authority ends: six
    /// requests a minute, which the signer takes.
    static let successPauseMilliseconds: Int64 = 10_000
    /// Nodes that were started together do not ask together: up to a twelfth of the certificate
    /// earlier.
    static let jitterPart: Int64 = 12
    /// A node warns when the half of the last third is over, and whenever the rest has halved.
    static let warningPart: Int64 = 6
    /// Below that, it is no use to warn once more.
    static let warningMilliseconds: Int64 = 1_000

    private var life: CertificateLife
    private var state: State
    private var failureCount = 0
    private var warnsAt: Timestamp

    /// - Parameter chance: a random word.
    public init(_ life: CertificateLife, chance: UInt64) {
        self.life = life
        state = .resting(until: Self.due(life, chance))
        warnsAt = Self.firstWarning(of: life)
    }

    /// Looks at the certificate that is in use, and at the time.
    ///
    /// - Parameter chance: a random word.
    public mutating func onTurn(
        _ current: CertificateLife, at now: Timestamp, chance: UInt64
    ) -> [Directive] {
        if current != life { self = Self(current, chance: chance) }
        switch state {
        case .asking: return []
        case .over:
            guard now < life.end else { return [.wait(.milliseconds(Self.lookMilliseconds))] }
            self = Self(current, chance: chance)
            return onTurn(current, at: now, chance: chance)
        case .resting(let until):
            guard now < life.end else {
                state = .over
                return [
                    .sayOver(since: life.end), .wait(.milliseconds(Self.lookMilliseconds)),
                ]
            }
            let warnings = takeWarning(at: now)
            guard now >= until else {
                let (rest, overflow) = until.milliseconds.subtractingReportingOverflow(
                    now.milliseconds)
                let pause = overflow ? Self.lookMilliseconds : min(rest, Self.lookMilliseconds)
                return warnings + [.wait(.milliseconds(pause))]
            }
            state = .asking
            return warnings + [.ask]
        }
    }

    /// The signer has given a certificate, which is in use now.
    public mutating func onRenewed(
        _ new: CertificateLife, at now: Timestamp, chance: UInt64
    ) -> [Directive] {
        self = Self(new, chance: chance)
        let pause = now.advanced(byMilliseconds: Self.successPauseMilliseconds)
        // One that ends in less than that is asked for again while it is valid.
        let quarter = now.advanced(byMilliseconds: rest(at: now) / 4)
        state = .resting(until: max(Self.due(new, chance), min(pause, quarter)))
        return onTurn(new, at: now, chance: chance)
    }

    /// There is no new certificate, for whatever reason; the old one stays in use.
    public mutating func onFailed(at now: Timestamp, chance: UInt64) -> [Directive] {
        let shortest = Self.pauseMilliseconds.lowerBound
        // Beyond 16 doublings of a second every bound is reached.
        let doubled = shortest << min(Int64(failureCount), 16)
        let bound = max(
            shortest,
            min(doubled, Self.pauseMilliseconds.upperBound, rest(at: now) / Self.triesInWhatIsLeft))
        failureCount += 1
        // At least the half, so that a signer that refuses is not asked without a pause.
        let pause = bound / 2 + Self.part(of: bound - bound / 2, chance)
        state = .resting(until: now.advanced(byMilliseconds: pause))
        return onTurn(life, at: now, chance: chance)
    }

    /// What is left of the certificate, in milliseconds.
    private func rest(at now: Timestamp) -> Int64 {
        let (rest, overflow) = life.end.milliseconds.subtractingReportingOverflow(
            now.milliseconds)
        return overflow ? 0 : max(0, rest)
    }

    private mutating func takeWarning(at now: Timestamp) -> [Directive] {
        guard now >= warnsAt else { return [] }
        let rest = rest(at: now)
        warnsAt =
            rest > Self.warningMilliseconds
            ? life.end.advanced(byMilliseconds: -(rest / 2)) : life.end
        return [.warn(until: life.end)]
    }

    private static func firstWarning(of life: CertificateLife) -> Timestamp {
        life.end.advanced(byMilliseconds: -(life.milliseconds / warningPart))
    }

    private static func due(_ life: CertificateLife, _ chance: UInt64) -> Timestamp {
        life.due.advanced(byMilliseconds: -part(of: life.milliseconds / jitterPart, chance))
    }

    /// From 0 up to, and without, `bound`.
    private static func part(of bound: Int64, _ chance: UInt64) -> Int64 {
        Int64(chance.multipliedFullWidth(by: UInt64(bound)).high)
    }
}
