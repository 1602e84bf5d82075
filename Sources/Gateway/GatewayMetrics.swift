import Payments
import Resilience
public import Telemetry

/// What the gateway counts.
public struct GatewayMetrics: Sendable {
    private let messages: MetricRegistry.Counter
    private let lateAnswers: MetricRegistry.Counter
    private let unmatchedAnswers: MetricRegistry.Counter
    private let violations: MetricRegistry.Counter
    private let linkUp: MetricRegistry.Gauge
    private let linkOwner: MetricRegistry.Gauge
    private let linkAsks: MetricRegistry.Counter
    private let breaker: MetricRegistry.Counter
    private let events: MetricRegistry.Counter
    private let proposals: MetricRegistry.Counter

    public init(_ registry: MetricRegistry) {
        messages = registry.counter(
            "sunny_link_messages_sent_total", "Messages written to an acquirer.", labels: "link")
        lateAnswers = registry.counter(
            "sunny_link_late_answers_total", "Answers that came after the link's time.",
            labels: "link")
        unmatchedAnswers = registry.counter(
            "sunny_link_unmatched_answers_total", "Answers to nothing that was asked.",
            labels: "link")
        violations = registry.counter(
            "sunny_link_protocol_violations_total", "Sessions ended for bytes that are no message.",
            labels: "link")
        linkUp = registry.gauge(
            "sunny_link_up", "1 while this node has the link signed on.", labels: "link", "region")
        linkOwner = registry.gauge(
            "sunny_link_owner", "1 while this node owns the region's links.", labels: "region")
        linkAsks = registry.counter(
            "sunny_link_asks_total",
            "Messages that a link's owner on another node was asked to write.",
            labels: "region", "outcome")
        breaker = registry.counter(
            "sunny_breaker_transitions_total", "Changes of a circuit breaker's state.",
            labels: "link", "to")
        events = registry.counter(
            "sunny_payment_events_total", "Committed events of payments.", labels: "event")
        proposals = registry.counter("sunny_proposals_total", "Committed entries.")
    }

    func messageSent(link: String) { messages.add(1, link) }
    func lateAnswer(link: String) { lateAnswers.add(1, link) }
    func unmatchedAnswer(link: String) { unmatchedAnswers.add(1, link) }
    func protocolViolation(link: String) { violations.add(1, link) }

    func linkIsUp(_ link: String, _ region: String, _ isUp: Bool) {
        linkUp.set(isUp ? 1 : 0, link, region)
    }

    func ownsLinks(of region: String, _ owns: Bool) { linkOwner.set(owns ? 1 : 0, region) }

    func linkAsked(_ region: String, _ outcome: StaticString) {
        linkAsks.add(1, region, "\(outcome)")
    }

    func breakerMoved(link: String, _ transition: CircuitBreaker.Transition) {
        breaker.add(1, link, "\(transition.to)")
    }

    func committed(_ facts: [ShardEvent]) {
        proposals.add()
        for case .payment(_, _, let events) in facts {
            for event in events { self.events.add(1, event.name) }
        }
    }
}
