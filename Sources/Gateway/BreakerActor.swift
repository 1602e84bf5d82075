import Environment
import Primitives
import Resilience

/// The circuit breaker of a link: whether new attempts may go there. What follows an authorization
/// goes to the acquirer that gave it whatever the breaker says.
actor BreakerActor: LoopActor {
    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let link: String
    private let random: any RandomSource
    private let metrics: GatewayMetrics
    private var breaker: CircuitBreaker

    init(
        link: String, loop: any NodeLoop, random: any RandomSource, metrics: GatewayMetrics,
        breaker: CircuitBreaker
    ) {
        self.link = link
        self.loop = loop
        self.random = random
        self.metrics = metrics
        self.breaker = breaker
    }

    /// Leave to try, and the token under which the outcome is recorded.
    struct Permit: Sendable {
        let token: CircuitBreaker.Token?
        var isAllowed: Bool { token != nil }
    }

    /// False while nothing would be admitted: a payment is then not begun on this link.
    var mayAdmit: Bool { breaker.mayAdmit(at: loop.now) }

    var stateName: CircuitBreaker.StateName { breaker.stateName }

    func admit() -> Permit {
        let (admission, transition) = breaker.admit(at: loop.now, chance: random.next())
        if let transition { metrics.breakerMoved(link: link, transition) }
        switch admission {
        case .allowed(let token): return Permit(token: token)
        case .rejected: return Permit(token: nil)
        }
    }

    /// A decline is the issuer at work, not a failure of the link.
    func record(_ permit: Permit, _ reply: LinkReply) {
        guard let token = permit.token else { return }
        let outcome: CallOutcome =
            switch reply {
            case .answered: .success
            case .notSent: .failure
            case .unanswered: .unknown
            }
        let transition = breaker.record(token, outcome, at: loop.now, chance: random.next())
        if let transition { metrics.breakerMoved(link: link, transition) }
    }
}

extension BreakerPolicy {
    /// How a link's breaker behaves: half a window of failures, or ten in a row, open it. The open
    /// time ends well below the minute in which unknown outcomes have to be resolved.
    static let link: BreakerPolicy = {
        do throws(BreakerPolicy.Fault) {
            return try BreakerPolicy(openDurationMax: .seconds(20))
        } catch {
            preconditionFailure("the link's breaker policy is out of range: \(error)")
        }
    }()
}
