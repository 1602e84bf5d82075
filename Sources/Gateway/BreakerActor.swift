import Environment
import Primitives
import Resilience

/// The circuit breaker of a link: whether new attempts may go there. What follows an authorization
/// goes to the acquirer that gave it whatever the breaker says.
public actor BreakerActor {
    private nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
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
    var mayAdmit: Bool { breaker.mayAdmit(now: loop.now) }

    func admit() -> Permit {
        switch breaker.admit(now: loop.now) {
        case .allowed(let token): Permit(token: token)
        case .rejected: Permit(token: nil)
        }
    }

    /// A decline is the issuer at work, not a failure of the link.
    func record(_ permit: Permit, _ reply: LinkReply) {
        guard let token = permit.token else { return }
        let outcome: CircuitBreaker.Outcome =
            switch reply {
            case .answered: .success
            case .notSent: .failure
            case .unanswered: .unknown
            }
        let transitions = breaker.record(
            token, outcome, now: loop.now, random: random.next())
        for transition in transitions { metrics.breakerMoved(link: link, transition) }
    }
}
